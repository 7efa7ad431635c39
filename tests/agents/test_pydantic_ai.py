"""Agents of Pydantic AI, with its real package, a scripted model and a real kernel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

pytest.importorskip("pydantic_ai")

from pydantic_ai import Agent
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.agents._session import Session, outcome
from eager_kernel.agents.pydantic_ai import EagerPython
from tests.agents.conftest import Seen, pieces

MARK = "⏸"


class Script:
    """Writes given answers: text, or a program for the tool. At a mark it waits."""

    def __init__(self, *answers: Any, wait: Callable[[], bool] | None = None) -> None:
        self.answers = list(answers)
        self.wait = wait
        self.asked: list[list[ModelMessage]] = []
        self.written: list[int] = []

    async def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.asked.append(list(messages))
        self.written.append(0)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            for piece in pieces(answer):
                yield piece
            return
        for number, program in enumerate(answer):
            before, mark, after = program.partition(MARK)
            yield {number: DeltaToolCall(name="run_python", tool_call_id=f"call{number}")}
            text = json.dumps({"code": before + after})
            cut = len(json.dumps({"code": before})) - 2 if mark else len(text)
            for part in (text[:cut], text[cut:]):
                for piece in pieces(part):
                    self.written[-1] += 1
                    yield {number: DeltaToolCall(json_args=piece)}
                    await asyncio.sleep(0)
                if mark and part == text[:cut]:
                    assert self.wait is not None
                    assert await asyncio.to_thread(self.wait)

    @property
    def model(self) -> FunctionModel:
        return FunctionModel(stream_function=self)


def make(script: Script, client: Any, **options: Any) -> Agent[None, str]:
    return Agent(script.model, capabilities=[EagerPython(client=client, **options)])


def parts(messages: list[ModelMessage], kind: type) -> list[Any]:
    return [part for message in messages for part in message.parts if isinstance(part, kind)]


def shown(client: EagerClient, expression: str) -> str:
    text: str = client.execute(expression).outputs[0]["data"]["text/plain"]
    return text


async def by_run(agent: Agent[None, str]) -> Any:
    return await agent.run("Go.")


async def by_stream(agent: Agent[None, str]) -> Any:
    async with agent.run_stream("Go.") as stream:
        await stream.get_output()
        return stream


async def by_iter(agent: Agent[None, str]) -> Any:
    async with agent.iter("Go.") as run:
        async for _ in run:
            pass
    return run


@pytest.mark.parametrize("how", [by_run, by_stream, by_iter])
async def test_a_statement_runs_before_the_model_has_written_the_last(
    client: EagerClient, seen: Seen, how: Any
) -> None:
    script = Script(
        [f"a = 20\nb = a + 1\n{MARK}print('sum')\na + b"],
        ["a * 2"],
        "It is 40.",
        wait=seen.a_statement_ran,
    )
    run = await how(make(script, client, on_kernel_event=seen.hear))
    messages = run.all_messages()
    first, second = parts(messages, ToolReturnPart)
    assert "sum" in first.content
    assert "41" in first.content
    assert "40" in second.content
    assert [call.args_as_dict() for call in parts(messages, ToolCallPart)] == [
        {"code": "a = 20\nb = a + 1\nprint('sum')\na + b"},
        {"code": "a * 2"},
    ]
    assert parts(messages, TextPart)[-1].content == "It is 40."


@pytest.mark.parametrize("how", [by_run, by_iter])
async def test_an_error_stops_the_model_and_it_repairs_it(
    client: EagerClient, seen: Seen, how: Any
) -> None:
    code = "rows = [1, 2, 3]\nprint('there')\nrows[7]\n"
    rest = f"y = {MARK}2\n" + "# and so on, for a long time\n" * 40
    script = Script([code + rest, "never = 1"], ["rows[-1]"], "3", wait=seen.it_stopped)
    run = await how(make(script, client, on_kernel_event=seen.hear))
    assert script.written[0] < len(code + rest) / 5 / 3
    messages = run.all_messages()
    response = messages[1]
    assert isinstance(response, ModelResponse)
    assert response.state == "complete"
    (call,) = response.parts
    assert isinstance(call, ToolCallPart)
    assert call.args_as_dict() == {"code": code}
    retry, repaired = parts(messages, ToolReturnPart)
    assert (retry.tool_call_id, retry.outcome) == (call.tool_call_id, "retried")
    assert "IndexError" in str(retry.content)
    assert "there" in str(retry.content)
    assert "3" in repaired.content


async def test_what_reads_the_stream_sees_the_call_as_it_is_kept(
    client: EagerClient, seen: Seen
) -> None:
    script = Script([f"1 / 0\n{MARK}" + "x = 1\n" * 50], "Well.", wait=seen.it_stopped)
    agent = make(script, client, on_kernel_event=seen.hear)
    async with agent.run_stream_events("Go.") as events:
        ends = [event.part async for event in events if event.event_kind == "part_end"]
    calls = [part.args_as_dict() for part in ends if isinstance(part, ToolCallPart)]
    assert calls == [{"code": "1 / 0\n"}]


async def test_figures_are_seen(client: EagerClient) -> None:
    pytest.importorskip("matplotlib")
    program = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\n"
    script = Script([program], "A line.")
    await make(script, client).run("Plot.")
    pictures = [
        item
        for part in parts(script.asked[1], UserPromptPart) + parts(script.asked[1], ToolReturnPart)
        for item in ([part.content] if isinstance(part.content, str) else part.content)
        if isinstance(item, BinaryContent)
    ]
    assert [picture.media_type for picture in pictures] == ["image/png"]
    assert pictures[0].data.startswith(b"\x89PNG")


async def test_a_run_that_is_cancelled(client: EagerClient, seen: Seen) -> None:
    script = Script(
        [f"begun = 1\n{MARK}while True:\n    pass\n\nlost = 1\n"], wait=seen.a_statement_ran
    )
    task = asyncio.create_task(make(script, client, on_kernel_event=seen.hear).run("Go."))
    await asyncio.to_thread(seen.a_statement_ran)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    value = await asyncio.to_thread(shown, client, "begun, 'lost' in dir()")
    assert value == "(1, False)"


async def test_nothing_goes_on_after_its_run(client: EagerClient) -> None:
    """A request that is being cancelled may write for a moment after its run has ended."""
    session = Session(client)
    run = await session.begin("python")
    run.feed("while True:\n    pass\n\nlost = 1\n")
    await session.close()
    session.keep("call", run)
    assert (await outcome(run)).status != "ok"
    assert (await outcome(await session.begin("python"))).status != "ok"
    assert await asyncio.to_thread(shown, client, "1 + 1") == "2"


async def test_several_calls_in_one_answer(client: EagerClient) -> None:
    script = Script(["one = 1\none", "one + 1"], "Done.")
    result = await make(script, client).run("Go.")
    first, second = parts(result.all_messages(), ToolReturnPart)
    assert ("1" in first.content, "2" in second.content) == (True, True)


async def test_a_model_that_is_not_streamed(client: EagerClient) -> None:
    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart("run_python", {"code": "6 * 7"})])
        return ModelResponse(parts=[TextPart("Done.")])

    agent = Agent(FunctionModel(answer), capabilities=[EagerPython(client=client)])
    result = await agent.run("Go.")
    assert "42" in parts(result.all_messages(), ToolReturnPart)[0].content


async def test_errors_without_end(client: EagerClient) -> None:
    script = Script(*[["1 / 0"]] * 3)
    with pytest.raises(UnexpectedModelBehavior):
        await make(script, client, max_retries=2).run("Go.")
    assert len(script.asked) == 3


@pytest.mark.skipif(not hasattr(EagerClient, "expose"), reason="functions can't be offered yet")
async def test_tools_run_in_the_agents_process_and_on_its_loop(client: EagerClient) -> None:
    loop = asyncio.get_running_loop()

    def double(n: int) -> int:
        """Double it."""
        return n * 2

    async def triple(n: int) -> int:
        assert asyncio.get_running_loop() is loop
        return n * 3

    script = Script(["double(4) + triple(n=5)"], "Done.")
    result = await make(script, client, tools=[double, triple]).run("Go.")
    assert "23" in parts(result.all_messages(), ToolReturnPart)[0].content
    told = script.asked[0][0]
    assert isinstance(told, ModelRequest)
    assert "def double(n: int) -> int:" in str(told.instructions)
    assert "Double it." in str(told.instructions)


async def test_each_run_has_a_kernel_of_its_own() -> None:
    capability: EagerPython[None] = EagerPython()
    results = []
    for program in ("mine = 1\nmine", "'mine' in dir()"):
        agent = Agent(Script([program], "Done.").model, capabilities=[capability])
        result = await agent.run("Go.")
        results.append(parts(result.all_messages(), ToolReturnPart)[0].content)
    assert results == ["1", "False"]


async def test_a_kernel_that_dies() -> None:
    script = Script(["import os\nos._exit(1)\n" + "# more\n" * 20], ["1 + 1"], "Done.")
    agent = Agent(script.model, capabilities=[EagerPython[None]()])
    messages = (await agent.run("Go.")).all_messages()
    died, revived = parts(messages, ToolReturnPart)
    assert "has been started anew" in died.content
    assert revived.content == "2"
    assert parts(messages, ToolCallPart)[0].args_as_dict()["code"].endswith("# more\n")


async def test_an_asynchronous_client() -> None:
    async with await AsyncEagerClient.start() as client:
        result = await make(Script(["6 * 7"], "Done."), client).run("Go.")
        assert "42" in parts(result.all_messages(), ToolReturnPart)[0].content
        assert (await client.execute("1 + 1")).status == "ok"
