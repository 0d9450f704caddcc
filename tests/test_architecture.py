"""Who may import whom (DESIGN §2), read from the sources: an arrow the other way fails here."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = ("run", "web", "calendars", "scheduler", "models")
"""Each may import itself and whatever stands to its right."""

OWN = {*LAYERS, "migrations", "tests", "bench", "bootstrap"}

PURE = {
    "scheduler.errors": set(),
    "scheduler.engine": {"scheduler.engine", "scheduler.errors"},
    "scheduler.planner": {"scheduler.planner", "scheduler.engine", "scheduler.errors"},
    "scheduler.simulation": {"scheduler.simulation", "scheduler.planner", "scheduler.engine", "scheduler.errors"},
}
"""Parts without a database or a clock, and all of ours that each may import."""

ADDED = {"scheduler.planner": {"ortools"}}
"""What a pure part may import beyond the standard library."""

HTTP = {"flask", "werkzeug", "jinja2", "apiflask", "flask_babel", "gunicorn", "webargs", "apispec"}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "services", "service", "common", "misc"}

CLOCK_KNOWERS = {"run", "models.database"}
"""Besides everything in web/, the only modules that may ask what time it is."""

CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
}


@dataclass(frozen=True)
class Import:
    """One import: what is imported, on which line, and whether a function hides it."""

    target: str
    line: int
    hidden: bool


def within(module: str, part: str) -> bool:
    """Tell whether a module is a package or lies in it."""
    return module == part or module.startswith(part + ".")


def layer(module: str) -> str:
    return module.split(".")[0]


def imports(source: str, module: str, is_package: bool = False) -> Iterator[Import]:
    """Yield every import of a source text; `from a import b` counts as `a.b`, relative ones are resolved."""
    tree = ast.parse(source)
    hidden = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(name.name, node.lineno, id(node) in hidden)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: None if is_package and node.level == 1 else -(node.level - is_package)]
            origin = ".".join([*base, node.module or ""]).strip(".") if node.level else node.module or ""
            for name in node.names:
                yield Import(f"{origin}.{name.name}", node.lineno, id(node) in hidden)


def clock_readings(source: str) -> Iterator[tuple[int, str]]:
    """Yield where a source text asks what time it is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.attr) in CLOCKS:
                yield node.lineno, f"{name}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for imported in node.names:
                if ("time", imported.name) in CLOCKS:
                    yield node.lineno, f"time.{imported.name}"


def faults(module: str, source: str, is_package: bool = False) -> list[str]:
    """Return every breach of the rules in one module, each with its line."""
    found = [
        f"{module}:{one.line}: {reason}"
        for one in imports(source, module, is_package)
        if (reason := wrong(module, one))
    ]
    if layer(module) != "web" and module not in CLOCK_KNOWERS and layer(module) in LAYERS:
        found += [f"{module}:{line}: asks the clock ({what})" for line, what in clock_readings(source)]
    if FORBIDDEN_NAMES & set(module.split(".")):
        found.append(f"{module}: a name that says nothing")
    return found


def wrong(module: str, one: Import) -> str | None:
    """Return why a module may not have an import; None when it may."""
    target = layer(one.target)
    if one.hidden and target in OWN:
        return f"hides {one.target} in a function"
    if target in LAYERS and not may_reach(module, target):
        return f"imports {one.target}, which lies above it"
    if target in {"tests", "bench"} and layer(module) not in {"tests", "bench"}:
        return f"imports {one.target}, which no product code may"
    if target in HTTP and layer(module) not in {"run", "web", "tests", "bench"}:
        return f"imports {one.target}: HTTP belongs to web"
    return wrong_in_pure(module, one)


def may_reach(module: str, target: str) -> bool:
    own = layer(module)
    if own == "migrations":
        return target == "models"
    return own not in LAYERS or LAYERS.index(own) <= LAYERS.index(target)


def wrong_in_pure(module: str, one: Import) -> str | None:
    part = next((part for part in PURE if within(module, part)), None)
    if part is None or layer(one.target) in sys.stdlib_module_names | ADDED.get(part, set()):
        return None
    if any(within(one.target, allowed) for allowed in PURE[part]):
        return None
    return f"imports {one.target}, but {part} is pure"


def sources() -> list[tuple[str, Path]]:
    """Return every module of the product with its file."""
    files = [path for part in LAYERS[1:] for path in (ROOT / part).rglob("*.py")]
    files += (ROOT / "migrations").rglob("*.py")
    files += [path for path in [ROOT / "run.py"] if path.exists()]
    return sorted((module_name(path), path) for path in files)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(("module", "path"), sources(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_lies_below_it(module: str, path: Path) -> None:
    assert faults(module, path.read_text("utf-8"), path.name == "__init__.py") == []


def test_our_modules_import_each_other_in_no_circle() -> None:
    known = dict(sources())
    arrows = {module: set(own_targets(module, path, known)) for module, path in known.items()}
    while leaves := {module for module, targets in arrows.items() if not targets & arrows.keys()}:
        arrows = {module: targets for module, targets in arrows.items() if module not in leaves}
    assert {module: sorted(targets & arrows.keys()) for module, targets in arrows.items()} == {}


def own_targets(module: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    for one in imports(path.read_text("utf-8"), module, path.name == "__init__.py"):
        for target in (one.target, one.target.rpartition(".")[0]):
            if target in known and target != module:
                yield target
                break


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("models.slot", "from scheduler import booking", "lies above"),
        ("scheduler.booking", "import calendars.ical", "lies above"),
        ("calendars.ical", "from web.settings import Settings", "lies above"),
        ("web.app", "import run", "lies above"),
        ("migrations.env", "from scheduler import audit", "lies above"),
        ("scheduler.ward", "def f():\n    from scheduler import audit", "hides"),
        ("web.app", "f = lambda: 0\nclass A:\n    def f(self):\n        import models", "hides"),
        ("scheduler.engine.find", "from scheduler import booking", "is pure"),
        ("scheduler.engine.find", "from models import Slot", "is pure"),
        ("scheduler.engine.find", "import sqlalchemy", "is pure"),
        ("scheduler.engine.find", "import ortools", "is pure"),
        ("scheduler.engine.find", "from ..booking import find", "is pure"),
        ("scheduler.errors", "from scheduler.engine import grid", "is pure"),
        ("scheduler.planner.stays", "import sqlalchemy", "is pure"),
        ("scheduler.booking", "from flask import g", "HTTP belongs to web"),
        ("calendars.ical", "import werkzeug.http", "HTTP belongs to web"),
        ("web.app", "from tests import factories", "no product code"),
        ("web.utils", "", "says nothing"),
        ("scheduler.booking.helpers", "", "says nothing"),
        ("scheduler.ward", "from datetime import datetime\nx = datetime.now()", "asks the clock"),
        ("scheduler.ward", "import datetime\nx = datetime.datetime.utcnow()", "asks the clock"),
        ("models.slot", "import time\nx = time.time()", "asks the clock"),
        ("models.slot", "from time import time", "asks the clock"),
        ("calendars.ical", "default = date.today", "asks the clock"),
    ],
)
def test_a_breach_is_found(module: str, source: str, reason: str) -> None:
    found = faults(module, source)
    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("run", "from web.app import create_app"),
        ("web.app", "from flask import Flask\nfrom datetime import datetime\nx = datetime.now()"),
        ("web.app", "def f():\n    import openpyxl"),
        ("scheduler.engine.find", "from scheduler.engine.grid import Grid\nfrom scheduler.errors import Invalid"),
        ("scheduler.engine.find", "from .grid import Grid\nfrom functools import lru_cache"),
        ("scheduler.planner.stays", "from ortools.sat.python import cp_model"),
        ("models.database", "import time\nx = time.time()"),
        ("scheduler.jobs", "import time\nx = time.monotonic()"),
        ("migrations.env", "from models import Base"),
    ],
)
def test_what_is_allowed_is_let_through(module: str, source: str) -> None:
    assert faults(module, source) == []
