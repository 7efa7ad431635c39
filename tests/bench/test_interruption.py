"""Broken programs on real kernels."""

from __future__ import annotations

from eager_kernel.bench import interruption
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import ProgramSet


def test_a_broken_program_is_stopped(programs: ProgramSet) -> None:
    told: list[str] = []
    options = Options(
        programs=programs.only(["answer.md"]), rates=(200,), ttfts=(0.1,), progress=told.append
    )
    (table,), records = interruption.run(options)
    assert told == ["1 of 1: answer.md, broken"]
    assert [record["place"] for record in records] == [0.1, 0.25, 0.5, 0.75, 0.9]
    for record in records:
        stop = interruption.Stop(**record)
        assert stop.error == ""
        assert stop.needed <= stop.written <= stop.tokens
        assert stop.eager_s >= stop.needed_s - 0.1
    assert interruption.Stop(**records[0]).written < records[0]["tokens"]
    assert len(table.rows) == 5
