"""What a fresh checkout is set up from: pins, lock files, commands, front-end files."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from web import assets

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements", "requirements-dev", "requirements-clients", "requirements-node")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """Return the pinned version by normalised package name."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\n]+)", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_an_exact_pin(name: str) -> None:
    lines = [line.split("#")[0].strip() for line in (ROOT / f"{name}.txt").read_text("utf-8").splitlines()]
    wanted = [line for line in lines if line and line != "-r requirements.txt"]
    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[0-9][0-9a-z.]*", line)] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_the_lock_file_holds_every_requirement_as_pinned(name: str) -> None:
    locked = pins(ROOT / f"{name}.lock")
    wanted = pins(ROOT / f"{name}.txt")
    assert wanted
    assert {package: locked.get(package) for package in wanted} == wanted


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / f"{name}.lock").read_text("utf-8"))
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", [*(f"{name}.lock" for name in REQUIREMENTS), "package-lock.json"])
def test_a_lock_file_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url.*|--find-links.*|\"resolved\".*|file:.*", text) == []


def test_the_tests_run_on_what_the_product_runs_on() -> None:
    product, tests = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements-dev.lock")
    assert {name: tests.get(name) for name in product} == product


def test_the_front_end_is_pinned_exactly_and_whole() -> None:
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, package in locked.items() if name and "integrity" not in package] == []


@pytest.mark.parametrize("target", TARGETS)
def test_every_command_is_documented_in_both_languages(target: str) -> None:
    chinese, english = (ROOT / "README.md").read_text("utf-8").split("\n## English\n")
    assert f"`make {target}`" in chinese
    assert f"`make {target}`" in english


def test_the_readme_names_no_command_that_is_not_there() -> None:
    named = re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"))
    assert set(named) <= set(TARGETS)


def test_continuous_integration_installs_the_browser_and_then_tests() -> None:
    script = ROOT / ".ci" / "run"
    commands = [line for line in script.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert commands == ["set -e", 'cd "$(dirname "$0")/.."', "make browser", "make test"]
    assert script.stat().st_mode & 0o111 == 0o111


def test_bootstrap_needs_nothing_but_the_standard_library() -> None:
    source = (ROOT / "bootstrap.py").read_text("utf-8")
    imported = set(re.findall(r"^\s*(?:import|from) ([a-z_]+)", source, re.MULTILINE)) - {"__future__"}
    assert imported <= sys.stdlib_module_names


def test_a_python_too_old_is_one_line_and_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    assert bootstrap.main(["run"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Needlepoint needs Python 3.11 or newer; this is ")
    assert told.count("\n") == 1


def test_an_unknown_goal_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["fly"]) == 2
    assert capsys.readouterr().err == "usage: bootstrap.py run|test|clients|browser\n"


def test_a_stamp_holds_only_for_the_lock_file_it_was_made_of(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("flask==3.1.3\n")
    assert not bootstrap.stamped(tmp_path, lock)
    (tmp_path / ".installed-requirements").write_text(bootstrap.digest(lock))
    assert bootstrap.stamped(tmp_path, lock)
    lock.write_text("flask==3.1.4\n")
    assert not bootstrap.stamped(tmp_path, lock)


def test_a_virtual_environment_that_does_not_run_is_not_usable(tmp_path: Path) -> None:
    assert not bootstrap.usable(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/nowhere/python3")
    (tmp_path / "pyvenv.cfg").write_text("version = 3.11.7\n")
    assert not bootstrap.usable(tmp_path)


def test_a_virtual_environment_of_another_python_is_not_usable(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "pyvenv.cfg").write_text("version = 3.4.2\n")
    assert not bootstrap.usable(tmp_path)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("Collecting x\nERROR: no match for x\n  hint\n", "ERROR: no match for x"),
        ("one\ntwo\n", "two"),
        ("\n", "it said nothing"),
    ],
)
def test_a_failed_step_gives_the_line_that_says_why(output: str, line: str) -> None:
    assert bootstrap.reason(output) == line


def test_help_lists_every_command() -> None:
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in told.splitlines()] == TARGETS


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A node_modules with every file that is copied."""
    for asset in assets.ASSETS:
        path = tmp_path / "node_modules" / asset.path
        path.parent.mkdir(parents=True)
        path.write_text(f"/* {asset.name} */")
    return tmp_path / "node_modules"


def test_missing_front_end_files_are_none(tmp_path: Path) -> None:
    assert assets.asset_urls(tmp_path) == {asset.name: None for asset in assets.ASSETS}
    assert not assets.is_current(tmp_path)


def test_copied_files_carry_their_digest_and_are_current(tmp_path: Path, modules: Path) -> None:
    vendor = tmp_path / "vendor"
    assets.copy(modules, vendor)
    urls = assets.asset_urls(vendor)
    assert re.fullmatch(r"vendor/htmx-[0-9a-f]{16}\.js", urls["htmx.js"] or "")
    assert (tmp_path / str(urls["tabler.css"])).read_text() == "/* tabler.css */"
    assert assets.is_current(vendor)


def test_a_file_that_changes_gets_another_name_and_the_old_one_goes(tmp_path: Path, modules: Path) -> None:
    vendor = tmp_path / "vendor"
    assets.copy(modules, vendor)
    before = assets.asset_urls(vendor)
    (modules / "htmx.org/dist/htmx.min.js").write_text("/* newer */")
    assets.copy(modules, vendor)
    after = assets.asset_urls(vendor)
    assert after["htmx.js"] != before["htmx.js"]
    assert after["tabler.css"] == before["tabler.css"]
    assert not (tmp_path / str(before["htmx.js"])).exists()


def test_a_copied_file_that_was_lost_is_none(tmp_path: Path, modules: Path) -> None:
    vendor = tmp_path / "vendor"
    assets.copy(modules, vendor)
    next(vendor.glob("tabler-*.css")).unlink()
    assert assets.asset_urls(vendor)["tabler.css"] is None
    assert not assets.is_current(vendor)
