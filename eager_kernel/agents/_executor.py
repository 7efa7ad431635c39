"""Runs the programs of a smolagents agent in a kernel."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from smolagents.local_python_executor import (
    CodeOutput,
    PythonExecutor,
    fix_final_answer_code,
)
from smolagents.utils import BASE_BUILTIN_MODULES

from eager_kernel.agents import _inside
from eager_kernel.agents._history import written
from eager_kernel.agents._kernel import AgentKernel
from eager_kernel.agents._observation import figures_of, printed
from eager_kernel.agents._tools import offer
from eager_kernel.agents._values import loads
from eager_kernel.client import AsyncEagerClient, EagerClient, Image, RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.client.run import OnEvent
from eager_kernel.errors import EagerError, KernelConnectionError


class EagerPythonExecutor(PythonExecutor):
    """Runs programs in a live kernel, of which the agent's next step finds all variables.

    `EagerCodeAgent` makes one. Used alone, in a `CodeAgent(executor=...)`, it runs each program
    when it is whole.

    Parameters
    ----------
    additional_authorized_imports
        Modules that programs may import besides those of smolagents, as `CodeAgent` has it; one
        that ends with ``.*`` with all that is below it, ``*`` any. An import of another one fails
        in the program. This tells a model what is expected; it is no sandbox, and keeps nobody
        from anything. In a kernel whose `client` is given it is not checked.
    client
        Of a kernel that runs already, and stays; None: one of its own starts when it is needed,
        and ends with `cleanup`, or with the process.
    url, token
        The Jupyter server that starts it; None: it starts here.
    max_print_outputs_length
        Characters of what is printed that the model reads; None: as `CodeAgent`, 50,000.
    timeout_seconds
        Seconds that a step may take, from its first piece of text on; None: any number.
    without_effects
        Names of tools that change nothing, such as a search: they are called as soon as their
        statement is written. A call of any other one waits until the whole program is known.
    on_event
        Hears what happens in the kernel; as of `EagerClient.open`.
    options
        As of `EagerClient.start`, such as ``warm=True`` or ``sandbox=True``.

    Notes
    -----
    Nothing is installed: what tools `require` has to be there. Tools run in the agent's process.
    """

    def __init__(
        self,
        additional_authorized_imports: list[str] | None = None,
        *,
        client: EagerClient | AsyncEagerClient | None = None,
        url: str | None = None,
        token: str | None = None,
        max_print_outputs_length: int | None = None,
        timeout_seconds: float | None = None,
        without_effects: Collection[str] = (),
        on_event: OnEvent | None = None,
        **options: Any,
    ) -> None:
        self._kernel = AgentKernel(client, url=url, token=token, **options)
        imports = sorted({*BASE_BUILTIN_MODULES, *(additional_authorized_imports or [])})
        self._imports = imports if self._kernel.is_own else None
        self._limit = max_print_outputs_length or _MOST_PRINTED
        self._timeout = timeout_seconds
        self._without_effects = without_effects
        self._on_event = on_event
        self._tools: dict[str, Callable[..., Any]] = {}
        self._offered: dict[str, Callable[..., Any]] = {}
        self._variables: dict[str, Any] = {}
        self._unsent: dict[str, Any] = {}
        self._run: EagerRun | None = None
        self._last: RunResult | None = None
        self.state: dict[str, Any] = {}
        """What `CodeAgent` reads after an error: ``_print_outputs``, what the program printed."""

    # As smolagents calls it ----------------------------------------------------------------------

    def send_tools(self, tools: dict[str, Any]) -> None:
        """Take what programs may call; the kernel begins to start."""
        self._kernel.prepare()
        self._tools = dict(tools)

    def send_variables(self, variables: dict[str, Any]) -> None:
        """Take variables that programs are to find, by value.

        Raises
        ------
        TypeError
            One can't be sent to another process; the message names it.
        """
        for name, value in variables.items():
            try:
                pickle.dumps(value)
            except Exception as error:
                raise TypeError(
                    f"the variable {name!r} can't be sent to the kernel, as it can't be pickled: "
                    f"{error}"
                ) from error
        self._variables |= variables
        self._unsent |= variables

    def __call__(self, code_action: str) -> CodeOutput:
        """Give what a program gave: that which runs, or this one.

        Raises
        ------
        EagerError
            It failed. The message is for the model: the traceback, and what has run.
        """
        try:
            result = None if self._run is None else self._run.result()
            if result is None or result.status == "no_code":
                result = self._run_whole(code_action)
            result = self._mended(result)
        except KernelConnectionError as error:
            said = self._kernel.revive(error)
            self._offered, self._unsent = {}, dict(self._variables)
            self.state["_print_outputs"] = ""
            raise EagerError(said) from error
        finally:
            self._run = None
        return self._output(result)

    def cleanup(self) -> None:
        """End the kernel, if it is the agent's own."""
        self._kernel.close()
        self._offered, self._unsent = {}, dict(self._variables)

    # As the agent calls it -----------------------------------------------------------------------

    def begin(self, text_format: str) -> EagerRun:
        """Begin a program whose text is on its way."""
        client = self._ready()
        run = client.open(format=text_format, timeout=self._timeout, on_event=self._on_event)
        self._run, self._last = run, None
        return run

    def cancel(self) -> None:
        """Give up what runs; the statement that runs is interrupted. From any thread."""
        if (run := self._run) is not None:
            run.cancel()

    def forget(self) -> None:
        """Give up a program whose text did not come to its end, because its model failed."""
        run, self._run = self._run, None
        if run is not None:
            run.cancel()
            run.wait()

    @property
    def figures(self) -> list[Image]:
        """The pictures that the last program showed."""
        return [] if self._last is None else figures_of(self._last)

    @property
    def last_result(self) -> RunResult | None:
        """How the last program ended; None before there was one."""
        return self._last

    # ---------------------------------------------------------------------------------------------

    def _mended(self, result: RunResult) -> RunResult:
        """Let a program have a variable ``final_answer`` and call the tool, as smolagents does.

        It renames the variable in the whole code. Here that is known when the call has failed; by
        then `_inside.set_up` has renamed what the variable was.
        """
        program = written(result)
        mended = fix_final_answer_code(program)
        if result.error is None or result.error.ename != "TypeError" or mended == program:
            return result
        failing = mended.splitlines(keepends=True)[result.executed.count("\n") :]
        rest = self._run_whole("".join(failing))
        before = [output for output in result.outputs if output["output_type"] != "error"]
        return replace(rest, outputs=[*before, *rest.outputs])

    def _run_whole(self, code: str) -> RunResult:
        run = self.begin("python")
        try:
            run.feed(code)
            run.end()
            return run.result()
        except BaseException:
            run.cancel()
            raise
        finally:
            self._run = None

    def _ready(self) -> EagerClient:
        """Have the kernel know tools and variables."""
        client = self._kernel.client
        tools = {name: tool for name, tool in self._tools.items() if name != _FINAL}
        new = {name: tool for name, tool in tools.items() if self._offered.get(name) is not tool}
        offer(client, new, self._without_effects)
        self._offered = tools
        variables = ""
        if self._unsent:
            variables = base64.b64encode(pickle.dumps(self._unsent)).decode()
        cell = _inside.call(self._imports, variables)
        done = client.execute(cell, silent=True, store_history=False)
        if done.error is not None:
            raise EagerError(
                "the kernel could not be made ready for the agent: "
                f"{done.error.ename}: {done.error.evalue}"
            )
        self._unsent = {}
        return client

    def _output(self, result: RunResult) -> CodeOutput:
        self._last = result
        logs = printed(result, self._limit)
        self.state["_print_outputs"] = logs
        error = result.error
        if error is not None and error.ename == "FinalAnswer":
            args, kwargs = loads(error.evalue)
            final_answer = self._tools.get(_FINAL)
            value = final_answer(*args, **kwargs) if final_answer is not None else args[0]
            return CodeOutput(output=value, logs=logs, is_final_answer=True)
        if result.status != "ok":
            raise EagerError(result.text(limit=self._limit) or f"the program is {result.status}")
        return CodeOutput(output=result.value, logs=logs, is_final_answer=False)


_FINAL: Final = "final_answer"
_MOST_PRINTED: Final = 50_000
