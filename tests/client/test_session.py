"""``client.session``: a model writes programs, sees what comes of them, and answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client import EagerSession, SessionResult
from eager_kernel.core.conversation.prompts import STEPS_PROMPT, SYSTEM_PROMPT
from eager_kernel.errors import SourceError, UnknownModelError
from eager_kernel.sources.source import Event, Finish, Message, Request, Usage
from tests.sources.providers import OpenAI
from tests.sources.server import Connection, Server

FIGURE = "%matplotlib inline\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\n"
WAIT = object()
"""A model that is silent from here on."""


def fenced(program: str) -> str:
    return f"```python\n{program}```\n"


class Script:
    """A source that says, answer by answer, what it was told to.

    Of an answer that is a list, text is text, `WAIT` a silence, and an error is raised.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []
        self.closed = 0

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        answer = self.answers[len(self.asked) - 1]
        for piece in [answer] if isinstance(answer, str) else answer:
            if piece is WAIT:
                await asyncio.Event().wait()
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece
            await asyncio.sleep(0)
        yield Finish("stop", Usage(3, 5, 1))

    async def aclose(self) -> None:
        self.closed += 1

    def told(self, request: int) -> str:
        """What the model was told last, of a request."""
        return self.asked[request].messages[-1].text


@pytest.fixture(scope="module")
def client(kernel: tuple[KernelManager, BlockingKernelClient]) -> Iterator[EagerClient]:
    with EagerClient.connect(kernel[0].connection_file) as client:
        yield client


def only_appended_to(asked: list[tuple[Message, ...]]) -> bool:
    return all(later[: len(before)] == before for before, later in pairwise(asked))


def three_steps(model: Script, session: EagerSession) -> None:
    events: list[dict[str, Any]] = []
    result = session.run("what is twice x?", on_event=events.append)
    assert isinstance(result, SessionResult)
    assert (result.answer, result.ended_by) == ("It is **40**.", "answered")
    assert result.error is None
    assert [step.result.status for step in result.steps] == ["ok", "error", "ok", "no_code"]
    assert result.programs == ("x = 20\nx\n", "print(x)\n1 / 0\n", FIGURE + "x * 2\n")
    assert result.steps[0].result.value == "20"
    assert "Output of the program:\n20" in model.told(1)
    assert "Line 1 has run" in model.told(2)
    assert "Line 2 failed:" in model.told(2)
    assert "ZeroDivisionError: division by zero" in model.told(2)
    assert "\x1b" not in model.told(2)
    assert "will not run again" in model.told(2)
    assert model.asked[2].messages[-2].text == "```python\nprint(x)\n1 / 0\n```"
    assert "1 figure was shown: it is attached." in model.told(3)
    assert [image.mime for image in model.asked[3].messages[-1].images] == ["image/png"]
    assert only_appended_to([request.messages for request in model.asked])
    assert result.tokens.input == sum(step.tokens.input or 0 for step in result.steps)
    assert result.tokens.estimated  # of the answer that the error stopped
    assert result.report is not None
    assert [step.number for step in result.report.steps] == [1, 2, 3, 4]
    assert result.report.steps[1].wait_s > 0
    kinds = [e["type"] for e in events]
    assert kinds.count("step") == 4
    assert kinds.count("told") == 3
    assert kinds[-2:] == ["answer", "ended"]
    assert "".join(e["text"] for e in events if e["type"] == "delta").count("```python") == 3
    assert any(e["type"] == "output" for e in events)


def test_three_steps_an_error_a_figure_and_an_answer(client: EagerClient) -> None:
    model = Script(
        fenced("x = 20\nx\n"),
        ["```python\nprint(x)\n1 / 0\n", WAIT],
        fenced(FIGURE + "x * 2\n"),
        "It is **40**.",
        "Twenty, doubled.",
    )
    with client.session(model=model, figures="send") as session:
        three_steps(model, session)
        assert session.run("how so?").answer == "Twenty, doubled."
        assert only_appended_to([request.messages for request in model.asked])
        assert [(m.role, m.text) for m in session.messages[-3:]] == [
            ("assistant", "It is **40**."),
            ("user", "how so?"),
            ("assistant", "Twenty, doubled."),
        ]
        session.clear()
        assert session.messages == ()
    assert model.closed == 1


def test_the_model_is_told_of_the_hosts_functions_and_calls_them(
    start_kernel: Callable[..., tuple[KernelManager, BlockingKernelClient]],
) -> None:
    def price(name: str, *, year: int = 2024) -> float:
        """Look a price up.

        In euros.
        """
        return {"fig": 2.5}[name]

    async def slow(n: int) -> int:
        return n + 1

    manager, _ = start_kernel("eager_python")
    with EagerClient.connect(manager.connection_file) as client:
        client.expose(price, effects=False)
        model = Script(fenced("price('fig') * 2\n"), "Five.", fenced("await slow(1)\n"), "Two.")
        with client.session(model=model) as session:
            assert session.run("two figs?").steps[0].result.value == "5.0"
            client.expose(slow)
            assert session.run("and then?").steps[0].result.value == "2"
    (system, _), *_ = (request.messages for request in model.asked)
    assert system.text == (
        f"{SYSTEM_PROMPT}\n\n{STEPS_PROMPT}\n\nYour programs can call these functions, which are "
        "defined already:\n\n"
        "def price(name: str, *, year: int = 2024) -> float\n    Look a price up.\n\n"
        "    In euros."
    )
    assert "async def slow(n: int) -> int" in model.told(2)
    assert only_appended_to([request.messages for request in model.asked])


@pytest.mark.parametrize(
    ("options", "ended_by", "steps"),
    [
        ({"steps": 2}, "steps", 2),
        ({"budget_tokens": 20}, "tokens", 3),
        ({"budget_seconds": 0.6}, "seconds", 4),
    ],
)
def test_budgets(client: EagerClient, options: Any, ended_by: str, steps: int) -> None:
    model = Script(*[fenced(f"{n}\n") for n in range(3)], [fenced("3\n"), WAIT], "Well.")
    with client.session(model=model, **options) as session:
        result = session.run("count")
        assert (result.ended_by, len(result.steps)) == (ended_by, steps)
        assert "spent" in result.message or "are done" in result.message
        if ended_by == "tokens":
            assert [request.max_tokens for request in model.asked] == [20, 12, 4]
        model.answers[steps:] = ["Well."]
        assert session.run("so?").answer == "Well."
        last = model.asked[-1].messages
        assert last[-1].text.endswith("\n\nso?")  # after what came of the last step
        assert [m.role for m in last[1:]] == [*["user", "assistant"] * steps, "user"]


def test_a_long_conversation_is_told_within_its_budget_and_says_so(client: EagerClient) -> None:
    long = "print('x' * 400)\n"
    model = Script(
        *[fenced(long), fenced("y = 1\n"), "First."],  # takes more than all may
        *[fenced("2\n"), "Second."],
        *[fenced("3\n"), "Third."],
        "It is " + "so " * 300,
        "Fifth.",
    )
    events: list[dict[str, Any]] = []
    with client.session(model=model, context_chars=700, system="") as session:
        results = [session.run(f"prompt {n}", on_event=events.append) for n in range(1, 6)]
        told = [
            [m.text for m in request.messages if m.role == "user" and "prompt " in m.text]
            for request in model.asked
        ]
        assert told[0] == told[2] == ["prompt 1"]
        assert told[3] == ["prompt 1", "prompt 2"]
        # The steps of the first prompt do not fit any more; what was answered does.
        assert [m.text for m in model.asked[3].messages[1:]] == ["prompt 1", "First.", "prompt 2"]
        assert model.asked[4].messages[:4] == model.asked[3].messages
        assert told[7] == [f"prompt {n}" for n in range(1, 5)]
        assert told[8] == ["prompt 5"]
        said = [result.left_out for result in results]
        assert said == [
            "",
            *["the model is no longer told the steps of 1 earlier prompt: what was said before "
              "may take 700 characters (context_chars)"] * 3,
            "the model is no longer told the first 4 prompts: what was said before may take 700 "
            "characters (context_chars)",
        ]  # fmt: skip
        assert [e["text"] for e in events if e["type"] == "left_out"] == said[1:]
        # All of it is kept.
        assert [m.role for m in session.messages[1:]] == ["user", "assistant"] * 9
        assert long in session.messages[2].text


def test_an_output_takes_a_quarter_of_the_context(client: EagerClient) -> None:
    for options, longest in (
        ({}, 6_000),
        ({"context_chars": 8_000}, 2_000),
        ({"context_chars": 0}, 1_000),
    ):
        model = Script(fenced("print('x' * 20_000)\n"), "Well.", "So?")
        with client.session(model=model, **options) as session:
            session.run("go")
            assert longest <= model.told(1).count("x") < longest + 20
            session.run("on")
            assert ("go" in str(model.asked[2].messages[1].text)) is (longest > 1_000)


def test_functions_that_are_left_out_are_told_again(
    start_kernel: Callable[..., tuple[KernelManager, BlockingKernelClient]],
) -> None:
    def later(n: int) -> int:
        return n

    manager, _ = start_kernel("eager_python")
    with EagerClient.connect(manager.connection_file) as client:
        model = Script("One.", [SourceError("no")], "Two. " * 400, "Three.", "Four.")
        with client.session(model=model, context_chars=1_000) as session:
            session.run("first")
            client.expose(later)
            with pytest.raises(SourceError):
                session.run("second")
            session.run("second")
            session.run("third")
            session.run("fourth")
    told = ["def later" in model.told(n) for n in range(5)]
    assert told == [False, True, True, True, False]  # nobody has answered the first time


def test_an_error_is_a_step_of_which_the_model_is_told(client: EagerClient) -> None:
    model = Script(
        ["```python\nn = 1\nmissing\nn = 2\n", WAIT],
        ["```python\nn + 1\nmissing\n", WAIT],
        "Never mind.",
    )
    with client.session(model=model, steps=2) as session:
        result = session.run("go")
        assert (result.ended_by, len(result.steps)) == ("steps", 2)
        assert result.error is not None
        assert result.error.ename == "NameError"
        assert client.execute("n").value == "1"  # what has run stays; what follows has not
        assert session.run("so?").answer == "Never mind."
    for number, line in ((1, "Line 1 has run"), (2, "Line 1 has run")):
        assert line in model.told(number)
        assert "Line 2 failed:" in model.told(number)
        assert "NameError: name 'missing' is not defined" in model.told(number)
        assert "n = 2" not in model.asked[number].messages[-2].text
    assert model.told(2).endswith("\n\nso?")


@pytest.mark.parametrize("where", ["writing", "running"])
def test_cancel_ends_all_of_it(client: EagerClient, where: str) -> None:
    forever = fenced(
        "y = 2\nprint('begun', flush=True)\nimport time\nwhile True: time.sleep(0.01)\n"
    )
    second = forever if where == "running" else ["```python\ny = 2\nprint('begun')\n", WAIT]
    model = Script(fenced("x = 1\n"), second, "Well.")
    with client.session(model=model) as session:
        on = threading.Event()

        def hear(event: dict[str, Any]) -> None:
            if "begun" in str(event.get("output", {}).get("text")):
                on.set()

        stop = threading.Thread(target=lambda: on.wait(60) and session.cancel())
        stop.start()
        result = session.run("go", on_event=hear)
        stop.join()
        assert (result.ended_by, len(result.steps)) == ("stopped", 2)
        assert client.execute("y").value == "2"
        assert session.run("so?").answer == "Well."


def test_a_model_that_fails_is_told_of_and_nothing_is_lost(client: EagerClient) -> None:
    model = Script(fenced("x = 1\nx\n"), [SourceError("out of order")], "Well.", [OSError("no")])
    with client.session(model=model) as session:
        with pytest.raises(SourceError, match="out of order"):
            session.run("go")
        assert session.last is not None
        assert session.last.ended_by == "lost"
        assert session.last.steps[0].result.value == "1"
        assert session.run("so?").answer == "Well."
        assert model.told(2) == "Output of the program:\n1\n\nso?"
        with pytest.raises(OSError, match="no"):
            session.run("more")


def test_what_hears_may_fail(client: EagerClient) -> None:
    def fail(event: dict[str, Any]) -> None:
        if event["type"] == kind:
            raise LookupError(kind)

    for kind in ("step", "delta", "chunk", "told"):
        model = Script(fenced("x = 1\n"), "Done.", "Well.")
        with client.session(model=model) as session:
            with pytest.raises(LookupError, match=kind):
                session.run("go", on_event=fail)
            model.answers[len(model.asked) :] = ["Well."]
            assert session.run("so?").answer == "Well."


def test_ends_that_are_no_answer(client: EagerClient) -> None:
    with client.session(model=Script("  \n")) as session:
        assert session.run("go").ended_by == "silent"
    with client.session(model=Script(fenced("raise SystemExit\n"))) as session:
        assert session.run("go").ended_by == "lost"
    with client.session(model=Script()) as session, pytest.raises(ValueError, match="empty"):
        session.run(" \n")


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"budget_tokens": 0}, {"budget_seconds": float("nan")}, {"context_chars": -1}],
)
def test_what_is_wrong_is_said_at_once(client: EagerClient, wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        client.session(model=Script(), **wrong)
    with pytest.raises(UnknownModelError):
        client.session(model="no-such")


async def test_async_a_cancelled_task_and_a_closed_client(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    client = await AsyncEagerClient.connect(kernel[0].connection_file)
    model = Script(["```python\nx = 5\nprint('on')\n", WAIT], fenced("x\n"), "Five.")
    session = client.session(model=model)
    on = asyncio.Event()
    task = asyncio.create_task(
        session.run("go", on_event=lambda e: on.set() if e["type"] == "output" else None)
    )
    async with asyncio.timeout(60):
        await on.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result = await session.run("what is x?")
    assert (result.answer, result.steps[0].result.value) == ("Five.", "5")
    await client.close()
    assert model.closed == 1


async def test_a_model_by_its_id(
    kernel: tuple[KernelManager, BlockingKernelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("A_KEY", "sk-test-0123456789abcdef")
    speaks, answers = OpenAI(), [fenced("6 * 7\n"), "It is forty-two."]

    async def serve(connection: Connection) -> None:
        await connection.begin()
        answer = answers[len(server.asked) - 1]
        for data in [speaks.text(answer), *speaks.end()]:
            await connection.send(data)
        await connection.end()

    file = kernel[0].connection_file
    async with Server(serve) as server, await AsyncEagerClient.connect(file) as client:
        how: Any = {"api_base": f"{server.url}/v1", "credential": "A_KEY"}
        result = await client.session(model="openai/m", **how).run("what is 6 * 7?")
    assert result.answer == "It is forty-two."
    assert "Output of the program:\n42" in str(server.asked[1].body["messages"][-1]["content"])
