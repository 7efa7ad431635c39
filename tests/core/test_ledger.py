"""The ledger: the order of the program, nothing twice, nothing lost, nothing too early."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eager_kernel.core import ledger
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Action, Verdict
from eager_kernel.core.ledger import TRANSITIONS, Ending, Entry, Ledger, TextState

COMPLETE = Ending(TextState.COMPLETE, "stop")
CUT_OFF = Ending(TextState.CUT_OFF, "length")
MALFORMED = Ending(TextState.MALFORMED, "stop")
STOPPED = Ending(TextState.STOPPED, "cancelled")


def put(ledger: Ledger, *actions: Action) -> None:
    for action in actions:
        index = len(ledger)
        chunk = Chunk(f"x{index}\n", index, index + 1, index + 1)
        ledger.put(chunk, Verdict(action, "plain", "", index + 1))


def filled(*actions: Action) -> Ledger:
    ledger = Ledger()
    put(ledger, *actions)
    return ledger


def indexes(entries: list[Entry]) -> list[int]:
    return [entry.chunk.index for entry in entries]


def run(ledger: Ledger, entries: list[Entry]) -> None:
    for entry in entries:
        ledger.started(entry.chunk.index)
        ledger.finished(entry.chunk.index, "done")


def states(ledger: Ledger) -> list[str]:
    return [entry.state for entry in ledger]


# --- what may run -------------------------------------------------------------------------------


def test_everything_that_may_run_is_one_batch() -> None:
    ledger = filled("run", "run", "run")
    assert indexes(ledger.take()) == [0, 1, 2]
    assert ledger.take() == []


def test_a_deferred_chunk_rides_with_the_next_one_that_runs() -> None:
    ledger = filled("run", "defer")
    assert indexes(ledger.take()) == [0]
    assert ledger.take() == []
    put(ledger, "defer")
    assert ledger.take() == []
    put(ledger, "run")
    assert indexes(ledger.take()) == [1, 2, 3]


def test_a_held_chunk_and_all_after_it_wait_for_the_end() -> None:
    ledger = filled("run", "defer", "hold", "run", "defer")
    assert indexes(ledger.take()) == [0]
    assert (ledger.take(), ledger.next) == ([], None)
    assert states(ledger) == ["ready", "deferred", "held", "ready", "deferred"]
    assert ledger.end(COMPLETE)
    assert ledger.next is ledger[1]
    assert indexes(ledger.take()) == [1, 2, 3, 4]


def test_what_comes_with_the_end_waits_for_nobody() -> None:
    ledger = filled("hold")
    ledger.end(COMPLETE)
    put(ledger, "hold", "defer")
    assert indexes(ledger.take()) == [0, 1, 2]


def test_of_a_text_that_was_cut_off_deferred_chunks_run_and_held_ones_do_not() -> None:
    ledger = filled("run", "defer", "hold", "defer")
    assert ledger.end(CUT_OFF)
    assert indexes(ledger.take()) == [0, 1]
    assert ledger.take() == []
    assert indexes(ledger.give_up()) == [0, 1, 2, 3]


@pytest.mark.parametrize("ending", [MALFORMED, STOPPED])
def test_of_a_text_that_is_none_nothing_runs_any_more(ending: Ending) -> None:
    ledger = filled("run", "run")
    assert ledger.end(ending)
    assert (ledger.take(), ledger.next, ledger.wanted) == ([], None, False)


def test_what_is_approved_is_held_no_more_but_deferred_chunks_still_ride() -> None:
    ledger = filled("run", "hold", "defer", "run", "defer")
    assert indexes(ledger.take()) == [0]
    assert ledger.approve()
    assert indexes(ledger.take()) == [1, 2, 3]
    assert ledger.take() == []
    put(ledger, "hold")
    assert indexes(ledger.take()) == [4, 5]
    put(ledger, "defer")
    assert ledger.take() == []
    assert not ledger.approve()


def test_nothing_is_approved_where_nothing_runs_any_more() -> None:
    ledger = filled("hold")
    ledger.end(STOPPED)
    assert not ledger.approve()
    assert states(ledger) == ["held"]


# --- what has become of chunks ------------------------------------------------------------------


def test_changes_are_told_once_and_in_order() -> None:
    ledger = filled("run", "hold", "run")
    assert indexes(ledger.changes()) == [0, 1, 2]
    assert ledger.changes() == []
    run(ledger, ledger.take())
    ledger.approve()
    assert [(e.chunk.index, e.state) for e in ledger.changes()] == [(0, "done"), (1, "ready")]


def test_a_chunk_that_waits_at_an_effect_is_held_and_says_why() -> None:
    ledger = filled("run")
    ledger.take()
    ledger.started(0)
    wait = Verdict("hold", "external-effect", "line 1 writes 'a'", 1)
    ledger.wait(0, wait)
    assert (ledger[0].state, ledger[0].told) == ("held", wait)
    assert ledger.waiting == []
    ledger.go_on(0)
    assert (ledger[0].state, ledger[0].told) == ("running", ledger[0].verdict)
    ledger.wait(0, wait)
    ledger.finished(0, "failed")
    assert (ledger[0].state, ledger[0].told) == ("failed", ledger[0].verdict)


def test_what_is_given_up_is_skipped() -> None:
    ledger = filled("run", "run", "hold")
    ledger.take()
    ledger.started(0)
    assert indexes(ledger.give_up()) == [1, 2]
    assert states(ledger) == ["running", "skipped", "skipped"]
    assert (ledger.give_up(), ledger.take()) == ([], [])


def test_what_has_run_and_what_has_not() -> None:
    ledger = filled("run", "run", "run")
    ledger.take()
    run(ledger, [ledger[0]])
    ledger.started(1)
    assert [chunk.index for chunk in ledger.executed] == [0]
    assert [chunk.index for chunk in ledger.not_executed] == [1, 2]


# --- the text -----------------------------------------------------------------------------------


def test_a_text_ends_once() -> None:
    ledger = Ledger()
    assert ledger.text is TextState.READING
    assert ledger.end(COMPLETE)
    assert ledger.ending is COMPLETE
    assert not ledger.end(STOPPED)
    assert ledger.text is TextState.COMPLETE


def test_what_has_not_begun_of_a_complete_text_can_be_cancelled() -> None:
    ledger = filled("run", "run")
    ledger.end(COMPLETE)
    ledger.take()
    ledger.started(0)
    assert ledger.cancel(STOPPED)
    assert (ledger.text, ledger.wanted) == (TextState.STOPPED, False)


def test_there_is_nothing_to_cancel_where_all_has_begun() -> None:
    ledger = filled("run")
    ledger.end(COMPLETE)
    ledger.take()
    ledger.started(0)
    assert not ledger.cancel(STOPPED)
    assert ledger.text is TextState.COMPLETE
    assert not ledger.pause()  # nobody wants it to be written on


@pytest.mark.parametrize("ending", [MALFORMED, CUT_OFF])
def test_nor_does_what_waits_run_of_a_text_that_ended_otherwise(ending: Ending) -> None:
    ledger = filled("run", "hold")
    ledger.end(ending)
    assert ledger.cancel(STOPPED)
    assert (ledger.take(), ledger.ending) == ([], STOPPED)


def test_what_ran_as_one_cell_is_skipped_after_the_chunk_that_failed() -> None:
    ledger = filled("run", "run", "run")
    for entry in ledger.take():
        ledger.started(entry.chunk.index)
    assert ledger.running is ledger[0]
    ledger.finished(0, "done")
    ledger.finished(1, "failed")
    assert indexes(ledger.skip_from(2)) == [2]
    assert states(ledger) == ["done", "failed", "skipped"]
    assert ledger.running is None


def test_a_program_is_cut_back_to_what_has_run() -> None:
    ledger = filled("run", "run", "hold", "run")
    ledger.take()
    run(ledger, [ledger[0]])
    ledger.started(1)
    ledger.finished(1, "failed")
    assert ledger.pause()
    assert (ledger.text, ledger.take(), ledger.wanted) == (TextState.PAUSED, [], False)
    assert not ledger.end(COMPLETE)  # of text that is not wanted any more
    assert [chunk.index for chunk in ledger.write_on()] == [0]
    assert (ledger.text, len(ledger)) == (TextState.READING, 1)
    put(ledger, "run", "defer")
    assert indexes(ledger.take()) == [1]


def test_an_approval_is_of_the_text_that_was_seen() -> None:
    ledger = filled("hold")
    ledger.approve()
    ledger.pause()
    ledger.write_on()
    put(ledger, "hold")
    assert not ledger.approved
    assert ledger.take() == []


@pytest.mark.parametrize("ending", [COMPLETE, MALFORMED, CUT_OFF])
def test_a_text_that_has_ended_can_be_written_on(ending: Ending) -> None:
    ledger = filled("run")
    ledger.end(ending)
    assert ledger.pause()
    ledger.write_on()
    assert ledger.end(COMPLETE)


def test_a_text_that_was_stopped_can_not() -> None:
    ledger = Ledger()
    ledger.pause()
    assert ledger.end(STOPPED)
    assert not ledger.pause()


def test_the_module_has_the_table() -> None:
    """Each state of the text, and where it goes on to, as the module says."""
    rows: dict[str, str] = {}
    for line in str(ledger.__doc__).splitlines():
        name = line[:11].strip()
        if name.upper().replace(" ", "_") in TextState.__members__:
            rows[name] = line[62:].strip()
        elif rows and line.startswith(" " * 62):
            rows[list(rows)[-1]] += " " + line.strip()
    assert rows == {name: following for name, (_, following) in told().items()}


def test_the_documentation_has_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "architecture.md"
    section = (
        page.read_text("utf-8").partition("## The states of a program")[2].partition("\n## ")[0]
    )
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    rows = {row[0].strip(): (row[1].strip(), row[2].strip()) for row in cells[1:]}
    assert rows == told()


def told() -> dict[str, tuple[str, str]]:
    """What each state means, and where it goes on to, in words."""
    return {
        word(state): (
            state.value,
            ", ".join(word(each) for each in TextState if each in TRANSITIONS[state]),
        )
        for state in TextState
    }


def word(state: TextState) -> str:
    return state.name.lower().replace("_", " ")


# --- any use ------------------------------------------------------------------------------------

ACTIONS = st.sampled_from(["run", "run", "defer", "defer", "hold"])


class _AnyUse(RuleBasedStateMachine):
    """A ledger next to the plainest description of what it should do."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.actions: list[Action] = []
        self.states: list[str] = []
        self.taken = 0
        self.running: int | None = None
        self.text = TextState.READING
        self.approved = False
        self.cancelled = False

    # The plain description

    @property
    def wanted(self) -> bool:
        return self.text in (TextState.READING, TextState.COMPLETE, TextState.CUT_OFF)

    def may_run(self) -> list[int]:
        if not self.wanted:
            return []
        waiting = list(range(self.taken, len(self.actions)))
        if self.text is TextState.COMPLETE:
            return waiting
        free = []
        for index in waiting:
            if self.actions[index] == "hold" and not self.approved:
                break
            free.append(index)
        if self.text is TextState.CUT_OFF:
            return free
        rides = [at for at, index in enumerate(free) if self.actions[index] != "defer"]
        return free[: rides[-1] + 1] if rides else []

    def state_before(self, action: Action) -> str:
        held = action == "hold" and not self.approved
        return "held" if held else "deferred" if action == "defer" else "ready"

    # What may be done

    @precondition(lambda self: self.text is TextState.READING)
    @rule(action=ACTIONS)
    def put(self, action: Action) -> None:
        put(self.ledger, action)
        self.actions.append(action)
        self.states.append(self.state_before(action))

    @rule()
    def take(self) -> None:
        expected = self.may_run()
        assert indexes(self.ledger.take()) == expected
        self.taken += len(expected)

    @precondition(lambda self: self.running is None)
    @rule()
    def start(self) -> None:
        waiting = [i for i in range(self.taken) if self.states[i] in ("ready", "deferred", "held")]
        if waiting:
            self.running = waiting[0]
            self.ledger.started(self.running)
            self.states[self.running] = "running"

    @precondition(lambda self: self.running is not None)
    @rule(state=st.sampled_from(["done", "done", "failed"]))
    def finish(self, state: str) -> None:
        assert self.running is not None
        self.ledger.finished(self.running, state)  # type: ignore[arg-type]
        self.states[self.running] = state
        self.running = None

    @precondition(lambda self: self.running is not None)
    @rule()
    def wait(self) -> None:
        assert self.running is not None
        self.ledger.wait(self.running, Verdict("hold", "external-effect", "", 1))
        assert self.ledger[self.running].state == "held"
        self.ledger.go_on(self.running)

    @rule()
    def approve(self) -> None:
        expected = self.wanted and not self.approved
        assert self.ledger.approve() == expected
        if expected:
            self.approved = True
            for index in range(self.taken, len(self.states)):
                if self.states[index] == "held":
                    self.states[index] = "ready"

    @rule()
    def give_up(self) -> None:
        waiting = [i for i, s in enumerate(self.states) if s in ("ready", "deferred", "held")]
        assert indexes(self.ledger.give_up()) == waiting
        for index in waiting:
            self.states[index] = "skipped"
        self.taken = len(self.states)

    @rule(ending=st.sampled_from([COMPLETE, MALFORMED, CUT_OFF, STOPPED]))
    def end(self, ending: Ending) -> None:
        if self.text is TextState.PAUSED:
            expected = ending is STOPPED
        else:
            expected = self.text is TextState.READING
        assert self.ledger.end(ending) == expected
        if expected:
            self.text = ending.state

    @rule()
    def cancel(self) -> None:
        waiting = any(s in ("ready", "deferred", "held") for s in self.states)
        expected = self.text in (TextState.READING, TextState.PAUSED) or (
            self.text is not TextState.STOPPED and waiting
        )
        assert self.ledger.cancel(STOPPED) == expected
        self.cancelled = True
        if expected:
            self.text = TextState.STOPPED

    @precondition(lambda self: self.running is None)
    @rule()
    def repair(self) -> None:
        ended = self.text in (TextState.PAUSED, TextState.STOPPED)
        expected = not (ended or self.cancelled)
        assert self.ledger.pause() == expected
        if not expected:
            return
        done = next((i for i, s in enumerate(self.states) if s != "done"), len(self.states))
        assert [chunk.index for chunk in self.ledger.write_on()] == list(range(done))
        del self.states[done:], self.actions[done:]
        self.taken = done
        self.approved = False
        self.text = TextState.READING

    @invariant()
    def nothing_is_lost_or_doubled_or_moved(self) -> None:
        assert states(self.ledger) == self.states
        assert [entry.chunk.index for entry in self.ledger] == list(range(len(self.states)))
        assert self.ledger.text is self.text
        first = self.may_run()[:1]
        assert self.ledger.next is (self.ledger[first[0]] if first else None)
        done = next((i for i, s in enumerate(self.states) if s != "done"), len(self.states))
        assert len(self.ledger.executed) == done
        assert len(self.ledger.not_executed) == len(self.states) - done


TestAnyUse = _AnyUse.TestCase
