"""What a result says of its program's text."""

from __future__ import annotations

import pytest

from eager_kernel.client.result import RunError, RunResult

PROGRAM = "a = 1\nb = 2\nc = (\n  3\n)\nd = 4\n"


def parts(
    program: str, executed_lines: int, lines: tuple[int, int] | None, status: str = "error"
) -> tuple[str, str, str]:
    error = RunError("ValueError", "no", [], lines)
    result = RunResult(status, [], error, program, executed_lines)  # type: ignore[arg-type]
    assert result.executed + result.failing + result.rest == program
    return result.executed, result.failing, result.rest


def test_all_of_it_has_run_where_nothing_went_wrong() -> None:
    result = RunResult("ok", [], program="a = 1\n\n# the end", executed_lines=1)
    assert (result.executed, result.failing, result.rest) == ("a = 1\n\n# the end", "", "")


def test_an_ordinary_cell_has_no_program() -> None:
    result = RunResult("error", [], RunError("ValueError", "no", []))
    assert (result.executed, result.failing, result.rest) == ("", "", "")


def test_before_the_failing_statement_and_after() -> None:
    assert parts(PROGRAM, 2, (3, 5)) == ("a = 1\nb = 2\n", "c = (\n  3\n)\n", "d = 4\n")
    assert parts(PROGRAM, 0, (1, 1)) == ("", "a = 1\n", PROGRAM[6:])
    assert parts(PROGRAM, 5, (6, 6)) == (PROGRAM[:-6], "d = 4\n", "")


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_no_statement_is_to_blame(status: str) -> None:
    assert parts(PROGRAM, 2, None, status) == ("a = 1\nb = 2\n", "", PROGRAM[12:])
    assert parts(PROGRAM, 0, None, status) == ("", "", PROGRAM)


def test_a_line_with_an_executed_and_the_failing_statement_is_failing() -> None:
    program = "a = 1\nb = 2; 1 / 0; c = 3\nd = 4\n"
    assert parts(program, 2, (2, 2)) == ("a = 1\n", "b = 2; 1 / 0; c = 3\n", "d = 4\n")


def test_what_had_to_wait_before_text_that_does_not_parse() -> None:
    assert parts(PROGRAM, 1, (6, 6)) == ("a = 1\n", PROGRAM[6:], "")
    assert parts(PROGRAM, 0, (2, 2)) == ("", "a = 1\nb = 2\n", PROGRAM[12:])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_ends_of_lines(end: str) -> None:
    program = PROGRAM.replace("\n", end)
    lines = [line + end for line in PROGRAM.splitlines()]
    assert parts(program, 2, (3, 5)) == ("".join(lines[:2]), "".join(lines[2:5]), lines[5])


@pytest.mark.parametrize("character", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_does_not_end_a_line(character: str) -> None:
    program = f"a = '{character}'\n1 / 0\nb = 2"
    assert parts(program, 1, (2, 2)) == (f"a = '{character}'\n", "1 / 0\n", "b = 2")


def test_an_empty_program_and_lines_beyond_its_end() -> None:
    assert parts("", 0, (1, 1)) == ("", "", "")
    assert parts("a", 7, (8, 9)) == ("a", "", "")
