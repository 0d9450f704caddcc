"""The administration under /admin: one module a subject, all on one blueprint."""

from web.pages.admin import accounts, closing, department, edit, overview, people, protocols
from web.pages.admin.blueprint import admin

__all__ = ["accounts", "admin", "closing", "department", "edit", "overview", "people", "protocols"]
