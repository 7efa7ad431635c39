"""The bundled recording, and the program in its answer."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import sys
from pathlib import Path

import pytest

from eager_kernel import demo
from eager_kernel.demo import make_recording
from eager_kernel.sources.recorded import load_recording

FOLDER = Path(demo.__file__).parent


def answer_text() -> str:
    return (FOLDER / "answer.md").read_text(encoding="utf-8")


def program_text() -> str:
    before, opening, rest = answer_text().partition("```python\n")
    program, closing, after = rest.partition("```\n")
    assert all((opening, closing, before.strip(), after.strip()))
    assert "```" not in after
    return program


def test_recording_equals_the_answer() -> None:
    assert load_recording().text == answer_text()


def test_bundled_and_named_file_read_the_same() -> None:
    assert load_recording(FOLDER / make_recording.RECORDING_NAME) == load_recording()


def test_times_are_monotone_and_of_the_stated_pace() -> None:
    times = [delta.seconds for delta in load_recording().deltas]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    assert times[0] == make_recording.FIRST_TOKEN_SECONDS
    assert 8 < times[-1] < 10
    rate = (len(times) - 1) / (times[-1] - times[0])
    assert rate == pytest.approx(make_recording.TOKENS_PER_SECOND, rel=0.05)


def test_deltas_are_about_as_long_as_tokens() -> None:
    texts = [delta.text for delta in load_recording().deltas]
    assert all(texts)
    assert 3 < len(answer_text()) / len(texts) < 5
    # A line end never shares a delta with the code before or after it.
    assert all(not text.strip() for text in texts if "\n" in text)


def test_generator_reproduces_the_bundled_file() -> None:
    deltas = make_recording.time_tokens(make_recording.split_tokens(answer_text()))
    made = make_recording.format_recording(deltas).encode("utf-8")
    assert made == (FOLDER / make_recording.RECORDING_NAME).read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "a", "  x\n\n\n  y", "tab\there", "naïve \u2028 _long_identifier_name_ 1.5\r\n", "🚲"],
)
def test_tokens_lose_no_character(text: str) -> None:
    assert "".join(make_recording.split_tokens(text)) == text


def test_program_has_the_promised_shape() -> None:
    program = program_text()
    assert 55 <= program.count("\n") <= 75
    body = ast.parse(program).body
    assert isinstance(body[-1], ast.Expr)
    imported = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in body if isinstance(node, ast.ImportFrom)}
    # It is the first thing that a newcomer runs: it needs nothing that they have to install.
    assert imported
    assert imported <= sys.stdlib_module_names


def run_program() -> tuple[str, str]:
    """Run the program in a fresh namespace; return what it prints and what it shows."""
    tree = ast.parse(program_text())
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    namespace: dict[str, object] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "answer.md", "exec"), namespace)
        shown = eval(compile(ast.Expression(last.value), "answer.md", "eval"), namespace)
    return printed.getvalue(), repr(shown)


def test_program_runs_and_prints_the_same_each_time() -> None:
    first = run_program()
    assert first == run_program()
    printed, shown = first
    assert len(printed.splitlines()) == 17
    assert "Harbour" in shown
