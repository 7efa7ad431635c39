"""Results that are written as they come, and benchmarks in parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.bench import end_to_end, interruption
from eager_kernel.bench.engines import Done, Here
from eager_kernel.bench.journal import Journal, Recorded, key_of
from eager_kernel.bench.measuring import Job, Point
from eager_kernel.bench.options import Options
from eager_kernel.bench.plan import in_pieces, measured_when, table_of
from eager_kernel.bench.programs import Program, ProgramSet
from eager_kernel.bench.replay import Pace
from eager_kernel.errors import EagerError

ABOUT = {"machine": "a", "eager-kernel": "1.0", "measured": "2026-01-02 10:00+00:00"}
PROGRAMS = tuple(Program.of(f"{name}.py", f"{name} = 1\n") for name in "abc")
JOBS = [Job(program, (Point("effect", Pace(100, 0.5)),)) for program in PROGRAMS]


class Worker:
    """Does jobs, and notes which; of those it is told to, it makes nothing."""

    def __init__(self, *, until: int = 100, fails: str = "") -> None:
        self.did: list[str] = []
        self._until = until
        self._fails = fails

    def __call__(self, job: Job) -> list[dict[str, Any]]:
        if len(self.did) == self._until:
            raise KeyboardInterrupt
        self.did.append(job.program.name)
        if job.program.name == self._fails:
            raise ValueError("it failed")
        return [{"name": job.program.name}]


def test_an_interrupted_benchmark_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Worker(until=2, fails="b.py")
    with pytest.raises(KeyboardInterrupt):
        list(Recorded(Here(), Journal(tmp_path, ABOUT)).map(first, JOBS))
    begun: list[int] = []
    second = Worker()
    done = list(Recorded(Here(), Journal(tmp_path, ABOUT)).map(second, JOBS, begun.append))
    assert (first.did, second.did, begun) == (["a.py", "b.py"], ["c.py"], [2])
    assert sorted(done, key=lambda one: one.index) == [
        Done(0, [{"name": "a.py"}]),
        Done(1, [], error="ValueError: it failed"),
        Done(2, [{"name": "c.py"}]),
    ]
    patient = [replace(job, limit=1000.0) for job in JOBS]  # failures may need more time
    third = Worker(fails="b.py")
    list(Recorded(Here(), Journal(tmp_path, ABOUT)).map(third, patient))
    assert third.did == ["b.py"]
    third = Worker()
    list(Recorded(Here(), Journal(tmp_path, ABOUT), again=True).map(third, JOBS))
    assert third.did == ["a.py", "b.py", "c.py"]
    assert Journal(tmp_path, ABOUT).get(key_of(JOBS[1])).done.error == ""


def test_a_line_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    list(Recorded(Here(), Journal(tmp_path, ABOUT)).map(Worker(), JOBS[:1]))
    (file,) = tmp_path.glob("*.jsonl")
    file.write_text(file.read_text() + '{"key": "ab')
    assert Journal(tmp_path, ABOUT).get(key_of(JOBS[0])) is not None


@pytest.mark.parametrize("text", ["", "{}\n", '{"format": "other", "version": 1}\n', "[1]\n"])
def test_a_file_that_is_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(EagerError, match=r"x\.jsonl"):
        Journal(tmp_path, ABOUT)


def test_jobs_are_told_from_others() -> None:
    job = JOBS[0]
    changed = [
        replace(job, state="warm"),
        replace(job, samples=2),
        replace(job, points=(Point("off", Pace(100, 0.5)),)),
        replace(job, program=Program.of("a.py", "a = 2\n")),
        replace(job, program=replace(PROGRAMS[0], name="a.py", kind="other")),
        replace(job, limit=1.0),
    ]
    keys = [key_of(one) for one in changed]
    assert key_of(job) not in keys[:4]
    assert len(set(keys[:4])) == 4
    assert keys[4] == keys[5] == key_of(job)  # what changes no figure


def options(**fields: Any) -> Options:
    return Options(programs=ProgramSet("mine", PROGRAMS), **fields)


def test_all_that_is_asked_for_is_in_one_part(tmp_path: Path) -> None:
    jobs = end_to_end.jobs(options(imports=("json",)))
    # Ten points and two with imports, at seven paces; two states; four more environments.
    assert len(jobs) == 3 * 2 * (7 + 4)
    assert sum(len(job.points) for job in jobs if job.program is PROGRAMS[0]) == 2 * (12 + 4)
    jobs += interruption.jobs(options())
    pieces = in_pieces(jobs, 5)
    assert len(pieces) > 2
    assert [job for piece in pieces for job in piece.jobs] == jobs
    assert all(piece.expected_s <= 300 for piece in pieces)
    assert len(in_pieces(jobs, float("inf"))) == 1
    journal = Journal(tmp_path, ABOUT)
    worker = Worker()
    list(Recorded(Here(), journal, pieces[0].keys).map(worker, jobs))
    assert len(worker.did) == len(pieces[0].jobs)
    table = table_of(pieces, journal)
    assert table.rows[0][2] == f"{len(worker.did)} of {len(worker.did)}"
    assert table.rows[1][2].startswith("0 of ")
    assert table.rows[0][3].startswith("local, 100 tokens/s, TTFT 0.5 s: a.py")


def test_it_is_told_what_was_measured_when(tmp_path: Path) -> None:
    keys = frozenset(map(key_of, JOBS))
    list(Recorded(Here(), Journal(tmp_path, ABOUT)).map(Worker(), JOBS[:2]))
    newer = ABOUT | {"eager-kernel": "1.1", "measured": "2026-01-03 09:00+00:00"}
    journal = Journal(tmp_path, newer)
    list(Recorded(Here(), journal, again=True).map(Worker(), JOBS[1:2]))
    table = measured_when(journal, keys)
    assert [(row[0][:16], row[1], row[3]) for row in table.rows] == [
        ("2026-01-02 10:00", "1", "1.0"), ("2026-01-03 09:00", "1", "1.1"),
    ]  # fmt: skip
    assert table.notes == (
        "1 of 3 jobs are not measured yet.",
        "Not all was measured with one version of the code.",
        table.notes[-1],
    )
    assert all(float(row[-1]) >= 0 for row in table.rows)


def test_what_a_dask_worker_would_get_is_not_what_tells(tmp_path: Path) -> None:
    class Away(Here):
        name = "away"
        here = False

        def map(self, work: Any, jobs: Any, begin: Any = None) -> Iterator[Done]:
            assert work is end_to_end.measure
            return iter(())

    engine = Recorded(Away(), Journal(tmp_path, ABOUT))
    assert end_to_end.run_programs(options(engine=engine)) == []
