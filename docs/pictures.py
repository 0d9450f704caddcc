"""Make the README's pictures from a real run: `python -m docs.pictures`. Needs the test requirements and Chromium.

A server on a fresh demonstration is started, every page is opened as the person who lives in it and photographed.
DATABASE_URL names a demonstration that is there already.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from web.accounts.demonstration import PASSWORD

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
PORT = 8199
WIDE, PHONE = {"width": 1280, "height": 760}, {"width": 390, "height": 780}


def main() -> None:
    """Serve a demonstration of its own, wait until it is filled, take every picture in both languages."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"DATABASE_URL": f"sqlite:///{folder}/needlepoint.db"} | os.environ
        environment |= {
            "NEEDLEPOINT_SECRET_KEY_FILE": f"{folder}/secret.key",
            "PORT": str(PORT),
        }
        command = [sys.executable, "run.py"]
        for step in ("migrate", "load-department", "demo"):
            if "DATABASE_URL" not in os.environ:
                subprocess.run([*command, step], cwd=ROOT, env=environment, check=True)
        server = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            _await_answer()
            with sync_playwright() as playwright:
                program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
                _take_all(playwright.chromium.launch(executable_path=program, args=["--no-sandbox"]))
        finally:
            server.terminate()
            server.wait()


def _await_answer() -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=1)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def _take_all(browser: Browser) -> None:
    FOLDER.mkdir(exist_ok=True)
    for language in ("zh", "en"):
        nurse = _signed_in(browser, "nurse", language, WIDE)
        _shoot(nurse, f"board-{language}", "/board")
        _shoot(nurse, f"week-{language}", "/board/week")
        _shoot_booking(nurse, f"book-{language}")
        manager = _signed_in(browser, "manager", language, WIDE)
        for name in ("ward", "roster", "manage"):
            _shoot(manager, f"{name}-{language}", f"/{name}")
        administrator = _signed_in(browser, "administrator", language, WIDE)
        _shoot(administrator, f"protocol-{language}", "/admin/protocols/AB-LIV-1")
        _shoot_list(_signed_in(browser, "physician", language, PHONE), f"list-{language}")


def _signed_in(browser: Browser, login: str, language: str, viewport: dict[str, int]) -> Page:
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{PORT}",
        locale="zh-CN" if language == "zh" else "en-GB",
        timezone_id="Asia/Shanghai",
        viewport=viewport,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto("/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/")
    if language == "en":
        page.get_by_text("English").first.click()
        page.wait_for_load_state("networkidle")
    return page


def _shoot(page: Page, name: str, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


def _shoot_list(page: Page, name: str) -> None:
    """Open today's list of an associate professor, who operates more than the professor whose own list comes first."""
    page.goto("/lists")
    _shoot(page, name, page.url.replace("/dr-01/", "/dr-03/"))


def _shoot_booking(page: Page, name: str) -> None:
    """Open the booking page with a patient and a pathway chosen, so that proposals and reasons are in the picture."""
    page.goto("/patients?q=wang")
    first = page.locator("a[data-row]").first.get_attribute("href") or ""
    _shoot(page, name, f"/book?patient={first.rsplit('/', 1)[1]}&protocol=CP-TACE-ABL-S")


if __name__ == "__main__":
    main()
