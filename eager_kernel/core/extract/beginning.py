"""Whether an answer that begins without a fence, a tag or JSON is a program."""

from __future__ import annotations

from enum import Enum

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract.likeness import (
    Likeness,
    likeness_of_line,
    likeness_of_statement,
)
from eager_kernel.core.extract.names import names


class Decision(Enum):
    """What the lines so far say of the answer."""

    PROGRAM = "it is a program"
    PROSE = "it is prose, and its code is in blocks"
    NOTHING = "it may be either"


class Beginning:
    """Takes the first lines of an answer until they decide.

    Lines that prose may have by chance decide nothing, and the next ones are asked. A statement
    of several lines is judged when it is complete.

    Parameters
    ----------
    after_mark
        Whether a mark comes before it; then blank lines between them are no part of a program.
    """

    def __init__(self, *, after_mark: bool = False) -> None:
        self._after_mark = after_mark
        self.lines: list[str] = []
        """The lines so far, with their endings."""
        self.size = 0
        """Their length in characters."""
        self.has_text = False
        """Whether there is more than blank lines."""
        self._statement: Chunker | None = None  # that goes on

    def take(self, line: str) -> Decision:
        """Take the next line.

        Parameters
        ----------
        line
            A complete line with its ending; the answer's last may have none.
        """
        if not self.has_text and line.strip().lower() in _LABELS:
            self._after_mark = True  # the fence before it was part of the prompt
            return Decision.NOTHING
        self.has_text = self.has_text or bool(line.strip())
        if self.has_text or not self._after_mark:
            self.lines.append(line)
            self.size += len(line)
        if self._statement is None:
            return self._judge(line)
        for chunk in self._statement.feed(line):
            if not chunk.has_statement:
                continue
            self._statement = None
            decision = _DECISIONS[likeness_of_statement(chunk.source)]
            if decision is not Decision.NOTHING:
                return decision
            # The line may be the next statement, after a compound one that it ends.
            return Decision.NOTHING if chunk.source.endswith(line) else self._judge(line)
        return Decision.NOTHING

    @property
    def program(self) -> str:
        """What the program has been so far, if it is one."""
        return "".join(self.lines)

    @property
    def has_statement(self) -> bool:
        """Whether there is more than comments and blank lines."""
        return any(line.strip() and not line.lstrip().startswith("#") for line in self.lines)

    @property
    def count(self) -> int:
        """How many lines are not blank."""
        return sum(bool(line.strip()) for line in self.lines)

    @property
    def may_be_fence(self) -> bool:
        """Whether a line that looks like a fence may be one: it is in no string of Python."""
        return self._statement is None or not self._statement.inside_string

    @property
    def in_statement(self) -> bool:
        """Whether a statement goes on, of what may be a program."""
        return self._statement is not None

    def _judge(self, line: str) -> Decision:
        likeness = likeness_of_line(line)
        if likeness is Likeness.OPEN:
            self._statement = Chunker()
            self._statement.feed(line)
        return _DECISIONS[likeness]


_LABELS = names("python python3 py ipython")
_DECISIONS = {
    Likeness.PYTHON: Decision.PROGRAM,
    Likeness.EITHER: Decision.NOTHING,
    Likeness.OPEN: Decision.NOTHING,
    Likeness.NOTHING: Decision.NOTHING,
    Likeness.PROSE: Decision.PROSE,
}
