"""What a problem's `type` leads to: every error code, its status and what it says.

`python -m web.pages.documents > docs/errors.md` writes the same as a file.
"""

import re
import sys
from collections.abc import Callable

from apiflask import APIBlueprint
from flask import render_template

from web.error_codes import CODES, Words
from web.i18n import chinese
from web.policy import policy

bp = APIBlueprint("documents", __name__, enable_openapi=False)

HEAD = """# Error codes

What a refusal's `code` means, in both languages; `{names}` are its facts. The API sends them as members of an
`application/problem+json` body (RFC 9457). A code without a status stands inside another answer: a broken rule in
`violations`, or a reason in `blocked_by`. Written by `python -m web.pages.documents > docs/errors.md`.

| code | status | English | 中文 |
|---|---|---|---|
"""


@bp.get("/docs/errors")
@policy(anonymous=True)
def error_codes() -> str:
    """List every error code with its status and what it says."""
    return render_template("error_codes.html", codes=CODES)


def markdown() -> str:
    """Return docs/errors.md as it should be."""
    return HEAD + "".join(f"{row(code, words)}\n" for code, words in sorted(CODES.items()))


def row(code: str, words: Words) -> str:
    return f"| `{code}` | {words.status or ''} | {_meaning(words, str)} | {_meaning(words, chinese)} |"


def _meaning(words: Words, said: Callable[[str], str]) -> str:
    return re.sub(r"%\((\w+)\)s", r"{\1}", f"**{said(words.title)}** {said(words.detail)}").replace("%%", "%")


if __name__ == "__main__":
    sys.stdout.write(markdown())
