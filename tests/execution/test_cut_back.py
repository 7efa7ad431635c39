"""A program that is cut back to what has run, and written on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Gate
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.reader import Reader


def run(intake: Intake, count: int = 100) -> list[Chunk]:
    """Take what may run; the chunk after the first `count` fails."""
    ran: list[Chunk] = []
    intake.notes.batch_started()
    for entry in intake.supply.take():
        intake.notes.started(entry.chunk)
        failed = len(ran) == count
        intake.notes.finished(entry.chunk, "failed" if failed else "done")
        if failed:
            break
        ran.append(entry.chunk)
    intake.notes.batch_finished()
    return ran


def cut_back(intake: Intake) -> None:
    assert intake.pause("error", "no")
    intake.supply.give_up()
    Reader(intake).write_on()


def begun(text: str, count: int, mode: str = "effect") -> Intake:
    intake = Intake("python", Gate(mode), repairable=True)  # type: ignore[arg-type]
    intake.supply.start_streaming(0)
    Reader(intake).feed(text)
    run(intake, count)
    return intake


def test_what_comes_while_it_is_paused_is_dropped() -> None:
    intake = begun("a = 1\nb = 2\n", 1)
    assert intake.pause("error", "no")
    Reader(intake).feed("c = 3\n")
    Reader(intake).end()
    assert intake.supply.take() == []
    assert intake.ending is None
    intake.supply.give_up()
    Reader(intake).write_on()
    Reader(intake).feed("d = 4\n")
    Reader(intake).end()
    assert [chunk.source for chunk in run(intake)] == ["d = 4\n"]
    assert intake.program == "a = 1\nd = 4\n"


def test_a_run_that_was_stopped_can_not_go_on() -> None:
    intake = begun("a = 1\nb = 2\n", 1)
    intake.stop("interrupted")
    assert not intake.pause("error", "no")


def test_what_was_approved_says_nothing_of_the_text_to_come() -> None:
    text = "import time\na = time.time()\nb = 2\n"
    intake = begun(text, 3)
    intake.approve()
    assert len(run(intake, 1)) == 1
    cut_back(intake)
    Reader(intake).feed("c = time.time()\n")
    assert not intake.approved
    assert intake.supply.take() == []
    intake.approve()
    assert [chunk.source for chunk in run(intake)] == ["c = time.time()\n"]


def test_the_gate_forgets_names_that_were_cut_off() -> None:
    intake = begun("import time\ntime = None\n", 1)
    cut_back(intake)
    Reader(intake).feed("time.time()\n")
    assert intake.supply.take() == []


@pytest.mark.parametrize("mode", ["effect", "static", "paper", "off"])
def test_the_gate_knows_what_has_run(mode: str) -> None:
    intake = begun("import time as clock\nfail()\n", 1, mode)
    cut_back(intake)
    Reader(intake).feed("clock.time()\n")
    assert (intake.supply.take() == []) is (mode in ("effect", "static"))


def test_what_nothing_has_replaced_is_put_back() -> None:
    intake = begun("a = 1\nb = 2\nc = 3\n", 1)
    cut_back(intake)
    Reader(intake).feed("# Sorry.\n")
    Reader(intake).end()
    run(intake)
    intake.put_back(1, "b = 2\n")
    assert intake.program == "a = 1\nb = 2\n"


STATEMENTS = [
    "a = 1\n",
    "b = a  # why\n",
    "# a comment\nc = 3\n",
    "d = 4; e = 5\n",
    "for i in range(2):\n    a\n\n",
    "if a:\n    b\nelse:\n    c\n",
    "%time a\n",
    "s = '''\n# no comment\n'''\n",
    "\n\n",
]
PROGRAMS = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6).map("".join)


@given(first=PROGRAMS, second=PROGRAMS, count=st.integers(0, 6))
def test_chunks_follow_each_other(first: str, second: str, count: int) -> None:
    """Indices, lines and the timeline are those of the program in the end."""
    intake = begun(first, count)
    cut_back(intake)
    Reader(intake).feed(second)
    Reader(intake).end()
    run(intake)
    chunks = intake.supply.executed
    assert "".join(chunk.source for chunk in chunks) == intake.program
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert [c.lines for c in intake.report().chunks] == [
        (chunk.first_line, chunk.last_line) for chunk in chunks
    ]
    chunker = Chunker()
    whole = [*chunker.feed(intake.program), *chunker.close()]
    assert statements(whole) == statements(chunks)


def statements(chunks: list[Chunk]) -> list[str]:
    return [chunk.source.strip() for chunk in chunks if chunk.has_statement]
