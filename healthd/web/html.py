"""What every page for people has in common: the reader's language, times in the site's zone, links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from healthd import __version__
from healthd.live import Page
from healthd.model import Moment
from healthd.web.deps import DEPS
from healthd.web.texts import TEXTS, choose_language

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("healthd.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language, and the zone that times are told in."""

    language: str  # zh | en
    zone: ZoneInfo


def reader_of(request: web.Request) -> Reader:
    """By `?lang=`, else as the browser prefers."""
    language = choose_language(request.query.get("lang", ""), request.headers.get("Accept-Language", ""))
    return Reader(language, request.app[DEPS].settings().timezone)


def as_html(body: bytes, reader: Reader) -> web.Response:
    """An answer of what `html` made, compressed where the client takes it."""
    response = web.Response(body=body, content_type="text/html", charset="utf-8")
    response.headers["Content-Language"] = TEXTS[reader.language]["lang"]
    response.enable_compression()
    return response


def html(template: str, page: Page, reader: Reader, **content: object) -> bytes:
    """A page in UTF-8. `content`: what the template names beside the words, times and links that all know."""
    texts, language, zone = TEXTS[reader.language], reader.language, reader.zone

    def local(moment: Moment) -> datetime:
        return datetime.fromtimestamp(moment / 1000, zone)

    text = _TEMPLATES.get_template(template).render(
        t=texts,
        page=page,
        language=language,
        version=__version__,
        clock=lambda moment: local(moment).strftime("%m-%d %H:%M"),
        minute=lambda moment: local(moment).strftime("%Y-%m-%d %H:%M"),
        stamp=lambda moment: local(moment).strftime("%Y-%m-%d %H:%M:%S"),
        iso=lambda moment: local(moment).isoformat(timespec="seconds"),
        ago=lambda moment: span(page.at - moment, texts),
        between=lambda start, end: span(end - start, texts),
        why=lambda state, faults, reason: reason_words(state, faults, reason, texts),
        incident_link=lambda key: f"/incidents/{quote(key, safe='')}?lang={language}",
        camera_link=lambda key: f"/cameras/{quote(key, safe='')}?lang={language}",
        region_link=lambda code: "/?" + urlencode({"region": code, "lang": language}),
        **content,
    )
    return text.encode("utf-8", "replace")


def reason_words(state: str, faults: tuple[str, ...], reason: str, texts: Mapping[str, str]) -> str:
    """The faults of a faulty picture, else the reason of the flip."""
    if state == "faulty":
        return texts["list_comma"].join(texts.get(f"fault_{fault}", fault) for fault in faults)
    return texts.get(f"reason_{reason}", reason)


def span(milliseconds: int, texts: Mapping[str, str]) -> str:
    """How long something has lasted, in words with two units at most."""
    minutes = max(0, milliseconds) // 60_000
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return texts["days"].format(d=days, h=hours)
    if hours:
        return texts["hours"].format(h=hours, m=minutes % 60)
    return texts["minutes"].format(m=minutes)
