"""Answers of models, made around a known program.

``python -m tests.core.extract.grammar --minutes 10`` tries as many as there is time for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from eager_kernel.core.chunker import Chunker
from tests.core.extract.reading import Reader, cut, read


@dataclass(frozen=True)
class Answer:
    """An answer, and the program in it.

    Attributes
    ----------
    text
        The answer.
    program
        The code text.
    places
        Where each character of the program stands in the answer, if its code is there as it is;
        then its statements may run as soon as they are complete.
    """

    text: str
    program: str
    places: tuple[int, ...] | None


STATEMENTS = (
    "import math\n",
    "from os import (\n    path,\n    sep,\n)\n",
    "x = 1\n",
    "x = [1,\n     2]\n",
    "print('a < b > c </code> <|im_end|> ``` ~~~')\n",
    'text = """\n```\n~~~\n</code>\n<think>\n> - 1. {"code": "no"}\n```python\n"""\n',
    "text = '''\nSolution:\n\n    indented\n'''\n",
    "def f(a):\n    return a < 1\n\n",
    "if x:\n    y = 2\nelse:\n    y = 3\n",
    "for i in range(3):\n\n    # a comment with ``` in it\n    print(i)\n",
    "class A:\n    '''Doc.'''\n\n    def f(self):\n        pass\n",
    "@staticmethod\ndef g(): ...\n",
    "# A comment\n",
    "a = b = 2; c = a <b\n",
    "try:\n    z\nexcept NameError as error:\n    print(f'{error!r} {x:>{3}}')\n",
    "{'code': 1, \"language\": 'python'}\n",
    "x\n",
    "%matplotlib inline\n",
    "!ls -l\n",
    "s = 'é\\n\\\\ \\u1234 \\'quoted\\' \"double\"'\n",
    "\n",
    "y = x \\\n    + 1\n",
    "print(x, end='')  # done\n",
)

PROSE = (
    "Here is the code:\n",
    "Solution (Python)\n",
    "[Code]\n",
    "- [x]\n",
    "% of sales\n",
    "Answer: yes\n",
    "Sure!\n",
    "# Solution\n",
    "Use `x` and ``y``, or ```z```.\n",
    "It's done; see <b>below</b> & beyond.\n",
    "1. First\n",
    "2) Second\n",
    "* a point\n",
    "> a quote\n",
    "> a quote\nthat goes on lazily\n",
    "- an item\nthat goes on lazily\n",
    "---\n",
    "Title\n=====\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "Note: this\n",
    "(see below\n",
    "this is it\n",
    "Call `f(x)` {carefully}.\n",
    "Use <code>y</code> for that.\n",
    "\n",
    "\n\n",
    "    $ indented\n",
    "![a picture](x.png)\n",
    "Thought: I think so.\n",
)

OTHER_BLOCKS = (
    "```bash\npip install pandas\n```\n",
    '```json\n{"a": [1, 2]}\n```\n',
    "```text\n1\n2\n```\n",
    "~~~console\n$ ls\n~~~\n",
    "```\npip install pandas\n```\n",
    "```output\nprint(1)\n```\n",
    "See:\n\n````markdown\n# T\n```python\nno = 1\n```\n````\n",
    "```js\nlet s = `a`\n```\n",
    "```sql\nselect 1\n```\n",
    "```diff\n- a\n+ b\n```\n",
)

DRAFTS = (
    "I should print.\n",
    "x = 'draft'\nprint(x)\n",
    "```python\nprint('draft')\n```\n",
    "<code>\nprint('draft')\n</code>\n",
    '{"code": "draft()"}\n',
    "\n",
)
REASONING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<THOUGHT>", "</THOUGHT>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
# What the templates of models have around the JSON of a call, and around an argument of one.
CALLS = (
    ("[TOOL_CALLS]", ""),
    ("[TOOL_CALLS]python[ARGS]", "</s>"),
    ("[TOOL_CALLS]run[CALL_ID]a1B2c3D4e[ARGS]", ""),
    ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>python<｜tool▁sep｜>", "<｜tool▁call▁end｜>"),
    ("<|tool_call_begin|>functions.run:0<|tool_call_argument_begin|>", "<|tool_call_end|>"),
    ("<longcat_tool_call>\n", "\n</longcat_tool_call>"),
    ("<TOOLCALL>", "</TOOLCALL>"),
    ("[TOOL_CALLS]mcp-python__run[ARGS]", ""),
    ("<|tool_call_begin|>jupyter.run<|tool_call_argument_begin|>", "<|tool_call_end|>"),
)
# What is before a call, an argument's name, and its value; after that, and after the call.
ARGUMENTS = (
    (
        "<tool_call>{tool}\n",
        "<arg_key>",
        "</arg_key>\n<arg_value>",
        "</arg_value>\n",
        "</tool_call>",
    ),
    ("<tool_call>{tool}", "<arg_key>", "</arg_key><arg_value>", "</arg_value>", "</tool_call>"),
    (
        "<tool_call>\n<function={tool}>\n",
        *("<parameter=", ">", "</parameter>\n", "</function>\n</tool_call>"),
    ),
    ('<invoke name="{tool}">\n', '<parameter name="', '">', "</parameter>\n", "</invoke>\n"),
    (
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="{tool}">\n',
        *('<｜DSML｜parameter name="', '" string="true">', "</｜DSML｜parameter>\n"),
        "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    ),
    (
        '<minimax:tool_call>\n<invoke name="{tool}">\n',
        *('<parameter name="', '">', "</parameter>\n", "</invoke>\n</minimax:tool_call>"),
    ),
)
TOOLS = ("python", "run_python", "code-interpreter", "functions.run", "mcp__py/run")
VALUES = ("10", "true", "None", "python", "main.py", "[1, 2]", "x = 1", "foo()", "# x", "a b.", "")
REMNANTS = ("", "<|im_end|>", "</s>", "<|eot_id|>", "<end_of_turn>", "\n<|im_end|>\n")
LANGUAGES = (
    *("python", "py", "Python", "python3", "python3.12", "ipython", "tool_code", "main.py"),
    *(
        "{python}",
        "{.python .numberLines}",
        "python title='a b'",
        " python ",
        "{code-cell} ipython3",
    ),
)
CONTAINERS: tuple[tuple[str, str], ...] = (
    ("", ""),
    ("- ", "  "),
    ("* ", "  "),
    ("1. ", "   "),
    ("12) ", "    "),
    ("> ", "> "),
    ("> - ", ">   "),
    ("1. > ", "   > "),
    ("- - ", "    "),
    ("> > ", "> > "),
)

programs = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6).map("".join)
prose = st.lists(st.sampled_from(PROSE), max_size=4).map("".join)


@st.composite
def reasonings(draw: st.DrawFn) -> str:
    """Reasoning, or none."""
    if draw(st.booleans()):
        return ""
    begin, end = draw(st.sampled_from(REASONING))
    drafts = "".join(draw(st.lists(st.sampled_from(DRAFTS), max_size=3)))
    # Behind some marks, the rest of the line is the answer.
    return f"{begin}\n{drafts}{end}" + draw(st.sampled_from(("\n", "\n\n")))


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Any answer around a program."""
    make = draw(
        st.sampled_from((bare, fenced, fenced, fenced, unnamed, tagged, called, in_argument))
    )
    return draw(make())


@st.composite
def bare(draw: st.DrawFn) -> Answer:
    """Nothing but a program, whose first line can be nothing else."""
    before = draw(reasonings())
    first = draw(st.sampled_from(("import math\n", "x = 1\n", "def f(): ...\n", '"""Doc."""\n')))
    program = first + draw(programs)
    after = draw(st.sampled_from(REMNANTS))
    return Answer(before + program + after, program, _places(before, program))


@st.composite
def fenced(draw: st.DrawFn) -> Answer:
    """A Markdown answer with one or more blocks that say that they are Python."""
    text = draw(reasonings()) + draw(prose)
    program, places = "", []
    for _ in range(draw(st.integers(1, 3))):
        text += _apart(text) + "".join(draw(st.lists(st.sampled_from(OTHER_BLOCKS), max_size=2)))
        code = draw(programs)
        first, more = draw(st.sampled_from(CONTAINERS))
        fence = draw(st.sampled_from(("```", "````", "~~~", "`````")))
        indent = " " * draw(st.integers(0, 3))
        language = draw(st.sampled_from(LANGUAGES))
        closing = fence + draw(st.sampled_from(("", " ", "<end_code>" if fence[0] == "`" else "")))
        text += f"{_apart(text)}{first}{indent}{fence}{language}\n"
        for line in code.splitlines(keepends=True):
            text += more.rstrip() if line == "\n" else more + indent
            places += range(len(text), len(text) + len(line))
            text += line
        text += f"{more}{indent}{closing}\n"
        text += "\n" + draw(prose)  # a blank line ends any paragraph, and any quote
        program += code
    return Answer(text + draw(st.sampled_from(REMNANTS)), program, tuple(places))


@st.composite
def unnamed(draw: st.DrawFn) -> Answer:
    """A Markdown answer with blocks without a language, of which those count that are Python."""
    text = draw(reasonings()) + draw(prose)
    program = ""
    for _ in range(draw(st.integers(1, 2))):
        text += _apart(text) + "".join(draw(st.lists(st.sampled_from(OTHER_BLOCKS), max_size=1)))
        code = "x = 1\n" + draw(programs)
        first, more = draw(st.sampled_from(CONTAINERS[:4]))
        text += f"{_apart(text)}{first}````\n"
        text += "".join(
            line if line == "\n" else more + line for line in code.splitlines(keepends=True)
        )
        text += f"{more}````\n\n" + draw(prose)
        program += code
    return Answer(text, program, None)


@st.composite
def tagged(draw: st.DrawFn) -> Answer:
    """An answer with its program in tags, which may be in a fence there."""
    text = draw(reasonings()) + draw(prose)
    name = draw(st.sampled_from(("code", "execute", "python", "tool_code")))
    code = draw(programs)
    if draw(st.booleans()):
        inner, program = f"\n{code}", f"\n{code}"
    else:
        inner, program = f"\n```py\n{code}```\n", code
    closing = draw(st.sampled_from((f"</{name}>\n", f"</{name}", f"</{name}>\nDone.\n")))
    return Answer(f"{text}{_apart(text)}<{name}>{inner}{closing}", program, None)


@st.composite
def called(draw: st.DrawFn) -> Answer:
    """The call of a tool."""
    import json

    code = draw(programs)
    inner = f"```python\n{code}```" if draw(st.booleans()) else code
    arguments: dict[str, Any] = {"code": inner}
    for key in draw(st.lists(st.sampled_from(("language", "timeout", "why")), unique=True)):
        arguments = {key: "python", **arguments} if draw(st.booleans()) else {**arguments, key: 1}
    shapes: tuple[Callable[[], Any], ...] = (
        lambda: arguments,
        lambda: {"name": "python", "arguments": arguments},
        lambda: {"arguments": json.dumps(arguments), "name": "python"},
        lambda: [{"type": "function", "function": {"name": "x", "arguments": arguments}}],
    )
    call = json.dumps(
        draw(st.sampled_from(shapes))(),
        indent=draw(st.sampled_from((None, 2))),
        ensure_ascii=draw(st.booleans()),
    )
    call = draw(
        st.sampled_from(
            (
                call,
                f"<tool_call>\n{call}\n</tool_call>",
                *(f"{before}{call}{after}" for before, after in CALLS),
                f"```json\n{call}\n```\n",
            )
        )
    )
    return Answer(draw(reasonings()) + call + draw(st.sampled_from(("", "\n"))), code, None)


@st.composite
def in_argument(draw: st.DrawFn) -> Answer:
    """The call of a tool whose code is text between tags."""
    text = draw(reasonings()) + draw(prose)
    begin, before, between, after, end = draw(st.sampled_from(ARGUMENTS))
    code = draw(programs)
    arguments = [("code", code)]
    for name in draw(st.lists(st.sampled_from(("timeout", "language", "title")), max_size=2)):
        arguments.insert(draw(st.integers(0, 1)), (name, draw(st.sampled_from(VALUES))))
    call = begin.format(tool=draw(st.sampled_from(TOOLS)))
    call += "".join(f"{before}{name}{between}{value}{after}" for name, value in arguments)
    text += f"{_apart(text)}{call}{end}{draw(st.sampled_from(REMNANTS))}"
    return Answer(text, code, None)


def _apart(text: str) -> str:
    """What keeps a block apart from prose, which would go on in it: an item, a quote, "(see"."""
    return "" if not text or text.endswith("\n\n") else "\n"


def _places(before: str, program: str) -> tuple[int, ...]:
    return tuple(range(len(before), len(before) + len(program)))


def check_answer(answer: Answer, places: list[int]) -> None:
    """The program of an answer is the one it was made around, and comes as early as it can."""
    text = answer.text
    for deltas in ([text], list(text), cut(text, places)):
        found = read("auto", deltas).program
        assert found.rstrip("\n") == answer.program.rstrip("\n"), deltas
    if answer.places is not None:
        _check_early(answer)


def _check_early(answer: Answer) -> None:
    """Each statement comes with the character that completes it, or at the end of its block."""
    assert answer.places is not None
    chunker, complete = Chunker(), []
    for char, place in zip(answer.program, answer.places, strict=True):
        complete += [place] * sum(chunk.has_statement for chunk in chunker.feed(char))
    reader = Reader("auto")
    released: list[int] = []
    for place, char in enumerate(answer.text):
        before = reader.chunks
        reader.feed(char)
        released += [place] * (reader.chunks - before)
    for due, came in zip(complete, released, strict=False):
        # Which statement a block's end completes, the text before it can't tell.
        assert came <= due + _SLACK, (due, came, answer.text[due : came + 1])


_SLACK = 1
"""A character that may begin a mark or a fence waits for the next one."""


def main() -> None:
    """Try answers for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    end = time.monotonic() + 60 * parser.parse_args().minutes
    tried = 0

    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(answers(), st.lists(st.integers(0, 400), max_size=8))
    def one(answer: Answer, places: list[int]) -> None:
        nonlocal tried
        tried += 1
        check_answer(answer, places)

    round_number = 0
    while time.monotonic() < end:
        seed(round_number)(one)()
        round_number += 1
        print(f"{tried:,} answers", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
