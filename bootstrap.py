"""Set up a checkout with nothing but Python: `python3 bootstrap.py run|test|clients|browser`. Standard library only.

Makes the virtual environment, installs the lock file with its hashes, fetches the front-end files. Each step is
skipped while what it was made from has not changed, so a second run takes no time. A step that fails is one clear
line and a non-zero exit; missing front-end files are only a warning.
"""

# No new syntax and only quoted new types: any Python 3 must read as far as main(), which refuses the old ones.
# ruff: noqa: S603, S607 - every command run here is spelt out here
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CLIENTS = ROOT / ".venv-clients"
RETRY_ASSETS_SECONDS = 3600
"""A machine without a network is not made to wait for the front-end files at every start."""
ASSETS_SECONDS = 100
"""The longest the first page may wait for its front-end files."""


class Failed(Exception):
    """A step that cannot be done; its text is the one line the person reads."""


class Progress:
    """A bar on a terminal, else one line a step."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.began = time.monotonic()
        self.drawn = False

    def step(self, text: str) -> None:
        """Begin a step."""
        self.text = text
        if self.terminal:
            self.draw(0.0)
        else:
            print(text, file=sys.stderr, flush=True)

    def draw(self, share: float, detail: str = "") -> None:
        """Show how much of the step is done, 0 to 1."""
        if not self.terminal:
            return
        columns = shutil.get_terminal_size().columns
        done = int(min(max(share, 0.0), 1.0) * 24)
        line = f"[{'#' * done}{'.' * (24 - done)}] {int(time.monotonic() - self.began):3d} s  {self.text} {detail}"
        print("\r\033[K" + line[: columns - 1], end="", file=sys.stderr, flush=True)
        self.drawn = True

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self.drawn:
            print("\r\033[K", end="", file=sys.stderr)
            self.drawn = False
        print(text, file=sys.stderr, flush=True)

    def finish(self) -> None:
        if self.drawn:
            self.say(f"Set up in {time.monotonic() - self.began:.0f} s.")


def interpreter(venv: Path) -> Path:
    return venv / "bin" / "python"


def digest(*paths: Path) -> str:
    """Return the digest of some files' contents."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def stamped(venv: Path, lock: Path) -> bool:
    """Tell whether a lock file, as it is now, was installed to its end."""
    stamp = venv / f".installed-{lock.stem}"
    return stamp.is_file() and stamp.read_text() == digest(lock)


def usable(venv: Path) -> bool:
    """Tell whether a virtual environment still runs and still is of the Python it was made with."""
    try:
        made = dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines() if " = " in line)
        question = "import sys; print('%d.%d' % sys.version_info[:2])"
        answer = subprocess.run([interpreter(venv), "-c", question], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return made.get("version", "").startswith(answer.stdout.strip() + ".")


def make_venv(venv: Path, progress: Progress) -> None:
    """Make a virtual environment, or make it again when it no longer runs."""
    if usable(venv):
        return
    version = ".".join(map(str, sys.version_info[:3]))
    progress.step(f"Making {venv.name} with Python {version}")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise Failed(f"Python {version} cannot make virtual environments here: install the package {name}.") from None
    shutil.rmtree(venv, ignore_errors=True)
    # The base interpreter: this one may be the one in the folder that was just removed.
    python = getattr(sys, "_base_executable", sys.executable)
    run([python, "-m", "venv", str(venv)], "The virtual environment could not be made")


def install(venv: Path, lock: Path, progress: Progress) -> None:
    """Install a lock file with its hashes into a virtual environment, once."""
    make_venv(venv, progress)
    if stamped(venv, lock):
        return
    count = sum("==" in line for line in lock.read_text().splitlines())
    progress.step(f"Installing {count} packages into {venv.name} (a minute or two)")
    before = installed(venv)
    log_path = venv / "install.log"
    # --no-deps: the lock file is complete, so there is nothing for pip to work out.
    options = ["--no-deps", "--require-hashes", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command = [str(interpreter(venv)), "-m", "pip", "install", *options, "-r", str(lock)]
    with log_path.open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=clean_environment())
        try:
            while process.poll() is None:
                time.sleep(0.2)
                got = sum(line.startswith("Collecting ") for line in log_path.read_text(errors="replace").splitlines())
                there = installed(venv) - before
                progress.draw(0.6 * got / count + 0.4 * there / count, f"{min(max(got, there), count)}/{count}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise Failed(f"The packages could not be installed: {reason(log_path.read_text(errors='replace'))}")
    (venv / f".installed-{lock.stem}").write_text(digest(lock))


def installed(venv: Path) -> int:
    """Return how many packages a virtual environment holds."""
    return sum(1 for _ in venv.glob("lib/python*/site-packages/*.dist-info"))


def fetch_assets(progress: Progress) -> None:
    """Fetch the front-end files; without them the pages are plainer but work, so a failure is only told."""
    current = subprocess.run([interpreter(VENV), "-m", "web.assets", "--check"], cwd=ROOT, check=False)
    failed = VENV / ".assets-failed"
    if current.returncode == 0:
        return
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_ASSETS_SECONDS:
        progress.say("The front-end files are missing, the pages are plainer; `make assets` fetches them.")
        return
    progress.step("Fetching the front-end files")
    try:
        run([interpreter(VENV), "-m", "web.assets"], "", seconds=ASSETS_SECONDS)
        failed.unlink(missing_ok=True)
    except Failed as error:
        failed.touch()
        progress.say(f"The front-end files could not be fetched, the pages are plainer: {error}")


def install_browser(progress: Progress) -> None:
    """Install Debian's Chromium and a Chinese font where they are absent; only root can."""
    packages = [] if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) else ["chromium"]
    if not has_chinese_font():
        packages.append("fonts-wqy-microhei")
    if not packages:
        return progress.say("Chromium and a Chinese font are here.")
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return progress.say(f"Not installed, browser tests may be skipped: {names} (as root on Debian: make browser).")
    progress.step(f"Installing {names}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, stdout=subprocess.DEVNULL)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], f"{names} could not be installed")
    return progress.say(f"Installed {names}.")


def has_chinese_font() -> bool:
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=False).stdout.strip())


def strip_package_lock() -> None:
    """Take the addresses out of package-lock.json: integrity hashes say what a file is, not where it came from."""
    path = ROOT / "package-lock.json"
    lock = json.loads(path.read_text())
    for package in lock["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    path.write_text(json.dumps(lock, indent=2) + "\n")


def clean_environment() -> "dict[str, str]":
    """Return the environment without what would send packages or imports elsewhere."""
    astray = {"PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIREMENT", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in astray}


def run(command: "Sequence[str | Path]", failure: str, seconds: "float | None" = None) -> None:
    """Run a command without a word; raises Failed with its own reason."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False, env=clean_environment()
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{failure}: no answer in {seconds:.0f} s".lstrip(": ")) from None
    if done.returncode != 0:
        raise Failed(f"{failure}: {reason(done.stdout + done.stderr)}".lstrip(": "))


def reason(output: str) -> str:
    """Return the line of a command's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("connection" in line.lower() and line.startswith("WARNING: Retrying") for line in lines):
        return "no connection to the package index"
    told = [line for line in lines if line.lower().startswith(("error", "e:", "fatal"))]
    return (told or lines or ["it said nothing"])[-1]


def only_one() -> object:
    """Wait until no other set-up works in this folder. The lock ends with the process."""
    import fcntl

    handle = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def set_up(goal: str, progress: Progress) -> None:
    if goal == "browser":
        return install_browser(progress)
    if goal == "strip-package-lock":
        return strip_package_lock()
    only_one()
    if goal == "clients":
        return install(CLIENTS, ROOT / "requirements-clients.lock", progress)
    # The development lock holds everything the product's own lock does.
    if goal == "test" or not stamped(VENV, ROOT / "requirements-dev.lock"):
        install(VENV, ROOT / ("requirements-dev.lock" if goal == "test" else "requirements.lock"), progress)
    else:
        make_venv(VENV, progress)
    return fetch_assets(progress)


def main(arguments: "list[str]") -> int:
    if sys.version_info < OLDEST:
        print(f"Needlepoint needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    if len(arguments) != 1 or arguments[0] not in ("run", "test", "clients", "browser", "strip-package-lock"):
        print("usage: bootstrap.py run|test|clients|browser", file=sys.stderr)
        return 2
    progress = Progress()
    try:
        set_up(arguments[0], progress)
        progress.finish()
    except Failed as error:
        progress.say(str(error))
        return 1
    except OSError as error:
        progress.say(f"Needlepoint could not be set up in {ROOT}: {error.filename or ''} {error.strerror or error}")
        return 1
    except KeyboardInterrupt:
        progress.say("Stopped; the next run goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
