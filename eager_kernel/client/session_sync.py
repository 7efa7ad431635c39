"""A session for programs without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from eager_kernel.client.run import OnEvent
from eager_kernel.client.session import AsyncEagerSession
from eager_kernel.client.session_result import SessionResult
from eager_kernel.sources.source import Message


class EagerSession:
    """The same for programs without an event loop; from `EagerClient.session`.

    ``with`` it, or close it. See `AsyncEagerSession`.

    Parameters
    ----------
    session
        The session, on the client's loop.
    begin
        Begins there what is to be awaited, and gives its future.
    """

    def __init__(self, session: AsyncEagerSession, begin: Callable[[Any], Any]) -> None:
        self._session = session
        self._begin = begin

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far; see `AsyncEagerSession.messages`."""
        return self._session.messages

    @property
    def last(self) -> SessionResult | None:
        """What the last prompt has led to; see `AsyncEagerSession.last`."""
        return self._session.last

    def run(self, prompt: str, *, on_event: OnEvent | None = None) -> SessionResult:
        """Have the model write programs for a prompt; see `AsyncEagerSession.run`.

        `on_event` is called in the client's thread. Where Ctrl-C ends the wait, the session stops.
        """
        running = self._begin(self._session.run(prompt, on_event=on_event))
        try:
            result: SessionResult = running.result()
        except BaseException as error:
            if not isinstance(error, Exception):
                self.cancel()
                running.exception()  # waits for its end
            raise
        return result

    def cancel(self) -> None:
        """Stop the model and its program, from any thread; `run` returns what there is."""

        async def cancel() -> None:
            self._session.cancel()

        self._begin(cancel()).result()

    def clear(self) -> None:
        """Have the model forget the conversation; see `AsyncEagerSession.clear`."""
        self._session.clear()

    def close(self) -> None:
        """Stop, and let go of the model."""
        self._begin(self._session.aclose()).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
