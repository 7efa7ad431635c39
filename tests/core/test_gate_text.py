"""Text that is run as code: what runs any text is put off until there is text that matters."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

import pytest

from eager_kernel.core import gate
from eager_kernel.core.text.quiet_parsing import parse_quietly
from tests.core.gate_programs import held, judge

RUN = "def run(text):\n    exec(text)\n"
HELPER = "def helper(text):\n    return run(text)\n"
CLOCK = '"import time; time.time()"'
HELD = {
    "through another": [RUN, HELPER, f"helper({CLOCK})\n"],
    "defined before it": [HELPER, RUN, f"helper({CLOCK})\n"],
    "with a decorator": ["@wrapped\n" + HELPER, RUN, f"helper({CLOCK})\n"],
    "by another name": [RUN, HELPER, "f = helper\n", "g = f\n", f"g({CLOCK})\n"],
    "a text of before": [f"code = {CLOCK}\n", RUN, HELPER, "helper(code)\n"],
    "a text of a function": [RUN, HELPER, f"def main():\n    helper({CLOCK})\n", "main()\n"],
    "a text by default": [RUN, HELPER, f"def main(a={CLOCK}):\n    helper(a)\n", "main()\n"],
    "a method": [
        RUN,
        "class C:\n    def go(self, text):\n        run(text)\n",
        "class D(C):\n    pass\n",
        "d = D()\n",
        f"d.go({CLOCK})\n",
    ],
    "in a container": [RUN, HELPER, "all = {'a': helper}\n", f"all['a']({CLOCK})\n"],
    "what was called meanwhile binds it": [
        RUN,
        "def begin():\n    global go\n    go = run\n",
        "begin()\n",
        f"go({CLOCK})\n",
    ],
    "what was run meanwhile defines it": [
        RUN,
        HELPER,
        "helper('def ask(): tell()')\n",
        "def tell():\n    time.time()\n",
        "ask()\n",
    ],
    "pieces of a text": [RUN, HELPER, "helper('import time\\n' + 'time.time()')\n"],
    "it turns out to be more": [RUN, HELPER, "import time\n", "run = time.time\n", "helper(1)\n"],
}
NOT_READ = {
    "definitions that mention it": [RUN, HELPER, "def other(x):\n    return helper(x) + 1\n"],
    "statements that bind nothing": [RUN, HELPER, "helper(x)\n", "print(helper(y))\n"],
}


@pytest.mark.parametrize("name", HELD)
def test_it_is_held_as_soon_as_text_matters(name: str) -> None:
    *before, last = HELD[name]
    assert not held("\n".join(before))
    assert held("\n".join([*before, last]))


@pytest.mark.parametrize("name", NOT_READ)
def test_nothing_is_read_before(name: str) -> None:
    assert parsed(NOT_READ[name]) == [RUN]


def test_a_text_that_matters_has_it_read() -> None:
    assert HELPER in parsed([RUN, HELPER, "x = 'time.time()'\n", "helper(x)\n"])


def parsed(texts: Sequence[str]) -> list[str]:
    """What the gate parses of a program."""
    found: list[str] = []

    def watched(source: str) -> object:
        found.append(source)
        return parse_quietly(source)

    with mock.patch.object(gate, "parse_quietly", watched):
        judge("".join(texts))
    return [text for text in texts if any(text.strip() in source for source in found)]
