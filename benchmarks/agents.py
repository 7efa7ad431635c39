"""Agents of other frameworks: a scripted model's program by the framework's own way, and by ours.

What is not installed is left out:
``pip install -e ".[smolagents,pydantic-ai,openai-agents,langchain]"``, and
``pydantic-ai-harness[code-mode]`` for Pydantic's own eager mode.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Final

from eager_kernel import EagerClient
from eager_kernel.bench.measure import Table, spread


@dataclass
class Script:
    """What a model writes, at its pace.

    Parameters
    ----------
    programs
        The program of each answer; then the model is content.
    """

    programs: tuple[str, ...]
    deltas: int = 0
    asked: int = 0
    _began: float = field(default=0.0, init=False)

    def answer(self, text: str) -> Iterator[tuple[str, float]]:
        """Give pieces, and the moment at which each is written."""
        self.asked += 1
        self._began = time.perf_counter()
        for number, start in enumerate(range(0, len(text), _CHARACTERS), 1):
            yield text[start : start + _CHARACTERS], self._began + number / _RATE
            self.deltas += 1

    @property
    def program(self) -> str:
        """The next program; empty when there are no more."""
        return self.programs[self.asked] if self.asked < len(self.programs) else ""


Way = Callable[[Script], Any]


def run(repeats: int) -> list[Table]:
    """Measure a program that works, and one that fails early and is repaired."""
    with EagerClient.start() as client:
        client.execute("import numpy")
        return [
            _table(framework, ways, repeats)
            for framework, ways in (
                ("smolagents", _smolagents_ways(client)),
                ("Pydantic AI", _pydantic_ways(client)),
                ("OpenAI Agents SDK", _openai_ways(client)),
                ("LangChain", _langchain_ways(client)),
            )
            if ways
        ]


def _table(framework: str, ways: dict[str, Way], repeats: int) -> Table:
    works, fails = _programs(numeric=framework == "smolagents")
    rows: list[tuple[str, ...]] = []
    samples: dict[str, tuple[float, ...]] = {}
    ratios: dict[str, tuple[float, ...]] = {}
    for kind, programs in (("works", works), ("fails early, is repaired", fails)):
        taken: dict[str, list[float]] = {name: [] for name in ways}
        written: dict[str, list[int]] = {name: [] for name in ways}
        for number in range(repeats + 1):  # the first is not counted: imports, caches
            for name, way in ways.items():
                script = Script(programs)
                begin = time.perf_counter()
                way(script)
                if script.asked < len(programs):
                    raise RuntimeError(f"{framework}, {name}: the program did not come to its end")
                if number:
                    taken[name].append(time.perf_counter() - begin)
                    written[name].append(script.deltas)
        own = next(iter(ways))
        for name in ways:
            ratio = [a / b for a, b in zip(taken[own], taken[name], strict=True)]
            deltas = statistics.median(written[name])
            cells = (kind, name, spread(taken[name], 1, 1), spread(ratio, 1, 2), f"{deltas:g}")
            rows.append(cells)
            samples[f"{kind}: {name}"] = tuple(taken[name])
            ratios[f"{kind}: {own} against {name}"] = tuple(ratio)
    return Table(
        f"Agents: {framework}",
        (
            f"{_versions(framework)}. A scripted model that writes {_RATE} deltas of "
            f"{_CHARACTERS} characters a second; s, median [quartiles] of {repeats}, all ways in "
            "turn. Ratio: the first way's time by this one's. The kernel, or what else runs the "
            "code, has started before.",
        ),
        ("program", "way", "s", "ratio", "deltas written"),
        tuple(rows),
        samples,
        ratios,
    )


# Programs ---------------------------------------------------------------------------------------


def _programs(*, numeric: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give one that works, and one that fails after a third, with what repairs it."""
    work = _NUMERIC if numeric else _PLAIN
    steps = [work.format(number=number) for number in range(1, 7)]
    first = "import numpy as np\nrng = np.random.default_rng(0)\n" if numeric else ""
    last = "final_answer(total6)\n" if numeric else "total6\n"
    wrong = "share = total2 / (count2 - count2)\n"
    right = "share = total2 / count2\n"
    whole = first + "".join(steps) + last
    failing = first + "".join(steps[:2]) + wrong + "".join(steps[2:]) + last
    return (whole,), (failing, right + "".join(steps[2:]) + last)


_NUMERIC: Final = """\
# Step {number}: the singular values of a random matrix say how much of it a few directions hold.
values{number} = np.linalg.svd(rng.random((420, 420)), compute_uv=False)
count{number} = len(values{number})
total{number} = float(values{number}.sum())
print("step {number}:", count{number}, "values, their sum is", round(total{number}, 2))
"""
_PLAIN: Final = """\
# Step {number}: the squares of the first numbers, by what is left of them modulo a prime.
values{number} = [n * n % 1009 for n in range(400000 + {number})]
count{number} = len(values{number})
total{number} = sum(values{number})
print("step {number}:", count{number}, "values, their sum is", total{number})
"""
_RATE: Final = 60
_CHARACTERS: Final = 4


# smolagents -------------------------------------------------------------------------------------


def _smolagents_ways(client: EagerClient) -> dict[str, Way]:
    if find_spec("smolagents") is None:
        return {}
    from smolagents import CodeAgent, LogLevel  # noqa: PLC0415 - an extra
    from smolagents.models import (  # noqa: PLC0415
        ChatMessage,
        ChatMessageStreamDelta,
        Model,
        agglomerate_stream_deltas,
    )

    from eager_kernel.agents.smolagents import (  # noqa: PLC0415
        EagerCodeAgent,
        EagerPythonExecutor,
    )

    class Scripted(Model):  # type: ignore[misc] # untyped
        def __init__(self, script: Script) -> None:
            super().__init__(model_id="scripted")
            self._script = script

        def generate(self, messages: Any, **kwargs: Any) -> ChatMessage:
            return agglomerate_stream_deltas(list(self.generate_stream(messages, **kwargs)))

        def generate_stream(self, messages: Any, **_: Any) -> Iterator[ChatMessageStreamDelta]:
            for piece, moment in self._script.answer(f"<code>\n{self._script.program}</code>"):
                time.sleep(max(0.0, moment - time.perf_counter()))
                yield ChatMessageStreamDelta(content=piece)

    def go(kind: Any, script: Script, **options: Any) -> None:
        agent = kind(
            tools=[],
            model=Scripted(script),
            additional_authorized_imports=["numpy.*"],
            verbosity_level=LogLevel.OFF,
            **options,
        )
        agent.run("Work.")

    return {
        "CodeAgent": lambda script: go(CodeAgent, script),
        # Of the difference, this is what is due to where the code runs, and not to when.
        "CodeAgent with our kernel": lambda script: go(
            CodeAgent, script, executor=EagerPythonExecutor(client=client)
        ),
        "EagerCodeAgent": lambda script: go(EagerCodeAgent, script, client=client),
    }


# Pydantic AI ------------------------------------------------------------------------------------


def _pydantic_ways(client: EagerClient) -> dict[str, Way]:
    if find_spec("pydantic_ai") is None:
        return {}
    from pydantic_ai import Agent  # noqa: PLC0415 - an extra
    from pydantic_ai.models.function import DeltaToolCall, FunctionModel  # noqa: PLC0415

    from eager_kernel.agents.pydantic_ai import EagerPython  # noqa: PLC0415

    def model(script: Script, tool: str) -> Any:
        async def write(messages: Any, info: Any) -> AsyncIterator[Any]:
            if not script.program:
                yield "Done."
                return
            number = script.asked
            yield {0: DeltaToolCall(name=tool, tool_call_id=f"call{number}")}
            for piece, moment in script.answer(json.dumps({"code": script.program})):
                await asyncio.sleep(max(0.0, moment - time.perf_counter()))
                yield {0: DeltaToolCall(json_args=piece)}

        return FunctionModel(stream_function=write)

    async def go(script: Script, tool: str, capabilities: list[Any], tools: list[Any]) -> None:
        agent: Any = Agent(model(script, tool), capabilities=capabilities, tools=tools)
        async with agent.run_stream("Work.") as stream:
            await stream.get_output()

    async def whole(script: Script) -> None:
        def run_python(code: str) -> str:
            return client.execute(code).text(limit=20_000)

        await go(script, "run_python", [], [run_python])

    ways: dict[str, Way] = {
        "a tool with a kernel": lambda script: asyncio.run(whole(script)),
        "EagerPython": lambda script: asyncio.run(
            go(script, "run_python", [EagerPython(client=client)], [])
        ),
    }
    if find_spec("pydantic_ai_harness") is None or find_spec("pydantic_monty") is None:
        return ways
    from pydantic_ai_harness.code_mode import CodeMode  # noqa: PLC0415

    def unused() -> int:
        return 1

    for name, eager in (("CodeMode()", False), ("CodeMode(eager=True)", True)):
        ways[name] = lambda script, eager=eager: asyncio.run(  # type: ignore[misc]
            go(script, "run_code", [CodeMode(eager=eager)], [unused])
        )
    return ways


# OpenAI Agents SDK -------------------------------------------------------------------------------


def _openai_ways(client: EagerClient) -> dict[str, Way]:
    if find_spec("agents") is None:
        return {}
    from agents import Agent, Model, RunConfig, Runner, function_tool  # noqa: PLC0415 - an extra
    from openai.types.responses import (  # noqa: PLC0415
        Response,
        ResponseCompletedEvent,
        ResponseFunctionCallArgumentsDeltaEvent,
        ResponseFunctionToolCall,
        ResponseOutputItemAddedEvent,
        ResponseOutputItemDoneEvent,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    from eager_kernel.agents.openai_agents import EagerModel  # noqa: PLC0415

    class Scripted(Model):  # type: ignore[misc] # untyped
        def __init__(self, script: Script) -> None:
            self._script = script

        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            place = {"output_index": 0, "sequence_number": 0}
            item: Any
            if self._script.program:
                item = ResponseFunctionToolCall(
                    type="function_call",
                    id="item",
                    call_id=f"call{self._script.asked}",
                    name="run_python",
                    arguments="",
                )
                text = json.dumps({"code": self._script.program})
                yield ResponseOutputItemAddedEvent(
                    type="response.output_item.added", item=item, **place
                )
                for piece, moment in self._script.answer(text):
                    await asyncio.sleep(max(0.0, moment - time.perf_counter()))
                    yield ResponseFunctionCallArgumentsDeltaEvent(
                        type="response.function_call_arguments.delta",
                        delta=piece,
                        item_id="item",
                        **place,
                    )
                item = item.model_copy(update={"arguments": text})
                yield ResponseOutputItemDoneEvent(
                    type="response.output_item.done", item=item, **place
                )
            else:
                said = ResponseOutputText(type="output_text", text="Done.", annotations=[])
                item = ResponseOutputMessage(
                    id="item", type="message", role="assistant", status="completed", content=[said]
                )
            response = Response(
                id="response",
                created_at=time.time(),
                model="scripted",
                object="response",
                output=[item],
                parallel_tool_calls=False,
                tool_choice="auto",
                tools=[],
            )
            yield ResponseCompletedEvent(
                type="response.completed", response=response, sequence_number=0
            )

    @function_tool  # type: ignore[untyped-decorator, unused-ignore] # an extra
    def run_python(code: str) -> str:
        return client.execute(code).text(limit=20_000)

    async def go(model: Any, tool: Any) -> None:
        agent = Agent(name="Scripted", model=model, tools=[tool])
        run = Runner.run_streamed(agent, "Work.", run_config=RunConfig(tracing_disabled=True))
        async for _ in run.stream_events():
            pass

    def eager(script: Script) -> None:
        model = EagerModel(Scripted(script), client=client)
        asyncio.run(go(model, model.tool))

    return {
        "a tool with a kernel": lambda script: asyncio.run(go(Scripted(script), run_python)),
        "EagerModel": eager,
    }


# LangChain --------------------------------------------------------------------------------------


def _langchain_ways(client: EagerClient) -> dict[str, Way]:
    if find_spec("langchain") is None:
        return {}
    from langchain.agents import create_agent  # noqa: PLC0415 - an extra
    from langchain.tools import tool  # noqa: PLC0415
    from langchain_core.language_models import BaseChatModel  # noqa: PLC0415
    from langchain_core.messages import AIMessageChunk  # noqa: PLC0415
    from langchain_core.outputs import ChatGenerationChunk  # noqa: PLC0415

    from eager_kernel.agents.langchain import EagerPython  # noqa: PLC0415

    class Scripted(BaseChatModel):  # type: ignore[misc] # untyped
        script: Any

        @property
        def _llm_type(self) -> str:
            return "scripted"

        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            script: Script = self.script
            if not script.program:
                yield ChatGenerationChunk(message=AIMessageChunk(content="Done."))
                return
            call: dict[str, Any] = {"name": "run_python", "id": f"call{script.asked}"}
            for piece, moment in script.answer(json.dumps({"code": script.program})):
                time.sleep(max(0.0, moment - time.perf_counter()))
                part = {**call, "args": piece, "index": 0, "type": "tool_call_chunk"}
                message = AIMessageChunk(content="", tool_call_chunks=[part])
                yield ChatGenerationChunk(message=message)
                call = {"name": None, "id": None}

    @tool  # type: ignore[untyped-decorator, unused-ignore] # an extra
    def run_python(code: str) -> str:
        """Run code."""
        return client.execute(code).text(limit=20_000)

    def go(script: Script, **options: Any) -> None:
        agent = create_agent(Scripted(script=script), **options)
        for _ in agent.stream({"messages": [("user", "Work.")]}, stream_mode="messages"):
            pass

    return {
        "a tool with a kernel": lambda script: go(script, tools=[run_python]),
        "EagerPython": lambda script: go(script, middleware=[EagerPython(client=client)]),
    }


def _versions(framework: str) -> str:
    names = _PACKAGES[framework]
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


_PACKAGES: Final = {
    "smolagents": ("smolagents", "numpy"),
    "Pydantic AI": ("pydantic-ai-slim", "pydantic-ai-harness", "pydantic-monty"),
    "OpenAI Agents SDK": ("openai-agents",),
    "LangChain": ("langchain", "langchain-core"),
}
