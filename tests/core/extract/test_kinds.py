"""Answers of many kinds, each with the program that it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.extract.reading import check_program

KINDS = json.loads(
    (Path(__file__).parents[2] / "data" / "kinds_of_answers.json").read_text("utf-8")
)["answers"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: ascii(kind["answer"])[:60])
def test_a_kind_of_answer(kind: dict[str, Any]) -> None:
    check_program(kind["format"], kind["answer"], kind["program"])
