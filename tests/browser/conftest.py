"""One Jupyter server and one browser for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lab import FLAGS, Lab, Notebook, chromium, running_lab

INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]


def browser() -> str:
    """Where Chromium is; installed first, where that takes no more than asking for it."""
    path = chromium()
    if path is None and shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], INSTALL):
            subprocess.run(
                command, env=environment, check=False, timeout=400, stdout=subprocess.DEVNULL
            )
        path = chromium()
    if path is None:
        pytest.skip("no Chromium here, and it can't be installed without being root on Debian")
    return path


# A playwright that stays would leave its event loop to the asynchronous tests of other folders.
@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    browser()
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="package")
def chrome() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=browser(), args=FLAGS)
        yield chrome
        chrome.close()


def new_context(chrome: Any, lab: Lab) -> Any:
    """Make what holds the pages of a server, apart from those of others."""
    context = chrome.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(60_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)
    return context


@pytest.fixture(scope="package")
def context(chrome: Any, lab: Lab) -> Any:
    return new_context(chrome, lab)


def _note(failed: list[str], error: str) -> None:
    # What JupyterLab says by itself of a kernel that is restarted while it asks for a subshell.
    if "Canceled future for create_subshell_request" not in error:
        failed.append(error)


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """An empty page; no script of it may fail."""
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: _note(failed, str(error)))
    yield page
    page.close()
    assert failed == []


@pytest.fixture
def notebook(page: Any, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Opens a notebook of the given cells; its kernel ends with the test."""
    opened: list[Notebook] = []

    def open_it(*cells: str, kernel: str = "eager_python") -> Notebook:
        name = "".join(c if c.isalnum() else "-" for c in request.node.name)
        opened.append(Notebook(page, lab.write(name, *cells, kernel=kernel)))
        return opened[-1]

    yield open_it
    for one in opened:
        one.shut_down()
