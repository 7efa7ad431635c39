"""LangChain: `EagerPython`, middleware for `create_agent` with a tool whose code runs early.

>>> from eager_kernel.agents.langchain import EagerPython                    # doctest: +SKIP
>>> agent = create_agent("openai:gpt-5", middleware=[EagerPython()])         # doctest: +SKIP
"""

from __future__ import annotations

import base64
import weakref
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final, NotRequired

from eager_kernel.errors import EagerError, KernelConnectionError, MissingExtraError

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState
    from langchain.agents.middleware.types import PrivateStateAttr
    from langchain.tools import ToolRuntime
    from langchain_core.messages import (
        AIMessage,
        AnyMessage,
        HumanMessage,
        SystemMessage,
        ToolMessage,
    )
    from langchain_core.tools import StructuredTool
    from langgraph.channels.untracked_value import UntrackedValue
    from langgraph.config import get_config
except ImportError as error:
    raise MissingExtraError("eager_kernel.agents.langchain", "langchain") from error

from eager_kernel.agents._chunks import Answer, ListeningModel
from eager_kernel.agents._langchain_tools import check, describe, plain_functions
from eager_kernel.agents._observation import figures_of
from eager_kernel.agents._prompt import DESCRIPTION, instructions
from eager_kernel.agents._session import Session
from eager_kernel.client import AsyncEagerClient, EagerClient, RunResult
from eager_kernel.client.run import OnEvent

__all__ = ["EagerPython", "EagerState"]


class EagerState(AgentState[Any]):
    """What the agent's graph keeps for a run: its kernel."""

    eager_session: NotRequired[  # type: ignore[valid-type] # mypy may not see AgentState
        Annotated[Any, UntrackedValue, PrivateStateAttr]
    ]


class EagerPython(AgentMiddleware[EagerState, Any, Any]):
    """Gives an agent a live Python kernel that runs code while the model writes it.

    The model gets a tool that takes ``code``. Of its first call in an answer, each statement runs
    as soon as it is written, in `invoke` and `ainvoke` as in streamed runs. When one fails, the
    model is stopped, the history keeps the code up to that statement, and the model is asked to go
    on from there.

    Parameters
    ----------
    client
        Of a kernel that runs already, and stays: what programs define lasts, and all runs of the
        agent share it. None: each run of the agent has a kernel of its own.
    url, token
        The Jupyter server that starts it; None: it starts here.
    kernel
        Options of `EagerClient.start`, such as ``{"warm": True}`` or ``{"sandbox": True}``.
    tools
        What programs may call: plain functions, asynchronous ones, or tools of LangChain. A program
        calls each without ``await``.
    without_effects
        Names of tools that change nothing, such as a search: they are called as soon as their
        statement is written. A call of any other one waits until the whole program is known.
    tool_name
        What the model calls.
    limit
        Characters that the model reads of an outcome.
    figures
        Whether the model sees the pictures that a program shows.
    timeout
        Seconds that a call may take, from its first piece of code on; None: any number.
    requires_approval
        Whether somebody is asked before code runs, as by `HumanInTheLoopMiddleware`: no code runs
        before its tool is called then. A middleware does not see the others, so this is to be said.
    prompt
        What the model is told of the kernel; None: a few sentences.
    on_kernel_event
        Hears what happens in the kernel, in a thread of its own; as of `EagerClient.open`.

    Notes
    -----
    It should be the last of the agent's middleware, next to the model.
    """

    state_schema = EagerState

    def __init__(
        self,
        *,
        client: EagerClient | AsyncEagerClient | None = None,
        url: str | None = None,
        token: str | None = None,
        kernel: dict[str, Any] | None = None,
        tools: Sequence[Any] = (),
        without_effects: Collection[str] = (),
        tool_name: str = "run_python",
        limit: int = 20_000,
        figures: bool = True,
        timeout: float | None = None,
        requires_approval: bool = False,
        prompt: str | None = None,
        on_kernel_event: OnEvent | None = None,
    ) -> None:
        super().__init__()
        check(tools)
        self._tools = tools
        self._options: dict[str, Any] = {
            "client": client,
            "url": url,
            "token": token,
            "kernel": kernel,
            "without_effects": without_effects,
            "timeout": timeout,
            "on_event": on_kernel_event,
        }
        self._tool_name = tool_name
        self._limit = limit
        self._figures = figures
        self._is_early = not requires_approval
        self._prompt = instructions(tool_name, prompt, describe(tools))
        self._interrupted: dict[str, Session] = {}
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self.tools = [
            StructuredTool.from_function(
                self._run_code, self._arun_code, name=tool_name, description=DESCRIPTION
            )
        ]

    def interrupt(self) -> None:
        """Give up the programs of all runs of this agent that go on; from any thread."""
        for session in list(self._sessions):
            session.cancel()

    def close(self) -> None:
        """End the kernels of all runs, also of those that wait for somebody to resume them."""
        self._interrupted.clear()
        for session in list(self._sessions):
            session.close_here()

    # As the graph calls it -----------------------------------------------------------------------

    def before_agent(self, state: EagerState, runtime: Any) -> dict[str, Any]:
        """Begin to start the run's kernel."""
        return {"eager_session": self._new_session()}

    async def abefore_agent(self, state: EagerState, runtime: Any) -> dict[str, Any]:
        """Begin to start the run's kernel."""
        return self.before_agent(state, runtime)

    def after_agent(self, state: EagerState, runtime: Any) -> None:
        """End the run's kernel, if it is its own."""
        self._session_of(state).close_here()
        self._interrupted.pop(_thread(), None)

    async def aafter_agent(self, state: EagerState, runtime: Any) -> None:
        """End the run's kernel, if it is its own."""
        await self._session_of(state).close()
        self._interrupted.pop(_thread(), None)

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        """Listen to the model."""
        return handler(self._listening(request))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        """Listen to the model."""
        return await handler(self._listening(request))

    # ---------------------------------------------------------------------------------------------

    def _new_session(self) -> Session:
        session: Session

        def now() -> Session:
            held = reference()
            assert held is not None
            return held

        session = Session(**self._options, tools=plain_functions(self._tools, now))
        # The session holds the functions; else nothing would end its kernel but garbage collection.
        reference = weakref.ref(session)
        session.prepare()
        self._sessions.add(session)
        if thread := _thread():
            self._interrupted[thread] = session
        return session

    def _session_of(self, state: Any) -> Session:
        """Find the run's kernel.

        The state of a run that was interrupted, to ask somebody, is read from where it was saved,
        and the kernel is not in it.
        """
        session = state.get("eager_session") or self._interrupted.get(_thread())
        return session if isinstance(session, Session) else self._new_session()

    def _listening(self, request: Any) -> Any:
        messages = _with_figures(request.messages) if self._figures else request.messages
        changes: dict[str, Any] = {
            "messages": messages,
            "system_message": _told(request.system_message, self._prompt),
        }
        session = self._session_of(request.state)
        session.forget()
        names = [getattr(tool, "name", None) for tool in request.tools]
        if self._is_early and self._tool_name in names:
            answer = Answer(session, self._tool_name, get_config())
            changes["model"] = ListeningModel.over(request.model, answer)
        return request.override(**changes)

    def _run_code(self, code: str, runtime: ToolRuntime) -> ToolMessage:
        """Run Python code."""
        session = self._session_of(runtime.state)
        try:
            result = session.result_here(*self._call(runtime, code))
        except KernelConnectionError:
            raise
        except EagerError as error:
            return self._message(runtime, str(error), "error")
        return self._read(runtime, result)

    async def _arun_code(self, code: str, runtime: ToolRuntime) -> ToolMessage:
        """Run Python code."""
        session = self._session_of(runtime.state)
        try:
            result = await session.result(*self._call(runtime, code))
        except KernelConnectionError:
            raise
        except EagerError as error:
            return self._message(runtime, str(error), "error")
        return self._read(runtime, result)

    def _call(self, runtime: Any, code: str) -> tuple[str, str, Any, list[str]]:
        """Give a call's id, code and config, and the calls that are to run before it."""
        call_id = runtime.tool_call_id or ""
        messages = runtime.state.get("messages", [])
        answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
        calls: list[str] = []
        for message in reversed(messages):
            if isinstance(message, AIMessage):
                names = {call["id"]: call["name"] for call in message.tool_calls}
                calls = [each for each, name in names.items() if name == self._tool_name]
                break
        before = calls[: calls.index(call_id)] if call_id in calls else []
        return call_id, code, runtime.config, [each for each in before if each not in answered]

    def _read(self, runtime: Any, result: RunResult) -> ToolMessage:
        """Give what the model reads."""
        text = result.text(limit=self._limit)
        if result.status != "ok":
            return self._message(runtime, text or f"The code is {result.status}.", "error")
        figures = [
            {"type": "image", "mime_type": p.type, "base64": base64.b64encode(p.data).decode()}
            for p in figures_of(result)
        ]
        return self._message(runtime, text or "(no output)", "success", figures)

    def _message(
        self, runtime: Any, text: str, status: str, figures: Sequence[dict[str, str]] = ()
    ) -> ToolMessage:
        return ToolMessage(
            content=text,
            tool_call_id=runtime.tool_call_id,
            name=self._tool_name,
            status=status,
            artifact={_FIGURES: list(figures)} if figures else None,
        )


def _thread() -> str:
    """Name the conversation that is saved; empty if none is."""
    return str(get_config().get("configurable", {}).get("thread_id") or "")


def _told(message: SystemMessage | None, prompt: str) -> SystemMessage:
    """Add to a system prompt what the model is to know of its kernel."""
    if message is None:
        return SystemMessage(content=prompt)
    content = message.content
    if isinstance(content, str):
        return message.model_copy(update={"content": f"{content}\n\n{prompt}"})
    return message.model_copy(update={"content": [*content, {"type": "text", "text": prompt}]})


def _with_figures(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Show figures behind the outcomes that have them.

    In a message of the user's, as not all providers take pictures in outcomes; behind all outcomes
    of an answer, as nothing may stand between these.
    """
    told: list[AnyMessage] = []
    figures: list[Any] = []
    for message in [*messages, None]:
        if figures and not isinstance(message, ToolMessage):
            text = {"type": "text", "text": "What the code shows:"}
            told.append(HumanMessage(content=[text, *figures]))
            figures = []
        if isinstance(message, ToolMessage) and isinstance(message.artifact, dict):
            figures += message.artifact.get(_FIGURES, [])
        if message is not None:
            told.append(message)
    return told


_FIGURES: Final = "eager_figures"
