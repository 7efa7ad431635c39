"""What a program has done to files is undone exactly, and stays exactly where it is one."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.core.effects.undo import Record
from eager_kernel.execution import hook, journal_file, mounts, plain_files
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.journal import Journal
from eager_kernel.execution.journals import Journals, left_in
from eager_kernel.execution.kept_files import Limits
from tests.execution.journalled import Run, as_in_a_cell, exactly, furnish, kinds, state_of
from tests.execution.running import end, run_program

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")

PROGRAMS = kinds("files")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "work"
    furnish(folder)
    before = Path.cwd()
    yield folder
    os.chdir(before)


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Run:
    return Run(tmp_path / "undo", folder)


def kept(run: Run) -> list[Path]:
    """What is left of journals."""
    root = run.folder.parent / "undo"
    return list(root.iterdir()) if root.exists() else []


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_none_leaves_no_trace(run: Run, folder: Path, name: str) -> None:
    before = exactly(folder)
    run.go(PROGRAMS[name], well=False)
    assert run.held == [], "it was to happen at once"
    assert exactly(folder) == before
    close(run)  # what it has still in its buffers reaches nobody
    assert exactly(folder) == before
    assert run.barrier.files.troubles == []
    assert kept(run) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_one_leaves_what_it_would_have_left(
    run: Run, folder: Path, name: str
) -> None:
    other = folder.parent / "plain"
    furnish(other)
    run.go(PROGRAMS[name], well=True)
    subprocess.run([sys.executable, "-c", PROGRAMS[name]], cwd=other, check=True)
    assert run.held == []
    close(run)
    assert as_in_a_cell(folder) == as_in_a_cell(other)


def close(run: Run) -> None:
    """Close what the program has left open."""
    for value in run.namespace.values():
        if isinstance(value, io.IOBase):
            value.close()


@pytest.mark.parametrize("name", PROGRAMS)
def test_its_user_may_take_back_a_program_that_is_one(run: Run, folder: Path, name: str) -> None:
    before = exactly(folder)
    run.go(PROGRAMS[name], well=True)
    assert run.journal.take_back() == []
    assert exactly(folder) == before
    assert kept(run) == []


# What can't be taken back waits -----------------------------------------------------------------


def waits(run: Run, program: str) -> bool:
    """Whether a program waits; it is refused then."""
    refusal = threading.Timer(1.0, lambda: run.barrier.deny("it has waited"))
    refusal.start()
    run.go(program, well=False)
    refusal.cancel()
    return bool(run.held)


@pytest.mark.parametrize(
    "program",
    [
        "import mmap\nf = open('old', 'r+')\nm = mmap.mmap(f.fileno(), 0)\nm[0:1] = b'Q'",
        "import os\nos.open('n', os.O_CREAT | os.O_WRONLY)",
        "open('pipe', 'r+')",
        "import os\nos.remove('one')",
        "open('/dev/shm/eager-test', 'w')",
        "import os\nos.chown('old', 12345, -1)",
        "import fcntl\nfcntl.flock(open('old'), fcntl.LOCK_EX)",
        "import sqlite3\nsqlite3.connect('base')",
    ],
)
def test_it_waits(run: Run, folder: Path, program: str) -> None:
    os.mkfifo(folder / "pipe")
    before = state_of(folder)
    assert waits(run, program)
    assert state_of(folder) == before


def test_a_large_file_waits(tmp_path: Path, folder: Path) -> None:
    run = Run(tmp_path / "undo", folder, Limits(file_bytes=5))
    before = state_of(folder)
    assert waits(run, "open('old', 'a').write('x')")
    assert state_of(folder) == before


def test_a_run_that_needs_much_waits(tmp_path: Path, folder: Path) -> None:
    run = Run(tmp_path / "undo", folder, Limits(run_bytes=14))
    before = state_of(folder)
    assert waits(run, "open('old', 'a').write('x')\nopen('other', 'a').write('x')")
    assert run.held == ["opens 'other' for writing"]
    assert state_of(folder) == before


def test_a_file_that_is_open_elsewhere_waits(run: Run, folder: Path) -> None:
    with folder.joinpath("old").open("a"):
        assert waits(run, "open('old', 'a').write('x')")


def test_it_waits_where_no_journal_can_be_written(tmp_path: Path, folder: Path) -> None:
    tmp_path.joinpath("file").touch()
    run = Run(tmp_path / "file" / "undo", folder)
    before = state_of(folder)
    assert waits(run, "open('old', 'a').write('x')")
    assert state_of(folder) == before


def test_a_file_system_is_known_where_the_root_is_no_mount_point(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a chroot, where `/proc/self/mountinfo` leaves out what the root lies in."""
    known = mounts.mounted_type(str(folder))
    device = folder.lstat().st_dev
    line = f"1 2 {{}}:{os.minor(device)} / / rw - {known} /dev/x rw\n"
    empty, of_all = tmp_path / "mountinfo", tmp_path / "all"
    empty.touch()
    of_all.write_text(line.format(os.major(device) + 1).replace(known, "nfs"))
    monkeypatch.setattr(mounts, "_MOUNTS", str(empty))
    monkeypatch.setattr(mounts, "_MOUNTS_OF_ALL", str(of_all))
    assert mounts.mounted_type(str(folder)) == ""
    monkeypatch.setattr(mounts, "_MOUNTS_OF_ALL", "/nowhere")
    assert mounts.mounted_type(str(folder)) == ""
    of_all.write_text(of_all.read_text() + line.format(os.major(device)))
    monkeypatch.setattr(mounts, "_MOUNTS_OF_ALL", str(of_all))
    assert mounts.mounted_type(str(folder)) == known
    before = exactly(folder)
    run.go(PROGRAMS["overwriting"], well=False)
    assert run.held == []
    assert exactly(folder) == before


# What somebody else changes meanwhile ---------------------------------------------------------


@pytest.mark.parametrize("operation", ["append_line", "copy"])
def test_it_waits_where_the_disk_is_full(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    before = state_of(folder)

    def full(*about: object) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    run.go(
        "open('other', 'a').write('kept')",
        "open('old', 'a').write('not kept')",
        well=False,
        between=lambda: monkeypatch.setattr(plain_files, operation, full),
        patience=1,
    )
    assert run.held == ["opens 'old' for writing"]
    assert isinstance(run.journal.recorder.failure, OSError)
    close(run)
    assert state_of(folder) == before


def test_what_somebody_else_has_written_is_left(run: Run, folder: Path) -> None:
    def write() -> None:
        folder.joinpath("old").write_text("of somebody else")

    run.go("open('old', 'w').write('mine')", "open('n', 'w')", well=False, between=write)
    assert folder.joinpath("old").read_text() == "of somebody else"
    assert not folder.joinpath("n").exists()
    (trouble,) = run.barrier.files.troubles
    assert trouble.path == str(folder / "old")
    assert Path(trouble.kept).read_text() == "old contents"
    assert "12 bytes" in str(trouble)
    assert trouble.kept in str(trouble)


def test_what_somebody_else_has_put_there_is_left(run: Run, folder: Path) -> None:
    def put() -> None:
        folder.joinpath("mine").write_text("of somebody else")
        folder.joinpath("mine").replace(folder / "n")

    run.go("open('n', 'w').write('x')", "x = 1", well=False, between=put)
    assert folder.joinpath("n").read_text() == "of somebody else"
    assert [trouble.path for trouble in run.barrier.files.troubles] == [str(folder / "n")]


def test_a_folder_in_which_somebody_else_has_written_is_left(run: Run, folder: Path) -> None:
    def put() -> None:
        folder.joinpath("a", "b").write_text("of somebody else")

    run.go("import os; os.mkdir('a'); open('a/x', 'w')", well=False, between=put)
    assert [path.name for path in folder.joinpath("a").iterdir()] == ["b"]
    (trouble,) = run.barrier.files.troubles
    assert "something in it that the program has not made" in str(trouble)


def test_what_was_changed_since_is_not_taken_back(run: Run, folder: Path) -> None:
    run.go("open('old', 'w').write('mine')", "open('n', 'w').close()", well=True)
    folder.joinpath("old").write_text("of the user")
    (trouble,) = run.journal.take_back()
    assert trouble.path == str(folder / "old")
    assert folder.joinpath("old").read_text() == "of the user"
    assert not folder.joinpath("n").exists()


# Programs that are written on --------------------------------------------------------------------


def test_nothing_is_put_back_while_a_repair_may_come(run: Run, folder: Path) -> None:
    before = state_of(folder)
    os.chdir(folder)
    barrier = run.barrier
    with run.armed():
        run.step("open('a', 'w').write('1')")
        barrier.deny("it does not parse")
        barrier.hold_again()
        assert folder.joinpath("a").exists()
        run.step("open('b', 'w').write('1')")
        barrier.deny("it does not parse")
    assert state_of(folder) == before


def test_what_a_known_program_has_done_stays_when_it_is_written_on(run: Run, folder: Path) -> None:
    os.chdir(folder)
    barrier = run.barrier
    with run.armed():
        run.step("open('a', 'w').write('1')")
        barrier.release()
        run.step("open('b', 'w').write('1')\nopen('old', 'a').write('x')")
        barrier.hold_again()
        known = state_of(folder)
        run.step("open('c', 'w').close()\nopen('a', 'w').write('2')\nopen('old', 'a').write('y')")
        barrier.deny("it does not parse")
    assert state_of(folder) == known


# Kernels that are killed ----------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.execution.journalled import Run
sys.path.insert(0, '')
run = Run(Path(sys.argv[1]), Path(sys.argv[2]))
run.go(sys.argv[3], 'import os; os.abort()', well=False)
"""


@pytest.mark.parametrize(
    "name", ["overwriting", "removing a tree and making it anew", "changing places", "threads"]
)
def test_the_next_kernel_undoes_what_a_killed_one_has_done(
    tmp_path: Path, folder: Path, name: str
) -> None:
    before = state_of(folder)
    root = tmp_path / "undo"
    program = PROGRAMS[name]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, root, folder, program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode < 0
    assert state_of(folder) != before
    (restored,) = Journals(str(root)).restore_left()
    assert restored.troubles == ()
    assert state_of(folder) == before
    assert left_in(str(root)) == []


def test_a_journal_of_a_process_that_lives_is_let_alone(run: Run, folder: Path) -> None:
    def look() -> None:
        assert Journals(str(folder.parent / "undo")).restore_left() == []
        assert folder.joinpath("n").exists()

    run.go("open('n', 'w').close()", well=False, between=look)


def test_restoring_that_was_broken_off_begins_again(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = PROGRAMS["removing a tree and making it anew"]
    program += "\n" + PROGRAMS["changing places"] + "\n" + PROGRAMS["overwriting"]
    before = state_of(folder)
    calls = 0

    def break_off(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        undoing._do_all(*arguments)  # type: ignore[arg-type]

    from eager_kernel.execution import undoing

    undoing._do_all = undoing._do  # type: ignore[attr-defined]
    monkeypatch.setattr(undoing, "_do", break_off)
    for at in range(1, 12):
        shutil.rmtree(folder)
        furnish(folder)
        one = Run(folder.parent / f"undo {at}", folder)
        calls = 0
        with pytest.raises(KeyboardInterrupt):
            one.go(program, well=False)
        one.barrier.take_back()
        assert one.barrier.files.troubles == []
        assert state_of(folder) == before


# What a user is told ---------------------------------------------------------------------------


def test_the_report_names_what_was_written_early(tmp_path: Path, folder: Path) -> None:
    os.chdir(folder)
    barrier = Barrier(Effects(), journal=Journal(str(tmp_path / "undo")))
    run = run_program(
        "x = 1\nopen('n', 'w').close()\nopen('n', 'a').close()\n",
        "import os\nos.rename('old', 'new')\n",
        end,
        barrier=barrier,
    )
    report = run.outcome.report
    assert {(Path(file.path).name, file.line) for file in report.files} == {("n", 2), ("new", 5)}
    assert (report.file_count, report.files_undone) == (2, False)


def test_the_report_says_that_it_was_undone(tmp_path: Path, folder: Path) -> None:
    os.chdir(folder)
    barrier = Barrier(Effects(), journal=Journal(str(tmp_path / "undo")))
    run = run_program("x = 1\nopen('n', 'w').close()\n", "y = )\n", end, barrier=barrier)
    assert run.outcome.report.files_undone
    assert [file.line for file in run.outcome.report.files] == [2]
    assert not folder.joinpath("n").exists()
    hook._refused.clear()
    hook._alert = False


def test_a_run_without_effects_has_none(tmp_path: Path, folder: Path) -> None:
    barrier = Barrier(Effects(), journal=Journal(str(tmp_path / "undo")))
    run = run_program("x = 1\n", "y = 2\n", end, barrier=barrier)
    assert (run.outcome.report.files, run.outcome.report.file_count) == ((), 0)
    assert not tmp_path.joinpath("undo").exists()


def test_a_line_that_was_cut_off_does_not_spoil_those_that_follow(tmp_path: Path) -> None:
    folder = journal_file.new_folder(str(tmp_path))
    journal_file.add_record(folder, Record("made", "/one"))
    with Path(folder, journal_file.NAME).open("a") as file:
        file.write('\n{"op": "made", "pa')  # the disk was full; its effect has not happened
    journal_file.add_record(folder, Record("made", "/two"))
    assert [record.path for record in journal_file.read(folder).records] == ["/one", "/two"]
