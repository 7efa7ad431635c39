"""Kernels in which models are asked: ours, and a stock one with the extension."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Starter
from tests.magics.notebook import Notebook

# Not %reset, which takes a tenth of a second.
FORGET = """\
def _forget(shell):
    for name in [n for n in shell.user_ns if n not in shell.user_ns_hidden and n[0] != "_"]:
        del shell.user_ns[name]
_forget(get_ipython())
%eager context --clear
%eager gate effect
"""
KERNELS = ("eager_python", "python3")


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed package that gives the scripted models."""
    folder: Path = tmp_path_factory.mktemp("packages")
    shutil.copy(Path(__file__).with_name("scripted.py"), folder)
    info = folder / "scripted_source-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 1\n")
    info.joinpath("entry_points.txt").write_text(
        "[eager_kernel.sources]\nscripted = scripted:make_source\n"
    )
    return folder


@pytest.fixture(scope="session")
def open_notebook(
    start_kernel: Starter, scripted: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Notebook]:
    """Start a kernel that knows the scripted models."""

    def start(name: str, *arguments: str) -> Notebook:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(scripted))
            manager, client = start_kernel(name, *arguments)
        notebook = Notebook(name, manager, client, tmp_path_factory.mktemp("notebook"))
        prepare(notebook)
        return notebook

    return start


def prepare(notebook: Notebook) -> None:
    """Load the extension, and leave the view out."""
    if not notebook.is_ours:
        assert notebook.run("%load_ext eager_kernel").reply["status"] == "ok"
    for setting in ("view = False", "notebook_context = 'off'"):
        assert notebook.run(f"%config EagerModel.{setting}").reply["status"] == "ok"


@pytest.fixture(scope="session", params=KERNELS)
def shared(request: pytest.FixtureRequest, open_notebook: Callable[[str], Notebook]) -> Notebook:
    """One notebook of each kind for all tests here."""
    return open_notebook(request.param)


@pytest.fixture
def notebook(shared: Notebook) -> Iterator[Notebook]:
    """The shared notebook, without what other tests have left; usable after every test."""
    assert shared.run(FORGET).errors() == []
    yield shared
    assert shared.run("1 + 1").displayed() == ["2"]
    assert shared.run("%eager status").text().count("running  nothing") == 1


@pytest.fixture(scope="session")
def eager_notebook(open_notebook: Callable[[str], Notebook]) -> Notebook:
    """One notebook of the EAGER kernel for all tests here."""
    return open_notebook("eager_python")


@pytest.fixture
def ours(eager_notebook: Notebook) -> Notebook:
    """The EAGER kernel's notebook, without what other tests have left."""
    assert eager_notebook.run(FORGET).errors() == []
    return eager_notebook


@pytest.fixture(scope="session")
def stock_notebook(open_notebook: Callable[[str], Notebook]) -> Notebook:
    """One notebook of a stock kernel for all tests here."""
    return open_notebook("python3")


@pytest.fixture
def stock(stock_notebook: Notebook) -> Notebook:
    """The stock kernel's notebook, without what other tests have left."""
    assert stock_notebook.run(FORGET).errors() == []
    return stock_notebook
