"""What users wait for in gate modes: the tables, and a program that is measured."""

from __future__ import annotations

import ast
from typing import Any

from benchmarks import waits
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Program, ProgramSet, load_programs
from tests.bench.runs import run

PROGRAM = Program.of("saves.py", "x = 1\nopen('f', 'w').write('x')\ny = 2\nprint(x)\n")
OPTIONS = waits.with_modes(
    Options(
        programs=ProgramSet("mine", (PROGRAM,)),
        rates=(1000,),
        ttfts=(0,),
        states=("warm",),
        samples=1,
    ),
    gates=False,
    rates=True,
)


def modes(program: str, effect: float, wait: float, off: float, **fields: Any) -> list[Any]:
    """One run a gate mode, with what was waited in each."""
    told = {"effect": effect, "wait": wait, "off": off}
    return [
        run(program=program, gate=gate, state="warm", rate=1000.0, waited_s=waited, **fields)
        for gate, waited in told.items()
    ]


def test_the_modes_side_by_side() -> None:
    runs = [*modes("a.py", 1.0, 2.0, 1.0), *modes("b.py", 1.3, 3.0, 1.0)]
    sums, slowest = waits.tables(OPTIONS, {"mine": runs})
    cells = dict(zip(sums.header, sums.rows[0], strict=True))
    assert (cells["number"], cells["cell s"]) == ("2", "4.0")
    assert [cells[f"{gate} s"] for gate in waits.GATES] == ["2.3", "5.0", "2.0"]
    assert (cells["effect against off"], cells["wait against off"]) == ("1.15", "2.50")
    assert [cells[f"{gate}: slower"] for gate in waits.GATES] == ["0", "1", "0"]
    assert [row[1] for row in slowest.rows] == ["b.py"]


def test_a_program_that_failed_in_one_mode_counts_in_none() -> None:
    runs = [*modes("a.py", 1.0, 2.0, 1.0), *modes("b.py", 1.0, 1.0, 1.0)]
    runs.append(run(program="b.py", state="warm", rate=1000.0, gate="off", error="it failed"))
    sums, _, failed = waits.tables(OPTIONS, {"mine": runs})
    assert dict(zip(sums.header, sums.rows[0], strict=True))["number"] == "1"
    assert failed.rows[0][0] == "b.py"


def test_a_program_that_writes_a_file_is_measured_in_each_mode() -> None:
    sums, *_ = waits.run(OPTIONS, figures=False)
    assert [row[:4] for row in sums.rows] == [("mine", "warm", "1000", "1")]


def test_the_figures_are_three_each() -> None:
    programs = load_programs(waits.FIGURES).programs
    assert len(programs) >= 6
    for program in programs:
        calls = [
            node
            for node in ast.walk(ast.parse(program.cells[0].text))
            if isinstance(node, ast.Attribute) and node.attr == "savefig"
        ]
        assert len(calls) == 3, program.name
