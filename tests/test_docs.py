"""The documents and the program say the same: settings, pages, API, commands, and every link leads somewhere.

docs/errors.md is compared in tests/web/test_shell.py, the README's make targets in tests/test_toolchain.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

import run
from docs import pages
from tests.conftest import ROOT
from web.settings import Settings

DOCS = ROOT / "docs"
WRITTEN = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")])


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


# --- Settings.


def settings() -> set[str]:
    return {str(field.validation_alias) for field in Settings.model_fields.values()}


def test_every_setting_is_documented_and_none_that_is_gone() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", read("settings.md"), re.M)) == settings()


def test_the_sample_of_settings_names_no_setting_that_is_gone() -> None:
    sample = (ROOT / ".env.example").read_text("utf-8")
    assert set(re.findall(r"^#? ?([A-Z_]+)=", sample, re.M)) - settings() == set()


def test_no_document_names_a_setting_that_is_gone() -> None:
    known = settings() | {"NEEDLEPOINT_PASSWORD"}  # of `run.py user`, see its help
    named = {name for path in WRITTEN for name in re.findall(r"\bNEEDLEPOINT_[A-Z0-9_]+", path.read_text("utf-8"))}
    assert named - known == set()


# --- Pages and the API.


def test_every_address_is_documented_with_its_policy(app: Flask) -> None:
    """docs/pages.md is written by `python -m docs.pages > docs/pages.md`."""
    assert read("pages.md") == pages.markdown(app)


@pytest.mark.parametrize("api", [False, True])
def test_every_address_says_what_it_does(app: Flask, api: bool) -> None:
    silent = [rule for rule, _, _, said in pages.rows(app, api=api) if not said]
    assert silent == []


def test_the_guide_to_the_api_names_no_address_that_is_gone(app: Flask) -> None:
    known = {re.split(r"[/<]", rule.removeprefix("/api/v1/"))[0] for rule, *_ in pages.rows(app, api=True)}
    named = set(re.findall(r"\$NP/([a-z]+)", read("api.md"))) | set(
        re.findall(r"(?:GET|POST) /([a-z]+)", read("api.md"))
    )
    assert named - known == set()


# --- Commands.


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Yield every command as it is typed after `run.py`."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def documented() -> str:
    """Return the table of commands with `user add\\|disable` written out."""
    lines = [line for line in read("operations.md").splitlines() if line.startswith("| `run.py ")]
    return "\n".join(line.split("`")[1].replace("\\|", "|") for line in lines)


def test_every_command_is_documented() -> None:
    told = documented()
    missing = [name for name in commands(run.cli) if not _is_told(name, told)]
    assert missing == []


def _is_told(name: str, told: str) -> bool:
    group, _, last = name.rpartition(" ")
    pattern = rf"^run\.py {group + ' ' if group else ''}(?:[\w-]+\|)*{last}(?:\||\s|$)"
    return re.search(pattern, told, re.M) is not None


def test_no_document_names_a_command_that_is_gone() -> None:
    known = {name.split(" ")[0] for name in commands(run.cli)}
    named = {name for path in WRITTEN for name in re.findall(r"`?run\.py ([a-z][a-z-]+)", path.read_text("utf-8"))}
    assert named - known == set()


def test_every_option_of_a_command_has_help_or_a_name_that_is_its_help() -> None:
    for name, command in run.cli.commands.items():
        assert command.get_short_help_str(), f"run.py {name} --help says nothing"


# --- Links.


def links() -> Iterator[tuple[Path, str]]:
    for path in WRITTEN:
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.S)
        yield from ((path, target) for target in re.findall(r"\]\(([^)\s]+)\)", text))


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = []
    for path, target in links():
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(f"{path.name}: {target}")
    assert dead == []


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_readme_leads_to_every_document_in_both_languages(language: str) -> None:
    parts = (ROOT / "README.md").read_text("utf-8").split("\n## English\n")
    text = parts[0] if language == "zh" else parts[1]
    assert [path.name for path in DOCS.glob("*.md") if f"(docs/{path.name})" not in text] == []


def test_a_document_that_names_another_names_one_that_is_there() -> None:
    named = {name for path in WRITTEN for name in re.findall(r"`?docs/([\w-]+\.md)`?", path.read_text("utf-8"))}
    assert named - {path.name for path in DOCS.glob("*.md")} == set()


def test_the_documents_the_design_asks_for_are_there() -> None:
    wanted = {"architecture", "glossary", "protocols", "operations", "errors", "interfaces"}
    assert wanted - {path.stem for path in DOCS.glob("*.md")} == set()
