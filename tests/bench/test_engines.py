"""Jobs done here."""

from __future__ import annotations

from eager_kernel.bench.end_to_end import run_programs
from eager_kernel.bench.engines import Done, Here
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import ProgramSet


def halve(job: int) -> list[dict[str, int]]:
    if job % 2:
        raise ValueError(f"{job} is odd")
    return [{"half": job // 2}]


def test_a_job_that_fails_does_not_end_the_others() -> None:
    assert list(Here().map(halve, [4, 3, 2])) == [
        Done(0, [{"half": 2}]),
        Done(1, [], error="ValueError: 3 is odd"),
        Done(2, [{"half": 1}]),
    ]


def test_a_program_that_can_not_be_measured_is_told(programs: ProgramSet) -> None:
    told: list[str] = []
    options = Options(
        programs=programs.only(["script.py"]),
        kernel="no_such_kernel",
        states=("cold",),
        rates=(500,),
        ttfts=(0,),
        environments=("local",),
        progress=told.append,
    )
    (run,) = run_programs(options)
    assert run.program == "script.py"
    assert run.error.startswith("there is no kernel 'no_such_kernel'")
    assert told[0].startswith("1 of 1: script.py (local, cold, 500 tokens/s, TTFT 0 s)")
    assert "failed: there is no kernel" in told[1]
