"""Programs spread over a Dask cluster, some of whose workers are lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eager_kernel.bench.dask_engine import Dask
from eager_kernel.bench.engines import Done
from eager_kernel.bench.measuring import Job, Point, Run, measure
from eager_kernel.bench.programs import Program, ProgramSet
from eager_kernel.bench.replay import Pace

FAST = (Point("effect", Pace(500, 0.1)),)

# Once, the kernel's parent is killed: the worker that measures the program.
KILLER = """\
import os, pathlib, signal, time
marker = pathlib.Path({marker!r})
seen = "seen" in globals()
if not marker.exists():
    marker.touch()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(30)
print("went on", seen)
seen = True
"""


def fail(job: str) -> list[dict[str, Any]]:
    if job == "bad":
        raise ValueError("a bad job")
    return [{"job": job}]


@pytest.mark.timeout(240)
def test_a_lost_workers_program_is_run_again_from_the_start(
    programs: ProgramSet, tmp_path: Path
) -> None:
    killer = Program.of("killer.py", KILLER.format(marker=str(tmp_path / "marker")))
    jobs = [Job(killer, FAST), Job(programs.packed().programs[0], FAST)]
    done = {d.index: d for d in Dask(workers=2).map(measure, jobs)}
    assert sorted(done) == [0, 1]
    assert (tmp_path / "marker").exists()
    assert done[0].starts == 2
    assert done[1].starts in (1, 2)  # it may have been with the worker that was lost
    for one in done.values():
        (run,) = map(Run.from_dict, one.records)
        assert (one.error, run.error) == ("", "")


@pytest.mark.timeout(120)
def test_a_job_that_fails_does_not_end_the_others() -> None:
    done = sorted(Dask(workers=1).map(fail, ["bad", "good"]), key=lambda d: d.index)
    assert done == [
        Done(0, [], 1, "ValueError: a bad job"),
        Done(1, [{"job": "good"}]),
    ]
