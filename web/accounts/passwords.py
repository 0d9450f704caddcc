"""Passwords: argon2id (RFC 9106) at the cost OWASP gives for interactive sign-in, and which ones are refused."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from scheduler.errors import Invalid

SHORTEST, LONGEST = 8, 128
"""Characters. Longer ones are refused, never cut."""

_AT_ONCE = threading.BoundedSemaphore(2)
"""At most two hashes at once, so that a storm of sign-ins leaves the board its processor."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How much work one hash is: 19 MiB, 2 passes, 1 lane took 28 ms on the machine it was measured on."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


STANDARD = Cost()


def check(password: str, login: str) -> None:
    """Refuse a password that would not hold. Raises Invalid("password-short" | -long | -common | -like-login)."""
    if len(password) < SHORTEST:
        raise Invalid("password-short", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise Invalid("password-long", longest=LONGEST)
    if password.casefold() in _common():
        raise Invalid("password-common")
    if login.casefold() in password.casefold() and len(password) < len(login) + 4:
        raise Invalid("password-like-login")


def make(password: str, cost: Cost = STANDARD) -> str:
    """Return the argon2id hash of a password, in PHC form."""
    with _AT_ONCE:
        return _hasher(cost).hash(password)


def matches(stored: str, password: str) -> bool:
    """Tell whether a password belongs to a stored hash; a hash that cannot be read matches nothing."""
    with _AT_ONCE:
        try:
            return _hasher(STANDARD).verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def is_dated(stored: str, cost: Cost) -> bool:
    """Tell whether a hash was made at another cost than today's and should be made anew."""
    return _hasher(cost).check_needs_rehash(stored)


@lru_cache(maxsize=4)
def decoy(cost: Cost) -> str:
    """Return a hash nobody's password has, so that an unknown login costs the same work as a known one."""
    return make("no password has this hash", cost)


@lru_cache(maxsize=8)
def _hasher(cost: Cost) -> PasswordHasher:
    return PasswordHasher(cost.passes, cost.memory_kib, cost.lanes, type=Type.ID)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    text = resources.files("web.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split())
