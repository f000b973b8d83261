"""How gufo_snmp is spoken to: a session that screens what devices send, and users with their keys made once."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    BaseAuthKey,
    BasePrivKey,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    User,
)
from gufo.snmp._fast import GetIter
from gufo.snmp.aio import SnmpSession
from gufo.snmp.typing import ValueType
from gufo.snmp.user import KeyType

from probes.base import Credential
from probes.ber import NotBerError, check_message
from probes.readiness import Readiness

AUTH_PROTOCOLS: Mapping[str, type[BaseAuthKey]] = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
PRIV_PROTOCOLS: Mapping[str, type[BasePrivKey]] = {
    "des": DesKey,
    "aes": Aes128Key,
    "aes192": Aes192Key,
    "aes256": Aes256Key,
}
MAX_DATAGRAM_BYTES = 4096  # gufo_snmp's buffer

T = TypeVar("T")


class TooLargeError(ValueError):
    """A datagram that gufo_snmp could not take whole."""


class Session(SnmpSession):
    """gufo's session, but every datagram is looked at before gufo's decoder sees it, and the deadline is one for
    the whole asking: gufo's own begins anew with every stray datagram.

    gufo_snmp 0.13 indexes by lengths that the device chose and panics, with a backtrace on stderr. A bad datagram
    is taken off the socket as it is told, so that the asking may go on. `requests` and `received_bytes` count.
    """

    requests = 0
    received_bytes = 0

    def __init__(
        self, readiness: Readiness, address: str, port: int, community: str = "", user: User | None = None
    ) -> None:
        """By SNMPv3 with a `user`, else by v2c. `readiness` is shared and outlives it. Raises OSError."""
        super().__init__(address, port=port, community=community, user=user)
        self._readiness = readiness

    def close(self) -> None:
        """Closes the socket. gufo_snmp leaves that to the garbage collector, which a cancelled asking's traceback
        would make wait."""
        del self._sock

    async def get_bulk(self, place: GetIter) -> tuple[list[tuple[str, ValueType]], bool]:
        """The rows of one GETBULK from `place` on, which moves along, and whether its subtree may have more.

        Rows lie inside the subtree; their order is the agent's. Asked once more after an error, it goes on where
        it was. gufo_snmp shows an error status of the agent as the end of the subtree.
        """
        await self._send(lambda: self._sock.send_get_bulk(place))
        try:
            found = await self._recv(lambda: self._sock.recv_get_bulk(place))
        except StopAsyncIteration:
            return [], False
        rows = [row for row in takewhile(lambda row: row is not None, found) if row is not None]
        return rows, len(rows) == len(found)

    async def _send(self, sender: Callable[[], None]) -> None:
        self.requests += 1
        await super()._send(sender)

    async def _recv(self, receiver: Callable[[], T]) -> T:
        try:
            while True:
                await self._readiness.readable(self._fd)
                try:
                    self.received_bytes += _screen(self._fd)
                    return receiver()
                except BlockingIOError:  # nothing there after all, or no answer to this request
                    continue
                except Exception:
                    raise
                except BaseException as error:
                    # A panic in gufo_snmp's Rust decoder (0.13: an encrypted part that decrypts to nonsense) comes
                    # as a BaseException of a class that cannot be imported. It must not stop the daemon.
                    if type(error).__name__ != "PanicException":
                        raise
                    raise NotBerError("its decoder gave up") from None
        finally:
            del receiver  # a method of the socket: see close


def _screen(fd: int) -> int:
    """Looks at the next datagram without taking it, and returns its size; raises NotBerError or TooLargeError, and
    then takes it, or the socket's OSError."""
    view = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, fileno=fd)  # the family does not matter for recv
    try:
        data = view.recv(MAX_DATAGRAM_BYTES + 1, socket.MSG_PEEK)
        try:
            _check(data)
        except (NotBerError, TooLargeError):
            view.recv(1)
            raise
    finally:
        view.detach()
    return len(data)


def _check(data: bytes) -> None:
    if len(data) > MAX_DATAGRAM_BYTES:
        raise TooLargeError(f"the answer has more than {MAX_DATAGRAM_BYTES} bytes")
    check_message(data)


def missing(credential: Credential) -> str | None:
    """What the credential lacks for SNMP, with the key to set; None if it is whole."""
    where = f"credentials.{credential.name or 'default'}"
    if credential.snmp_version == "3":
        wrong = [*_wrong_keys(credential)]
        return f"{where}{wrong[0]}" if wrong else None
    if credential.snmp_version not in (None, "2c"):
        return f"{where}.snmp_version is {credential.snmp_version!r}: write 2c or 3"
    if not credential.community:
        return f"{where} has no SNMP community: set community_env or community_file, or snmp_version: 3"
    return None


def _wrong_keys(credential: Credential) -> Iterator[str]:
    if not credential.snmp_user:
        yield ".snmp_user is missing"
    for key, protocol, password, known in (
        ("auth", credential.auth_protocol, credential.auth_password, ", ".join(AUTH_PROTOCOLS)),
        ("priv", credential.priv_protocol, credential.priv_password, ", ".join(PRIV_PROTOCOLS)),
    ):
        if protocol is None and password:
            yield f".{key}_protocol is missing beside its password: write one of {known}"
        elif protocol is not None and protocol not in known.split(", "):
            yield f".{key}_protocol is {protocol!r}: write one of {known}"
        elif protocol is not None and not password:
            yield f" has {key}_protocol but no password: set {key}_password_env or {key}_password_file"
    if credential.priv_protocol and not credential.auth_protocol:
        yield " has priv_protocol but no auth_protocol: SNMPv3 encrypts only what is signed"


def make_user(credential: Credential) -> User:
    """The SNMPv3 user with its master keys, each made from the password once."""
    if credential.auth_protocol is None:
        return User(credential.snmp_user or "")
    auth = AUTH_PROTOCOLS[credential.auth_protocol]
    auth_key = auth(auth.get_master_key((credential.auth_password or "").encode()), KeyType.Master)
    if credential.priv_protocol is None:
        return User(credential.snmp_user or "", auth_key=auth_key)
    priv = PRIV_PROTOCOLS[credential.priv_protocol]
    priv_key = priv(auth.get_master_key((credential.priv_password or "").encode()), KeyType.Master)
    return User(credential.snmp_user or "", auth_key=auth_key, priv_key=priv_key)
