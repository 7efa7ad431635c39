"""The bundled recording, the reader for recordings and the program in the answer."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
from pathlib import Path

import pytest

from eager_kernel import demo
from eager_kernel.demo import TimedDelta, load_recording, make_recording
from eager_kernel.errors import RecordingError

FOLDER = Path(demo.__file__).parent
HEADER = '{"format": "eager-recording", "version": 1}\n'


def answer_text() -> str:
    return (FOLDER / "answer.md").read_text(encoding="utf-8")


def program_text() -> str:
    before, opening, rest = answer_text().partition("```python\n")
    program, closing, after = rest.partition("```\n")
    assert all((opening, closing, before.strip(), after.strip()))
    assert "```" not in after
    return program


def test_recording_equals_the_answer() -> None:
    assert "".join(delta.text for delta in load_recording()) == answer_text()


def test_bundled_and_named_file_read_the_same() -> None:
    assert load_recording(FOLDER / demo.RECORDING_NAME) == load_recording()


def test_times_are_monotone_and_of_the_stated_pace() -> None:
    times = [delta.seconds for delta in load_recording()]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    assert times[0] == make_recording.FIRST_TOKEN_SECONDS
    assert 7 < times[-1] < 9
    rate = (len(times) - 1) / (times[-1] - times[0])
    assert rate == pytest.approx(make_recording.TOKENS_PER_SECOND, rel=0.05)


def test_deltas_are_about_as_long_as_tokens() -> None:
    texts = [delta.text for delta in load_recording()]
    assert all(texts)
    assert 3 < len(answer_text()) / len(texts) < 5
    # A line end never shares a delta with the code before or after it.
    assert all(not text.strip() for text in texts if "\n" in text)


def test_generator_reproduces_the_bundled_file() -> None:
    deltas = make_recording.time_tokens(make_recording.split_tokens(answer_text()))
    made = make_recording.format_recording(deltas).encode("utf-8")
    assert made == (FOLDER / demo.RECORDING_NAME).read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "a", "  x\n\n\n  y", "tab\there", "naïve \u2028 _long_identifier_name_ 1.5\r\n", "🚲"],
)
def test_tokens_lose_no_character(text: str) -> None:
    assert "".join(make_recording.split_tokens(text)) == text


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    deltas = [TimedDelta(0.0, "é\u2028\n"), TimedDelta(0.0, ""), TimedDelta(2.5, '"')]
    path.write_text(make_recording.format_recording(deltas), encoding="utf-8")
    assert load_recording(path) == deltas


def test_line_separator_inside_a_string_is_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(HEADER + '{"t": 1, "text": "a\u2028b"}\n', encoding="utf-8")
    assert load_recording(path) == [TimedDelta(1.0, "a\u2028b")]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", 1, "found an empty line"),
        ("not json\n", 1, "not JSON"),
        ("[]\n", 1, "expected a JSON object, found an array"),
        ('{"version": 1}\n', 1, 'missing field "format"'),
        ('{"format": "other", "version": 1}\n', 1, 'unknown format "other"'),
        ('{"format": "eager-recording"}\n', 1, 'missing field "version"'),
        ('{"format": "eager-recording", "version": 2}\n', 1, "unknown version 2, expected 1"),
        (
            '{"format": "eager-recording", "version": "1"}\n',
            1,
            "must be an integer, found a string",
        ),
        ('{"format": "eager-recording", "version": true}\n', 1, "found a boolean"),
        (HEADER + '{"t": 1, "text": "a"\n', 2, "not JSON"),
        (HEADER + "null\n", 2, "expected a JSON object, found null"),
        (HEADER + '{"t": 1, "text": "a"}\n\n{"t": 2, "text": "b"}\n', 3, "found an empty line"),
        (HEADER + '{"text": "a"}\n', 2, 'missing field "t"'),
        (HEADER + '{"t": 1}\n', 2, 'missing field "text"'),
        (HEADER + '{"t": "1", "text": "a"}\n', 2, '"t" must be a number, found a string'),
        (HEADER + '{"t": true, "text": "a"}\n', 2, '"t" must be a number, found a boolean'),
        (HEADER + '{"t": NaN, "text": "a"}\n', 2, "must be finite"),
        (HEADER + '{"t": -1, "text": "a"}\n', 2, "not negative"),
        (HEADER + f'{{"t": 1{"0" * 400}, "text": "a"}}\n', 2, "must be finite"),
        (HEADER + '{"t": 1, "text": {}}\n', 2, '"text" must be a string, found an object'),
        (
            HEADER + '{"t": 1, "text": "a"}\n{"t": 0.5, "text": "b"}\n',
            3,
            "time goes backwards, from 1.0 s to 0.5 s",
        ),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: str, line: int, problem: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordingError) as caught:
        load_recording(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert problem in message


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(HEADER.encode() + b'{"t": 1, "text": "\xff"}\n')
    with pytest.raises(ValueError, match="line 2: not UTF-8 text"):
        load_recording(path)


def test_program_has_the_promised_shape() -> None:
    program = program_text()
    assert 55 <= program.count("\n") <= 75
    body = ast.parse(program).body
    assert isinstance(body[-1], ast.Expr)
    imported = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"numpy", "pandas"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(program)))


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
    pytest.importorskip("pandas")
    first = run_program()
    assert first == run_program()
    printed, shown = first
    assert len(printed.splitlines()) == 4
    assert "Harbour" in shown
