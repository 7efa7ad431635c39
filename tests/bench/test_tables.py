"""What runs say, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eager_kernel.bench import end_to_end, interruption, prediction
from eager_kernel.bench.interruption import Stop
from eager_kernel.bench.measure import Table, quartiles, spread
from eager_kernel.bench.measuring import Point
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Program, ProgramSet
from eager_kernel.bench.replay import Pace
from eager_kernel.bench.summary import summarise
from tests.bench.runs import run

SCRIPT = Program.of("script.py", "a = 1\nb = 2\n", kind="main", work="main")
(CELL,) = SCRIPT.cells
OPTIONS = Options(
    programs=ProgramSet("mine", (SCRIPT,)),
    rates=(100, 1000),
    ttfts=(0.5, 2),
    gates=("effect", "off"),
    environments=("local", "link:50"),
)


def by_title(tables: list[Table]) -> dict[str, Table]:
    return {table.title.removeprefix("End to end: "): table for table in tables}


def test_one_thing_is_varied_at_a_time() -> None:
    assert OPTIONS.points == (
        Point("effect", Pace(100, 0.5)),
        Point("effect", Pace(1000, 0.5)),
        Point("effect", Pace(100, 2)),
        Point("off", Pace(100, 0.5)),
    )
    assert OPTIONS.reference == OPTIONS.points[0]


def test_early_imports_are_a_way_of_their_own() -> None:
    options = replace(OPTIONS, imports=("json", "csv"))
    early = Point("effect", Pace(100, 0.5), ("json", "csv"))
    assert options.points[-2:] == (early, replace(early, pace=Pace(1000, 0.5)))
    assert early.arguments == [
        "--EagerRun.warm_imports=json", "--EagerRun.warm_imports=csv",
    ]  # fmt: skip
    runs = [run(), run(imports=("json", "csv"), eager_s=10.5)]
    table = by_title(end_to_end.tables(options, runs))["cold process"]
    assert [(row[2], row[3]) for row in table.rows] == [
        ("effect", "1"), ("effect, early imports", "1"),
    ]  # fmt: skip
    assert "json, csv are begun" in table.notes[-1]


def test_figures_of_a_run() -> None:
    one = run()
    assert one.serial_s == 12
    assert one.reduction == pytest.approx(1 / 12)
    assert one.non_overlapped_reduction == 0.5
    assert one.kernel_s == pytest.approx(10.9)
    assert one.over_bound == pytest.approx(0.1 / 10.8)
    assert one.on_target
    assert one.seen_on_target
    assert not run(bound_s=10.6).on_target


def test_end_to_end() -> None:
    runs = [
        run(),
        run(program="other.py", kind="plot", work="end", eager_s=12.5, waited_s=2.5),
        run(state="warm", eager_s=10.0, waited_s=0.0),
        run(rate=1000.0, regime="balanced"),
        run(environment="link:50", eager_s=11.4, waited_s=1.4),
    ]
    tables = by_title(end_to_end.tables(OPTIONS, runs))
    cold = tables["cold process"]
    assert cold.rows[0][:4] == ("100", "0.5", "effect", "2")
    assert cold.rows[0][5:7] == ("8.3", "-4.2")
    assert cold.rows[0][9] == "2 / 0 / 0"
    assert cold.rows[1][9] == "0 / 0 / 1"
    assert cold.ratios["cold, 100 tokens/s, TTFT 0.5 s, gate effect: non-overlapped reduction"] == (
        pytest.approx(0.5), pytest.approx(-0.25),
    )  # fmt: skip
    assert tables["warm session"].rows[0][7:9] == ("100.0 [100.0, 100.0]", "100.0")
    assert [row[0] for row in tables["by environment"].rows] == ["link:50", "local"]
    assert {row[0] for row in tables["by kind of answer"].rows} == {"main", "plot"}
    assert [row[0] for row in tables["program by program"].rows] == ["other.py", "script.py"]
    assert len(tables["distance to the lower bound"].rows) == 3
    assert "runs that count for nothing" not in tables
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_a_reader_finds_himself_by_share_and_pace() -> None:
    runs = [
        run(),  # 2 of 12 s
        run(rate=1000.0, generation_s=1.0, eager_s=2.2),
        run(program="other.py", cell_s=0.3, eager_s=10.1),
        run(gate="off", eager_s=1.0),
    ]
    table = by_title(end_to_end.tables(OPTIONS, runs))["What will I save?"]
    assert table.header == ("execution's share", "100 tokens/s", "1000 tokens/s", "most")
    assert table.rows == (
        ("about 3 %", "1.9 [1.9, 1.9] (1)", "-", "1.9"),
        ("about 10 %", "8.3 [8.3, 8.3] (1)", "-", "8.3"),
        ("about 70 %", "-", "26.7 [26.7, 26.7] (1)", "26.7"),
    )


def test_shares_leave_nothing_out() -> None:
    bounds = [(least, most) for _, least, most in end_to_end.SHARES]
    assert bounds[0][0] == 0
    assert bounds[-1][1] > 1
    assert [most for _, most in bounds[:-1]] == [least for least, _ in bounds[1:]]


def test_what_differs_is_told() -> None:
    runs = [
        run(),
        run(cells=2, cell=1, difference="-1 | `a`\n+2"),
        run(program="clock.py", unstable="-1\n+2"),
    ]
    table = by_title(end_to_end.tables(OPTIONS, runs))["outputs that differ"]
    assert table.rows == (
        ("script.py, cell 2", "cold", "effect", "100", "the eager run differs", "`-1 ¦ 'a'` `+2`"),
        ("clock.py", "cold", "effect", "100", "serial runs differ already", "`-1` `+2`"),
    )


def test_a_summary() -> None:
    runs = [
        run(samples=(1.9, 2.0, 4.0), stood_s=0.3),
        run(program="other.py", cells=2, eager_s=12.5, difference="-1\n+2"),
        run(program="other.py", cells=2, cell=1, error="it failed serially: NameError: x"),
        run(state="warm", eager_s=10.0, waited_s=0.0, unstable="-1\n+2"),
        run(rate=1000.0, eager_s=1.0),
    ]
    cold, total, waited, held, noisy, warm, *others = summarise(OPTIONS, runs)
    assert cold == (
        "2 programs at 100 tokens/s, TTFT 0.5 s, gate effect, in a cold process: "
        "writing takes 20 s, running 4.00 s (17 % of the whole)."
    )
    assert total.startswith(
        "One after the other that is 24 s, run while it is written 24 s: 2.1 % "
    )
    assert "from 4.2 % more (other.py) to 8.3 % less (script.py)" in total
    assert waited == "After the last token one waits 2.00 s instead of 4.00 s."
    assert "in 1 of 2 runs" in held
    assert (
        "Serial runs of one and the same program differ by more than 5 % of the whole (script.py)"
        in noisy
    )
    assert "in a warm session" in warm
    assert others[2:] == [
        "Outputs and files were the same both ways in 2 of 4 runs of 2 cells.",
        "They DIFFER in other.py, cell 1: see the table.",
        "Serial runs show something else each time (clocks, random numbers), so that nothing can "
        "be said of what eager ones show: script.py.",
        "Not counted: other.py, cell 2: it failed serially: NameError: x",
    ]


def test_runs_that_failed_are_told_and_count_for_nothing() -> None:
    tables = by_title(end_to_end.tables(OPTIONS, [run(), run(error="it failed: A|B", eager_s=0)]))
    assert tables["cold process"].rows[0][3] == "1"
    assert tables["runs that count for nothing"].rows == (("script.py", "it failed: A\\|B", "1"),)


def test_programs_that_were_begun_again_are_told() -> None:
    tables = by_title(end_to_end.tables(OPTIONS, [run(starts=2), run(program="other.py")]))
    assert tables["begun again"].rows == (("script.py", "local", "2 times"),)


def test_prediction() -> None:
    # Two statements, complete with tokens 5 and 10: at 0.54 s and 0.59 s at 100 tokens/s.
    assert SCRIPT.tokens == 10
    profile = run(rate=1000.0, tokens=10, executions=(0.2, 1.8), setup_s=0.01)
    measured = run(
        tokens=10, generation_s=0.59, cell_s=2.0, eager_s=2.56, transport_s=0.0,
    )  # fmt: skip
    found = prediction.predict(CELL, profile, measured)
    assert found is not None
    assert found.eager_s == pytest.approx(0.54 + 0.21 + 1.81)
    assert found.eager_error == pytest.approx(0)
    assert found.serial_s == pytest.approx(0.59 + 2.0)
    assert found.saving_error == pytest.approx(0)
    (table,) = prediction.tables(OPTIONS, [profile, measured])
    assert table.rows[0][:4] == ("cold", "100", "0.5", "1")


def test_nothing_is_predicted_of_what_was_held_or_did_not_run() -> None:
    profile = run(rate=1000.0, tokens=10)
    assert prediction.predictions(OPTIONS, [profile, run(held_s=1.0)]) == []
    assert prediction.predict(CELL, replace(profile, executions=(1.0,)), run()) is None


def test_interruption() -> None:
    stop = Stop(
        program="script.py", place=0.5, rate=100.0, tokens=100, needed=50, written=53,
        serial_s=2.0, eager_s=0.6, needed_s=0.5,
    )  # fmt: skip
    assert stop.tokens_saved == pytest.approx(0.47)
    assert stop.tokens_possible == 0.5
    assert stop.seconds_saved == pytest.approx(0.7)
    odd = replace(stop, error="ValueError in the cell, no error in the stream")
    (table,) = interruption.tables(OPTIONS, [stop, odd])
    assert table.rows == (
        ("100", "50%", "1", "47.0 [47.0, 47.0]", "50.0 [50.0, 50.0]", "3 [3, 3]",
         "70.0 [70.0, 70.0]", "100 [100, 100]"),
    )  # fmt: skip
    assert "1 runs that did not fail as their cells did" in table.notes[-1]


def test_spread() -> None:
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert quartiles([7]) == (7, 7, 7)
    assert spread([0.1, 0.2, 0.3]) == "20.0 [15.0, 25.0]"
    assert spread([]) == "-"
