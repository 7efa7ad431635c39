"""What is known of a program that is being written and run: its chunks, and how far its text is.

The ledger is the one place where a chunk's state stands. It keeps the order of the program, says
what may run, and what has changed for those who tell it. It decides nothing: whoever runs the
program asks it, and tells it what came of that. It has no lock and no clock.

The text has a state, too, and these are its transitions:

=========== ================================================= ====================================
state       meaning                                           goes on to
=========== ================================================= ====================================
reading     more may come                                     paused, complete, malformed, cut off,
                                                              stopped
paused      the program failed, and is to be written on       reading, stopped
complete    all of it is there, and what has not run parses   paused, stopped
malformed   all of it is there, but some does not parse       paused, stopped
cut off     the model could not finish it                     paused, stopped
stopped     nothing more is wanted, or can be trusted
=========== ================================================= ====================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Verdict
from eager_kernel.errors import EagerError

State = Literal["ready", "deferred", "held", "running", "done", "failed", "skipped"]
"""The state of a chunk, as clients are told: see `docs/protocol.md`."""


class TextState(Enum):
    """How far the text of a program is."""

    READING = "more may come"
    PAUSED = "the program failed, and is to be written on"
    COMPLETE = "all of it is there, and what has not run parses"
    MALFORMED = "all of it is there, but some that has not run does not parse"
    CUT_OFF = "the model could not finish it, so its last statement may be incomplete"
    STOPPED = "nothing more is wanted, or can be trusted"


TRANSITIONS: Final[dict[TextState, frozenset[TextState]]] = {
    TextState.READING: frozenset(TextState) - {TextState.READING},
    TextState.PAUSED: frozenset({TextState.READING, TextState.STOPPED}),
    TextState.COMPLETE: frozenset({TextState.PAUSED, TextState.STOPPED}),
    TextState.MALFORMED: frozenset({TextState.PAUSED, TextState.STOPPED}),
    TextState.CUT_OFF: frozenset({TextState.PAUSED, TextState.STOPPED}),
    TextState.STOPPED: frozenset(),
}
"""To which states the text of a program may go on from each."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a program does not parse.

    Parameters
    ----------
    chunk
        Where.
    error
        What the parser said.
    """

    chunk: Chunk
    error: Exception


@dataclass(frozen=True, slots=True)
class Ending:
    """How the text of a program ended.

    Parameters
    ----------
    state
        As what.
    reason
        The model's ``finish_reason``, or why the text was stopped, as a word of the protocol.
    error
        What to tell the user, where the run itself did not.
    fault
        Where and how a malformed program does not parse; None for any other.
    unfinished
        What was being written when the model was cut off; it is never run.
    """

    state: TextState
    reason: str
    error: EagerError | None = None
    fault: Fault | None = None
    unfinished: tuple[Chunk, ...] = ()


@dataclass(slots=True)
class Entry:
    """A chunk, the gate's verdict on it, and what has become of it.

    Attributes
    ----------
    chunk
        The chunk; its index is its place in the ledger.
    verdict
        The gate's.
    state
        What has become of it.
    wait
        The effect at which it waits, as a verdict; None where it runs on.
    """

    chunk: Chunk
    verdict: Verdict
    state: State
    wait: Verdict | None = None

    @property
    def told(self) -> Verdict:
        """Why it is in its state, as clients are told."""
        return self.wait or self.verdict


class Ledger:
    """Keeps the chunks of one program, in its order, and how far its text is."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._done = 0  # so many have run, from the first on
        self._taken = 0  # so many were taken, or given up
        self._runnable = 0  # so many may run: those, and some of the ones after them
        self._holding = False  # one that was not taken holds those after it
        self._changed: set[int] = set()
        self._ending: Ending | None = None
        self._paused = False
        self._cancelled = False
        self._approved = False

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    # The text -------------------------------------------------------------------------------

    @property
    def text(self) -> TextState:
        """How far the text is."""
        if self._ending is not None:
            return self._ending.state
        return TextState.PAUSED if self._paused else TextState.READING

    @property
    def ending(self) -> Ending | None:
        """How the text ended; None while it may go on."""
        return self._ending

    def end(self, ending: Ending) -> bool:
        """Note how the text ends, and what may run then.

        Where it is complete, everything may. Where it was cut off, deferred chunks wait no longer,
        and held ones never run.

        Returns
        -------
        bool
            False: it has ended already, or is not wanted any more, and nothing was noted.
        """
        text = self.text
        if text not in _GOES_ON or ending.state not in TRANSITIONS[text]:
            return False
        self._ending, self._paused = ending, False
        if ending.state is TextState.COMPLETE:
            self._runnable = len(self._entries)
        elif ending.state is TextState.CUT_OFF:
            self._let_deferred_run()
        return True

    def cancel(self, ending: Ending) -> bool:
        """Note that nothing more may run, also of a text that has ended.

        Parameters
        ----------
        ending
            Of state ``STOPPED``.

        Returns
        -------
        bool
            False: all of it has begun, so how the text ended stays. It can't be written on.
        """
        self._cancelled = True
        if self.text in _GOES_ON:
            return self.end(ending)
        if self.text is TextState.STOPPED or not self.waiting:
            return False
        self._ending = ending
        return True

    def pause(self) -> bool:
        """Note that the program failed, and is to be written on: see `write_on`.

        Returns
        -------
        bool
            False: it was stopped or cancelled, so it can't go on.
        """
        if self._cancelled or TextState.PAUSED not in TRANSITIONS[self.text]:
            return False
        self._ending, self._paused = None, True
        return True

    def write_on(self) -> list[Chunk]:
        """Cut the program back to what has run; the text that comes now goes on from there.

        Returns
        -------
        list
            The chunks that are left.
        """
        assert self.text is TextState.PAUSED
        executed = self.executed
        del self._entries[len(executed) :]
        self._taken = self._runnable = self._done = len(executed)
        self._holding = False
        self._changed = {index for index in self._changed if index < len(executed)}
        self._paused = self._approved = False  # the user has not seen the new text yet
        return executed

    # What may run ---------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether what was taken may still run."""
        return self.text in (TextState.READING, TextState.COMPLETE, TextState.CUT_OFF)

    def put(self, chunk: Chunk, verdict: Verdict) -> None:
        """Add the program's next chunk."""
        holds = verdict.action == "hold" and not self._approved
        self._entries.append(Entry(chunk, verdict, self._state_before(verdict)))
        self._changed.add(len(self._entries) - 1)
        self._holding = self._holding or holds
        complete = self.text is TextState.COMPLETE
        if complete or (not self._holding and verdict.action != "defer"):
            self._runnable = len(self._entries)

    @property
    def next(self) -> Entry | None:
        """What `take` would return first; None if nothing may run now."""
        may_run = self.wanted and self._taken < self._runnable
        return self._entries[self._taken] if may_run else None

    def take(self) -> list[Entry]:
        """Everything that may run now, as one batch; it counts as taken.

        So the pace adapts by itself: the longer a batch ran, the more the next one holds.
        Deferred chunks ride with the next chunk that runs, or run at the end; a held chunk and all
        after it wait for `approve` or for the text's end.
        """
        if not self.wanted:
            return []
        batch = self._entries[self._taken : self._runnable]
        self._taken = self._runnable
        return batch

    def approve(self) -> bool:
        """Note that the user wants nothing to be held; deferred chunks still ride.

        Returns
        -------
        bool
            False: nothing more may run, or that was so already.
        """
        if self._approved or not self.wanted:
            return False
        self._approved, self._holding = True, False
        for index in range(self._taken, len(self._entries)):
            entry = self._entries[index]
            if entry.verdict.action != "defer":
                self._runnable = index + 1
            self._set(index, self._state_before(entry.verdict))
        return True

    def give_up(self) -> list[Entry]:
        """Note that nothing that has not begun will run; return it."""
        given_up = self.waiting
        for entry in given_up:
            self._set(entry.chunk.index, "skipped")
        self._taken = self._runnable = len(self._entries)
        self._holding = False
        return given_up

    @property
    def waiting(self) -> list[Entry]:
        """What has not begun, and was not given up."""
        return [entry for entry in self._entries[self._done :] if _waits(entry)]

    @property
    def approved(self) -> bool:
        """Whether the user wants nothing of this program to be held."""
        return self._approved

    # What runs ------------------------------------------------------------------------------

    def started(self, index: int) -> None:
        """Note that a chunk begins to execute."""
        self._set(index, "running")

    def wait(self, index: int, verdict: Verdict) -> None:
        """Note that a running chunk waits at an effect.

        Parameters
        ----------
        index
            The chunk.
        verdict
            Says at which.
        """
        self._entries[index].wait = verdict
        self._set(index, "held")

    def go_on(self, index: int) -> None:
        """Note that it waits no longer."""
        self._entries[index].wait = None
        self._set(index, "running")

    def finished(self, index: int, state: Literal["done", "failed", "skipped"]) -> None:
        """Note what became of a chunk that was taken."""
        self._entries[index].wait = None
        self._set(index, state)
        while self._done < len(self._entries) and self._entries[self._done].state == "done":
            self._done += 1

    def skip_from(self, index: int) -> list[Entry]:
        """Note that what began together with a chunk that failed was not come to.

        Parameters
        ----------
        index
            The first that was not; it and those after it that run are skipped.

        Returns
        -------
        list
            Those.
        """
        skipped = [entry for entry in self._entries[index:] if entry.state == "running"]
        for entry in skipped:
            self._set(entry.chunk.index, "skipped")
        return skipped

    def _set(self, index: int, state: State) -> None:
        if self._entries[index].state != state:
            self._entries[index].state = state
            self._changed.add(index)

    def _state_before(self, verdict: Verdict) -> State:
        """The state of a chunk that has not begun."""
        if verdict.action == "hold":
            return "ready" if self._approved else "held"
        return "deferred" if verdict.action == "defer" else "ready"

    def _let_deferred_run(self) -> None:
        """Have deferred chunks wait for nobody; held ones still do."""
        for index in range(self._taken, len(self._entries)):
            if self._entries[index].verdict.action == "hold" and not self._approved:
                return
            self._runnable = max(self._runnable, index + 1)

    # What is known --------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """How many chunks have run, from the first on."""
        return self._done

    @property
    def executed(self) -> list[Chunk]:
        """The chunks that have run, from the first on."""
        return [entry.chunk for entry in self._entries[: self._done]]

    @property
    def running(self) -> Entry | None:
        """The chunk that runs, or waits at an effect; the first where several run as one cell."""
        if self._done == len(self._entries):
            return None
        entry = self._entries[self._done]
        return entry if entry.state == "running" or entry.wait is not None else None

    @property
    def not_executed(self) -> list[Chunk]:
        """The chunks that have not run to their end, in order."""
        return [entry.chunk for entry in self._entries[self._done :]]

    def changes(self) -> list[Entry]:
        """The entries whose states have changed since the last call, in order.

        Copies, as they are now: they may be read without the ledger's being shielded.
        """
        changed = [self._entries[index] for index in sorted(self._changed)]
        self._changed.clear()
        return [Entry(each.chunk, each.verdict, each.state, each.wait) for each in changed]


def _waits(entry: Entry) -> bool:
    return entry.state in ("ready", "deferred") or (entry.state == "held" and entry.wait is None)


_GOES_ON: Final = (TextState.READING, TextState.PAUSED)
