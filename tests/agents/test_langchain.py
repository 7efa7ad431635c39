"""Agents of LangChain, with its real package, a scripted model and a real kernel."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("langchain.agents.middleware")

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.tools import ToolRuntime, tool
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.agents.langchain import EagerPython
from tests.agents.conftest import Seen, pieces

MARK = "⏸"


class Script(BaseChatModel):
    """Writes given answers: text, or programs for the tool. At a mark it waits."""

    answers: list[Any]
    wait: Callable[[], bool] | None = None
    asked: list[list[Any]] = []
    written: list[int] = []
    closed: list[int] = []
    tools: list[Any] = []
    blocks: bool = False
    is_asked_whole: bool = False

    def __init__(self, *answers: Any, **fields: Any) -> None:
        super().__init__(answers=list(answers), asked=[], written=[], closed=[], **fields)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        self.tools[:] = tools
        return self.bind(tools=["described"], **kwargs)

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        assert self.is_asked_whole, "a stream is to be asked for"
        return generate_from_stream(self._stream(messages))

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.asked.append(list(messages))
        self.written.append(0)
        answer = self.answers.pop(0)
        number = len(self.asked)
        try:
            if isinstance(answer, str):
                for piece in pieces(answer):
                    yield chunk(piece)
                yield chunk("", response_metadata={"finish_reason": "stop"})
                return
            yield chunk("I look.")
            for index, program in enumerate(answer):
                before, mark, after = program.partition(MARK)
                text = json.dumps({"code": before + after})
                cut = len(json.dumps({"code": before})) - 2 if mark else len(text)
                yield call("run_python", f"call{number}{index}", "", index)
                for part in (text[:cut], text[cut:]):
                    for piece in pieces(part):
                        self.written[-1] += 1
                        yield call(None, None, piece, index, blocks=self.blocks)
                    if mark and part == text[:cut]:
                        assert self.wait is not None
                        assert self.wait()
            yield chunk("", response_metadata={"finish_reason": "tool_calls"})
        finally:
            self.closed.append(number)


class AsyncScript(Script):
    """Writes on the event loop."""

    async def _astream(
        self, messages: Any, *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        stream = self._stream(messages)
        try:
            while (piece := await asyncio.to_thread(next, stream, None)) is not None:
                yield piece
        finally:
            stream.close()


def chunk(text: str, **fields: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text, **fields))


def call(
    name: str | None, call_id: str | None, args: str, index: int, *, blocks: bool = False
) -> ChatGenerationChunk:
    part = {"name": name, "id": call_id, "args": args, "index": index, "type": "tool_call_chunk"}
    content: Any = [{"type": "tool_use", "partial_json": args, "index": index + 1}]
    return chunk(content if blocks else "", tool_call_chunks=[part])


def make(script: Script, client: Any, **options: Any) -> Any:
    middleware = EagerPython(client=client, **options)
    return create_agent(script, middleware=[middleware], system_prompt="Be brief.")


GO = {"messages": [HumanMessage("Go.")]}


async def by_invoke(agent: Any, **options: Any) -> Any:
    return (await asyncio.to_thread(agent.invoke, GO, **options))["messages"]


async def by_ainvoke(agent: Any, **options: Any) -> Any:
    return (await agent.ainvoke(GO, **options))["messages"]


async def by_astream(agent: Any, **options: Any) -> Any:
    last: Any = None
    async for mode, each in agent.astream(GO, stream_mode=["messages", "values"], **options):
        last = each["messages"] if mode == "values" else last
    return last


async def by_stream(agent: Any, **options: Any) -> Any:
    def go() -> Any:
        modes = ["messages", "values"]
        values = [each for mode, each in agent.stream(GO, stream_mode=modes) if mode == "values"]
        return values[-1]["messages"]

    return await asyncio.to_thread(go)


ALL = pytest.mark.parametrize(
    ("how", "kind"),
    [
        (by_invoke, Script),
        (by_stream, Script),
        (by_ainvoke, Script),
        (by_ainvoke, AsyncScript),
        (by_astream, AsyncScript),
    ],
)


def outcomes(messages: list[Any]) -> list[Any]:
    return [message.content for message in messages if isinstance(message, ToolMessage)]


def calls(messages: list[Any]) -> list[dict[str, Any]]:
    return [
        each["args"]
        for message in messages
        if isinstance(message, AIMessage)
        for each in message.tool_calls
    ]


@ALL
async def test_a_statement_runs_before_the_model_has_written_the_last(
    client: EagerClient, seen: Seen, how: Any, kind: Any
) -> None:
    script = kind(
        [f"a = 20\nb = a + 1\n{MARK}print('sum')\na + b"],
        ["a * 2"],
        "It is 40.",
        wait=seen.a_statement_ran,
    )
    messages = await how(make(script, client, on_kernel_event=seen.hear))
    first, second = outcomes(messages)
    assert "sum" in first
    assert "41" in first
    assert second == "40"
    assert calls(messages) == [
        {"code": "a = 20\nb = a + 1\nprint('sum')\na + b"},
        {"code": "a * 2"},
    ]
    assert messages[-1].content == "It is 40."
    assert script.asked[0][0].content.startswith("Be brief.\n\n")
    assert "`run_python`" in script.asked[0][0].content


@ALL
@pytest.mark.parametrize("blocks", [False, True])
async def test_an_error_stops_the_model_and_it_repairs_it(
    client: EagerClient, seen: Seen, how: Any, kind: Any, blocks: bool
) -> None:
    code = "rows = [1, 2, 3]\nprint('there')\nrows[7]\n"
    rest = f"y = {MARK}2\n" + "# and so on, for a long time\n" * 40
    script = kind(
        [code + rest, "never = 1"], ["rows[-1]"], "3", wait=seen.it_stopped, blocks=blocks
    )
    messages = await how(make(script, client, on_kernel_event=seen.hear))
    assert script.written[0] < len(code + rest) / 5 / 3
    assert script.closed == [1, 2, 3]
    assert calls(messages) == [{"code": code}, {"code": "rows[-1]"}]
    failed, repaired = [message for message in messages if isinstance(message, ToolMessage)]
    assert failed.status == "error"
    assert "IndexError" in failed.content
    assert "there" in failed.content
    assert (repaired.content, repaired.status) == ("3", "success")
    stopped = script.asked[1][2]
    assert isinstance(stopped, AIMessage)
    assert stopped.text == "I look."
    assert stopped.tool_calls[0]["id"] == failed.tool_call_id
    assert stopped.invalid_tool_calls == []
    assert "tool_use" not in str(stopped.content)
    assert messages[-1].content == "3"


async def test_figures_are_seen(client: EagerClient) -> None:
    pytest.importorskip("matplotlib")
    program = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\n"
    script = Script([program, "'and'"], "A line.")
    await by_ainvoke(make(script, client))
    kinds = [message.type for message in script.asked[1]]
    assert kinds == ["system", "human", "ai", "tool", "tool", "human"]
    text, picture = script.asked[1][-1].content
    assert text["type"] == "text"
    assert (picture["type"], picture["mime_type"]) == ("image", "image/png")
    assert picture["base64"].startswith("iVBOR")


@pytest.mark.parametrize("kind", [Script, AsyncScript])
async def test_a_run_that_is_cancelled(client: EagerClient, seen: Seen, kind: Any) -> None:
    script = kind(
        [f"begun = 1\n{MARK}while True:\n    pass\n\nlost = 1\n"], wait=seen.a_statement_ran
    )
    agent = make(script, client, on_kernel_event=seen.hear)
    task = asyncio.create_task(by_ainvoke(agent))
    await asyncio.to_thread(seen.a_statement_ran)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    value = await asyncio.to_thread(client.execute, "begun, 'lost' in dir()")
    assert value.value == "(1, False)"


def test_a_program_that_is_interrupted(client: EagerClient) -> None:
    started = threading.Event()

    def begun() -> None:
        started.set()

    script = Script(["begun()\nwhile True:\n    pass\n"], "It took too long.")
    middleware = EagerPython(client=client, tools=[begun], without_effects=["begun"])
    agent = create_agent(script, middleware=[middleware])
    messages: list[Any] = []
    run = threading.Thread(target=lambda: messages.extend(agent.invoke(GO)["messages"]))
    run.start()
    assert started.wait(60)
    middleware.interrupt()
    run.join(60)
    assert "line 1 has run" in outcomes(messages)[0]
    assert messages[-1].content == "It took too long."


@pytest.mark.parametrize("how", [by_invoke, by_ainvoke])
async def test_several_calls_in_one_answer(client: EagerClient, how: Any) -> None:
    programs = ["n = [1]", "n.append(2)", "n.append(3)", "n"]
    messages = await how(make(Script(programs, "Done."), client))
    assert outcomes(messages)[-1] == "[1, 2, 3]"


@pytest.mark.parametrize("how", [by_invoke, by_stream, by_ainvoke, by_astream])
async def test_a_model_that_is_not_streamed(client: EagerClient, how: Any) -> None:
    class Whole(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "whole"

        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
            calls = [{"name": "run_python", "args": {"code": "6 * 7"}, "id": "c"}]
            is_first = not isinstance(messages[-1], ToolMessage)
            message = AIMessage("", tool_calls=calls) if is_first else AIMessage("Done.")
            return ChatResult(generations=[ChatGeneration(message=message)])

    agent = create_agent(Whole(), middleware=[EagerPython(client=client)])
    assert outcomes(await how(agent)) == ["42"]


@pytest.mark.parametrize("how", [by_invoke, by_ainvoke])
async def test_tools_run_in_the_agents_process(client: EagerClient, seen: Seen, how: Any) -> None:
    loop = asyncio.get_running_loop()

    def double(n: int) -> int:
        """Double it."""
        return n * 2

    async def triple(n: int) -> int:
        assert how is by_invoke or asyncio.get_running_loop() is loop
        return n * 3

    @tool
    def whose(ending: str) -> str:
        """Say whose it is."""
        return "Ada" + ending

    @tool
    async def slow(n: int) -> int:
        """Take time."""
        await asyncio.sleep(0)
        return n

    script = Script(
        [f"found = whose('!')\nx = 1\n{MARK}double(4) + triple(n=5) + slow(1), found"], "Done.",
        wait=seen.a_statement_ran,
    )  # fmt: skip
    options = {"without_effects": ["whose"], "on_kernel_event": seen.hear}
    agent = make(script, client, tools=[double, triple, whose, slow], **options)
    assert outcomes(await how(agent)) == ["(24, 'Ada!')"]
    told = script.asked[0][0].content
    assert "def double(n: int) -> int:" in told
    assert "Double it." in told
    assert "def whose(ending: str):" in told


def test_a_tool_that_needs_the_graph_is_not_for_programs() -> None:
    @tool
    def who(runtime: ToolRuntime) -> str:
        """Say who asks."""
        return str(runtime.context)

    with pytest.raises(ValueError, match="'who' takes runtime"):
        EagerPython(tools=[who])
    with pytest.raises(TypeError, match="are functions, or tools of LangChain"):
        EagerPython(tools=["who"])


async def test_code_that_is_to_be_approved_waits_for_that() -> None:
    """And goes on in the same kernel."""
    script = Script(["kept = 41"], ["kept + 1"], "Done.", is_asked_whole=True)
    ask = HumanInTheLoopMiddleware(interrupt_on={"run_python": True})
    python = EagerPython(requires_approval=True)
    agent = create_agent(script, middleware=[ask, python], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    asked = await agent.ainvoke(GO, config)
    for _ in range(2):
        assert outcomes(asked["messages"]) in ([], ["(no output)"])
        resume = Command(resume={"decisions": [{"type": "approve"}]})
        asked = await agent.ainvoke(resume, config)
    assert outcomes(asked["messages"]) == ["(no output)", "42"]
    python.close()


async def test_each_run_has_a_kernel_of_its_own() -> None:
    python = EagerPython()
    agent = create_agent(Script(["mine = 1\nmine"], "Done."), middleware=[python])
    assert outcomes(await by_invoke(agent)) == ["1"]
    agent = create_agent(Script(["'mine' in dir()"], "Done."), middleware=[python])
    assert outcomes(await by_ainvoke(agent)) == ["False"]


async def test_a_kernel_that_dies() -> None:
    script = Script(["import os\nos._exit(1)\n" + "# more\n" * 20], ["1 + 1"], "Done.")
    messages = await by_ainvoke(create_agent(script, middleware=[EagerPython()]))
    died, revived = outcomes(messages)
    assert "has been started anew" in died
    assert revived == "2"
    assert calls(messages)[0]["code"].endswith("# more\n")


async def test_an_asynchronous_client() -> None:
    async with await AsyncEagerClient.start() as client:
        messages = await by_ainvoke(make(Script(["6 * 7"], "Done."), client))
        assert outcomes(messages) == ["42"]
        assert (await client.execute("1 + 1")).status == "ok"
