"""What the installation is told from outside: environment, .env, secrets. Every bad value is one SetupError.

docs/settings.md lists every field; a test compares the two.
"""

import ipaddress
import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from scheduler.errors import SetupError
from web.accounts.passwords import Cost

MINIMUM_SECRET = 32
"""Characters; a random 256-bit key in hex has 64."""


class Settings(BaseSettings):
    """The settings of one process. Frozen; build it with `load()` so that a bad value is a SetupError."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field("sqlite:///var/needlepoint.db", validation_alias="DATABASE_URL")
    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int = Field(8000, ge=1, le=65535, validation_alias="PORT")
    secret_key: str | None = Field(None, validation_alias="NEEDLEPOINT_SECRET_KEY", repr=False)
    secret_key_file: Path = Field(Path("var/secret.key"), validation_alias="NEEDLEPOINT_SECRET_KEY_FILE")
    base_url: str | None = Field(None, validation_alias="NEEDLEPOINT_BASE_URL")
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="NEEDLEPOINT_TRUSTED_HOSTS")
    proxy_hops: int = Field(0, ge=0, le=5, validation_alias="NEEDLEPOINT_PROXY_HOPS")
    session_idle_minutes: int = Field(15, ge=1, le=720, validation_alias="NEEDLEPOINT_SESSION_IDLE_MINUTES")
    session_hours: int = Field(12, ge=1, le=24, validation_alias="NEEDLEPOINT_SESSION_HOURS")
    argon2_memory_kib: int = Field(19 * 1024, ge=8, validation_alias="NEEDLEPOINT_ARGON2_MEMORY_KIB")
    argon2_time: int = Field(2, ge=1, validation_alias="NEEDLEPOINT_ARGON2_TIME")
    argon2_parallelism: int = Field(1, ge=1, validation_alias="NEEDLEPOINT_ARGON2_PARALLELISM")
    max_body_kib: int = Field(1024, ge=16, validation_alias="NEEDLEPOINT_MAX_BODY_KIB")
    workers: int = Field(2, ge=1, le=64, validation_alias="NEEDLEPOINT_WORKERS")
    demonstration: bool = Field(True, validation_alias="NEEDLEPOINT_DEMONSTRATION")
    feed_names: bool = Field(False, validation_alias="NEEDLEPOINT_FEED_NAMES")

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("an address like https://needlepoint.example.org, without a path")
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value is not None and len(value) < MINIMUM_SECRET:
            raise ValueError(f"at least {MINIMUM_SECRET} characters")
        return value

    @property
    def cost(self) -> Cost:
        return Cost(self.argon2_memory_kib, self.argon2_time, self.argon2_parallelism)

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.session_idle_minutes)

    @property
    def longest(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach the server: demonstration accounts may then sign in."""
        return is_loopback(self.host) and (self.base_url is None or is_loopback(urlsplit(self.base_url).hostname or ""))

    @property
    def secure(self) -> bool:
        """True when browsers reach the server by https: cookies are then `__Host-` and Secure."""
        return self.base_url is not None and self.base_url.startswith("https://")

    @property
    def address(self) -> str:
        """The address people and calendar clients use, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """Every Host header that is answered; any other is refused."""
        own = [urlsplit(self.address).hostname or ""]
        local = ["127.0.0.1", "localhost", "[::1]"] if is_loopback(self.host) else []
        return [*dict.fromkeys([*self.trusted_hosts, *own, *local])]


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(**given: Any) -> Settings:
    """Read the settings; `given` wins over the environment. Raises SetupError("setting-bad" | "not-https")."""
    try:
        settings = Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise SetupError("setting-bad", name=str(first["loc"][0]), reason=first["msg"]) from error
    if not settings.loopback and not settings.secure:
        # Passwords and patient data would cross the network in the clear.
        raise SetupError("not-https", host=settings.host)
    return settings


def secret_key(settings: Settings) -> str:
    """Return the signing key: given, from its file or, for the embedded loopback run, made once (mode 0600).

    Raises SetupError("secret-key-missing" | "secret-key-weak" | "secret-key-file").
    """
    if settings.secret_key is not None:
        return settings.secret_key
    path = settings.secret_key_file
    try:
        if not path.exists():
            _make_key(path, settings)
        key = path.read_text("ascii").strip()
    except OSError as error:
        raise SetupError("secret-key-file", path=str(path), reason=error.strerror or "") from error
    if len(key) < MINIMUM_SECRET:
        raise SetupError("secret-key-weak", path=str(path))
    return key


def _make_key(path: Path, settings: Settings) -> None:
    if not (settings.loopback and settings.database_url.startswith("sqlite")):
        raise SetupError("secret-key-missing", path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process of the same start was quicker
        return
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
