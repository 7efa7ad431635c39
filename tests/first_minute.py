"""Walks the README's first minute, and stops at the first thing that is not as it says.

``python tests/first_minute.py``: in a copy of the clone, with an empty home and nothing installed
but what the README has one install; in JupyterLab, by a real browser. It is the README's own lines
that are run and typed, those below its comments ``<!-- first minute: … -->``. It does without
Node.js, which the README does not ask for; ``--node`` leaves it there.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOKEN = "of-the-first-minute"
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
SECONDS = 120
"""How long each thing may take; machines are busy."""


class NotAsTheReadmeSaysError(Exception):
    """What a reader would be stopped by."""


def walk(chromium: str) -> None:
    """Do what the README says, in its order."""
    readme = ROOT.joinpath("README.md").read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="first-minute-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        clone, home = folder / "clone", folder / "home"
        home.mkdir()
        copy_tracked_files(clone)
        environment = empty_environment(home, folder / "bin")
        shell(block(readme, "install"), clone, environment)
        say("installed")
        shell(
            "source .venv/bin/activate\njupyter kernelspec list | grep eager_python",
            clone,
            environment,
        )
        say("the kernel is there")
        with started(block(readme, "start"), clone, environment) as url, page_of(chromium) as page:
            look(page, url, block(readme, "cell"))


def look(page: Any, url: str, cell: str) -> None:
    """Choose the kernel, run the cell, and see what the README says is to be seen."""
    page.goto(f"{url}/lab?token={TOKEN}", wait_until="domcontentloaded")
    with expected("*EAGER Python* can be chosen under *Notebook*", page):
        card = page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text="EAGER Python")
        card.first.click()
        editor = page.locator(".jp-Notebook .cm-content").first
        editor.click()
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    say("a notebook of the kernel is open")
    page.keyboard.insert_text(cell)
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-Notebook .jp-Cell").first.locator(".jp-OutputArea")
    with expected("the program appears under the cell as it is written, line by line", page):
        output.locator(".ev-row").nth(2).wait_for()
        if output.locator(".eager-view").get_attribute("data-phase") not in ("writing", "running"):
            raise NotAsTheReadmeSaysError("it was there all at once, when it had ended")
        output.locator(".ev-row[data-mark=done]").first.wait_for()
    say("the program appears, with what has run of it")
    with expected("its outputs are below, and nothing fails", page):
        output.locator("details").wait_for()
        shown = output.inner_text()
        for wrong in ("Error", "No module named", "✗", "failed"):
            if wrong in shown:
                raise NotAsTheReadmeSaysError(f"{wrong!r} is shown")
        if "Trips:" not in shown:
            raise NotAsTheReadmeSaysError("the program's first output is not shown")
    say("the program has run")
    page.keyboard.insert_text("%eager report")
    page.keyboard.press("Shift+Enter")
    with expected("`%eager report` says how much of the waiting was saved", page):
        page.locator(".jp-Notebook .jp-Cell").nth(1).locator(
            ".jp-OutputArea svg, .jp-OutputArea img"
        ).first.wait_for()
    say("the report is shown")


# What the README says -------------------------------------------------------------------------


def block(readme: str, name: str) -> str:
    """The lines below a comment of the README."""
    found = re.search(rf"<!-- first minute: {name} -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    if found is None:
        raise NotAsTheReadmeSaysError(f"the README has no block `first minute: {name}`")
    return found[1].strip("\n")


@contextmanager
def expected(what: str, page: Any) -> Iterator[None]:
    """Name what the README says, if it is not so; and keep a picture of what there is."""
    try:
        yield
    except Exception as error:
        folder = ROOT / "build" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(folder / "first-minute.png"))
        seen = page.locator("body").inner_text()
        raise NotAsTheReadmeSaysError(
            f"{what}: {error}\nThe page shows:\n{seen[-3000:]}"
        ) from error


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stdout.write(f"{time.monotonic() - START:5.1f} s  {text}\n")
    sys.stdout.flush()


# An empty machine -----------------------------------------------------------------------------


def copy_tracked_files(clone: Path) -> None:
    """Make a clone as a reader would have it, of the files as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            target = clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def empty_environment(home: Path, programs: Path) -> dict[str, str]:
    """An environment with Python, and nothing of the user's but the way to the package index."""
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if "--node" in sys.argv or program.name not in ("node", "nodejs", "npm", "npx"):
            programs.joinpath(program.name).symlink_to(program)
    programs.joinpath("python3").unlink(missing_ok=True)
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    programs.joinpath("python3").symlink_to(base)
    kept = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_PROXY|LANG", re.IGNORECASE)
    environment = {name: value for name, value in os.environ.items() if kept.fullmatch(name)}
    cache = subprocess.run(
        [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False
    )
    if cache.returncode == 0:  # what is downloaded already is no part of the test
        environment["PIP_CACHE_DIR"] = cache.stdout.strip()
    # Nor is from where packages come.
    for name, file in (
        ("PIP_CONFIG_FILE", ".config/pip/pip.conf"),
        ("NPM_CONFIG_USERCONFIG", ".npmrc"),
    ):
        if (path := Path.home() / file).exists():
            environment.setdefault(name, str(path))
    return {**environment, "HOME": str(home), "PATH": str(programs)}


def shell(lines: str, clone: Path, environment: dict[str, str]) -> None:
    """Run lines as in a terminal."""
    done = subprocess.run(
        ["bash", "-ec", lines],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise NotAsTheReadmeSaysError(
            f"this fails:\n{lines}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        )


@contextmanager
def started(line: str, clone: Path, environment: dict[str, str]) -> Iterator[str]:
    """Start JupyterLab by the README's line, without a browser of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    quiet = (
        f"--no-browser --allow-root --ip=127.0.0.1 --port={port} --IdentityProvider.token={TOKEN}"
    )
    command = f"source .venv/bin/activate\nexec {line} {quiet}"
    log = clone.parent / "jupyter.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-ec", command], cwd=clone, env=environment, stdout=out, stderr=out
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + SECONDS
            while not answers(f"{url}/api/status?token={TOKEN}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NotAsTheReadmeSaysError(f"`{line}` does not start:\n{log.read_text()}")
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(address: str) -> bool:
    """Whether a server answers."""
    try:
        with urllib.request.urlopen(address, timeout=60):
            return True
    except OSError:
        return False


@contextmanager
def page_of(chromium: str) -> Iterator[Any]:
    """An empty page of a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(SECONDS * 1000)
        yield page
        browser.close()


START = time.monotonic()

if __name__ == "__main__":
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sys.exit("there is no Chromium here: apt-get install chromium")
    try:
        walk(found)
    except NotAsTheReadmeSaysError as error:
        sys.exit(f"not as the README says: {error}")
