"""What else runs programs, compared: the packages themselves, where they are installed."""

from __future__ import annotations

import pytest

from benchmarks import peers
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Cell, Program, ProgramSet
from eager_kernel.bench.replay import Pace

ANSWER = 'Here:\n\n```python\nimport math\nx = math.sqrt(4)\nprint("first", x)\n```\n\nDone.\n'
SESSION = Program(
    "session",
    (
        Cell("1", ANSWER, "auto"),
        Cell("2", "for i in range(2):\n    print(i + x)\nfrom pathlib import Path\n"),
        Cell("3", "n = Path('a.txt').write_text('abc')\nprint(n)"),
        Cell("4", "print(1)\n1 / 0\n"),
        Cell("5", "never"),
    ),
)
FAST = Pace(2000, 0)


@pytest.mark.parametrize("name", [name for name, (_, needs) in peers.WAYS.items() if needs])
def test_a_package_runs_a_session(name: str) -> None:
    way, needs = peers.WAYS[name]
    for package in needs.split():
        pytest.importorskip(package)
    _run_session(way)


def test_a_shell_that_is_typed_to_runs_a_session() -> None:
    way, _ = peers.WAYS["IPython line by line"]
    _run_session(way)
    # A blank line ends a definition where one types.
    cell = Cell("1", "def f():\n    x = 1\n\n    return x\n\nprint(f())\n")
    assert "SyntaxError" in way(Program("blank", (cell,)), FAST, 30).error


def _run_session(way: peers.Way) -> None:
    ran = way(SESSION, FAST, 30)
    assert ran.printed[:3] == ["first 2.0\n", "2.0\n3.0\n", "3\n"]
    assert "ZeroDivisionError" in ran.error
    assert len(ran.printed) == 4
    assert {name: size for name, (size, _) in ran.files.items()} == {"a.txt": 3}


def test_what_is_right_counts() -> None:
    same = peers.Ran(2.0, ["1\n"])
    found = {
        "good.py": {
            peers.SERIAL: same,
            "once more": peers.Ran(4.0, ["1\n"]),
            "EAGER": peers.Ran(1.5, ["1\n"]),
            "other": peers.Ran(1.0, ["2\n"]),
        },
        "clock.py": {
            peers.SERIAL: same,
            "once more": peers.Ran(2.0, ["2\n"]),
            "EAGER": same,
            "other": peers.Ran(error="NameError: x|y"),
        },
    }
    options = Options(programs=ProgramSet("mine", ()))
    ways = [peers.SERIAL, "EAGER", "other"]
    summary, by_program = peers.tables(options, ways, {"gone": "package"}, found)
    assert [row[:4] for row in summary.rows[1:]] == [
        ("EAGER", "1", "1", "50.0 [50.0, 50.0]"),
        ("other", "1", "0", "-"),
    ]
    assert "or an error: clock.py." in summary.notes[2]
    assert summary.notes[3].startswith("Left out, as not installed: gone (package).")
    assert by_program.rows == (("good.py", "3.00", "50.0", "wrong"),)
