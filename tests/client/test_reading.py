"""A result as text, its value and its pictures."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Any

import pytest

from eager_kernel.client import Image
from eager_kernel.client.reading import progress_of
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.usage import usage_of
from eager_kernel.core.extract import LeftOut
from tests.client.tracebacks import shown_of


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(kind: str = "display_data", **data: Any) -> dict[str, Any]:
    bundle = {key.replace("__", "/"): value for key, value in data.items()}
    return {"output_type": kind, "data": bundle, "metadata": {}}


def ok(*outputs: dict[str, Any]) -> RunResult:
    return RunResult("ok", list(outputs), program="a")


def test_all_that_is_shown_in_order() -> None:
    result = ok(
        stream("one\n"),
        stream("\x1b[31mwarning\x1b[0m", "stderr"),
        display(text__plain="<Figure>", image__png="AAAA"),
        stream("two"),
        display("execute_result", text__plain="42", text__html="<b>42</b>"),
    )
    assert result.text() == "one\nwarning\n<Figure>\ntwo\n42"
    assert result.value == "42"


def test_nothing_to_show() -> None:
    assert ok().text() == ""
    assert ok().value is None
    assert ok().images == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text__markdown": "*a*"}, "*a*"),
        ({"text__html": "<b>a</b>"}, "<b>a</b>"),
        ({"application/json": {"a": ["é"]}}, '{"a": ["é"]}'),
        ({"image__png": "AAAA", "x__y": 1}, "<image/png, x/y>"),
        ({"text__plain": ["a\n", "b"]}, "a\nb"),
        ({}, "<>"),
    ],
)
def test_displays_without_plain_text(data: dict[str, Any], text: str) -> None:
    assert ok(display(**data)).text() == text


def test_a_progress_bar_between_prints() -> None:
    result = ok(
        stream("\r 0%", "stderr"),
        stream("a\n"),
        stream("\r 50%", "stderr"),
        stream("b\n"),
        stream("\r100%\n", "stderr"),
        stream("0%\r"),
        stream("!", "stderr"),
        stream("9%\r"),
    )
    assert result.text() == "a\nb\n100%\n!\n9%"


def failed(program: str, executed: int, lines: tuple[int, int] | None, **more: Any) -> RunResult:
    shown = shown_of(program)
    error = RunError(shown.ename, shown.evalue, shown.traceback, lines)
    output = {
        "output_type": "error",
        "ename": error.ename,
        "evalue": error.evalue,
        "traceback": error.traceback,
    }
    outputs = [*more.pop("outputs", []), output]
    return RunResult("error", outputs, error, program, executed, **more)


PROGRAM = "".join(f"a{n} = {n}\n" for n in range(1, 14)) + "1 / 0\n" + "b = 0\n" * 26


def test_an_error_is_told_once_and_at_the_end() -> None:
    result = failed(PROGRAM, 13, (14, 14), outputs=[stream("begun\n")])
    assert result.text() == (
        "begun\n  line 14: 1 / 0\nZeroDivisionError: division by zero\n"
        "[lines 1–13 have run, line 14 failed, lines 15–40 did not]"
    )


@pytest.mark.parametrize("limit", [60, 100, 200, 400, 1000, 3000])
def test_a_limit_leaves_the_error_if_it_can(limit: int) -> None:
    long = [stream("first\n" + "line of text\n" * 1000 + "last\n")]
    text = failed(PROGRAM, 13, (14, 14), outputs=long).text(limit)
    assert len(text) <= limit
    if limit >= 400:
        assert text.startswith("first\n")
        assert "characters left out" in text
        assert "ZeroDivisionError: division by zero" in text
        assert text.endswith("lines 15–40 did not]")
    assert len(ok(*long).text(limit)) <= limit
    assert len(ok().text(limit)) == 0


def test_every_limit_holds() -> None:
    result = failed(PROGRAM, 13, (14, 14), outputs=[stream("x" * 500)])
    for limit in range(500):
        assert len(result.text(limit)) <= limit
    with pytest.raises(ValueError, match="must not be negative"):
        result.text(-1)


@pytest.mark.parametrize(
    ("program", "executed", "lines", "sentence"),
    [
        ("1/0", 0, (1, 1), "no line has run, line 1 failed"),
        ("a\n1/0\n\n", 1, (2, 2), "line 1 has run, line 2 failed"),
        ("a\nf(\n1)\nb", 1, (2, 3), "line 1 has run, lines 2–3 failed, line 4 did not"),
        ("a\n\n# c\n1/0", 1, (4, 4), "line 1 has run, line 4 failed"),
        ("a\nb\nc\n)", 1, (4, 4), "line 1 has run, lines 2–3 did not, line 4 failed"),
        ("a; 1/0; b", 1, (1, 1), "no line has run, line 1 failed"),
        ("a\nb", 0, None, "it is not known which lines have run"),
        ("a\nb", 1, None, "line 1 has run, line 2 did not"),
        ("", 0, None, ""),
    ],
)  # fmt: skip
def test_which_lines_have_run(
    program: str, executed: int, lines: tuple[int, int] | None, sentence: str
) -> None:
    error = RunError("ValueError", "no", [], lines)
    assert progress_of(RunResult("error", [], error, program, executed)) == sentence


def test_a_program_that_was_cut_off() -> None:
    error = RunError("IncompleteProgramError", "…", [], (2, 3))
    result = RunResult("error", [], error, "a\nf(\n1", 1)
    assert progress_of(result) == "line 1 has run, lines 2–3 were cut off"


def test_an_error_that_is_on_stderr_is_not_told_twice() -> None:
    error = RunError("UsageError", "Line magic function `%no` not found.", [], (1, 1))
    result = RunResult("error", [stream(f"UsageError: {error.evalue}\n", "stderr")], error, "%no")
    assert result.text().count("UsageError") == 1
    assert result.text().endswith("[no line has run, line 1 failed]")
    assert "UsageError: Line" in replace(result, outputs=[]).text()


def test_what_was_left_out_is_said() -> None:
    result = RunResult("no_code", [], left_out=LeftOut(prose_lines=2))
    assert result.text() == f"[{result.message}]"
    dropped = RunResult("ok", [], dropped={"the outputs that are kept have reached 9 bytes": 3})
    assert dropped.text() == "[the outputs that are kept have reached 9 bytes: 3 not taken]"


def test_the_value_is_that_of_the_last_expression() -> None:
    first = display("execute_result", text__plain="1")
    assert ok(first, display("execute_result", text__plain="2"), stream("3")).value == "2"
    assert ok(display("execute_result", image__png="AAAA")).value is None


def test_pictures() -> None:
    png, svg = b"\x89PNG\r\n", "<svg>é</svg>"
    result = ok(
        display(image__png=b64encode(png).decode() + "\n", image__jpeg="AAAA", text__plain="f"),
        stream("text"),
        display(**{"image/svg+xml": ["<svg>", "é</svg>"]}),
        display("execute_result", **{"image/svg+xml": svg, "image/jpeg": "//8="}),
        display(image__png="not base64!"),
        display(image__png=7, image__gif="R0lG"),
        display(text__plain="none"),
    )
    assert result.images == [
        Image("image/png", png),
        Image("image/svg+xml", svg.encode()),
        Image("image/jpeg", b"\xff\xff"),
        Image("image/gif", b"GIF"),
    ]


@dataclass
class Counted:
    tokens: int


class Dumped:
    def model_dump(self) -> dict[str, int]:
        return {"tokens": 3}


class Deltas:
    def __init__(self, usage: object) -> None:
        self.usage = usage


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"tokens": 3}, {"tokens": 3}),
        (Counted(3), {"tokens": 3}),
        (Dumped(), {"tokens": 3}),
        (None, None),
        (3, None),
        (Counted, None),
    ],
)
def test_usage(usage: object, read: object) -> None:
    assert usage_of(Deltas(usage)) == read
    assert usage_of([]) is None
