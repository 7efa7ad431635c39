"""What a program has done to files before it was known to be one, and what became of that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from eager_kernel.core.effects.audit_events import Cause
from eager_kernel.core.effects.table import Arguments
from eager_kernel.core.report import Report
from eager_kernel.execution import hook

if TYPE_CHECKING:  # loaded where there are any
    from eager_kernel.execution.journal import Journal
    from eager_kernel.execution.undoing import Trouble


class EarlyFiles:
    """The journal of one run, if it has one, and what is told of it.

    Parameters
    ----------
    journal
        Keeps what it takes to undo effects on files, which then need not wait; None: they wait.
    """

    def __init__(self, journal: Journal | None) -> None:
        if journal is not None:
            hook.know(journal.operations)
        self.journal = journal
        """What has happened at once, to be undone; None: files wait, or the run is over."""
        self.troubles: list[Trouble] = []
        """What could not be undone."""
        self._early: Mapping[str, int] = _NOTHING
        self._wrote = False
        self._taken_back = False
        self._beaten = 0.0

    def keep(
        self,
        event: str,
        arguments: Arguments,
        cause: Cause,
        paths: list[str] | None,
        *,
        plain: bool,
    ) -> bool:
        """Keep what it takes to undo an effect; see `Recorder.keep`.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        cause
            What led to it.
        paths
            What it names, resolved.
        plain
            Whether no path begins in another folder.

        Returns
        -------
        bool
            Whether it can be taken back if it happens now.
        """
        journal = self.journal
        return journal is not None and journal.recorder.keep(
            event, arguments, cause.cwd, cause.line or 0, plain=plain, resolved=paths
        )

    def miss(self, event: str, effect: str) -> None:
        """Note an effect that happens and can't be taken back; see `Journal.miss`."""
        if (journal := self.journal) is not None:
            journal.miss(event, effect)

    def know(self) -> None:
        """The program is one."""
        if (journal := self.journal) is not None:  # which another thread may just give up
            journal.know()

    def open_again(self) -> None:
        """The program is written on, so it is unknown again."""
        if self.journal is not None:
            self.journal.open_again()

    @property
    def has_begun(self) -> bool:
        """Whether anything has been done that can be undone, by this run or an earlier step."""
        return self.journal is not None and self.journal.has_begun

    def rest(self) -> None:
        """What changes files from now on is somebody else."""
        if self.journal is not None:
            self.journal.rest()

    def go_on(self) -> None:
        """The program runs again."""
        if self.journal is not None:
            self.journal.go_on()

    def beat(self, now: float) -> None:
        """The run goes on. Called now and then, by any thread.

        Parameters
        ----------
        now
            Seconds of a monotonic clock.
        """
        journal = self.journal
        if journal is not None and now - self._beaten >= 1.0:
            self._beaten = now
            journal.beat()

    @property
    def are_taken_back(self) -> bool:
        """Whether nothing is left to be undone."""
        return self._taken_back and (self.journal is None or self.journal.is_undone)

    def take_back(self) -> None:
        """Undo all; what could not be undone is in `troubles`."""
        if self.journal is not None:
            self._taken_back = True
            self.troubles = self.journal.undo()

    def end(self) -> None:
        """The run is over: keep only what can be told of it."""
        if (journal := self.journal) is not None:
            journal.end(self.troubles)
            self._early = journal.recorder.early or _NOTHING
            self._wrote = bool(journal.lines)
            self.journal = None

    @property
    def told_of_troubles(self) -> str:
        """What could not be undone, for a person; empty where there is nothing to tell."""
        if not self.troubles:
            return ""
        from eager_kernel.execution.undoing import told_of  # noqa: PLC0415 - there is a journal

        return told_of(self.troubles)

    @property
    def told_of_files(self) -> str:
        """What became of the files that the program had written, for a person."""
        wrote = self._wrote if self.journal is None else bool(self.journal.lines)
        if not wrote or not self._taken_back:
            return ""
        if self.troubles:
            return "What it had done to files by then was undone, but for what is told below."
        return "What it had done to files by then was undone."

    def note(self, report: Report) -> Report:
        """Name in a report what has been done to files before the program was known."""
        journal = self.journal
        known = self._early if journal is None else journal.recorder.early
        if not known:
            return report
        early = {
            os.fsencode(path).decode("utf-8", "replace"): line for path, line in dict(known).items()
        }
        return report.with_files(early, undone=self._taken_back)


_NOTHING: Final[Mapping[str, int]] = {}
