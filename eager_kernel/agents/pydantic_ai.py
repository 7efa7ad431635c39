"""Pydantic AI: `EagerPython`, a capability with a tool whose code runs while it is written.

>>> from eager_kernel.agents.pydantic_ai import EagerPython                  # doctest: +SKIP
>>> agent = Agent("openai:gpt-5", capabilities=[EagerPython()])              # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eager_kernel.errors import EagerError, KernelConnectionError, MissingExtraError

try:
    from pydantic_ai import RunContext
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.exceptions import ModelRetry
    from pydantic_ai.messages import BinaryContent, ToolReturn
    from pydantic_ai.models import Model
    from pydantic_ai.tools import AgentDepsT
    from pydantic_ai.toolsets import FunctionToolset
except ImportError as error:
    raise MissingExtraError("eager_kernel.agents.pydantic_ai", "pydantic-ai") from error

from eager_kernel.agents._listening import ListeningModel
from eager_kernel.agents._observation import figures_of
from eager_kernel.agents._prompt import DESCRIPTION, instructions
from eager_kernel.agents._pydantic_tools import describe, plain_functions
from eager_kernel.agents._session import Session
from eager_kernel.client import AsyncEagerClient, EagerClient
from eager_kernel.client.run import OnEvent

__all__ = ["EagerPython"]


@dataclass(kw_only=True)
class EagerPython(AbstractCapability[AgentDepsT]):
    """Gives an agent a live Python kernel that runs code while the model writes it.

    The model gets a tool that takes ``code``. Of its first call in an answer, each statement runs
    as soon as it is written, in `Agent.run` as in streamed runs. When one fails, the model is
    stopped, the history keeps the code up to that statement, and the model is asked to go on from
    there.

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
        Functions of this process that programs may call, by their names: plain functions,
        asynchronous ones, or `pydantic_ai.Tool`. A program calls each without ``await``.
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
    max_retries
        Errors in a row that the model may repair.
    instructions
        What the model is told of the kernel; None: a few sentences.
    on_kernel_event
        Hears what happens in the kernel, in a thread of its own; as of `EagerClient.open`.
    """

    client: EagerClient | AsyncEagerClient | None = None
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    kernel: dict[str, Any] = field(default_factory=dict)
    tools: Sequence[Any] = ()
    without_effects: Collection[str] = ()
    tool_name: str = "run_python"
    limit: int = 20_000
    figures: bool = True
    timeout: float | None = None
    max_retries: int = 5
    instructions: str | None = None
    on_kernel_event: OnEvent | None = field(default=None, repr=False)
    _session: Session | None = field(default=None, init=False, repr=False)

    async def for_run(self, ctx: RunContext[AgentDepsT]) -> AbstractCapability[AgentDepsT]:
        """Give each run a kernel of its own, or the one that is given."""
        mine = replace(self)
        mine._session = Session(
            self.client,
            url=self.url,
            token=self.token,
            kernel=self.kernel,
            tools=plain_functions(self.tools, ctx),
            without_effects=self.without_effects,
            timeout=self.timeout,
            on_event=self.on_kernel_event,
        )
        return mine

    def get_instructions(self) -> str:
        """Tell the model what there is."""
        return instructions(self.tool_name, self.instructions, describe(self.tools))

    def get_toolset(self) -> FunctionToolset[AgentDepsT]:
        """Give the model the tool."""
        toolset: FunctionToolset[AgentDepsT] = FunctionToolset(
            max_retries=self.max_retries, sequential=True, id=f"eager-{self.tool_name}"
        )
        toolset.add_function(
            self._run_code, takes_ctx=True, name=self.tool_name, description=DESCRIPTION
        )
        return toolset

    def get_wrapper_model(self, model: Model) -> Model | None:
        """Listen to the model."""
        if self._session is None:
            return None
        return ListeningModel(model, self._session, self.tool_name)

    async def wrap_run(self, ctx: RunContext[AgentDepsT], *, handler: Any) -> Any:
        """Begin to start the kernel, and end it with the run."""
        if self._session is None:
            return await handler()
        self._session.prepare()
        try:
            return await handler()
        finally:
            await self._session.close()

    async def _run_code(self, ctx: RunContext[AgentDepsT], code: str) -> Any:
        """Run Python code."""
        if self._session is None:
            raise RuntimeError("the tool was called outside a run of the agent")
        try:
            result = await self._session.result(ctx.tool_call_id or "", code)
        except KernelConnectionError:
            raise
        except EagerError as error:
            raise ModelRetry(str(error)) from error
        text = result.text(limit=self.limit)
        if result.status != "ok":
            raise ModelRetry(text or f"The code is {result.status}.")
        pictures = figures_of(result) if self.figures else []
        if not pictures:
            return text or "(no output)"
        return ToolReturn(
            return_value=text or "(no text)",
            content=[BinaryContent(data=p.data, media_type=p.type) for p in pictures],
        )
