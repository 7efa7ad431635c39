"""In process: what the pump decides, in the order of a script."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import FrameType

import pytest

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.errors import EagerError, IncompleteProgramError, RunCancelledError
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.failure import Failed
from eager_kernel.execution.main_thread import Doing
from eager_kernel.execution.repair import Failure
from tests.execution.running import Running, Shell, cut_off, end, interrupt, run_program

EDGES = ("<pre_execute>", "<pre_run_cell>", "<post_execute>", "<post_run_cell>")


def seen(run: Running) -> list[str]:
    """What was logged between the events; of a traceback its last line."""
    between = [str(each) for each in run.shell.seen if each not in EDGES]
    return [each.splitlines()[-1] for each in between]


def note(text: str) -> Callable[[Running], None]:
    """A step that only logs itself."""
    return lambda run: run.shell.seen.append(text)


# --- order --------------------------------------------------------------------------------------


def test_a_statement_runs_when_it_is_complete() -> None:
    run = run_program("log(1)\nlo", note("more"), "g(2)\n", note("the end"), end)
    assert seen(run) == ["1", "more", "2", "the end"]
    assert run.outcome.status == "ok"
    assert run.outcome.program == "log(1)\nlog(2)\n"
    assert "".join(run.code) == run.outcome.program


def test_what_came_while_a_batch_ran_is_the_next_batch() -> None:
    shell = Shell()
    run_holder: list[Running] = []

    def feed(text: str) -> None:
        run_holder[0].reader.feed(text)

    shell.user_ns["feed"] = feed
    run = run_program(
        "",
        run_holder.append,
        "feed('log(2)\\nlog(3)\\n')\nlog(1)\n",
        end,
        shell=shell,
        begin=3,
    )
    assert seen(run) == ["1", "2", "3"]
    assert [chunk.batch for chunk in run.outcome.report.chunks] == [0, 0, 1, 1]


def test_states_are_told_in_the_order_of_the_program() -> None:
    run = run_program("a = 1\n", "1 / 0\nb = 2\n", "c = 3\n", end)
    assert dict(run.states) == {0: "done", 1: "failed", 2: "skipped"}
    assert run.stops == ["error"]


def test_held_chunks_run_at_the_end_and_deferred_ones_with_the_next() -> None:
    text = "log(1)\nimport time\n", "t = time.time(); log(2)\n", note("late"), end
    run = run_program(*text, mode="static")
    assert seen(run) == ["1", "late", "2"]
    assert (2, "held") in run.states


def test_nothing_is_held_once_it_is_approved() -> None:
    def approve(run: Running) -> None:
        run.intake.approve()

    text = "import time\n", "t = time.time(); log(1)\n", note("held"), approve, note("late"), end
    assert seen(run_program(*text, mode="static")) == ["held", "1", "late"]


# --- errors -------------------------------------------------------------------------------------


def test_the_client_hears_of_a_failure_before_it_is_shown() -> None:
    run = run_program("log(1)\n1 / 0\n", "log(2)\n", end)
    assert seen(run) == ["1", "<stop: error>", "ZeroDivisionError: division by zero"]
    assert run.outcome.executed_lines == 1
    assert run.outcome.error_lines == (2, 2)


def test_a_failed_program_that_is_drained_shows_the_lines_after() -> None:
    run = run_program("1 / 0\n", note("waits"), "after = 1\n", end, on_error="drain")
    assert seen(run)[0] == "waits"
    assert "after = 1" in str(run.shell.seen[-3])
    assert run.outcome.program == "1 / 0\nafter = 1\n"
    assert "after" not in run.shell.user_ns


def test_a_program_that_turns_out_to_be_none_says_what_ran() -> None:
    run = run_program("log(1)\n", "x = )\nlog(2)\n", end)
    assert seen(run) == ["1", "<stop: error>", "Line 1 of the program ran before this was known."]
    assert run.outcome.error_lines == (2, 2)


@pytest.mark.parametrize("on_error", ["stop", "drain"])
def test_an_error_that_can_not_be_shown_ends_the_run_all_the_same(on_error: str) -> None:
    text = "class E(Exception):\n    def __str__(self):\n        raise SystemExit(3)\n"
    run = run_program(text, "raise E\n", "log(1)\n", end, on_error=on_error)  # type: ignore[arg-type]
    assert run.outcome.status == "error"
    assert "1" not in seen(run)
    assert (1, "failed") in run.states


def test_a_program_that_was_cut_off_ends_before_the_unfinished_statement() -> None:
    text = "```python\nlog(1)\nb = 12", cut_off
    run = run_program(*text, text_format="markdown")
    assert isinstance(run.outcome.error, IncompleteProgramError)
    assert run.outcome.error_lines == (2, 2)
    assert seen(run)[0] == "1"
    assert "b" not in run.shell.user_ns


# --- repair -------------------------------------------------------------------------------------


class Repairer:
    """Wants each error repaired, as often as it may; the text comes by the script."""

    def __init__(self, times: int = 1) -> None:
        self.times = times
        self.asked: list[Failure] = []

    def wants(self, error: Exception) -> bool:
        return len(self.asked) < self.times

    def ask(self, failure: Failure) -> None:
        self.asked.append(failure)


def write_on(run: Running) -> None:
    """The program is cut back, as the stream thread does it."""
    run.reader.write_on()


def test_a_failed_program_is_written_on_and_its_error_is_not_shown() -> None:
    repairer = Repairer()
    run = run_program("log(1)\n1 / 0\nlog(2)\n", write_on, "log(3)\n", end, repair=repairer)
    assert seen(run) == ["1", "<stop: error>", "3"]
    assert run.outcome.status == "ok"
    assert run.outcome.program == "log(1)\nlog(3)\n"
    (failure,) = repairer.asked
    assert (failure.executed, failure.failing) == ("log(1)\n", "1 / 0\n")
    assert failure.lines == (2, 2)
    assert "ZeroDivisionError: division by zero" in failure.traceback[-1]
    assert run.outcome.failures == (failure,)


def test_an_error_in_whose_place_nothing_came_is_shown_after_all() -> None:
    text = "log(1)\n1 / 0\n", write_on, "# I am sorry.\n", end
    run = run_program(*text, repair=Repairer())
    assert seen(run)[-1] == "ZeroDivisionError: division by zero"
    assert run.outcome.status == "error"
    assert run.outcome.program == "log(1)\n1 / 0\n"


def test_the_last_error_is_shown_when_there_are_no_repairs_left() -> None:
    text = "log(1)\n1 / 0\n", write_on, "log(2)\nno_name\n"
    run = run_program(*text, repair=Repairer())
    assert seen(run)[-1] == "NameError: name 'no_name' is not defined"
    assert run.outcome.executed_lines == 2


def test_a_program_that_does_not_parse_is_written_on() -> None:
    repairer = Repairer()
    text = "log(1)\n", "x = )\n", end, write_on, "log(2)\n", end
    run = run_program(*text, repair=repairer)
    assert seen(run) == ["1", "<stop: error>", "2"]
    assert isinstance(repairer.asked[0].error, SyntaxError)


def test_what_was_stopped_meanwhile_is_not_written_on() -> None:
    def stop(run: Running) -> None:
        run.intake.stop("limit", EagerError("too long"))

    text = "log(1)\n1 / 0\n", stop, write_on
    run = run_program(*text, repair=Repairer())
    assert "too long" in seen(run)[-1]
    assert run.outcome.status == "error"


def test_a_cancelled_program_is_not_repaired() -> None:
    repairer = Repairer()
    shell = Shell()
    run_holder: list[Running] = []
    shell.user_ns["cancel"] = lambda: run_holder[0].intake.cancel(RunCancelledError("no more"))
    run = run_program(
        run_holder.append,
        "x = cancel() or 1 / 0\n",
        shell=shell,
        repair=repairer,
        begin=2,
    )
    assert repairer.asked == []
    assert seen(run)[-1] == "ZeroDivisionError: division by zero"


# --- interrupts ---------------------------------------------------------------------------------


def test_an_interrupt_ends_a_run_that_waits_for_text() -> None:
    run = run_program("log(1)\n", interrupt)
    assert seen(run) == [
        "1",
        "<stop: interrupted>",
        "KeyboardInterrupt: the run was interrupted",
    ]
    assert run.outcome.interrupted


def test_an_interrupt_before_the_first_statement_runs_nothing() -> None:
    run = run_program("log(1", interrupt, begin=1)
    assert seen(run)[-1] == "KeyboardInterrupt: the run was interrupted"
    assert run.outcome.executed_lines == 0


def test_an_interrupt_of_code_is_the_programs() -> None:
    shell = Shell()
    run_holder: list[Running] = []

    def sigint() -> None:
        if run_holder[-1].pump.on_sigint(signal.SIGINT, None):
            raise KeyboardInterrupt

    shell.user_ns["sigint"] = sigint
    begin = run_holder.append
    run = run_program(begin, "log(1)\nsigint()\nlog(2)\n", end, shell=shell, begin=2)
    assert seen(run)[:2] == ["1", "<stop: interrupted>"]
    assert run.outcome.interrupted
    caught = "try:\n    sigint()\nexcept KeyboardInterrupt:\n    log('caught')\n"
    run = run_program(begin, caught, "log(3)\n", end, shell=shell, begin=2)
    assert seen(run)[3:] == ["caught", "3"]  # after what the first run left there
    assert run.outcome.status == "ok"


def test_who_waits_no_longer_for_the_rest_sees_the_programs_own_error() -> None:
    run = run_program("log(1)\n1 / 0\n", interrupt, on_error="drain")
    assert seen(run) == [
        "1",
        "<stop: interrupted>",
        "ZeroDivisionError: division by zero",
    ]
    assert not run.outcome.interrupted


# --- late text ----------------------------------------------------------------------------------


def test_text_that_comes_after_a_failure_is_not_read() -> None:
    run = run_program("1 / 0\n", "log(2)\n", end)
    run.reader.feed("log(3)\n")
    run.reader.end()
    assert run.intake.program == "1 / 0\n"


def test_what_has_not_run_of_a_text_that_has_ended_can_be_cancelled() -> None:
    shell = Shell()
    run_holder: list[Running] = []

    def cancel() -> None:
        run_holder[0].reader.feed("log(2)\n")
        run_holder[0].reader.end()
        run_holder[0].intake.cancel(RunCancelledError("enough"))

    shell.user_ns["cancel"] = cancel
    begin = run_holder.append
    run = run_program(begin, "log(1)\ncancel()\n", shell=shell, begin=2)
    assert seen(run)[0] == "1"
    assert "2" not in seen(run)
    assert run.outcome.status == "cancelled"


def test_a_program_of_which_all_has_begun_is_not_cancelled() -> None:
    shell = Shell()
    run_holder: list[Running] = []

    def cancel() -> None:
        run_holder[0].reader.end()
        run_holder[0].intake.cancel(RunCancelledError("enough"))

    shell.user_ns["cancel"] = cancel
    begin = run_holder.append
    run = run_program(begin, "log(1)\ncancel()\n", shell=shell, begin=2)
    assert run.outcome.status == "ok"


# --- effects ------------------------------------------------------------------------------------


@pytest.fixture
def barrier() -> Barrier:
    return Barrier(Effects())


def test_an_effect_that_may_not_happen_is_no_failure_of_the_programs(
    barrier: Barrier, tmp_path: Path
) -> None:
    """The text turns out to be none while the program runs; then its effect is refused."""
    shell = Shell()
    run_holder: list[Running] = []

    def last() -> None:
        run_holder[0].reader.feed("x = )\n")
        run_holder[0].reader.end()

    shell.user_ns.update(last=last, path=str(tmp_path / "file.txt"))
    begin = run_holder.append
    text = "log(1)\nlast()\nopen(path, 'w')\n"
    run = run_program(begin, text, shell=shell, barrier=barrier, begin=2)
    assert run.outcome.status == "error"
    assert isinstance(run.outcome.error, SyntaxError)
    assert not (tmp_path / "file.txt").exists()


def test_an_effect_that_waits_holds_its_chunk_until_the_end(
    barrier: Barrier, tmp_path: Path
) -> None:
    shell = Shell()
    shell.user_ns["path"] = str(tmp_path / "file.txt")
    run_holder: list[Running] = []
    doing: list[Doing] = []

    def end_when_it_waits() -> None:
        """What the stream thread does; it waits for what happens, however long that takes."""
        while barrier.waits.open is None:
            time.sleep(0)
        doing.append(run_holder[0].pump._main.doing)
        run_holder[0].note()
        run_holder[0].reader.end()

    thread = Thread(target=end_when_it_waits)
    thread.start()
    text = "log(1)\nopen(path, 'w').close()\nlog(2)\n"
    run = run_program(run_holder.append, text, shell=shell, barrier=barrier, begin=2)
    thread.join()
    assert seen(run) == ["1", "2"]
    assert doing == [Doing.EFFECT]
    assert (1, "held") in run.states
    (wait,) = run.outcome.report.chunks[1].waits
    assert wait.line == 2
    assert (tmp_path / "file.txt").exists()


def test_whoever_interrupts_at_an_effect_ends_the_run_and_it_does_not_happen(
    barrier: Barrier, tmp_path: Path
) -> None:
    shell = Shell()
    shell.user_ns["path"] = str(tmp_path / "file.txt")
    run_holder: list[Running] = []

    def handle(signum: int, frame: FrameType | None) -> None:
        if run_holder[0].pump.on_sigint(signum, frame):
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, handle)

    def interrupt_when_it_waits() -> None:
        while barrier.waits.open is None:
            time.sleep(0)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = Thread(target=interrupt_when_it_waits)
    thread.start()
    try:
        text = "log(1)\nopen(path, 'w').close()\nlog(2)\n"
        run = run_program(run_holder.append, text, shell=shell, barrier=barrier, begin=2)
    finally:
        signal.signal(signal.SIGINT, previous)
    thread.join()
    assert seen(run)[-1] == "KeyboardInterrupt: the run was interrupted"
    assert run.outcome.interrupted
    assert not (tmp_path / "file.txt").exists()


@pytest.mark.parametrize("failing", ["open(path, 'w')\n", "1 / 0\n"], ids=["refused", "its own"])
def test_an_interrupt_right_after_a_statement_has_failed_is_what_is_told(
    barrier: Barrier, tmp_path: Path, failing: str
) -> None:
    """The shell has noted another error by then, which is never shown."""
    shell = Shell()
    shell.user_ns["path"] = str(tmp_path / "file.txt")

    def begin(run: Running) -> None:
        cell = run.pump._cell
        run_chunk = cell.run

        async def interrupted(chunk: Chunk) -> Failed | None:
            if await run_chunk(chunk) is not None:
                raise KeyboardInterrupt
            return None

        cell.run = interrupted  # type: ignore[method-assign]
        barrier.deny("the run was interrupted")

    run = run_program(begin, f"log(1)\n{failing}", shell=shell, barrier=barrier, begin=2)
    assert seen(run) == [
        "1",
        "<stop: interrupted>",
        "KeyboardInterrupt: the run was interrupted",
    ]
    assert isinstance(run.outcome.error, KeyboardInterrupt)


@pytest.mark.parametrize("known", [True, False])
def test_a_program_that_may_be_repaired_runs_chunk_by_chunk_also_where_it_is_known(
    known: bool,
) -> None:
    text = "log(1)\nlog(2)\n", end
    run = run_program(*text, repair=Repairer(), begin=2 if known else 1)
    assert [chunk.batch for chunk in run.outcome.report.chunks] == [0, 0]
    assert all(chunk.start != chunk.finish for chunk in run.outcome.report.chunks)
    assert seen(run) == ["1", "2"]


def test_a_first_word_that_may_be_a_magic_waits_for_a_second_line() -> None:
    run = run_program("ls\n", note("waits"), "log(1)\n", end)
    assert seen(run)[0] == "waits"
