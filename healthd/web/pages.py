"""The first page as HTML: what `overview` picked, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from urllib.parse import urlencode

from aiohttp import web

from healthd.live import Page
from healthd.model import CLASSES
from healthd.rates.rows import percent
from healthd.web.deps import DEPS, VIEWS
from healthd.web.html import Reader, as_html, html, reader_of
from healthd.web.overview import BAD_STATES, RATES, STATES, Choice, overview
from healthd.web.texts import TEXTS


async def first_page(request: web.Request) -> web.Response:
    """`/[?region=CODE&class=1&profile=NAME&lang=zh|en&refresh=0]`."""
    deps, reader = request.app[DEPS], reader_of(request)
    choice = read_choice(request.query, deps.page())
    refresh = request.query.get("refresh") != "0"
    body = await request.app[VIEWS].get(
        ("/", reader, choice, refresh), lambda: partial(render, deps.page(), choice, reader, refresh=refresh)
    )
    return as_html(body, reader)


def read_choice(query: Mapping[str, str], page: Page) -> Choice:
    """What the query asks to see. Raises HTTPNotFound for a region, class or profile that is not there."""
    region, class_ = query.get("region", ""), query.get("class", "all")
    profiles = [profile.name for profile in page.profiles]
    profile = query.get("profile", profiles[0])
    for name, value, known in (
        ("region", region, region == "" or region in page.inventory.regions),
        ("class", class_, class_ in ("all", *CLASSES)),
        ("profile", profile, profile in profiles),
    ):
        if not known:
            raise web.HTTPNotFound(text=f"{name}={value[:100]!r}: there is none of that name.\n")
    return Choice(region, class_, profile)


def render(page: Page, choice: Choice, reader: Reader, *, refresh: bool = True) -> bytes:
    """The first page's HTML, in UTF-8."""
    language, none = reader.language, TEXTS[reader.language]["no_value"]
    query = {"region": choice.region, "class": choice.class_, "profile": choice.profile, "lang": language}
    if not refresh:
        query["refresh"] = "0"

    def link(**changes: str) -> str:
        return "/?" + urlencode({key: value for key, value in {**query, **changes}.items() if value})

    return html(
        "overview.html",
        page,
        reader,
        view=overview(page, choice),
        choice=choice,
        refresh=refresh,
        link=link,
        other=link(lang="en" if language == "zh" else "zh"),
        rates=RATES,
        heads=STATES,
        bad_states=BAD_STATES,
        classes=("all", *CLASSES),
        target=_target,
        percent=lambda row: percent(row.good, row.assessed) if row else none,
        coverage=lambda row: percent(row.assessed, row.assessed + row.unknown) if row else none,
    )


def _target(target: Fraction) -> str:
    """A target as the rules write it: 97 %, not 97.00 %."""
    return f"{float(target * 100):.10g} %"
