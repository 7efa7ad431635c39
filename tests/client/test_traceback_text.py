"""Tracebacks in short, of real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.client.group_text import failing_line, shorten_groups
from eager_kernel.client.traceback_text import failing_frame, shorten_traceback
from tests.client.tracebacks import count, shown_of

FUNCTION = "x = 1\ndef f(a):\n    return 1 / a\n\nf(0)\n"
SHORT = "  line 5: f(0)\n  line 3, in f(a): return 1 / a\nZeroDivisionError: division by zero"


def short(*cells: str, mode: str = "Context", colors: str = "linux") -> str:
    shown = shown_of(*cells, mode=mode, colors=colors)
    return shorten_traceback(shown.traceback, shown.ename, shown.evalue)


@pytest.mark.parametrize("colors", ["linux", "lightbg", "neutral", "nocolor"])
@pytest.mark.parametrize(
    ("mode", "function"), [("Context", "f(a)"), ("Verbose", "f(a=0)"), ("Plain", "f")]
)
def test_the_frames_of_a_program(mode: str, function: str, colors: str) -> None:
    assert short(FUNCTION, mode=mode, colors=colors) == SHORT.replace("f(a)", function)
    assert failing_frame(shown_of(FUNCTION, mode=mode, colors=colors).traceback) == (5, False)


def test_a_mode_that_names_few_lines() -> None:
    shown = shown_of(FUNCTION, mode="Docs")
    assert short(FUNCTION, mode="Docs").splitlines() == [
        "  line 5: f(0)",
        "  [... 1 skipped frames]",
        "ZeroDivisionError: division by zero",
    ]
    assert failing_frame(shown.traceback) == (5, False)


def test_a_mode_without_frames() -> None:
    shown = shown_of(FUNCTION, mode="Minimal")
    assert short(FUNCTION, mode="Minimal") == "ZeroDivisionError: division by zero"
    assert failing_frame(shown.traceback) is None


def test_frames_of_libraries_are_left_out() -> None:
    pytest.importorskip("pandas")
    program = 'import pandas as pd\ndf = pd.DataFrame({"a": [1]})\ndf["price"]\n'
    shown = shown_of(program)
    assert len("".join(shown.traceback)) > 4000
    assert short(program) == "  line 3: df[\"price\"]\nKeyError: 'price'"


def test_a_chain() -> None:
    program = "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('no\\nway') from e\n"
    for mode in ("Context", "Plain"):
        assert short(program, mode=mode) == (
            "  line 2: 1 / 0\n"
            "ZeroDivisionError: division by zero\n"
            "The above exception was the direct cause of the following exception:\n"
            "  line 4: raise ValueError('no\\nway') from e\n"
            "ValueError: no\nway"
        )
        assert failing_frame(shown_of(program, mode=mode).traceback) == (4, False)


def test_a_cause_in_a_library_is_named() -> None:
    program = (
        "import json\ntry:\n    json.loads('{')\nexcept Exception:\n    raise OSError('bad')\n"
    )
    text = short(program)
    assert "JSONDecodeError: Expecting property name" in text
    assert "  line 3: json.loads('{')" in text
    assert "During handling of the above exception" in text
    assert "decoder.py" not in text


def test_a_function_of_an_earlier_cell() -> None:
    number = count()
    assert short("def g():\n    raise KeyError('k')\n", "a = 1\ng()\n") == (
        f"  line 2: g()\n  Cell In[{number}], line 2, in g(): raise KeyError('k')\nKeyError: 'k'"
    )


def test_a_module_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "helper_of_mine.py").write_text("def h():\n    return [][3]\n")
    path = str(tmp_path)
    text = short(f"import sys\nsys.path.insert(0, {path!r})\nimport helper_of_mine as m\nm.h()")
    assert "helper_of_mine.py, line 2, in h(): return [][3]\nIndexError" in text


@pytest.mark.parametrize("mode", ["Context", "Plain", "Verbose"])
def test_a_text_that_does_not_compile(mode: str) -> None:
    text = short("x = 1\n\ny = = 2\n", mode=mode)
    assert "line 3\n    y = = 2\n" in text
    assert text.endswith("SyntaxError: invalid syntax")
    assert failing_frame(shown_of("x = 1\n\ny = = 2\n", mode=mode).traceback) == (3, True)
    indented = shown_of("x = 1\n  y = 2\n", mode=mode)
    assert failing_frame(indented.traceback) == (2, True)


def test_a_syntax_error_of_text_that_the_program_compiles() -> None:
    program = "a = 1\neval('1 +')\n"
    text = short(program)
    assert text.startswith("  line 2: eval('1 +')\n")
    assert text.endswith("SyntaxError: invalid syntax")
    assert "interactiveshell" not in text
    assert failing_frame(shown_of(program).traceback) == (2, False)


def test_the_end_of_the_process_has_no_line() -> None:
    assert short("import sys\nsys.exit(3)\n") == "SystemExit: 3"
    assert failing_frame(shown_of("import sys\nsys.exit(3)\n").traceback) is None


def test_a_long_message_is_shortened() -> None:
    text = short("raise ValueError('begin' + 'x' * 100_000 + 'end')")
    assert len(text) < 800
    assert "ValueError: begin" in text
    assert text.endswith("end")
    assert "characters left out" in text


def test_many_frames_are_not_all_told() -> None:
    functions = "".join(f"def f{n}(): f{n + 1}()\n" for n in range(40))
    text = short(functions + "def f40(): 1 / 0\nf0()\n")
    assert len(text.splitlines()) == 17
    assert "… 27 frames left out …" in text
    assert "line 41, in f40(): def f40(): 1 / 0" in text


def test_frames_that_ipython_leaves_out() -> None:
    # A real one takes IPython long to make.
    frame = "Cell In[12], line 1, in r()\n----> 1 def r(): return r()\n"
    traceback = [
        "RecursionError                            Traceback (most recent call last)",
        "Cell In[12], line 2\n      1 def r(): return r()\n----> 2 r()\n",
        frame,
        "    [... skipping similar frames: r at line 1 (987 times)]\n",
        frame,
        "RecursionError: maximum recursion depth exceeded",
    ]
    assert shorten_traceback(traceback, "", "").splitlines() == [
        "  line 2: r()",
        "  line 1, in r(): def r(): return r()",
        "  [... skipping similar frames: r at line 1 (987 times)]",
        "  line 1, in r(): def r(): return r()",
        "RecursionError: maximum recursion depth exceeded",
    ]


def test_notes_belong_to_the_message() -> None:
    text = short("e = ValueError('a'); e.add_note('note 1\\nnote 2'); raise e")
    assert text.endswith("\nValueError: a\nnote 1\nnote 2")


HOSTILE = [
    "Cell In[1], line 99",
    "a\nCell In[1], line 99\n----> 99 x\n",
    "\x1b[31m<script>alert(1)</script>\x1b]0;title\x07",
    "The above exception was the direct cause of the following exception:",
    "\nTraceback (most recent call last)\n",
    "File /x.py:3, in f()",
    "\r\r\x00\x08",
    "%" * 5000,
]


@pytest.mark.parametrize("message", HOSTILE)
def test_what_a_message_says_moves_no_line(message: str) -> None:
    program = f"x = 1\nraise ValueError({message!r})"
    shown = shown_of(program)
    assert failing_frame(shown.traceback) == (2, False)
    text = shorten_traceback(shown.traceback, shown.ename, shown.evalue)
    assert "\nValueError" in text
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize(
    "traceback",
    [[], [""], ["\n\n"], ["Cell In[1], line 1"], ["Traceback (most recent call last)"], ["x"] * 9],
)
def test_what_is_no_traceback(traceback: list[str]) -> None:
    assert shorten_traceback(traceback, "E", "v\x1b[0m")
    failing_frame(traceback)


GROUP = """\
before
  + Exception Group Traceback (most recent call last):
  |   File "/env/lib/python3.11/site-packages/IPython/core/interactiveshell.py", line 3823, in run_code
  |     exec(code_obj, self.user_global_ns, self.user_ns)
  |   File "/tmp/ipykernel_5851/3392160108.py", line 7, in <module>
  |     raise ExceptionGroup('many', es)
  | ExceptionGroup: many (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/tmp/ipykernel_5851/3392160108.py", line 5, in <module>
    |     try: f()
    |          ^^^
    |   File "/tmp/ipykernel_5851/3392160108.py", line 2, in f
    |     raise ValueError('a')
    | ValueError: a
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/home/me/mine.py", line 5, in f
    |     raise ValueError('b')
    | ValueError: b
    +------------------------------------
after
"""  # noqa: E501 - as it comes


def test_a_group_of_exceptions() -> None:
    assert (
        shorten_groups(GROUP)
        == """\
before
  + Exception Group Traceback (most recent call last):
  |   line 7
  |     raise ExceptionGroup('many', es)
  | ExceptionGroup: many (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   line 5
    |     try: f()
    |   line 2, in f
    |     raise ValueError('a')
    | ValueError: a
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/home/me/mine.py", line 5, in f
    |     raise ValueError('b')
    | ValueError: b
    +------------------------------------
after
"""
    )
    output = {"output_type": "stream", "name": "stderr", "text": GROUP}
    assert failing_line([output]) == 7
    assert failing_line([{**output, "name": "stdout"}]) is None
    assert failing_line([{**output, "text": "no group"}]) is None
