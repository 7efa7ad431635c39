"""Agents of smolagents, with its real package, a scripted model and a real kernel."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolagents")

from smolagents import CodeAgent, LogLevel, Tool
from smolagents.memory import ActionStep, PlanningStep
from smolagents.models import ChatMessage, ChatMessageStreamDelta, Model
from smolagents.monitoring import TokenUsage

from eager_kernel import EagerClient
from eager_kernel.agents.smolagents import EagerCodeAgent, EagerPythonExecutor
from tests.agents.conftest import Seen, pieces


class Scripted(Model):  # type: ignore[misc]
    """Writes given answers; before a mark in them it waits, and goes on if that gives True."""

    def __init__(self, *answers: str, wait: Callable[[], bool] | None = None) -> None:
        super().__init__(model_id="scripted")
        self.answers = list(answers)
        self.wait = wait
        self.asked: list[list[ChatMessage]] = []
        self.written: list[int] = []
        self.closed = 0

    def generate(self, messages: Any, **kwargs: Any) -> ChatMessage:
        self.asked.append(messages)
        return ChatMessage("assistant", self.answers.pop(0), token_usage=TokenUsage(1, 1))

    def generate_stream(self, messages: Any, **kwargs: Any) -> Iterator[ChatMessageStreamDelta]:
        self.asked.append(messages)
        before, mark, after = self.answers.pop(0).partition(MARK)
        self.written.append(0)
        try:
            for part in (before, after):
                for piece in pieces(part):
                    self.written[-1] += 1
                    yield ChatMessageStreamDelta(content=piece)
                if mark and part is before:
                    assert self.wait is not None
                    assert self.wait()
            yield ChatMessageStreamDelta(content=None, token_usage=TokenUsage(7, 9))
        except GeneratorExit:
            self.closed += 1
            raise


MARK = "⏸"


def make(model: Model, client: EagerClient, **options: Any) -> EagerCodeAgent:
    options = {"tools": [], "verbosity_level": LogLevel.OFF, **options}
    return EagerCodeAgent(model=model, client=client, **options)


def steps(agent: CodeAgent) -> list[ActionStep]:
    return [step for step in agent.memory.steps if isinstance(step, ActionStep)]


def read(model: Scripted, number: int) -> str:
    """What the model was told when it was asked for the nth time."""
    return str([message.content for message in model.asked[number]])


@pytest.mark.parametrize("streams", [False, True])
def test_a_statement_runs_before_the_model_has_written_the_last(
    client: EagerClient, seen: Seen, streams: bool
) -> None:
    model = Scripted(
        f"Thought: two.\n<code>\na = 20\nb = a + 1\n{MARK}print('sum')\na + b\n",
        "<code>\nfinal_answer(a * 2)\n",
        wait=seen.a_statement_ran,
    )
    agent = make(model, client, stream_outputs=streams, executor_kwargs={"on_event": seen.hear})
    assert agent.run("Add.") == 40
    first = steps(agent)[0]
    assert first.observations == "Execution logs:\nsum\nLast output from code snippet:\n41"
    assert (
        first.model_output
        == "Thought: two.\n<code>\na = 20\nb = a + 1\nprint('sum')\na + b\n</code>"
    )
    assert first.code_action == "a = 20\nb = a + 1\nprint('sum')\na + b"
    assert first.token_usage == TokenUsage(7, 9)
    assert "Last output from code snippet:\\n41" in read(model, 1)
    assert agent.model is model


def test_a_step_is_what_code_agent_makes_of_the_same(client: EagerClient) -> None:
    answers = (
        "Hm.\n<code>\nx = [1, 2]\nprint(x)\n",
        "<code>\nfinal_answer({'x': (1, None)})\n</code>",
    )
    theirs = CodeAgent(
        tools=[], model=Scripted(*answers), verbosity_level=LogLevel.OFF, stream_outputs=True
    )
    ours = make(Scripted(*answers), client, stream_outputs=True)
    assert ours.run("Go.") == theirs.run("Go.") == {"x": (1, None)}
    for mine, other in zip(steps(ours), steps(theirs), strict=True):
        for name in ("model_output", "code_action", "observations", "is_final_answer", "error"):
            assert getattr(mine, name) == getattr(other, name), name
        assert [c.dict() for c in mine.tool_calls] == [c.dict() for c in other.tool_calls]


@pytest.mark.parametrize("structured", [False, True])
def test_an_error_stops_the_model_and_it_repairs_it(
    client: EagerClient, seen: Seen, structured: bool
) -> None:
    code = "rows = [1, 2, 3]\nprint('there')\nrows[7]\n"
    rest = f"y = {MARK}2\n" + "# and so on, for a long time\n" * 40

    def answer(text: str) -> str:
        return json.dumps({"thought": "T", "code": text}) if structured else f"T\n<code>\n{text}"

    model = Scripted(
        answer(code + rest).replace("\\u23f8", MARK),
        answer("final_answer(rows[-1])"),
        wait=seen.it_stopped,
    )
    agent = make(
        model,
        client,
        stream_outputs=True,
        use_structured_outputs_internally=structured,
        executor_kwargs={"on_event": seen.hear},
    )
    assert agent.run("Go.") == 3
    assert model.closed >= 1
    assert model.written[0] < len(answer(code + rest)) / 5 / 3
    step = steps(agent)[0]
    assert step.code_action.rstrip() == code.rstrip()
    assert step.tool_calls[0].arguments == step.code_action
    assert "y = " not in step.model_output
    if structured:
        assert json.loads(step.model_output) == {"thought": "T", "code": code}
    assert "IndexError: list index out of range" in str(step.error)
    assert "line 3" in str(step.error)
    assert step.observations == "Execution logs:\nthere\n"
    assert "IndexError" in read(model, 1)
    assert "y = " not in read(model, 1)


def test_a_final_answer_ends_the_program_and_the_model(client: EagerClient, seen: Seen) -> None:
    program = "z = 5\ntry:\n    final_answer(answer=z)\nexcept Exception:\n    z = 6\nz = 7\n"
    model = Scripted(f"<code>\n{program}z{MARK} = 8\n", wait=seen.it_stopped)
    agent = make(model, client, executor_kwargs={"on_event": seen.hear})
    assert agent.run("Go.") == 5
    assert model.closed == 1
    assert client.execute("z").outputs[0]["data"]["text/plain"] == "5"
    (step,) = steps(agent)
    assert step.code_action.endswith("except Exception:\n    z = 6")


def test_what_it_did_before_the_final_answer_stays(client: EagerClient, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    model = Scripted(
        f"<code>\nf = open({str(file)!r}, 'w')\nf.write('kept')\nf.close()\nfinal_answer(1)\n"
    )
    assert make(model, client).run("Go.") == 1
    assert file.read_text() == "kept"


def test_several_blocks_in_one_answer(client: EagerClient) -> None:
    answer = "<code>\np = 1\n</code>\nThen:\n<code>\nq = p + 1\nfinal_answer(q)\n</code>"
    assert make(Scripted(answer), client).run("Go.") == 2


def test_a_variable_named_as_the_final_answer(client: EagerClient) -> None:
    """As smolagents mends it."""
    model = Scripted("<code>\nfinal_answer = 6 * 7\nfinal_answer(final_answer)\n")
    assert make(model, client).run("Go.") == 42


def test_variables_and_their_types(client: EagerClient) -> None:
    model = Scripted("<code>\nfinal_answer({'n': frame['n'].sum(), 3: {1, 2}})\n")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1, 2, 3]})
    assert make(model, client).run("Go.", additional_args={"frame": frame}) == {"n": 6, 3: {1, 2}}
    with pytest.raises(TypeError, match="'lock' can't be sent"):
        make(model, client).run("Go.", additional_args={"lock": threading.Lock()})


def test_it_listens_only_where_code_is_written(client: EagerClient) -> None:
    model = Scripted(
        "Plan: <code>\nplanned = 1\n</code>",
        "<code>\nreal = 1\n",
        "Answer: <code>\nanswered = 1\n</code>",
    )
    agent = make(model, client, planning_interval=5, max_steps=1, stream_outputs=True)
    assert agent.run("Go.") == "Answer: <code>\nanswered = 1\n</code>"
    assert any(isinstance(step, PlanningStep) for step in agent.memory.steps)
    names = client.execute("[n in globals() for n in ('planned', 'real', 'answered')]")
    assert names.outputs[0]["data"]["text/plain"] == "[False, True, False]"


def test_figures_are_seen_in_the_next_step(client: EagerClient) -> None:
    pytest.importorskip("matplotlib")
    program = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\n"
    model = Scripted(f"<code>\n{program}", "<code>\nfinal_answer('seen')\n")
    agent = make(model, client)
    assert agent.run("Plot.") == "seen"
    (image,) = steps(agent)[0].observations_images
    assert image.size[0] > 100
    assert any(part.get("image") is image for message in model.asked[1] for part in message.content)
    assert agent.python_executor.figures == []  # of the last program


def test_it_is_interrupted_from_another_thread(client: EagerClient, seen: Seen) -> None:
    model = Scripted(
        f"<code>\nbegun = 1\n{MARK}while True:\n    pass\n\nlost = 1\n" + "# more\n" * 50,
        wait=seen.a_statement_ran,
    )
    agent = make(model, client, executor_kwargs={"on_event": seen.hear})
    threading.Thread(target=lambda: seen.a_statement_ran() and agent.interrupt()).start()
    with pytest.raises(Exception, match="interrupted"):
        agent.run("Go.")
    assert client.execute("begun, 'lost' in dir()").outputs[0]["data"]["text/plain"] == "(1, False)"


def test_who_stops_reading_gives_the_program_up(client: EagerClient) -> None:
    model = Scripted("<code>\nfirst = 1\n" + "# more\n" * 50)
    events = make(model, client, stream_outputs=True).run("Go.", stream=True)
    next(events)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        events.close()  # as any agent of smolagents says
    assert model.closed == 1
    assert client.run("1 + 1", format="python").status == "ok"


def test_a_model_that_fails_gives_the_program_up(client: EagerClient) -> None:
    model = Scripted(f"<code>\nfirst = 1\n{MARK}", wait=lambda: False)
    with pytest.raises(Exception, match="Error in generating model output"):
        make(model, client).run("Go.")
    assert client.run("1 + 1", format="python").status == "ok"


def test_other_forms_of_answers(client: EagerClient) -> None:
    model = Scripted("```python\nm = 1\nm\n```", "<code>\nfinal_answer(m)\n</code>")
    agent = make(model, client)
    assert agent.run("Go.") == 1  # smolagents takes Markdown, too
    model = Scripted("No code at all, sorry", "```python\nfinal_answer(2)\n")
    agent = make(model, client, code_block_tags="markdown")
    assert agent.run("Go.") == 2
    assert "Make sure to include code" in str(steps(agent)[0].error)


class Doubler(Tool):  # type: ignore[misc]
    name = "double"
    description = "Doubles."
    inputs = {"n": {"type": "integer", "description": "What to double."}}
    output_type = "integer"

    def forward(self, n: int) -> int:
        return n * 2


@pytest.mark.skipif(not hasattr(EagerClient, "expose"), reason="functions can't be offered yet")
def test_tools_run_in_the_agents_process(client: EagerClient) -> None:
    model = Scripted("<code>\nfinal_answer(double(n=4) + double(5))\n")
    assert make(model, client, tools=[Doubler()]).run("Go.") == 18


def test_an_executor_for_their_own_agent(client: EagerClient) -> None:
    agent = CodeAgent(
        tools=[],
        model=Scripted("<code>\nk = 3\nprint(k)\n</code>", "<code>\nfinal_answer(k)\n</code>"),
        executor=EagerPythonExecutor(client=client),
        stream_outputs=True,
        verbosity_level=LogLevel.OFF,
    )
    assert agent.run("Go.") == 3


def test_a_kernel_of_its_own_imports_and_a_kernel_that_dies() -> None:
    model = Scripted(
        "<code>\nimport sys\n",
        "<code>\nimport os\nos._exit(1)\n" + "# more\n" * 20,
        "<code>\nimport json, collections.abc\n",
        "<code>\nimport json\nfrom math import sqrt\nfinal_answer(sqrt(n))\n",
    )
    with EagerCodeAgent(
        tools=[],
        model=model,
        additional_authorized_imports=["json", "os", "xml.*"],
        verbosity_level=LogLevel.OFF,
    ) as agent:
        assert agent.run("Go.", additional_args={"n": 4}) == 2.0
        assert "Import of sys is not allowed" in str(steps(agent)[0].error)
        assert "has been started anew" in str(steps(agent)[1].error)
        assert steps(agent)[1].code_action.endswith("# more")
        assert "Import of collections.abc is not allowed" in str(steps(agent)[2].error)
        kernel = agent.python_executor._kernel.client
    assert kernel._loop.loop.is_closed()


def test_what_it_does_not_take(client: EagerClient) -> None:
    with pytest.raises(ValueError, match="executor_type='docker'"):
        make(Scripted(), client, executor_type="docker")
    with pytest.raises(TypeError, match="not both"):
        make(Scripted(), client, url="http://localhost:1")
