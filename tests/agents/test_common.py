"""What all adapters have in common."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from eager_kernel.agents._history import FirstLine, arguments
from eager_kernel.agents._kernel import AgentKernel
from eager_kernel.agents._schemas import described, named
from eager_kernel.agents._values import dumps, loads
from eager_kernel.client import AsyncEagerClient
from eager_kernel.errors import KernelConnectionError
from tests.agents.conftest import pieces


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"code": "x = 1\\n1 / 0\\ny', {"code": "P"}),
        ('{"t": "\\"b", "n": [{"c": 2}], "code": "', {"t": '"b', "n": [{"c": 2}], "code": "P"}),
        ('{"restart" : true , "code"', {"restart": True, "code": "P"}),
        ('{"thought": "cut', {"code": "P"}),
        ("", {"code": "P"}),
        ("{", {"code": "P"}),
        ("no JSON", {"code": "P"}),
        ('{"code": "x", "after": 1', {"code": "P"}),
    ],
)  # fmt: skip
def test_arguments_of_a_cut_call_are_whole(raw: str, expected: dict[str, Any]) -> None:
    for end in range(len(raw) + 1):
        json.dumps(arguments("P", "code", raw[:end]))
    assert arguments("P", "code", raw) == expected


@pytest.mark.parametrize("size", range(1, 12))
def test_line_1_is_the_first_line_of_code(size: int) -> None:
    text = "a <cod\n<code>\n\r\nx = 1\n\n<code>\n\ny"
    first_line = FirstLine("<code>")
    fed = "".join(first_line.take(piece) for piece in pieces(text, size))
    assert fed == "a <cod\n<code>x = 1\n\n<code>\n\ny"
    unchanged = FirstLine("")
    assert "".join(unchanged.take(piece) for piece in pieces(text, size)) == text


@pytest.mark.parametrize(
    "value",
    [
        None, True, 1, 1.5, "é\u2028", [1, [2]], (1, "a"), {1, 2}, frozenset({3}), b"\0\xff",
        {"a": {"b": ()}}, {1: 2, (3,): 4}, {"__type__": "tuple", "data": 1}, float("inf"),
    ],
)  # fmt: skip
def test_values_go_there_and_back(value: Any) -> None:
    back = loads(dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_what_is_no_value_is_text() -> None:
    assert loads(dumps([object])) == ["<class 'object'>"]
    with pytest.raises(ValueError, match="unknown type 'code'"):
        loads('{"__type__": "code", "data": "1"}')


SCHEMA = {
    "properties": {
        "query": {"type": "string", "description": "What to look for."},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3},
        "where": {"type": ["string", "null"]},
        "what": {},
    },
    "required": ["query", "where"],
}


def test_a_tool_is_described_as_a_function() -> None:
    assert described("search", SCHEMA, "Search.") == (
        "def search(query: str, limit: int | None = 3, where: Any, what: Any = None):\n"
        '    """Search.\n'
        '    query: What to look for."""'
    )
    assert described("now", {}) == "def now():"


def test_arguments_of_a_call_are_named() -> None:
    assert named("search", SCHEMA, ("x", 1), {"what": 2}) == {"query": "x", "limit": 1, "what": 2}
    for args, kwargs, said in [
        ((1, 2, 3, 4, 5), {}, r"takes 4 arguments, but 5 were given"),
        ((1,), {"query": 2}, "multiple values for argument 'query'"),
        ((), {"quary": 2}, "unexpected argument 'quary'"),
    ]:
        with pytest.raises(TypeError, match=said):
            named("search", SCHEMA, args, kwargs)


@pytest.mark.parametrize(
    ("framework", "package"),
    [
        ("smolagents", "smolagents"),
        ("pydantic_ai", "pydantic_ai"),
        ("openai_agents", "agents"),
        ("langchain", "langchain"),
    ],
)
def test_a_missing_extra_says_what_to_install(framework: str, package: str) -> None:
    extra = framework.replace("_", "-")
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from eager_kernel.errors import MissingExtraError\n"
        "try:\n"
        f"    import eager_kernel.agents.{framework}\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"pip install 'eager-kernel[{extra}]'" in said.stdout


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, eager_kernel.client, eager_kernel.agents\n"
        "names = ('smolagents', 'pydantic_ai', 'agents', 'langchain', 'langchain_core')\n"
        "print([name for name in names if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"


def test_a_kernel_that_does_not_start_can_be_tried_again() -> None:
    kernel = AgentKernel(kernel_name="none_such")
    for _ in range(2):
        kernel.prepare()
        with pytest.raises(KernelConnectionError, match="none_such"):
            kernel.client  # noqa: B018


async def test_an_asynchronous_client_needs_its_loop() -> None:
    client = AsyncEagerClient.__new__(AsyncEagerClient)
    AgentKernel(client)
    with pytest.raises(TypeError, match="event loop"):
        await asyncio.to_thread(AgentKernel, client)


def test_a_kernel_ends_with_the_process() -> None:
    """Although nobody closed it."""
    program = (
        "from eager_kernel.agents._kernel import AgentKernel\n"
        "kernel = AgentKernel()\n"
        "print(kernel.client.execute('import os; os.getpid()').outputs[0]['data']['text/plain'])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    psutil = pytest.importorskip("psutil")
    assert not psutil.pid_exists(int(said.stdout))
    assert said.stderr == ""
