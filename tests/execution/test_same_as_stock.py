"""In process: what is seen, and in which order, is what one ordinary cell gives."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.execution.running import Shell, end, run_program, run_stock

PROGRAMS = {
    "values": "log(1)\nx = 2\nx\nlog(3)\nx + 1\n",
    "the last value is hidden": "log(1)\n1 + 1;",
    "a literal at the end": "log(1)\n'text'\n",
    "no value": "log(1)\nNone\n",
    "what was shown before": "6 * 7\nlog(2)\n_ if '_' in globals() else 'none'\n",
    "an error": "log(1)\n1 / 0\nlog(2)\n",
    "an error in a function": "def f(x):\n    return 1 / x\n\nlog(1)\nf(0)\nlog(2)\n",
    "an error with a context": (
        "log(1)\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('no')\nlog(2)\n"
    ),
    "an exception group": "log(1)\nraise ExceptionGroup('two', [ValueError('a')])\n",
    "an interrupt of its own": "log(1)\nraise KeyboardInterrupt('mine')\nlog(2)\n",
    "exit": "log(1)\nraise SystemExit(3)\nlog(2)\n",
    "exit as an error": "import warnings\nwarnings.simplefilter('error')\nraise SystemExit(3)\n",
    "the debugger is left": "import bdb\nlog(1)\nraise bdb.BdbQuit\nlog(2)\n",
    "only compiling tells": "log(1)\nreturn 2\nlog(3)\n",
    "a name that is none": "log(1)\n%no_such_magic\nlog(2)\n",
    "an error that shows itself": (
        "class E(Exception):\n    def _render_traceback_(self):\n        log('asked')\n"
        "        return ['as it likes']\n\nlog(1)\nraise E\nlog(2)\n"
    ),
    "an error whose text fails": (
        "class E(Exception):\n    def __str__(self):\n        return 1 / 0\n\nlog(1)\nraise E\n"
    ),
    "a value that can't be shown": (
        "class V:\n    def __repr__(self):\n        raise ValueError('no')\n\nlog(1)\nV()\n"
    ),
    "a handler of the user's": (
        "def handler(shell, kind, error, trace, tb_offset=None):\n"
        "    log('before')\n    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)\n"
        "    log('after')\n\nget_ipython().set_custom_exc((ValueError,), handler)\n"
        "log(1)\nraise ValueError('x')\nlog(2)\n"
    ),
    "a handler that fails": (
        "def handler(shell, kind, error, trace, tb_offset=None):\n    1 / 0\n\n"
        "get_ipython().set_custom_exc((ValueError,), handler)\nlog(1)\nraise ValueError('x')\n"
    ),
    "a profiler in C over statements": (
        "import cProfile, pstats\np = cProfile.Profile()\np.enable()\ndef f(n):\n"
        "    return n and f(n - 1)\n\nf(3)\np.disable()\nf(2)\n"
        "log([v[:2] for k, v in pstats.Stats(p).stats.items() if k[2] == 'f'])\n"
    ),
    "a profiler in C that goes on": (
        "import cProfile\np = cProfile.Profile(subcalls=False)\np.enable()\nx = sorted([2, 1])\n"
        "import sys\nlog(sys.getprofile() is p)\np.disable()\nlog(sys.getprofile())\n"
    ),
    "a cell in a cell": "log(1)\nget_ipython().run_cell('2 / 0')\n1 / 0\n",
    "a cell in an error's text": (
        "class E(Exception):\n    def _render_traceback_(self):\n"
        "        get_ipython().run_cell('2 / 0')\n        return ['as it likes']\n\n"
        "log(1)\nraise E\nlog(2)\n"
    ),
    "a traceback that it shows itself": (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\nlog(1)\n"
    ),
    "top-level await": "import asyncio\nlog(1)\nawait asyncio.sleep(0)\nlog(2)\n3\n",
    "a future import": "from __future__ import annotations\nlog(1)\ndef f(x: nothing): pass\n2\n",
    "empty lines before": "\n\nlog(1)\n1 / 0\n",
    "two on a line": "log(1); log(2); 3\n",
    "nothing": "# only a comment\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("at_once", [True, False], ids=["known", "streamed"])
def test_it_is_seen_as_in_a_cell(
    name: str, at_once: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    program = PROGRAMS[name]
    with _warnings_to_stderr():
        stock = run_stock(program)
    expected = capsys.readouterr()
    with _warnings_to_stderr():
        if at_once:
            run = run_program(program, end, begin=2)
        else:
            first, *rest = program.splitlines(keepends=True)
            run = run_program(first, *rest, end, on_error="drain")
    seen = capsys.readouterr()
    log = [each for each in run.shell.seen if not str(each).startswith("<stop")]
    if "await" in program:
        log += ["<post_execute>", "<post_run_cell>"]  # which the kernel fires there
    assert _normal(log) == _normal(stock.seen)
    assert _normal([seen.out, seen.err]) == _normal([expected.out, expected.err])
    assert _left(run.shell) == _left(stock)


@pytest.mark.parametrize("mode", ["all", "last", "last_expr", "last_expr_or_assign", "none"])
@pytest.mark.parametrize(
    "program",
    ["log(1)\nx = 2\nx\n'text'\ny = x + 1\n", "x = 1\nx += 1\nx\n", "for i in 1, 2:\n    i\n\n"],
    ids=["assignment", "value", "loop"],
)
def test_what_is_displayed_is_the_shells_choice(mode: str, program: str) -> None:
    stock, shell = Shell(), Shell()
    stock.ast_node_interactivity = shell.ast_node_interactivity = mode
    run_stock(program, stock)
    first, *rest = program.splitlines(keepends=True)
    run_program(first, *rest, end, shell=shell)
    assert shell.seen == stock.seen
    assert _left(shell) == _left(stock)


def _normal(seen: list[object]) -> list[str]:
    """Without addresses, and the file's name, which is made of a text that is known."""
    return [re.sub(r"<ipython-input-\w+-\w+>|0x\w+", "<...>", str(each)) for each in seen]


def _show_warning(message: object, *about: object) -> None:
    sys.stderr.write(f"warned: {message}\n")


@contextmanager
def _warnings_to_stderr() -> Iterator[None]:
    """Show warnings where a shell does, not where pytest does."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        vars(warnings)["showwarning"] = _show_warning
        yield


def _left(shell: Shell) -> dict[str, object]:
    """What a cell leaves behind."""
    names = shell.user_ns
    left = {name: names.get(name) for name in ("x", "_i", "_ii")}
    return {
        **left,
        "last": type(names.get("_")).__name__,
        "count": shell.execution_count,
        "in": list(names["In"]),
        "out": {number: type(value).__name__ for number, value in names["Out"].items()},
        "succeeded": shell.last_execution_succeeded,
        "own": sorted(set(vars(shell)) & {"showtraceback", "run_cell_async"}),
    }
