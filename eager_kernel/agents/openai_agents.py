"""The OpenAI Agents SDK: `EagerModel`, a model with a tool whose code runs while it is written.

>>> from eager_kernel.agents.openai_agents import EagerModel                 # doctest: +SKIP
>>> model = EagerModel("gpt-5")                                              # doctest: +SKIP
>>> agent = Agent(name="Analyst", model=model, tools=[model.tool])           # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import base64
import json
import weakref
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Any, Final, Self

from eager_kernel.errors import EagerError, KernelConnectionError, MissingExtraError

try:
    from agents import FunctionTool, Model, ModelResponse, Usage
    from agents.exceptions import ModelBehaviorError
    from agents.models.multi_provider import MultiProvider
    from agents.run_context import RunContextWrapper
    from agents.tool import ToolOutputImage, ToolOutputText
    from agents.tracing import get_current_span, get_current_trace
except ImportError as error:
    raise MissingExtraError("eager_kernel.agents.openai_agents", "openai-agents") from error

from eager_kernel.agents._observation import figures_of
from eager_kernel.agents._openai_tools import check, describe, plain_functions
from eager_kernel.agents._prompt import DESCRIPTION, instructions
from eager_kernel.agents._responses import Answer
from eager_kernel.agents._session import UNTIL_CALLED, Session
from eager_kernel.client import AsyncEagerClient, EagerClient, RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.client.run import OnEvent

__all__ = ["EagerModel"]


class EagerModel(Model):
    """A model that is listened to while it writes code for its `tool`, which is to be the agent's.

    Of the first call of the tool in an answer, each statement runs as soon as it is written, in
    `Runner.run` as in `Runner.run_streamed`. When one fails, the model is stopped, the history
    keeps the code up to that statement, and the model is asked to go on from there.

    Parameters
    ----------
    model
        The model that writes, or its name; None: the SDK's default.
    client
        Of a kernel that runs already, and stays. None: one of its own starts with the first run,
        and ends with `close`, or with the process.
    url, token
        The Jupyter server that starts it; None: it starts here.
    kernel
        Options of `EagerClient.start`, such as ``{"warm": True}`` or ``{"sandbox": True}``.
    tools
        What programs may call: plain functions, asynchronous ones, or function tools. A program
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
    stop
        Whether an error stops the model. Give False for runs with ``auto_previous_response_id``: a
        server that keeps the conversation would not know an answer that was broken off. Where a
        run names a conversation, or a response to go on from, the model is not stopped anyhow.
    prompt
        What the model is told of the kernel; None: a few sentences.
    on_kernel_event
        Hears what happens in the kernel, in a thread of its own; as of `EagerClient.open`.

    Notes
    -----
    All runs with one `EagerModel` share its kernel, and so the variables: a conversation goes on
    from run to run. Give each user, or each conversation, a model of its own.
    """

    tool: FunctionTool
    """What the model calls: one of the agent's ``tools``."""

    def __init__(
        self,
        model: str | Model | None = None,
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
        stop: bool = True,
        prompt: str | None = None,
        on_kernel_event: OnEvent | None = None,
    ) -> None:
        check(tools)
        self._model = model if isinstance(model, Model) else MultiProvider().get_model(model)
        self._options: dict[str, Any] = {
            "client": client,
            "url": url,
            "token": token,
            "kernel": kernel,
            "tools": plain_functions(tools, lambda: self._session),
            "without_effects": without_effects,
            "timeout": timeout,
            "on_event": on_kernel_event,
        }
        self._tool_name = tool_name
        self._limit = limit
        self._figures = figures
        self._stop = stop
        self._prompt = instructions(tool_name, prompt, describe(tools))
        self._session = Session(**self._options)
        self._unasked: dict[str, EagerRun] = {}
        self._needs_context = any(isinstance(each, FunctionTool) for each in tools)
        self._contexts: weakref.WeakKeyDictionary[Any, list[weakref.ref[Any]]]
        self._contexts = weakref.WeakKeyDictionary()
        self.tool = FunctionTool(
            name=tool_name,
            description=DESCRIPTION,
            params_json_schema=_SCHEMA,
            on_invoke_tool=self._run_code,
            is_enabled=self._note_context,
        )

    # As the runner calls it ----------------------------------------------------------------------

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],
        model_settings: Any,
        tools: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Ask for a whole answer; by a stream, if code may be in it."""
        given = (system_instructions, input, model_settings, tools, *args)
        if not self._may_call(tools):
            return await self._model.get_response(*given, **kwargs)
        last = None
        try:
            async for event in self.stream_response(*given, **kwargs):
                if event.type in _ENDS:
                    last = event
        except NotImplementedError:
            # It gives whole answers alone.
            given = (self._told(system_instructions), *given[1:])
            return await self._model.get_response(*given, **kwargs)
        if last is None or last.type == "response.failed":
            raise ModelBehaviorError("the model's stream ended before its answer")
        response = last.response
        return ModelResponse(
            output=response.output, usage=_usage(response.usage), response_id=response.id
        )

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],
        model_settings: Any,
        tools: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> AsyncGenerator[Any]:
        """Ask for an answer piece by piece."""
        is_heard = self._may_call(tools)
        context = self._context()
        if is_heard:
            self._session.prepare()
            system_instructions = self._told(system_instructions)
        events = self._model.stream_response(
            system_instructions, input, model_settings, tools, *args, **kwargs
        )
        if not is_heard or (self._needs_context and context is None):
            # Its program runs when its tool is called.
            async for event in events:
                yield event
            return
        is_kept_there = kwargs.get("previous_response_id") or kwargs.get("conversation_id")
        answer = Answer(
            lambda: self._begin(context),
            self._unasked.__setitem__,
            self._tool_name,
            may_stop=self._stop and not is_kept_there,
        )
        heard = answer.listen(events)
        try:
            async for event in heard:
                yield event
        finally:
            await heard.aclose()

    def get_retry_advice(self, request: Any) -> Any:
        """Say what the model says."""
        return self._model.get_retry_advice(request)

    async def _cleanup_on_run_end(self, owner: object) -> None:
        # Of newer releases of the SDK: what a model has for one run ends with it.
        clean_up = getattr(self._model, "_cleanup_on_run_end", None)
        if clean_up is not None:
            await clean_up(owner)

    async def close(self) -> None:
        """End the kernel, if it is this model's own, and what the model holds.

        The next run starts another one.
        """
        session, self._session = self._session, Session(**self._options)
        self._unasked.clear()
        await session.close()
        await self._model.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---------------------------------------------------------------------------------------------

    def _may_call(self, tools: list[Any]) -> bool:
        # A tool that is to be approved or guarded waits for that.
        return any(
            isinstance(tool, FunctionTool)
            and tool.name == self._tool_name
            and not getattr(tool, "needs_approval", False)
            and not getattr(tool, "tool_input_guardrails", None)
            for tool in tools
        )

    def _told(self, system_instructions: str | None) -> str:
        return f"{system_instructions}\n\n{self._prompt}" if system_instructions else self._prompt

    def _note_context(self, context: RunContextWrapper[Any], _: Any) -> bool:
        """Keep a run's context, which a model is not told.

        The model is asked in the same span as this, or, by older releases, in the same trace.
        """
        for where in (get_current_span(), get_current_trace()):
            if where is not None and not any(c is context for c in self._contexts_in(where)):
                self._contexts.setdefault(where, []).append(weakref.ref(context))
        return True

    def _context(self) -> RunContextWrapper[Any] | None:
        """Find the context of the run that asks; None if it is not clear which run that is."""
        for where in (get_current_span(), get_current_trace()):
            found = [] if where is None else self._contexts_in(where)
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _contexts_in(self, where: Any) -> list[RunContextWrapper[Any]]:
        found = [reference() for reference in self._contexts.get(where, [])]
        return [context for context in found if context is not None]

    async def _begin(self, context: RunContextWrapper[Any] | None) -> EagerRun:
        """Begin a program, as soon as the one before it has ended.

        One whose tool is not called, because its agent's run ended before that, is given up.
        """
        beginning = asyncio.ensure_future(self._session.begin("json:code", context))
        try:
            await asyncio.wait({beginning}, timeout=UNTIL_CALLED)
            if not beginning.done():
                while self._unasked:
                    self._unasked.popitem()[1].cancel()
            return await beginning
        except asyncio.CancelledError:
            beginning.cancel()
            raise

    async def _run_code(self, context: Any, text: str) -> Any:
        """Run Python code."""
        try:
            code = json.loads(text)["code"]
        except (ValueError, TypeError, KeyError):
            return 'The arguments must be a JSON object with the code: {"code": "..."}'
        if not isinstance(code, str):
            return "The code must be a string."
        call_id = context.tool_call_id
        if (run := self._unasked.pop(call_id, None)) is not None:
            self._session.keep(call_id, run)
        try:
            result = await self._session.result(call_id, code, context)
        except KernelConnectionError:
            raise
        except EagerError as error:
            return str(error)
        return self._read(result)

    def _read(self, result: RunResult) -> Any:
        """Give what the model reads."""
        text = result.text(limit=self._limit)
        if result.status != "ok":
            text = text or f"The code is {result.status}."
        pictures = figures_of(result) if self._figures else []
        if not pictures:
            return text or "(no output)"
        urls = [f"data:{p.type};base64,{base64.b64encode(p.data).decode()}" for p in pictures]
        images = [ToolOutputImage(image_url=url) for url in urls]
        return [ToolOutputText(text=text or "(no text)"), *images]


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage(requests=1)
    return Usage(
        requests=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        input_tokens_details=usage.input_tokens_details,
        output_tokens_details=usage.output_tokens_details,
    )


_SCHEMA: Final = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "The code."}},
    "required": ["code"],
    "additionalProperties": False,
}
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
