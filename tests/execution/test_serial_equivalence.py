"""A streamed program gives what the same text gives as one cell of the stock kernel.

Both are run, and compared.
"""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.conftest import Starter
from eager_kernel.testing.wire import WireStream

PROGRAMS = {
    "last expression": "x = 1\nx + 1",
    "last expression with newline": "1\n2\n3\n",
    "semicolon hides": "x = 1\nx;",
    "semicolon then comment hides": "x = 1\nx;  # quiet\n",
    "none is not shown": "print('a')\nNone\n",
    "underscore": "5\n",
    "underscore of the cell before": "_\n_ + 1\n",
    "expressions in the middle are not shown": "1\nprint(2)\n3\nprint(4)\n",
    "string in the middle": "'doc'\nprint(__doc__)\n'last'",
    "stdout and stderr": "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n",
    "display": "from IPython.display import display, HTML\n"
    "display(HTML('<b>b</b>'))\ndisplay(1)\n2",
    "display id": "from IPython.display import display\n"
    "handle = display('one', display_id='i')\nhandle.update('two')\n",
    "clear output": "from IPython.display import clear_output\nprint('a')\n"
    "clear_output(wait=True)\nprint('b')\n",
    "error": "a = 1\n\n# comment\nb = a / 0\nc = 2\n",
    "error in a function": "def f(x):\n    return 1 / x\n\n"
    "for i in (1, 0):\n    f(i)\n\nprint('no')\n",
    "chained errors": "try:\n    {}['k']\n"
    "except KeyError as e:\n    raise ValueError('v') from e\n",
    "error in a comprehension": "data = [1, 0]\n[1 / x for x in data]\n",
    "exception group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\n",
    "syntax error at run time": "x = 1\nreturn x\n",
    "exec raises syntax error": "exec('a b')\n",
    "magic": "%timeit -n1 -r1 -q pass\nprint('timed')\n",
    "magic assignment and shell": "v = %env HOME\nout = !echo hi\nprint(out[0])\n!echo there\n",
    "help": "print('before')\nlen?\n",
    "cell magic": "%%capture out\nprint('hidden')\n",
    "cell magic later is an error": "print('x')\n%%time\nprint('y')\n",
    "await": "import asyncio\nprint('a')\nawait asyncio.sleep(0)\nawait asyncio.sleep(0, 'v')\n",
    "async for and with": "class A:\n    async def __aenter__(self): return 1\n"
    "    async def __aexit__(self, *a): pass\nasync with A() as a:\n    print(a)\n"
    "async def g():\n    yield 1\n    yield 2\nasync for i in g():\n    print(i)\n",
    "future import": "from __future__ import annotations\ndef f(x: undefined): pass\n"
    "f.__annotations__\n",
    "input history": "In[-1]\n",
    "decorators and classes": "def deco(f):\n    return f\n\n@deco\n# c\ndef g(): return 1\n"
    "class C:\n    x = 1\n\n    def m(self): return self.x\n\nC().m(), g()\n",
    "getsource": "import inspect\ndef f():\n    # inside\n    return 1\n\nclass K:\n    y = 2\n\n"
    "print(inspect.getsource(f))\nprint(inspect.getsource(K))\n",
    "line numbers": "import sys\n\nx = 1; print(sys._getframe().f_lineno)\n"
    "def f():\n    return sys._getframe().f_lineno\nf()\n",
    "warning": "import warnings\nwarnings.simplefilter('always')\n\nwarnings.warn('careful')\n",
    "match": "match 3:\n    case 3:\n        print('three')\n    case _: pass\n",
    "global and del": "def f():\n    global gg\n    gg = 5\nf()\nx = gg\ndel gg\nx\n",
    "main": "def main():\n    print('main')\n\nif __name__ == '__main__':\n    main()\n",
    "system exit": "print('a')\nraise SystemExit(3)\nprint('b')\n",
    "leading blank lines": "\n\n\nx = 1\n1 / 0\n",
    "blank lines in strings": "s = '''a\n   \nb'''\ns\n",
    "indented cell": "  a = 1\n  print(a)\n",
    "prompts": ">>> a = 4\n>>> a\n",
    "automagic": "pwd",
    "bare name": "print\n",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\nP()\n",
    "context variables": "import contextvars\ntry: cv\nexcept NameError: cv = "
    "contextvars.ContextVar('cv', default=0)\ncv.set(cv.get() + 1)\ncv.get()\n",
    "context variables again": "cv.set(cv.get() + 1)\ncv.get()\n",
    "lambda keeps its source": "import inspect\nf = lambda: 1  # one\ninspect.getsource(f)\n",
    "unicode": "é = '中文'\nprint(é); é\n",
    "long f-strings": "name = 'w'\nprint(f'''{name\n!r:>10}''', f\"{name:{'>'}5}\")\n",
    "semicolons": "a = 1; b = 2; print(a); a + b\n",
    "user error with traceback hook": "class E(Exception):\n"
    "    def _render_traceback_(self): return ['custom']\nraise E\n",
    "crlf": "x = 1\r\nif x:\r\n    print('crlf')\r\nx\r\n",
    "set next input": "get_ipython().set_next_input('next')\n",
    "execution count": "get_ipython().execution_count\n",
    "nested run_cell": "get_ipython().run_cell('7')\n8\n",
    "figure over several statements": "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
    "fig, ax = plt.subplots(figsize=(1, 1))\nax.plot([1, 2])\nax.set_title('t')\n",
}
SPLITS = ("characters", "lines", "tokens", "whole", "known")


@pytest.fixture(scope="module")
def stock(start_kernel: Starter) -> BlockingKernelClient:
    return start_kernel("python3")[1]


@pytest.fixture(scope="module")
def eager(start_kernel: Starter) -> BlockingKernelClient:
    return start_kernel("eager_python")[1]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(
    name: str, split: str, stock: BlockingKernelClient, eager: BlockingKernelClient
) -> None:
    expected = as_cell(stock, PROGRAMS[name])
    assert as_stream(eager, PROGRAMS[name], split) == expected


@pytest.mark.parametrize("mode", ["all", "last", "last_expr", "last_expr_or_assign", "none"])
def test_interactivity(mode: str, stock: BlockingKernelClient, eager: BlockingKernelClient) -> None:
    setting = f"get_ipython().ast_node_interactivity = {mode!r}"
    programs = [
        "1\nx = 2\nx\n",
        "x = 3\n",
        "for i in (1, 2):\n    i\n",
        "4\n5;",
        "y = x = 6",
        "'s'",
    ]
    try:
        for client in (stock, eager):
            as_cell(client, setting)
        for program in programs:
            for split in ("lines", "characters"):
                expected = as_cell(stock, program)
                assert as_stream(eager, program, split) == expected, (program, split)
    finally:
        for client in (stock, eager):
            as_cell(client, "get_ipython().ast_node_interactivity = 'last_expr'")


def test_events_fire_once(eager: BlockingKernelClient) -> None:
    setup = (
        "seen = []\nip = get_ipython()\n"
        "for e in ('pre_execute', 'post_execute'):\n"
        "    ip.events.register(e, lambda e=e: seen.append(e))\n"
        "for e in ('pre_run_cell', 'post_run_cell'):\n"
        "    ip.events.register(e, lambda i, e=e: seen.append((e, getattr(i, 'info', i).raw_cell)))"
    )
    as_cell(eager, setup)
    as_stream(eager, "seen.clear()\na = 1\nb = 2\n", "lines")
    seen = as_cell(eager, "seen[-3:]")["messages"][-1][1]["data"]["text/plain"]
    # What is registered stays: the last cell adds its own two.
    text = re.sub(r"\s+", " ", seen)
    assert "('post_run_cell', 'seen.clear()\\na = 1\\nb = 2\\n')" in text


@pytest.mark.parametrize("setup", [
    "import ast\nclass T(ast.NodeTransformer):\n    def visit_Constant(self, n):\n"
    "        return ast.Constant(n.value * 2) if isinstance(n.value, int) else n\n"
    "t = T(); get_ipython().ast_transformers.append(t)",
    "def t(lines):\n    return [l.replace('one', '1') for l in lines]\n"
    "get_ipython().input_transformers_post.append(t)",
], ids=["ast", "input"])  # fmt: skip
def test_transformers(setup: str, stock: BlockingKernelClient, eager: BlockingKernelClient) -> None:
    undo = (
        "ip = get_ipython()\n"
        "for l in (ip.ast_transformers, ip.input_transformers_post):\n    l.clear()"
    )
    program = "one = 1\none + 20\n"
    for client in (stock, eager):
        as_cell(client, setup)
    try:
        expected = as_cell(stock, program)
        assert as_stream(eager, program, "lines") == expected
    finally:
        for client in (stock, eager):
            as_cell(client, undo)


def as_cell(client: BlockingKernelClient, program: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    reply = client.execute_interactive(
        program, timeout=60, output_hook=messages.append, user_expressions={"n": "1 + 1"}
    )
    return normalised(messages, reply["content"], history(client))


def as_stream(client: BlockingKernelClient, program: str, split: str) -> dict[str, Any]:
    stream = WireStream(client).open(format="python", on_error="drain")
    if split == "known":
        stream.delta(program).end().attach(user_expressions={"n": "1 + 1"})
    else:
        stream.attach(user_expressions={"n": "1 + 1"})
        for piece in pieces(program, split):
            stream.delta(piece)
            if split in ("lines", "tokens"):
                time.sleep(0.005)
        stream.end()
    heard = stream.finish(timeout=60)
    return normalised(heard.iopub, heard.reply, history(client))


def pieces(program: str, split: str) -> list[str]:
    if split == "characters":
        return list(program)
    if split == "lines":
        return program.splitlines(keepends=True)
    if split == "tokens":
        return re.findall(r"\s*\S{1,4}|\s+$", program)
    return [program]


def history(client: BlockingKernelClient) -> object:
    client.history(hist_access_type="tail", n=1, raw=True, output=False)
    while True:
        message = client.get_shell_msg(timeout=20)
        if message["msg_type"] == "history_reply":
            return [entry[2] for entry in message["content"]["history"]]


def normalised(
    messages: list[dict[str, Any]], reply: dict[str, Any], last_input: object
) -> dict[str, Any]:
    """What must be the same: numbers, paths and times of a kernel are left out."""
    kept: list[tuple[str, Any]] = []
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind in ("status", "execute_input"):
            continue
        if kind == "stream":
            # stdout and stderr are flushed apart, on a timer: only the order within each, and
            # towards other messages, means something.
            open_streams = itertools.takewhile(lambda m: m[0] == "stream", reversed(kept))
            same = [m for m in open_streams if m[1]["name"] == content["name"]]
            if same:
                same[0][1]["text"] += content["text"]
                continue
        kept.append((kind, dict(content)))
    ignored = ("engine_info", "execution_count")
    rest = {key: value for key, value in reply.items() if key not in ignored}
    return _scrub({"messages": kept, "reply": rest, "history": last_input})


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        value = re.sub(r"ipykernel_\d+/\d+\.py", "ipykernel_PID/HASH.py", value)
        value = re.sub(r"\d+\.py", "HASH.py", value)
        value = re.sub(r"(In|Out)\x1b?[^\[]*\[\d+\]", r"\1[N]", value)
        value = re.sub(r"0x[0-9a-f]+", "0xADDRESS", value)
        return re.sub(r"IPython/core/\w+\.py:\d+", "IPython", value)
    if isinstance(value, dict):
        return {
            key: _scrub(item)
            for key, item in value.items()
            if key not in ("execution_count", "image/png")
        }
    if isinstance(value, (list, tuple)):
        return [_scrub(item) for item in value]
    return value
