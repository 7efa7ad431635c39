"""Programs under a barrier with a journal, in this process."""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.errors import EffectHeld
from eager_kernel.execution import hook
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.hosts import Hosts
from eager_kernel.execution.journal import Journal
from eager_kernel.execution.kept_files import Limits
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.testing import load

NAME = "<the program>"
OLD = 10**18 + 7
LATE = 4 * 10**18 + 5
"""A time of access that is to come: reading a file does not change it."""


def kinds(file: str) -> dict[str, str]:
    """Name and program of each kind of effect in a file of `undone`."""
    programs = load(Path(__file__).parent / "undone" / f"{file}.txt")
    return {program.name.partition(": ")[2]: program.text for program in programs}


def furnish(folder: Path) -> None:
    """Make what `undone/files.txt` says that there is, with times that are long gone or to come."""
    folder.mkdir()
    for name, text in (("old", "old contents"), ("other", "other"), ("one", "one"), ("closed", "")):
        folder.joinpath(name).write_text(text)
    folder.joinpath("closed").chmod(0o444)
    os.setxattr(folder / "old", "user.a", b"1")
    os.link(folder / "one", folder / "two")
    folder.joinpath("d", "sub").mkdir(parents=True)
    folder.joinpath("d", "f").write_text("f")
    folder.joinpath("link").symlink_to("old")
    folder.joinpath("nowhere").symlink_to("target")
    for path in (*folder.rglob("*"), folder):
        os.utime(path, ns=(LATE, OLD), follow_symlinks=False)


def state_of(folder: Path) -> dict[str, Any]:
    """Everything that is to be as it was: names, contents, modes, times, attributes, links."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        there = path.lstat()
        content: Any = None
        if stat.S_ISREG(there.st_mode):
            # Where the time of access is compared, it was looked at before this: `exactly`.
            content = path.read_bytes()
        elif stat.S_ISLNK(there.st_mode):
            content = str(path.readlink())
        extended = {}
        if not stat.S_ISLNK(there.st_mode):
            extended = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        found[str(path.relative_to(folder))] = (
            there.st_mode,
            there.st_mtime_ns,
            there.st_nlink if not stat.S_ISDIR(there.st_mode) else 0,
            content,
            extended,
        )
    return found


def exactly(folder: Path) -> dict[str, Any]:
    """All that is to be what it was, the time of access and the files' numbers included."""
    looks = {str(p.relative_to(folder)): p.lstat() for p in (folder, *folder.rglob("*"))}
    return {
        name: (*state, looks[name].st_atime_ns, looks[name].st_ino * stat.S_ISREG(state[0]))
        for name, state in state_of(folder).items()
    }


def as_in_a_cell(folder: Path) -> dict[str, Any]:
    """The same, as far as two folders in which the same was done are alike."""
    found = exactly(folder)
    names = {name: TEMPORARY.sub("a temporary one", name) for name in found}
    groups: dict[int, list[str]] = {}
    for name, (*_, number) in found.items():
        groups.setdefault(number, []).append(names[name])
    return {
        names[name]: (
            oct(mode),
            _time(modified),
            links,
            _unpacked(name, content),
            extended,
            _time(accessed),
            groups[number] if number else None,
        )
        for name, (mode, modified, links, content, extended, accessed, number) in found.items()
    }


def _time(time: int) -> int | str:
    return "now" if 16 * 10**17 < time < 3 * 10**18 else time


def _unpacked(name: str, content: Any) -> Any:
    """What is in a file whose bytes tell the time."""
    if name.endswith((".pyc", "base")):
        return "such a file"
    if name.endswith(".zip"):
        with zipfile.ZipFile(BytesIO(content)) as file:
            return {one.filename: (file.read(one), one.external_attr) for one in file.filelist}
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=BytesIO(content)) as file:
            return [(m.name, m.mode, m.size, m.type) for m in file]
    return gzip.decompress(content) if name.endswith((".gz", "gzip.z")) else content


TEMPORARY: Final = re.compile(r"\btmp\w{8}\b")


class AlwaysOwn(MainThread):
    """The main thread where there is no event loop, so that nothing runs in its midst."""

    @property
    def in_own_task(self) -> bool:
        """Whether it is in the run's own task."""
        return True


class Run:
    """One program, in statements, under a barrier.

    Parameters
    ----------
    root
        Where the journal goes.
    folder
        The program's working directory.
    limits
        What may be kept.
    hosts
        Which the program may connect to.
    journal
        That of the run; None: one of its own.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        limits: Limits | None = None,
        hosts: Hosts | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.folder = folder
        self.journal = journal or Journal(str(root), limits)
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.held: list[str] = []
        self.barrier = Barrier(Effects(), journal=self.journal, hosts=hosts)
        self.barrier.begin(NAME, 0)
        self.main = AlwaysOwn()

    def go(
        self,
        *statements: str,
        well: bool,
        between: Callable[[], None] | None = None,
        patience: float = 4,
    ) -> None:
        """Run statements; then the program turns out to be one, or none.

        Parameters
        ----------
        statements
            Each is run on its own. One that has to wait does so until somebody decides.
        well
            Whether it is one.
        between
            Called after each, while the program stands still.
        patience
            Seconds after which nothing waits any more, and nothing else happens either.
        """
        before = Path.cwd()
        # What waits would wait for ever here. The thread is there before the program.
        watchdog = threading.Timer(patience, lambda: self.barrier.deny("it has waited"))
        watchdog.daemon = True
        watchdog.start()
        os.chdir(self.folder)
        try:
            with self.armed():
                for statement in statements:
                    self.barrier.goes_on()
                    self.step(statement)
                    self.barrier.stands_still()
                    if between is not None:
                        between()
                if well:
                    self.barrier.release()
                else:
                    self.barrier.deny("the program does not parse")
                    self.barrier.take_back()
        finally:
            watchdog.cancel()
            os.chdir(before)
            hook._refused.clear()  # what it has left behind is this process's, which goes on
            hook._alert = False

    def armed(self) -> AbstractContextManager[None]:
        """Watch the process for effects of the program."""
        return self.barrier.armed(self.main, self.namespace)

    def step(self, statement: str) -> None:
        """Run one statement, in the working directory."""
        with self.main.at(Doing.PROGRAM), self.barrier.program():
            try:
                exec(compile(statement, NAME, "exec"), self.namespace)
            except EffectHeld as held:
                self.held.append(held.effect)
            except OSError:
                pass
