"""What an operator says with an act on an incident: read from JSON and from a form alike."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

_MAX_BY, _MAX_NOTE = 100, 2000


@dataclass(frozen=True, slots=True)
class Act:
    """Who says so, and perhaps why."""

    by: str
    note: str


def act_of(said: Mapping[str, object]) -> Act:
    """The act in `by` and `note`. Raises ValueError with a sentence where one of them cannot be taken."""
    act = Act(_text(said, "by", _MAX_BY), _text(said, "note", _MAX_NOTE))
    if not act.by:
        raise ValueError("by: missing, say who you are")
    return act


def _text(said: Mapping[str, object], name: str, longest: int) -> str:
    """A text for people, trimmed: no control character may reach a log, no half surrogate the store."""
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{name}: a text of up to {longest} characters, please")
    breaks = "\r\n\t" if name == "note" else ""  # a form sends \r\n
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in breaks for sign in value):
        raise ValueError(f"{name}: control characters are not taken")
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()


@dataclass(frozen=True, slots=True)
class FormKeys:
    """Keys that only a page of ours contains, so that a form of a foreign page is known. Good until a restart."""

    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def key(self, incident: str) -> str:
        """The key of the forms on an incident's page."""
        return hmac.new(self._secret, incident.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def fits(self, incident: str, presented: object) -> bool:
        """Whether this is that key."""
        expected = self.key(incident).encode()
        return isinstance(presented, str) and hmac.compare_digest(presented.encode("utf-8", "replace"), expected)


FORM_KEYS = web.AppKey("form_keys", FormKeys)
