"""The first page as HTML: what `overview` picked, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from healthd import __version__
from healthd.live import Page
from healthd.model import CLASSES, Moment, State
from healthd.rates import percent
from healthd.web.deps import DEPS, VIEWS
from healthd.web.overview import BAD_STATES, RATES, STATES, BadCamera, Choice, overview
from healthd.web.texts import TEXTS, choose_language

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("healthd.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


async def first_page(request: web.Request) -> web.Response:
    """`/[?region=CODE&class=1&profile=NAME&lang=zh|en&refresh=0]`."""
    deps = request.app[DEPS]
    zone = deps.settings().timezone
    language = choose_language(request.query.get("lang", ""), request.headers.get("Accept-Language", ""))
    choice = read_choice(request.query, deps.page())
    refresh = request.query.get("refresh") != "0"
    body = await request.app[VIEWS].get(
        (language, choice, refresh),
        lambda: partial(render, deps.page(), choice, language, zone, refresh=refresh),
    )
    response = web.Response(body=body, content_type="text/html", charset="utf-8")
    response.headers["Content-Language"] = TEXTS[language]["lang"]
    response.enable_compression()
    return response


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


def render(page: Page, choice: Choice, language: str, zone: ZoneInfo, *, refresh: bool = True) -> bytes:
    """The first page's HTML, in UTF-8."""
    texts = TEXTS[language]
    query = {"region": choice.region, "class": choice.class_, "profile": choice.profile, "lang": language}
    if not refresh:
        query["refresh"] = "0"

    def link(**changes: str) -> str:
        return "/?" + urlencode({key: value for key, value in {**query, **changes}.items() if value})

    html = _TEMPLATES.get_template("overview.html").render(
        t=texts,
        view=overview(page, choice),
        page=page,
        choice=choice,
        language=language,
        refresh=refresh,
        link=link,
        rates=RATES,
        heads=STATES,
        bad_states=BAD_STATES,
        classes=("all", *CLASSES),
        version=__version__,
        target=_target,
        percent=lambda row: percent(row.good, row.assessed) if row else texts["no_value"],
        coverage=lambda row: percent(row.assessed, row.assessed + row.unknown) if row else texts["no_value"],
        clock=lambda moment: _local(moment, zone).strftime("%m-%d %H:%M"),
        stamp=lambda moment: _local(moment, zone).strftime("%Y-%m-%d %H:%M:%S"),
        iso=lambda moment: _local(moment, zone).isoformat(timespec="seconds"),
        ago=lambda moment: span(page.at - moment, texts),
        why=lambda item: _why(item, texts),
    )
    return html.encode("utf-8", "replace")


def _local(moment: Moment, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment / 1000, zone)


def _why(item: BadCamera, texts: Mapping[str, str]) -> str:
    """The faults of a faulty picture, else the reason of the flip."""
    if item.state is State.FAULTY:
        return texts["list_comma"].join(texts.get(f"fault_{fault}", fault) for fault in item.view.faults)
    return texts.get(f"reason_{item.view.reason}", item.view.reason)


def _target(target: Fraction) -> str:
    """A target as the rules write it: 97 %, not 97.00 %."""
    return f"{float(target * 100):.10g} %"


def span(milliseconds: int, texts: Mapping[str, str]) -> str:
    """How long something has lasted, in words with two units at most."""
    minutes = max(0, milliseconds) // 60_000
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return texts["days"].format(d=days, h=hours)
    if hours:
        return texts["hours"].format(h=hours, m=minutes % 60)
    return texts["minutes"].format(m=minutes)
