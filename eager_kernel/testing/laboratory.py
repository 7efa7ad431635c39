"""Run a program on the stock kernel and as a stream, and compare everything that can be seen."""

from __future__ import annotations

import ast
import difflib
import json
import os
import pprint
import queue
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.protocol import OnError
from eager_kernel.testing import normalise
from eager_kernel.testing.files import place
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.programs import SPLITS, Notebook, Program
from eager_kernel.testing.wire import WireStream


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two kernels made of one program.

    Parameters
    ----------
    program
        The program.
    split
        How it was cut.
    expected
        What the stock kernel showed and became, normalised.
    actual
        What the stream showed and the EAGER kernel became.
    on_error
        What the stream was to do at an error. With ``stop``, both sides of a program that
        failed are without what text it would have had after that.
    problem
        Why there is nothing to compare: the program's set-up failed, or the stock kernel had
        not ended it in time. Empty where there is.
    """

    program: Program
    split: str
    expected: Any
    actual: Any
    on_error: OnError = "drain"
    problem: str = ""

    @property
    def same(self) -> bool:
        """Whether both were compared, and there is no difference."""
        return bool(self.expected == self.actual) and not self.problem

    def diff(self) -> str:
        """Show the differences, line by line; ``-`` is the stock kernel, ``+`` the stream."""
        before, after = (
            pprint.pformat(side, width=110, sort_dicts=False).splitlines()
            for side in (self.expected, self.actual)
        )
        found = difflib.unified_diff(before, after, "stock cell", "stream", lineterm="", n=2)
        title = f"{self.program.name}, cut by {self.split}"
        if self.on_error == "stop":
            title += ", stopped by errors"
        if self.problem:
            return f"{title}: not compared: {self.problem}"
        known = [f"Known: {self.program.because}", ""] if self.program.because else []
        return "\n".join([title, "=" * len(title), *known, self.program.text, *found])


class Laboratory:
    """A stock kernel and an EAGER kernel side by side.

    Both hash texts alike (``PYTHONHASHSEED``), so that sets have one order, and both have run the
    same programs before, as often. After one that hangs or kills a kernel, both are new ones.

    Parameters
    ----------
    stock, eager
        Names of the kernelspecs.
    seed
        Of random splits.
    arguments
        More arguments for both kernels' command lines.
    limit
        Seconds that a program may take in either kernel, and each cell of its set-up.

    Examples
    --------
    >>> with Laboratory() as laboratory:                      # doctest: +SKIP
    ...     comparison = laboratory.compare(Program("mine", "1 + 1"), "tokens")
    >>> print(comparison.diff())                              # doctest: +SKIP
    """

    def __init__(
        self,
        stock: str = "python3",
        eager: str = "eager_python",
        *,
        seed: int = 0,
        arguments: tuple[str, ...] = (),
        limit: float = 30.0,
    ) -> None:
        self._names = (stock, eager)
        self._arguments = ["--log-level=ERROR", *arguments]
        self._chance = random.Random(seed)
        self._limit = limit
        self._kernels: list[tuple[KernelManager, BlockingKernelClient]] = []

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        source = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
        with ExitStack() as started:
            home = started.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            for name in self._names:
                manager, client = start_kernel(
                    name,
                    extra_arguments=self._arguments,
                    env={
                        **os.environ,
                        "IPYTHONDIR": str(Path(home, name)),
                        "PYTHONHASHSEED": "0",
                    },
                )
                started.callback(_shut_down, manager, client)
                self._kernels.append((manager, client))
                _run_quietly(client, _INSTALL.format(source=source))
            self._exit = started.pop_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._exit.close()
        self._kernels.clear()

    def compare(
        self,
        program: Program,
        split: str,
        pace: float | None = None,
        on_error: OnError = "drain",
    ) -> Comparison:
        """Run `program` both ways.

        Parameters
        ----------
        program
            The program.
        split
            One of `SPLITS`, or ``"known"``: all of it is there before its cell attaches.
        pace
            Seconds between two deltas; default: a few milliseconds, none between characters.
        on_error
            ``drain``: the program is the same in both kernels, come what may. ``stop``: it ends
            where it fails, so of a program that failed, its text is not compared. One that does
            not parse is awaited all the same: what text to compare would depend on the pace.
        """
        try:
            for _, client in self._kernels:
                self._set_up(client, program)
        except _BROKEN as error:
            return self._give_up(program, split, f"its set-up failed: {_say(error)}")
        return self._compare(program, split, pace, on_error)

    def compare_notebook(
        self, notebook: Notebook, split: str, pace: float | None = None
    ) -> Iterator[Comparison]:
        """Run the cells of a notebook both ways, one after the other in the same two kernels.

        Of cells after the first that differs, only what they show is compared: what they find is
        not the same any more. They find what lies beside the notebook in their working directory.

        Parameters
        ----------
        notebook
            The notebook.
        split, pace
            As for `compare`.

        Yields
        ------
        Comparison
            Of each cell; after one that could not be compared, of no other.
        """
        for _, client in self._kernels:
            place(notebook.files, Path(ast.literal_eval(_probe(client, "reset"))))
        differed = False
        for number, cell in enumerate(notebook.cells, 1):
            found = self._compare(cell, split, pace, "drain")
            if found.problem and (left := len(notebook.cells) - number):
                were = "cell after it was" if left == 1 else f"{left} cells after it were"
                found = replace(found, problem=f"{found.problem}, so the {were} not run")
            if differed and not (found.problem or "broken" in found.actual):
                sides = (
                    {name: side[name] for name in _SHOWN} for side in (found.expected, found.actual)
                )
                found = replace(found, expected=next(sides), actual=next(sides))
            differed = differed or not found.same
            yield found
            if found.problem or "broken" in found.actual:
                return  # the kernels are new, and know nothing of the cells before

    def _set_up(self, client: BlockingKernelClient, program: Program) -> None:
        _probe(client, "reset")
        for cell in program.before:
            _run_quietly(client, cell, self._limit, store_history=True)

    def _compare(
        self, program: Program, split: str, pace: float | None, on_error: OnError
    ) -> Comparison:
        """Run a program both ways in the kernels as they are."""
        if pace is None:
            pace = 0.0 if split == "characters" else 0.002
        (_, stock), (_, eager) = self._kernels
        try:
            expected = self._observe(stock, program, None, 0.0)
        except _OverLimitError:
            why = f"the stock kernel had not ended it in {self._limit:g} s"
            return self._give_up(program, split, why)
        except _BROKEN as error:
            return self._give_up(program, split, f"the stock kernel: {_say(error)}")
        if expected["reply"].get("ename") in _NO_PROGRAM:
            on_error = "drain"
        try:
            actual = self._observe(eager, program, split, pace, on_error)
        except _BROKEN as error:
            # A kernel that hangs or dies is a difference like any other; the next program
            # gets new ones.
            actual = {"broken": _say(error)}
            self._renew()
        if on_error == "stop" and expected["reply"].get("status") == "error":
            expected, actual = (
                normalise.until_error(shown, program.text) for shown in (expected, actual)
            )
        return Comparison(program, split, expected, actual, on_error)

    def _give_up(self, program: Program, split: str, problem: str) -> Comparison:
        self._renew()
        return Comparison(program, split, {}, {}, problem=problem)

    def _renew(self) -> None:
        self._stop()
        self._start()

    def _observe(
        self,
        client: BlockingKernelClient,
        program: Program,
        split: str | None,
        pace: float,
        on_error: OnError = "drain",
    ) -> Any:
        _probe(client, "watch")
        options = {
            "user_expressions": program.expressions,
            "allow_stdin": bool(program.answers),
            "silent": program.silent,
            "store_history": program.store_history,
            "stop_on_error": False,
        }
        stream = WireStream(client)
        if split is None:
            stream.execute(program.text, **options)
        else:
            self._send(stream, program, split, pace, on_error, options)
        prompts = _finish(stream, list(program.answers), self._limit)
        if program.wait:
            stream.listen(program.wait)
        state = json.loads(ast.literal_eval(_probe(client, "observe")))
        session = state.pop("session")
        shown = {
            "messages": normalise.messages(stream.heard.iopub),
            "reply": {k: v for k, v in stream.heard.reply.items() if k != "engine_info"},
            "prompts": prompts,
            "state": state,
            "history request": _history(client, session),
            "after": [_run_loudly(client, cell) for cell in program.after],
        }
        return normalise.scrub(shown, program.ignore)

    def _send(  # noqa: PLR0917 - what a run may depend on
        self,
        stream: WireStream,
        program: Program,
        split: str,
        pace: float,
        on_error: OnError,
        options: dict[str, Any],
    ) -> None:
        """Have the EAGER kernel run a program; a subclass may have it come in another way."""
        if split == "known":
            stream.open(format="python", on_error=on_error).delta(program.text).end()
            stream.attach(**options)
            return
        stream.open(format="python", on_error=on_error).attach(**options)
        for piece in self.cut(program, split):
            stream.delta(piece)
            time.sleep(pace)
            if on_error == "stop":
                stream.hear(0)
                if stream.heard.stops:
                    break
        stream.end()

    def cut(self, program: Program, split: str) -> list[str]:
        """The pieces of a program's text, by one of `SPLITS`."""
        return SPLITS[split](program.text, self._chance)


class _OverLimitError(TimeoutError):
    """A program took longer than it may."""


def _finish(stream: WireStream, answers: list[str], limit: float) -> list[Any]:
    """Answer questions until the run has ended."""
    prompts: list[Any] = []
    deadline = time.monotonic() + limit
    while not stream.done:
        if time.monotonic() > deadline:
            heard = pprint.pformat(stream.heard)
            raise _OverLimitError(f"the run did not end in {limit:g} s; heard {heard[-2000:]}")
        stream.hear(0.02)
        if answers or stream.client.allow_stdin:
            try:
                question = stream.client.get_stdin_msg(timeout=0)
            except queue.Empty:
                continue
            prompts.append(question["content"])
            stream.client.input(answers.pop(0) if answers else "")
    return prompts


def _run_quietly(
    client: BlockingKernelClient, code: str, limit: float = 60, *, store_history: bool = False
) -> None:
    try:
        reply = client.execute_interactive(
            code,
            store_history=store_history,
            timeout=limit,
            allow_stdin=False,
            output_hook=lambda message: None,
        )
    except TimeoutError as error:
        raise TimeoutError(f"{code!r} did not end within {limit:g} s") from error
    if reply["content"]["status"] != "ok":
        told = {name: reply["content"].get(name) for name in ("status", "ename", "evalue")}
        raise RuntimeError(f"{code!r} failed: {told}")


def _run_loudly(client: BlockingKernelClient, code: str) -> Any:
    heard: list[dict[str, Any]] = []
    reply = client.execute_interactive(
        code, timeout=60, allow_stdin=False, output_hook=heard.append
    )
    return [normalise.messages(heard), reply["content"]["status"]]


def _probe(client: BlockingKernelClient, function: str) -> str:
    expression = f"__import__('sys').modules['_eager_probe'].{function}()"
    reply = client.execute_interactive(
        "",
        silent=True,
        user_expressions={"r": expression},
        timeout=60,
        allow_stdin=False,
        output_hook=lambda message: None,  # what a program's own __repr__ prints
    )
    answer = reply["content"]["user_expressions"]["r"]
    if answer["status"] != "ok":
        raise RuntimeError(f"the probe failed: {answer}")
    text: str = answer["data"]["text/plain"]
    return text


def _history(client: BlockingKernelClient, session: int) -> Any:
    """What a history request gives of this program's cells, from the database."""
    request = client.history(hist_access_type="tail", n=4, raw=True, output=False)
    while True:
        message = client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request:
            entries = message["content"]["history"]
            return [entry[1:] for entry in entries if entry[0] == session]


def _shut_down(manager: KernelManager, client: BlockingKernelClient) -> None:
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


_BROKEN = (TimeoutError, RuntimeError, queue.Empty)
_NO_PROGRAM = ("SyntaxError", "IndentationError", "TabError")
_SHOWN = ("messages", "reply", "prompts")

_INSTALL = """\
def _install():
    import sys, types
    module = sys.modules["_eager_probe"] = types.ModuleType("_eager_probe")
    exec(compile({source!r}, "<probe>", "exec"), vars(module))
    module.install()
_install()
del _install
"""
