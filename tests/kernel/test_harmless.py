"""Programs that nobody outside would notice wait for nothing, whatever the user's home is like."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import Heard, WireStream
from tests.afresh import afresh

_PARTS = Path(__file__).with_name("harmless.txt").read_text("utf-8").split("\n# %% ")[1:]
PROGRAMS = {part.partition("\n")[0]: part.partition("\n")[2] for part in _PARTS}
KEEPERS = [
    "pyplot",
    "inline figures",
    "plot of a table",
    "styles and fonts",
    "seaborn [seaborn]",
    "cd",
]
"""Those that keep something in the user's home."""

# The first of a kernel that keeps something finds an empty home, so each kind of it comes first in
# one. The others have no interest in the home.
HOMES = {
    "empty": list(PROGRAMS),
    "empty, for inline figures": ["inline figures"],
    "empty, for a table": ["plot of a table"],
    "linked": ["inline figures", *KEEPERS],
    "unusable": ["plot of a table", *KEEPERS],
    "empty, journalled": list(PROGRAMS),
}


@dataclass(frozen=True)
class Place:
    """A kernel, and the folder in which its programs run."""

    client: BlockingKernelClient
    folder: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Kernels of users who have run nothing yet, by what their homes are like."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(
            lambda home: stack.enter_context(_place(home, tmp_path_factory.mktemp("user")))
        )


@contextlib.contextmanager
def _place(kind: str, top: Path) -> Iterator[Place]:
    """A user whose home is empty, a link, or unusable.

    If it is a symbolic link, its cache and configuration are, too. If it is unusable, files lie
    where those folders belong.
    """
    top = top.resolve()
    home, folder = top / "home", top / "work"
    home.mkdir()
    if kind == "linked":
        for name in (".cache", ".config"):
            top.joinpath("elsewhere", name).mkdir(parents=True)
            home.joinpath(name).symlink_to(top / "elsewhere" / name)
        home = top / "link"
        home.symlink_to(top / "home")
    elif kind == "unusable":
        for name in (".cache", ".config", ".ipython"):
            home.joinpath(name).touch()
    _furnish(folder)
    environment = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE}
    manager, client = start_kernel(
        "eager_python",
        extra_arguments=["--log-level=CRITICAL", "--EagerRun.delta_timeout=60"],
        env={**environment, "HOME": str(home), "TMPDIR": str(top)},
        cwd=str(folder),
    )
    yield Place(client, folder)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def _furnish(folder: Path) -> None:
    folder.joinpath("there", "inside").mkdir(parents=True)
    folder.joinpath("old").write_text("old\n")
    folder.joinpath("table.csv").write_text("a,b\n1,2\n3,4\n")
    folder.joinpath("module_of_mine.py").write_text("value = 1\n")
    with contextlib.closing(sqlite3.connect(folder / "some.db")) as database, database:
        database.execute("create table t (a)")


@pytest.mark.parametrize(
    ("home", "name"),
    [(home, name) for home, names in HOMES.items() for name in dict.fromkeys(names)],
)
def test_it_waits_for_nothing(places: Callable[[str], Place], home: str, name: str) -> None:
    _, _, needed = name.partition(" [")
    if needed and find_spec(needed.rstrip("]")) is None:
        pytest.skip(f"needs {needed.rstrip(']')}")
    place = places(home)
    place.client.execute_interactive(afresh(place.folder), store_history=False, timeout=60)
    program = PROGRAMS[name].rstrip("\n") + "\nlast = 1\n"
    mode = "effect" if home.endswith("journalled") else "wait"
    stream = WireStream(place.client).open(format="python", gate=mode).attach().delta(program)
    lines = program.count("\n")
    heard = stream.listen(60, until=lambda heard: waits(heard) or has_run(heard, lines))
    waited = waits(heard)
    stream.end().finish(60)
    assert waited == []
    assert heard.errors() == []


def waits(heard: Heard) -> list[str]:
    """Why something waits, or has come to its end too early."""
    return [d["reason"] for d in heard.comm if d.get("state") in ("held", "failed", "skipped")]


def has_run(heard: Heard, lines: int) -> bool:
    """Whether the last of so many lines has run."""
    return any(d.get("state") == "done" and d["lines"][1] == lines for d in heard.comm)


# What says where a user's files are, instead of their home.
_ELSEWHERE = (
    "IPYTHONDIR",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
