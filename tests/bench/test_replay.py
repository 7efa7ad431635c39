"""Answers at the pace of a model."""

from __future__ import annotations

import pytest

from eager_kernel.bench.programs import SETS, Cell, load_sets
from eager_kernel.bench.replay import Pace, Replay, tokens_until
from eager_kernel.core.chunker import Chunker


def test_tokens_come_when_they_are_due() -> None:
    pace = Pace(200, 0.05)
    replay = Replay(list("abcdefghijk"), pace)
    assert "".join(replay) == "abcdefghijk"
    assert replay.written == 11
    assert pace.generation(11) == pytest.approx(0.1)
    assert replay.last - replay.start >= pace.generation(11)
    assert replay.last - replay.start == pytest.approx(0.1 + replay.late, abs=replay.late + 1e-6)


def test_what_was_written_before_a_stop() -> None:
    replay = Replay(list("abc"), Pace(1000, 0))
    for token in replay:
        if token == "b":
            break
    assert replay.written == 2


def test_an_answer_without_tokens() -> None:
    assert Pace(10, 0.5).generation(0) == 0.5


def test_tokens_until_each_statement() -> None:
    tokens = ["x", " =", " 1", "\n", "y", "\n"]
    assert tokens_until(tokens, "python") == [4, 6]


def test_a_closing_fence_completes_the_last_statement() -> None:
    tokens = ["Hi", ":", "\n", "```", "python", "\n", "x", "\n", "```", "\n", "Bye", "."]
    assert tokens_until(tokens, "auto") == [8]


CELLS = [cell for program in load_sets(tuple(SETS)).programs for cell in program.cells]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_each_chunk_of_each_program_has_its_token(cell: Cell) -> None:
    until = tokens_until(cell.tokens, cell.format)
    chunker = Chunker()
    chunks = [*chunker.feed(cell.code), *chunker.close()]
    assert len(until) == len(chunks)
    assert until == sorted(until)
    assert until[-1] <= len(cell.tokens)
