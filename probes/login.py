"""The login for a camera: answering HTTP's challenges, and a guard against locking the account.

Digest logins (RFC 7616: MD5, SHA-256; qop auth or the older form without) never show the password; basic is
answered where a camera offers nothing else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from probes.base import Target

MAX_REFUSALS = 3  # refused logins in a row; cameras lock an account after five or more
_CHALLENGE = re.compile(r'([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)|([\w-]+)')
_HASHES = MappingProxyType({"SHA-256": "sha256", "MD5": "md5"})  # the stronger first


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a camera asks for the login: `scheme` "digest" or "basic" and its parameters, names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


class Login:
    """The login for one asking of one camera, with the guard that keeps the camera from locking the account.

    Mutable, and gone with the asking: the challenge that is being answered, and the refusals so far. After
    `MAX_REFUSALS` in a row the login is held back until it, or the camera's address, changes.
    """

    def __init__(self, target: Target) -> None:
        credential, memory = target.credential, target.memory
        self._known: tuple[str, str] | None = None
        self._fingerprint = ""
        if credential is not None and credential.username:
            self._known = (credential.username, credential.password or "")
            self._fingerprint = credential.fingerprint(target.address)
        same = memory.refused_login == self._fingerprint
        self._remembered = memory.refusals
        self._refusals = self._before = memory.refusals if same else 0
        self._challenge: Challenge | None = None
        self._count = 0  # of uses of the challenge's nonce
        self._sent = False
        self._renewed = False

    @property
    def challenged(self) -> bool:
        """Whether HTTP itself asked for the login, so that it belongs in a header."""
        return self._challenge is not None

    @property
    def refused(self) -> bool:
        """Whether it was refused in this asking."""
        return self._refusals > self._before

    def begin(self) -> None:
        """A new exchange begins: its challenge may be renewed once."""
        self._renewed = False

    def take(self) -> tuple[str, str] | None:
        """(user name, password) to be sent now; None where there is none or it is held back."""
        if self._known is None or self._refusals >= MAX_REFUSALS:
            return None
        self._sent = True
        return self._known

    def header(self, method: str, uri: str) -> str | None:
        """The Authorization header of one sending (`uri`: path and query); None as long as nobody asked."""
        login = self.take() if self._challenge is not None else None
        if login is None or self._challenge is None:
            return None
        self._count += 1
        return authorization(self._challenge, method, uri, login, (secrets.token_hex(8), self._count))

    def answers(self, challenges: Iterable[str]) -> bool:
        """Takes note of a 401; whether the request is worth sending again."""
        challenge = choose(challenges)
        if self._stale(challenge):
            self._renewed = True
        elif self._sent:
            self.refuse()
            if self.challenged:
                return False  # else only the token in the message was refused: the header is still to be tried
        if challenge is None or self._known is None or self._refusals >= MAX_REFUSALS:
            return False
        self._challenge, self._count = challenge, 0
        return True

    def _stale(self, challenge: Challenge | None) -> bool:
        # Once an exchange: a camera that calls every nonce stale would otherwise never count as refusing.
        if challenge is None or self._challenge is None or self._renewed:
            return False
        # Some cameras take a nonce once only and don't say stale: the login worked with it before.
        return self._count > 1 or challenge.parameters.get("stale", "").lower() == "true"

    def refuse(self) -> None:
        """Notes that the camera refused what was sent; nothing where nothing was."""
        if self._sent:
            self._refusals += 1

    def why(self) -> str:
        """The detail of a failure for want of the login."""
        if self._known is None:
            return "the camera wants a login and the inventory names none"
        if self._refusals >= MAX_REFUSALS:
            return (
                f"login held back after {self._refusals} refusals, lest the camera lock the account, "
                "until the credential or the address changes"
            )
        if self.refused:
            return f"login refused, {self._refusals} in a row; after {MAX_REFUSALS} it is not sent any more"
        return "the camera wants a login of a kind that healthd does not speak"

    def learnt(self, ok: bool) -> dict[str, Any]:
        """The changed fields of `Memory`; `ok`: the asking got what it wanted."""
        if ok:
            return {"refusals": 0, "refused_login": ""} if self._sent and self._remembered else {}
        return {"refusals": self._refusals, "refused_login": self._fingerprint} if self.refused else {}


def choose(headers: Iterable[str]) -> Challenge | None:
    """The strongest challenge that can be answered, of WWW-Authenticate headers; None if there is none."""
    found = [one for header in headers for one in _challenges(header[:2000])]
    for name in _HASHES:
        for one in found:
            if one.scheme == "digest" and _algorithm(one) == name and _qop(one) is not None:
                return one
    return next((one for one in found if one.scheme == "basic"), None)


def _challenges(header: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    # Undecodable bytes cannot be sent back as they came, so such a challenge cannot be answered.
    for name, value, scheme in _CHALLENGE.findall(header) if header.isprintable() else ():
        if scheme:
            found.append((scheme.lower(), {}))
        elif found:
            found[-1][1][name.lower()] = re.sub(r"\\(.)", r"\1", value.strip('"'))
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def _algorithm(challenge: Challenge) -> str:
    return challenge.parameters.get("algorithm", "MD5").upper().removesuffix("-SESS")


def _qop(challenge: Challenge) -> str | None:
    """`auth`, or "" for the older form without; None where only what we do not speak is offered."""
    offered = challenge.parameters.get("qop")
    if not offered:
        return ""
    return "auth" if "auth" in re.split(r"[\s,]+", offered.lower()) else None


def authorization(
    challenge: Challenge, method: str, uri: str, login: tuple[str, str], once: tuple[str, int]
) -> str:
    """The Authorization header that answers `challenge`; `once`: client nonce and count of uses (RFC 7616)."""
    user, password = login
    if challenge.scheme == "basic":
        return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    given, algorithm, qop = challenge.parameters, _algorithm(challenge), _qop(challenge)
    realm, nonce, cnonce, count = given.get("realm", ""), given.get("nonce", ""), once[0], f"{once[1]:08x}"

    def digest(*parts: str) -> str:
        return hashlib.new(_HASHES[algorithm], ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret = digest(user, realm, password)
    if given.get("algorithm", "").upper().endswith("-SESS"):
        secret = digest(secret, nonce, cnonce)
    middle = (nonce, count, cnonce, qop) if qop else (nonce,)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    fields["response"] = digest(secret, *middle, digest(method, uri))
    if "opaque" in given:
        fields["opaque"] = given["opaque"]
    if qop:
        fields["cnonce"] = cnonce
    text = ", ".join(f'{name}="{_escaped(value)}"' for name, value in fields.items())
    text += f", algorithm={given['algorithm']}" if "algorithm" in given else ""
    return f"Digest {text}" + (f", qop={qop}, nc={count}" if qop else "")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"")
