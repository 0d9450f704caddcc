"""Guessing passwords gets slow: failures per account and address, and per address, counted in the database.

The attempt is counted before the password is looked at and forgiven when it was right, so that guesses sent at
the same moment are counted too. Nobody can lock an account for ever, and another address can always try.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import LoginThrottle
from scheduler.errors import DomainError

FREE = 5
"""Failures before an account makes an address wait."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
PER_ADDRESS, WINDOW = 100, timedelta(hours=1)
"""Failures of one address over all accounts within an hour."""
ANY = "*"
"""The login that stands for every account tried from an address; `login-bad` keeps accounts from having it."""


class Throttled(DomainError):
    """Too many failed sign-ins (429). Facts: until, seconds."""

    code = "sign-in-throttled"


def attempt(session: Session, login: str, address: str, *, now: datetime) -> None:
    """Count an attempt as failed until it is forgiven. Raises Throttled while this address has to wait."""
    own, every = _row(session, login, address, now), _row(session, ANY, address, now)
    _refuse_early(own.next_try_at if own.failures >= FREE else now, now)
    if now >= every.next_try_at:
        every.failures, every.next_try_at = 0, now + WINDOW
    _refuse_early(every.next_try_at if every.failures >= PER_ADDRESS else now, now)
    every.failures += 1
    own.failures += 1
    own.next_try_at = now + wait(own.failures)


def forgive(session: Session, login: str, address: str) -> None:
    """Forget this account's failures from this address: the password was right."""
    session.execute(delete(LoginThrottle).where(LoginThrottle.login == login, LoginThrottle.address == address))
    every = session.scalars(_select(ANY, address)).first()
    if every is not None and every.failures > 0:
        every.failures -= 1


def wait(failures: int) -> timedelta:
    """Return how long to wait after so many failures: nothing, then 30 s doubling to an hour."""
    if failures < FREE:
        return timedelta()
    return min(FIRST_WAIT * 2 ** min(failures - FREE, 10), LONGEST_WAIT)


def sweep(session: Session, *, now: datetime) -> int:
    """Delete counters that no longer hold anybody up (a day after their last wait); return how many."""
    stale = delete(LoginThrottle).where(LoginThrottle.next_try_at < now - timedelta(days=1))
    return len(session.scalars(stale.returning(LoginThrottle.id)).all())


def _refuse_early(until: datetime, now: datetime) -> None:
    if now < until:
        raise Throttled(until=until, seconds=int((until - now).total_seconds()))


def _row(session: Session, login: str, address: str, now: datetime) -> LoginThrottle:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    new = dialect.insert(LoginThrottle).values(login=login, address=address, failures=0, next_try_at=now)
    session.execute(new.on_conflict_do_nothing())
    return session.scalars(_select(login, address).with_for_update()).one()


def _select(login: str, address: str) -> Select[LoginThrottle]:
    return select(LoginThrottle).where(LoginThrottle.login == login, LoginThrottle.address == address)
