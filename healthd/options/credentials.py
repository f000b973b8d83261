"""`credentials:` in the configuration: logins whose secrets stand in files or in the environment, never in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretStr, ValidationInfo, model_validator

from healthd.options.section import Section, surroundings
from healthd.problems import Wrong
from probes.base import Credential

_LARGEST_SECRET_BYTES = 4096
_SHORTEST_SNMP_SECRET = 8  # RFC 3414 §11.2


def _from_file(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str):
        raise Wrong("must be the path of a file", "write e.g. secrets/camera")
    path = surroundings(info).directory / value
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_SECRET_BYTES + 1)
        text = data.decode()
    except FileNotFoundError:
        raise Wrong(f"no such file: {path}", "write the secret into it, and let only healthd read it") from None
    except OSError as error:
        raise Wrong(f"{path} cannot be read: {error.strerror}", "check its owner and mode") from None
    except UnicodeDecodeError:
        raise Wrong(f"{path} is not UTF-8 text", "write the secret into it as text") from None
    if len(data) > _LARGEST_SECRET_BYTES:
        raise Wrong(f"{path} is larger than {_LARGEST_SECRET_BYTES:,} bytes", "it should hold the secret alone")
    # Editors end a file with a newline that nobody means as part of the secret; further ones may be.
    return _not_empty(text.removesuffix("\n").removesuffix("\r"), str(path))


def _from_environment(value: object, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str):
        raise Wrong("must be the name of an environment variable", "write e.g. SNMP_COMMUNITY")
    text = surroundings(info).environment.get(value)
    if text is None:
        raise Wrong(f"environment variable {value} is not set", "set it where healthd is started")
    return _not_empty(text, f"environment variable {value}")


def _not_empty(text: str, where: str) -> SecretStr:
    if not text:
        raise Wrong(f"{where} is empty", "write the secret into it")
    return SecretStr(text)


def _never_plain(_: object, info: ValidationInfo) -> None:
    name = info.field_name
    raise Wrong(
        "a secret must not stand in this file",
        f"put it into a file and write {name}_file: PATH, or into the environment and write {name}_env: NAME",
    )


def _version(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


SecretFile = Annotated[SecretStr | None, BeforeValidator(_from_file)]
SecretEnvironment = Annotated[SecretStr | None, BeforeValidator(_from_environment)]
PlainSecret = Annotated[None, BeforeValidator(_never_plain)]


class Login(Section):
    """One entry of `credentials:`; it may hold an HTTP/ONVIF login, an SNMP secret, or both."""

    username: str | None = None
    password_file: SecretFile = None
    password_env: SecretEnvironment = None
    snmp_version: Annotated[Literal["2c", "3"] | None, BeforeValidator(_version)] = None
    community_file: SecretFile = None
    community_env: SecretEnvironment = None
    snmp_user: str | None = None
    auth_protocol: Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"] | None = None
    auth_password_file: SecretFile = None
    auth_password_env: SecretEnvironment = None
    priv_protocol: Literal["des", "aes", "aes192", "aes256"] | None = None
    priv_password_file: SecretFile = None
    priv_password_env: SecretEnvironment = None
    # Known only in order to be refused with the remedy.
    password: PlainSecret = None
    community: PlainSecret = None
    auth_password: PlainSecret = None
    priv_password: PlainSecret = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Login:
        for secret in ("password", "community", "auth_password", "priv_password"):
            if getattr(self, f"{secret}_file") and getattr(self, f"{secret}_env"):
                raise Wrong(f"{secret}_file and {secret}_env are both given", "remove one of the two")
        _pair(self, "username", "password")
        _pair(self, "auth_protocol", "auth_password")
        _pair(self, "priv_protocol", "priv_password")
        if self.snmp_version == "2c":
            self._only("community", {"snmp_user", "auth_protocol", "priv_protocol"}, "2c")
        elif self.snmp_version == "3":
            self._only("snmp_user", {"community"}, "3")
            self._safe_enough()
        else:
            given = [name for name in ("community", "snmp_user", "auth_protocol") if _secret(self, name)]
            if given:
                version = "2c" if given[0] == "community" else "3"
                raise Wrong(f"{given[0]} is given without snmp_version", f"add snmp_version: {version}")
        return self

    def _only(self, needed: str, foreign: set[str], version: str) -> None:
        if not _secret(self, needed):
            wanted = "community_file or community_env" if needed == "community" else needed
            raise Wrong(f"snmp_version {version} needs {needed}", f"add {wanted}")
        for name in sorted(foreign):
            if _secret(self, name):
                raise Wrong(
                    f"{name} has no meaning in snmp_version {version}", "remove it, or correct snmp_version"
                )

    def _safe_enough(self) -> None:
        if self.priv_protocol and not self.auth_protocol:
            raise Wrong("priv_protocol needs auth_protocol", "SNMPv3 encrypts only what it authenticates: add it")
        for name in ("auth_password", "priv_password"):
            secret = _secret(self, name)
            if secret and len(secret.encode()) < _SHORTEST_SNMP_SECRET:
                remedy = "RFC 3414 asks for that many: change it on the devices too"
                raise Wrong(f"{name} is shorter than {_SHORTEST_SNMP_SECRET} characters", remedy)

    def credential(self, name: str) -> Credential:
        """The entry with its secrets, as probes take it."""
        return Credential(
            name=name,
            username=self.username,
            password=_secret(self, "password"),
            snmp_version=self.snmp_version,
            community=_secret(self, "community"),
            snmp_user=self.snmp_user,
            auth_protocol=self.auth_protocol,
            auth_password=_secret(self, "auth_password"),
            priv_protocol=self.priv_protocol,
            priv_password=_secret(self, "priv_password"),
        )


def _secret(login: Login, name: str) -> str | None:
    """The value of a plain key, or of a secret from its file or from the environment."""
    if f"{name}_file" not in Login.model_fields:
        plain: str | None = getattr(login, name)
        return plain
    found: SecretStr | None = getattr(login, f"{name}_file") or getattr(login, f"{name}_env")
    return found.get_secret_value() if found else None


def _pair(login: Login, public: str, secret: str) -> None:
    if bool(getattr(login, public)) != bool(_secret(login, secret)):
        absent, given = (secret, public) if getattr(login, public) else (public, secret)
        remedy = f"add {secret}_file or {secret}_env" if absent == secret else f"add {public}"
        raise Wrong(f"{given} is given without {absent}", remedy)
