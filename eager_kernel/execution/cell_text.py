"""The text of a cell that grows: as it was written, and the Python that IPython makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from eager_kernel.core.chunk import Chunk
from eager_kernel.execution.source import GrowingSource
from eager_kernel.execution.syntax import to_python


class CellText:
    """Both forms of a cell's chunks, which stay in step.

    Parameters
    ----------
    compiler
        The shell's compiler.
    number
        The cell's execution count.
    """

    def __init__(self, compiler: Any, number: int) -> None:
        self._source = GrowingSource(compiler, number)
        self._written: list[str] = []
        self._ends_open = False

    @property
    def name(self) -> str:
        """What the program's code calls its file."""
        return self._source.name

    @property
    def written(self) -> list[str]:
        """The chunks' texts, as they were written."""
        return self._written

    def add(self, chunk: Chunk) -> tuple[str, int, int]:
        """Append the next chunk, which is to run.

        Returns
        -------
        tuple
            Its Python, the 1-based line at which that begins, and the bytes before it in the line.

        Raises
        ------
        Exception
            Whatever a transformer of the user's raises. The chunk then stands there as it was
            written.
        """
        first = not self._written
        self._written.append(chunk.source)
        try:
            text = to_python(chunk, first=first)
        except Exception:
            self._add(chunk, chunk.source)
            raise
        line, column = self._source.line, self._source.column
        self._add(chunk, text)
        return text, line, column

    def complete(self, rest: Iterable[Chunk]) -> None:
        """Append chunks that will never run, and the end: tracebacks show their lines, too."""
        for chunk in rest:
            with suppress(Exception):  # of the user's code, for text that will not run
                self.add(chunk)
        if self._ends_open:
            self._source.add("\n")  # as IPython: a last line of white space is a line too

    def cut_back(self, count: int) -> None:
        """Forget all chunks but the first `count`."""
        del self._written[count:]
        self._source.cut_back(count)

    def parsed(self, program: str) -> str:
        """The whole program as Python, as far as that is known; after that, as it was written.

        Parameters
        ----------
        program
            All of it as it was written, of which the chunks are the beginning.
        """
        return self._source.text + program[sum(map(len, self._written)) :]

    def _add(self, chunk: Chunk, text: str) -> None:
        self._source.add(text)
        # By its Python: of a last line of white space, `to_python` has made a whole one.
        if text:
            self._ends_open = not chunk.ipython and not text.endswith(("\n", "\r"))
