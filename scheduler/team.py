"""What the people of a case are to each other."""

from collections.abc import Collection

TRAINEE = "trainee"


def called(role: str, roles: Collection[str]) -> str:
    """Return what a role is beside the other roles of its visit: the operator of a trainee supervises."""
    return "supervisor" if role == "operator" and TRAINEE in roles else role
