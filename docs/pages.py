"""Writes docs/pages.md: every address of the site and of the API, who may use it, and what it does.

`python -m docs.pages > docs/pages.md`; a test compares the two.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask

from models.account import ROLES
from models.database import Database
from web import policy
from web.app import create_app
from web.settings import load
from web.site import is_api

HEAD = """# Pages and operations

Every address that the server answers, who may use it, and what it does. `*` is everybody, signed in or not; `all`
everybody with an account. Written by `python -m docs.pages > docs/pages.md`.
"""

PAGES = """
## Pages

POST addresses are the forms of the pages; each works without scripts.

"""

API = """
## The API

Below `/api/v1`; [api.md](api.md) says how to use them together, `/api/v1/openapi.json` their exact shapes.

"""

COLUMNS = "| address | | who | what |\n|---|---|---|---|\n"

FRAMEWORK = frozenset({"HEAD", "OPTIONS"})


def markdown(app: Flask) -> str:
    """Return docs/pages.md as it should be."""
    return HEAD + PAGES + _table(rows(app, api=False)) + API + _table(rows(app, api=True))


def _table(found: Iterator[tuple[str, str, str, str]]) -> str:
    lines = (f"| `{rule}` | {method} | {who} | {said} |\n" for rule, method, who, said in sorted(found))
    return COLUMNS + "".join(lines)


def rows(app: Flask, *, api: bool) -> Iterator[tuple[str, str, str, str]]:
    """Yield (address, methods, who, what) of every address that is no file: of the API, or of the rest."""
    for rule in app.url_map.iter_rules():
        if is_api(rule.rule) != api or rule.endpoint in policy.BUILT_IN or rule.endpoint.endswith(".static"):
            continue
        declared = policy.policy_of(app, rule.endpoint)
        assert declared is not None, rule
        method = " ".join(sorted((rule.methods or set()) - FRAMEWORK))
        yield rule.rule, method, _who(declared), what(app, rule.endpoint)


def _who(declared: policy.Policy) -> str:
    if declared.anonymous:
        return "*"
    return "all" if declared.roles == frozenset(ROLES) else ", ".join(sorted(declared.roles))


def what(app: Flask, endpoint: str) -> str:
    """Return the first sentence of a view's docstring, nothing where it has none."""
    said = " ".join((app.view_functions[endpoint].__doc__ or "").split())
    return said.split(". ")[0].removesuffix(".")


def main() -> None:
    with TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'pages.db'}")
        app = create_app(load(_env_file=None, secret_key="only for writing docs/pages.md, never served"), db)
        sys.stdout.write(markdown(app))


if __name__ == "__main__":
    main()
