"""Accounts, sessions and API tokens: who may come in."""

from web.accounts.demonstration import create_demonstration_users
from web.accounts.tokens import issue_token, revoke_token
from web.accounts.users import create_user, disable, set_password

__all__ = ["create_demonstration_users", "create_user", "disable", "issue_token", "revoke_token", "set_password"]
