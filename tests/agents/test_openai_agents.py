"""Agents of the OpenAI Agents SDK, with its real package, a scripted model and a real kernel."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

pytest.importorskip("agents")

from agents import Agent, Model, ModelResponse, RunConfig, RunContextWrapper, Runner, function_tool
from agents.usage import Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.agents.openai_agents import EagerModel
from tests.agents.conftest import Seen, pieces

MARK = "⏸"


class Script(Model):
    """Writes given answers: text, or programs for the tool. At a mark it waits."""

    def __init__(self, *answers: Any, wait: Callable[[], bool] | None = None) -> None:
        self.answers = list(answers)
        self.wait = wait
        self.asked: list[list[Any]] = []
        self.told: list[str | None] = []
        self.written: list[int] = []
        self.closed = 0

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise AssertionError("a stream is to be asked for")

    async def stream_response(
        self, system: Any, input: Any, *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        self.told.append(system)
        self.asked.append(list(input) if isinstance(input, list) else [input])
        self.written.append(0)
        answer = self.answers.pop(0)
        response = Response(
            id=f"resp_{len(self.asked)}",
            created_at=time.time(),
            model="scripted",
            object="response",
            output=[],
            parallel_tool_calls=True,
            tool_choice="auto",
            tools=[],
        )
        number = 0
        yield ResponseCreatedEvent(type="response.created", response=response, sequence_number=0)
        output: list[Any] = []
        try:
            for item in [answer] if isinstance(answer, str) else answer:
                at = len(output)
                if isinstance(item, str) and (isinstance(answer, str) or item.startswith("# say ")):
                    async for event in self._say(item, at):
                        yield event
                    output.append(message(item, at))
                    continue
                call = ResponseFunctionToolCall(
                    type="function_call", id=f"fc_{at}", call_id=f"call_{len(self.asked)}_{at}",
                    name="run_python", arguments="", status="in_progress",
                )  # fmt: skip
                yield ResponseOutputItemAddedEvent(
                    type="response.output_item.added", item=call, output_index=at, sequence_number=0
                )
                before, mark, after = item.partition(MARK)
                text = json.dumps({"code": before + after})
                cut = len(json.dumps({"code": before})) - 2 if mark else len(text)
                for part in (text[:cut], text[cut:]):
                    for piece in pieces(part):
                        self.written[-1] += 1
                        number += 1
                        yield ResponseFunctionCallArgumentsDeltaEvent(
                            type="response.function_call_arguments.delta", delta=piece,
                            item_id=f"fc_{at}", output_index=at, sequence_number=number,
                        )  # fmt: skip
                        await asyncio.sleep(0)
                    if mark and part == text[:cut]:
                        assert self.wait is not None
                        assert await asyncio.to_thread(self.wait)
                call = call.model_copy(update={"arguments": text, "status": "completed"})
                yield ResponseOutputItemDoneEvent(
                    type="response.output_item.done", item=call, output_index=at, sequence_number=0
                )
                output.append(call)
            yield ResponseCompletedEvent(
                type="response.completed", sequence_number=number,
                response=response.model_copy(update={"output": output, "status": "completed"}),
            )  # fmt: skip
        finally:
            self.closed += 1

    async def _say(self, text: str, at: int) -> AsyncIterator[Any]:
        begun = message("", at).model_copy(update={"content": []})
        yield ResponseOutputItemAddedEvent(
            type="response.output_item.added", item=begun, output_index=at, sequence_number=0
        )
        for piece in pieces(text):
            yield ResponseTextDeltaEvent(
                type="response.output_text.delta", delta=piece, item_id=f"msg_{at}",
                output_index=at, content_index=0, logprobs=[], sequence_number=0,
            )  # fmt: skip


def message(text: str, at: int) -> ResponseOutputMessage:
    content = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(
        id=f"msg_{at}", type="message", role="assistant", status="completed", content=[content]
    )


def make(script: Script, client: Any, **options: Any) -> Agent[Any]:
    model = EagerModel(script, client=client, **options)
    return Agent(name="Analyst", instructions="Be brief.", model=model, tools=[model.tool])


async def by_run(agent: Agent[Any], **options: Any) -> Any:
    return await Runner.run(agent, "Go.", run_config=QUIET, **options)


async def by_stream(agent: Agent[Any], **options: Any) -> Any:
    result = Runner.run_streamed(agent, "Go.", run_config=QUIET, **options)
    async for _ in result.stream_events():
        pass
    return result


QUIET = RunConfig(tracing_disabled=True)
BOTH = pytest.mark.parametrize("how", [by_run, by_stream])


def calls(result: Any) -> list[dict[str, Any]]:
    items = result.to_input_list()
    return [json.loads(item["arguments"]) for item in items if item.get("type") == "function_call"]


def outputs(result: Any) -> list[Any]:
    items = result.to_input_list()
    return [item["output"] for item in items if item.get("type") == "function_call_output"]


@BOTH
async def test_a_statement_runs_before_the_model_has_written_the_last(
    client: EagerClient, seen: Seen, how: Any
) -> None:
    script = Script(
        [f"a = 20\nb = a + 1\n{MARK}print('sum')\na + b"],
        ["a * 2"],
        "It is 40.",
        wait=seen.a_statement_ran,
    )
    result = await how(make(script, client, on_kernel_event=seen.hear))
    first, second = outputs(result)
    assert "sum" in first
    assert "41" in first
    assert second == "40"
    assert calls(result) == [
        {"code": "a = 20\nb = a + 1\nprint('sum')\na + b"},
        {"code": "a * 2"},
    ]
    assert result.final_output == "It is 40."
    assert script.told[0] is not None
    assert script.told[0].startswith("Be brief.\n\n")
    assert "`run_python`" in script.told[0]


@BOTH
async def test_an_error_stops_the_model_and_it_repairs_it(
    client: EagerClient, seen: Seen, how: Any
) -> None:
    code = "rows = [1, 2, 3]\nprint('there')\nrows[7]\n"
    rest = f"y = {MARK}2\n" + "# and so on, for a long time\n" * 40
    script = Script(
        ["# say I look.", code + rest, "never = 1"], ["rows[-1]"], "3", wait=seen.it_stopped
    )
    result = await how(make(script, client, on_kernel_event=seen.hear))
    assert script.written[0] < len(code + rest) / 5 / 3
    assert script.closed == 3
    assert calls(result) == [{"code": code}, {"code": "rows[-1]"}]
    failed, repaired = outputs(result)
    assert "IndexError" in failed
    assert "there" in failed
    assert repaired == "3"
    kinds = [item.get("type") or item["role"] for item in script.asked[1]]
    assert kinds == ["user", "message", "function_call", "function_call_output"]
    assert script.asked[1][1]["content"][0]["text"] == "# say I look."
    assert result.final_output == "3"


async def test_what_reads_the_stream_sees_the_call_as_it_is_kept(
    client: EagerClient, seen: Seen
) -> None:
    script = Script([f"1 / 0\n{MARK}" + "x = 1\n" * 50], "Well.", wait=seen.it_stopped)
    agent = make(script, client, on_kernel_event=seen.hear)
    result = Runner.run_streamed(agent, "Go.", run_config=QUIET)
    events = [event async for event in result.stream_events()]
    done = [
        event.data.item.arguments
        for event in events
        if event.type == "raw_response_event" and event.data.type == "response.output_item.done"
    ]
    assert done == [json.dumps({"code": "1 / 0\n"})]
    items = [e.item.raw_item for e in events if getattr(e, "name", "") == "tool_called"]
    assert [item.arguments for item in items] == done


@pytest.mark.parametrize(
    ("options", "of_run"),
    [({"stop": False}, {}), ({}, {"previous_response_id": "resp_0"})],
)
async def test_a_model_that_is_not_stopped_where_a_server_keeps_the_conversation(
    client: EagerClient, options: Any, of_run: Any
) -> None:
    code = "1 / 0\n" + "x = 1\n" * 20
    script = Script([code], "Well.")
    result = await by_run(make(script, client, **options), **of_run)
    assert calls(result) == [{"code": code}]
    assert "ZeroDivisionError" in outputs(result)[0]


async def test_figures_are_seen(client: EagerClient) -> None:
    pytest.importorskip("matplotlib")
    program = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\n"
    script = Script([program], "A line.")
    await by_run(make(script, client))
    shown = [item for item in script.asked[1] if item.get("type") == "function_call_output"]
    kinds = [part["type"] for part in shown[0]["output"]]
    assert kinds == ["input_text", "input_image"]
    assert shown[0]["output"][1]["image_url"].startswith("data:image/png;base64,iVBOR")


@BOTH
async def test_a_run_that_is_cancelled(client: EagerClient, seen: Seen, how: Any) -> None:
    script = Script(
        [f"begun = 1\n{MARK}while True:\n    pass\n\nlost = 1\n"], wait=seen.a_statement_ran
    )
    agent = make(script, client, on_kernel_event=seen.hear)
    task = asyncio.create_task(how(agent))
    await asyncio.to_thread(seen.a_statement_ran)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    value = await asyncio.to_thread(client.execute, "begun, 'lost' in dir()")
    assert value.value == "(1, False)"


async def test_a_program_whose_tool_is_not_called_is_given_up(client: EagerClient) -> None:
    """Its run ended before; the next one does not wait for it."""
    script = Script(["while True:\n    pass\n"], ["1 + 1"], "Done.")
    agent = make(script, client)
    model = agent.model
    assert isinstance(model, EagerModel)
    await model.get_response(None, "Go.", None, [model.tool], None, [], None)
    result = await by_run(agent)
    assert outputs(result) == ["2"]


async def test_several_calls_in_one_answer(client: EagerClient) -> None:
    result = await by_run(make(Script(["one = 1\none", "one + 1"], "Done."), client))
    assert outputs(result) == ["1", "2"]


async def test_a_model_that_is_not_streamed(client: EagerClient) -> None:
    class Whole(Model):
        asked = 0

        async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
            self.asked += 1
            call = ResponseFunctionToolCall(
                type="function_call", call_id="c", name="run_python", arguments='{"code": "6 * 7"}'
            )
            output = [call] if self.asked == 1 else [message("Done.", 0)]
            return ModelResponse(output=output, usage=Usage(), response_id=None)

        async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            raise NotImplementedError
            yield

    model = EagerModel(Whole(), client=client)
    result = await by_run(Agent(name="A", model=model, tools=[model.tool]))
    assert outputs(result) == ["42"]


@dataclass
class User:
    name: str


async def test_tools_run_in_the_agents_process_and_on_its_loop(client: EagerClient) -> None:
    loop = asyncio.get_running_loop()

    def double(n: int) -> int:
        """Double it."""
        return n * 2

    async def triple(n: int) -> int:
        assert asyncio.get_running_loop() is loop
        return n * 3

    @function_tool
    async def whose(run: RunContextWrapper[User], ending: str) -> str:
        """Say whose it is.

        Args:
            ending: What to end with.
        """
        assert asyncio.get_running_loop() is loop
        return run.context.name + ending

    script = Script(["double(4) + triple(n=5), whose('!')"], "Done.")
    agent = make(script, client, tools=[double, triple, whose], without_effects=["double", "whose"])
    result = await by_run(agent, context=User("Ada"))
    assert outputs(result) == ["(23, 'Ada!')"]
    told = script.told[0]
    assert told is not None
    assert "def double(n: int) -> int:" in told
    assert "Double it." in told
    assert "def whose(ending: str):" in told
    assert "ending: What to end with." in told


async def test_a_tool_is_called_while_the_model_writes(client: EagerClient, seen: Seen) -> None:
    """With the context of its own run, also where two runs share the kernel."""

    @function_tool
    async def whose(run: RunContextWrapper[User]) -> str:
        return run.context.name

    program = f"who = whose()\nand_so = 1\n{MARK}who"
    script = Script([program], [program], "Done.", "Done.", wait=seen.a_statement_ran)
    agent = make(
        script, client, tools=[whose], without_effects=["whose"], on_kernel_event=seen.hear
    )
    results = await asyncio.gather(
        by_run(agent, context=User("Ada")), by_stream(agent, context=User("Bob"))
    )
    assert [outputs(result) for result in results] == [["'Ada'"], ["'Bob'"]]


def test_a_tool_that_is_to_be_approved_is_not_for_programs() -> None:
    @function_tool
    def pay() -> None: ...

    with pytest.raises(ValueError, match="'pay' is to be approved"):
        EagerModel(Script(), tools=[replace(pay, needs_approval=True)])
    with pytest.raises(TypeError, match="are functions, or function tools"):
        EagerModel(Script(), tools=["pay"])


async def test_code_that_is_to_be_approved_waits_for_that(client: EagerClient) -> None:
    script = Script(["approved = 1\napproved"], "Done.")
    agent = make(script, client)
    agent.tools = [replace(agent.tools[0], needs_approval=True)]
    script.get_response = script_answer(script)  # type: ignore[method-assign]
    result = await by_run(agent)
    assert len(result.interruptions) == 1
    value = await asyncio.to_thread(client.execute, "'approved' in dir()")
    assert value.value == "False"
    state = result.to_state()
    state.approve(result.interruptions[0])
    result = await Runner.run(agent, state, run_config=QUIET)
    assert outputs(result) == ["1"]


def script_answer(script: Script) -> Any:
    async def get_response(*args: Any, **kwargs: Any) -> ModelResponse:
        last = None
        async for event in script.stream_response(*args, **kwargs):
            last = event
        assert last is not None
        return ModelResponse(output=last.response.output, usage=Usage(), response_id=None)

    return get_response


async def test_arguments_that_are_no_code(client: EagerClient) -> None:
    model = EagerModel(Script(), client=client)

    class Call:
        tool_call_id = "call"

    for text in ("{", "[]", '{"cod": 1}'):
        assert "must be a JSON object with the code" in await model.tool.on_invoke_tool(
            Call(),  # type: ignore[arg-type]
            text,
        )
    said = await model.tool.on_invoke_tool(Call(), '{"code": 1}')  # type: ignore[arg-type]
    assert said == "The code must be a string."


def test_a_synchronous_run_with_a_kernel_of_its_own() -> None:
    script = Script(["mine = 6\nmine * 7"], ["mine"], "Done.")
    model = EagerModel(script)
    agent = Agent(name="A", model=model, tools=[model.tool])
    result = Runner.run_sync(agent, "Go.", run_config=QUIET)
    assert outputs(result) == ["42", "6"]
    asyncio.run(model.close())
    script.answers = [["'mine' in dir()"], "Done."]
    result = Runner.run_sync(agent, "Go.", run_config=QUIET)
    assert outputs(result) == ["False"]
    asyncio.run(model.close())


async def test_a_kernel_that_dies() -> None:
    script = Script(["import os\nos._exit(1)\n" + "# more\n" * 20], ["1 + 1"], "Done.")
    async with EagerModel(script) as model:
        result = await by_run(Agent(name="A", model=model, tools=[model.tool]))
    died, revived = outputs(result)
    assert "has been started anew" in died
    assert revived == "2"
    assert calls(result)[0]["code"].endswith("# more\n")


async def test_an_asynchronous_client() -> None:
    async with await AsyncEagerClient.start() as client:
        result = await by_run(make(Script(["6 * 7"], "Done."), client))
        assert outputs(result) == ["42"]
        assert (await client.execute("1 + 1")).status == "ok"
