"""What a user may pick instead, in a process of its own: run as a script, with its name.

Each line of stdin is JSON: a piece of code text, or null at the end of a cell. Each cell is
answered with a line: what it printed, and its error. At the end of stdin comes the last line: the
files that are in the working directory then.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from eager_kernel.bench.comparing import HASHED, LISTING


class Peer(Protocol):
    """Runs the cells of one session."""

    def feed(self, piece: str) -> None:
        """Take a piece of code text."""
        ...

    def end(self) -> tuple[str, str]:
        """End a cell: what it printed, and its error, or an empty text."""
        ...


class Smolagents:
    """smolagents' local executor: it evaluates the syntax tree of the whole cell itself.

    All imports are allowed, and `open`, which it has not unless it is given.
    """

    def __init__(self) -> None:
        from smolagents.local_python_executor import LocalPythonExecutor  # noqa: PLC0415

        self._executor = LocalPythonExecutor(
            ["*"],
            max_print_outputs_length=10**7,
            additional_functions={"open": open},
            timeout_seconds=None,
        )
        self._executor.send_tools({})
        self._pieces: list[str] = []

    def feed(self, piece: str) -> None:
        """See `Peer.feed`."""
        self._pieces.append(piece)

    def end(self) -> tuple[str, str]:
        """See `Peer.end`."""
        code, self._pieces = "".join(self._pieces), []
        try:
            printed = self._executor(code).logs
        except Exception as error:  # noqa: BLE001 - told
            return str(self._executor.state.get("_print_outputs", "")), _say(error)
        return printed, ""


class LineByLine:
    """An IPython shell that is typed to: what it takes for complete at a line's end, it runs."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415

        self._shell = InteractiveShell.instance()
        self._shell.colors = "NoColor"
        self._shell.ast_node_interactivity = "none"  # what is displayed is not compared
        self._line = ""
        self._typed = ""
        self._printed = io.StringIO()
        self._error = ""

    def feed(self, piece: str) -> None:
        """See `Peer.feed`."""
        self._line += piece
        while "\n" in self._line:
            line, _, self._line = self._line.partition("\n")
            self._type(line + "\n")

    def _type(self, line: str) -> None:
        self._typed += line
        state, _ = self._shell.check_complete(self._typed)
        if state != "incomplete" and self._typed.strip():
            self._run()

    def _run(self) -> None:
        typed, self._typed = self._typed, ""
        if self._error:
            return  # one who sees an error does not type on
        with contextlib.redirect_stdout(self._printed):
            result = self._shell.run_cell(typed)
        error = result.error_before_exec or result.error_in_exec
        self._error = _say(error) if error else ""

    def end(self) -> tuple[str, str]:
        """See `Peer.end`."""
        self._typed += self._line
        self._line = ""
        if self._typed.strip():
            self._run()
        answer = self._printed.getvalue(), self._error
        self._typed, self._printed, self._error = "", io.StringIO(), ""
        return answer


def _say(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def serve(peer: Peer, messages: Iterator[str | None], answer: Callable[[str, str], None]) -> None:
    """Give a peer what comes, and its answers back."""
    for piece in messages:
        if piece is None:
            answer(*peer.end())
        else:
            peer.feed(piece)


# pydantic-ai-harness --------------------------------------------------------------------------


def serve_code_mode(
    messages: Iterator[str | None], answer: Callable[[str, str], None], *, eager: bool
) -> None:
    """An agent with `CodeMode`, whose model is what comes: a call of ``run_code`` for each cell."""
    asyncio.run(_code_mode(messages, answer, eager))


async def _code_mode(
    messages: Iterator[str | None], answer: Callable[[str, str], None], eager: bool
) -> None:
    from pydantic_ai import Agent  # noqa: PLC0415
    from pydantic_ai.messages import RetryPromptPart, ToolReturnPart  # noqa: PLC0415
    from pydantic_ai.models.function import DeltaToolCall, FunctionModel  # noqa: PLC0415
    from pydantic_ai_harness import CodeMode  # noqa: PLC0415
    from pydantic_monty import MountDir  # noqa: PLC0415

    loop, come = asyncio.get_running_loop(), asyncio.Queue[Any]()

    def read() -> None:
        for piece in messages:
            loop.call_soon_threadsafe(come.put_nowait, piece)
        loop.call_soon_threadsafe(come.put_nowait, _OVER)

    async def write(history: Any, about: Any) -> AsyncIterator[Any]:
        for part in history[-1].parts:
            if isinstance(part, ToolReturnPart):
                failed = part.outcome != "success"
                answer(_printed(part.content), _last_line(part.content) if failed else "")
            elif isinstance(part, RetryPromptPart):
                answer("", _last_line(part.model_response()))
        piece = await come.get()
        if piece is _OVER:
            yield "done"
            return
        yield {0: DeltaToolCall(name="run_code", json_args='{"code": "')}
        while piece is not None:
            yield {0: DeltaToolCall(json_args=json.dumps(piece)[1:-1])}
            piece = await come.get()
        yield {0: DeltaToolCall(json_args='"}')}

    async def watch(context: Any, events: Any) -> None:
        async for _ in events:
            pass

    threading.Thread(target=read, daemon=True).start()
    mode: Any = CodeMode(
        eager=eager,
        mount=MountDir(virtual_path="/", host_path=str(Path.cwd()), mode="read-write"),
        resource_limits="unlimited",
    )
    agent: Any = Agent(FunctionModel(stream_function=write), capabilities=[mode])
    await agent.run("Write a program.", event_stream_handler=watch)


def _printed(content: Any) -> str:
    """What a call of ``run_code`` printed; it is not told where nothing was."""
    if isinstance(content, dict) and set(content) <= {"output", "result"}:
        return str(content.get("output", ""))
    return ""


def _last_line(text: Any) -> str:
    """That of a traceback."""
    return str(text).strip().rpartition("\n")[2]


_OVER: Final = object()
_PEERS: Final[dict[str, Callable[[], Peer]]] = {"smolagents": Smolagents, "lines": LineByLine}


def main(name: str) -> None:
    """Serve, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what does not go by `sys.stdout` is not to be taken for an answer

    def tell(**plain: Any) -> None:
        answers.write(json.dumps(plain) + "\n")
        answers.flush()

    def answer(printed: str, error: str) -> None:
        tell(printed=printed, error=error)

    messages = (json.loads(line) for line in iter(sys.stdin.readline, ""))
    if name in _PEERS:
        peer = _PEERS[name]()
        tell(ready=True)
        serve(peer, messages, answer)
    else:
        import pydantic_ai_harness.code_mode  # noqa: F401, PLC0415 - its import is not counted

        tell(ready=True)
        serve_code_mode(messages, answer, eager=name == "code-mode-eager")
    space: dict[str, Any] = {}
    exec(LISTING, space)
    tell(files=json.loads(space["listing"](HASHED)))


if __name__ == "__main__":
    main(sys.argv[1])
