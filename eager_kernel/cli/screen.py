"""What `jupyter eager run` and `ask` show: the program as it is written, and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from eager_kernel.cli.show import print_output
from eager_kernel.client import RunResult
from eager_kernel.client.questions import OnInput
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.terminal.listing import Listing


class Screen:
    """One run, seen from its client.

    Outputs go where a program's own would. The program itself, which is no output, goes to a
    terminal only.

    Parameters
    ----------
    title
        What to call the run.
    console
        The terminal that shows the program; None: it is not shown.
    text_format
        Where the code is in the text.
    """

    def __init__(self, title: str, console: Console | None, text_format: str) -> None:
        self.on_stop: Callable[[], object] = lambda: None
        """Called when the kernel wants no more text; on the client's thread."""
        self._listing: Listing | None = None
        if console is not None:
            lively = not console.is_dumb_terminal
            self._listing = Listing(title, console, lively=lively)
        self._extractor = make_extractor(text_format)

    def __enter__(self) -> Self:
        if self._listing is not None:
            self._listing.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listing is None:
            return
        if error is None:
            self._listing.close()
        else:
            self._listing.leave()

    def follow(self, deltas: Iterable[str]) -> Iterable[str]:
        """The same deltas, shown as they pass."""
        return deltas if self._listing is None else _Followed(deltas, self)

    def tell(self, event: dict[str, Any]) -> None:
        """Show something that only this side knows."""
        if self._listing is not None:
            self._listing.hear(event)
            self._listing.flush()

    def hear(self, event: dict[str, Any]) -> None:
        """Take a message of the kernel; on the client's thread."""
        if event["type"] == "stop":
            self.on_stop()
        if event["type"] != "output":
            if event["type"] != "result":  # it comes with all else, by `end`
                self.tell(event)
        elif self._listing is None:
            print_output(event["output"])
        else:
            with self._listing.aside():
                self._listing.was_written(print_output(event["output"]))

    def answering(self, on_input: OnInput | None) -> OnInput | None:
        """The same answers, asked for while nothing else is written."""
        listing = self._listing
        if listing is None or on_input is None:
            return on_input
        ask = on_input

        def answer(prompt: str, password: bool) -> str:
            with listing.aside():
                return ask(prompt, password)

        return answer

    def end(self, result: RunResult) -> None:
        """Show how the run ended."""
        error = result.error
        self.tell(
            {
                "type": "result",
                "status": result.status,
                "error": error
                and {
                    "ename": error.ename,
                    "evalue": error.evalue,
                    "lines": list(error.lines) if error.lines else None,
                },
                "program": result.program,
                "executed_lines": result.executed_lines,
                "execution_count": result.execution_count,
                "left_out": result.left_out.to_dict(no_code=result.status == "no_code"),
                "report": result.report.to_dict() if result.report is not None else None,
            }
        )

    def text(self, delta: str) -> None:
        """Show the code in a piece of the text."""
        self._show(self._extractor.feed(delta))

    def text_ended(self) -> None:
        """Know that no more text comes."""
        self._show(self._extractor.close())
        self.tell({"type": "end"})

    def _show(self, events: Iterable[Any]) -> None:
        code = "".join(event.text for event in events if isinstance(event, Code))
        if code:
            self.tell({"type": "delta", "text": code})


class _Followed:
    """Deltas that a screen sees; with the finish reason of those that have one."""

    def __init__(self, deltas: Iterable[str], screen: Screen) -> None:
        self._deltas = deltas
        self._screen = screen

    def __iter__(self) -> Iterator[str]:
        for delta in self._deltas:
            yield delta  # first, as it is the run that is in a hurry
            self._screen.text(delta)
        self._screen.text_ended()

    @property
    def finish_reason(self) -> str | None:
        reason: str | None = getattr(self._deltas, "finish_reason", None)
        return reason
