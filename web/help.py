"""The how-to of each page: one template in templates/help/, named after the page's endpoint or its blueprint.

A page gets its help by having that file: `board.week.html` for the endpoint `board.week`, else `board.html`. It holds
a few sentences as `<p>` and, where the page has keys of its own, a `<dl>` of them.
"""

from functools import lru_cache
from pathlib import Path

from flask import Flask, request

TEMPLATES = Path(__file__).parent / "templates"


def install(app: Flask) -> None:
    app.jinja_env.globals["help_file"] = lambda: help_file(request.endpoint)


@lru_cache(maxsize=256)
def help_file(endpoint: str | None) -> str | None:
    """Return the template that explains a page, or None for what is no page."""
    names = (endpoint or "", (endpoint or "").split(".")[0])
    return next((f"help/{name}.html" for name in names if (TEMPLATES / f"help/{name}.html").is_file()), None)
