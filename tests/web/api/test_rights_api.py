"""Who may do what over HTTP: each writing operation, each role."""

import pytest

from models.account import ROLES
from tests.web.api.conftest import Callers

SOMETHING = "00000000-0000-4000-8000-000000000000"
BOOKING, MARKING, WARD = (
    {"nurse", "administrator"},
    {"nurse", "physician", "recorder", "administrator"},
    {
        "nurse",
        "manager",
        "administrator",
    },
)
OVERRIDING = BOOKING | {"manager"}

RIGHTS = {
    "/patients": BOOKING,
    "/appointments": OVERRIDING,
    f"/appointments/{SOMETHING}/confirm": BOOKING,
    f"/appointments/{SOMETHING}/renew": BOOKING,
    f"/appointments/{SOMETHING}/cancel": BOOKING,
    f"/appointments/{SOMETHING}/reschedule": OVERRIDING,
    f"/appointments/{SOMETHING}/milestones": MARKING,
    "/encounters": WARD,
    f"/encounters/{SOMETHING}/transfer": WARD,
    f"/encounters/{SOMETHING}/discharge": WARD,
    f"/encounters/{SOMETHING}/extend": WARD,
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_is_its_own_and_nothing_else(caller: Callers, role: str) -> None:
    program = caller(role)
    allowed = {path for path in RIGHTS if program.post(path).status_code != 403}
    assert allowed == {path for path, roles in RIGHTS.items() if role in roles}
