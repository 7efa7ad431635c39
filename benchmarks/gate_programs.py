"""What each gate mode leaves to overlap in a folder of programs that models wrote."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.measure import Table
from eager_kernel.core import gate
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Gate

MODES: Final = ("off", "effect", "static", "paper", "serial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the suite is told.

    Parameters
    ----------
    folder
        Holds a folder for each source, in which ``*.py`` are the programs. ``NAME.before`` is
        code that ran before ``NAME.py`` in its session, ``NAME.files/`` or ``files/`` what it
        reads. ``SOURCES.json``, if there is one, lists name and group of the sources to take.
        The programs are run: take a machine that may be lost.
    python
        Interpreter for the programs, with this package and what they import.
    limit
        How many programs of a source are run.
    seconds
        How long a program may run.
    """

    folder: Path
    python: str = sys.executable
    limit: int = 40
    seconds: float = 20


def run(settings: Settings) -> list[Table]:
    """Judge all programs of a folder, and run some of them."""
    folder = settings.folder
    programs = list(_programs(folder))
    if not programs:
        raise SystemExit(f"no programs in {folder}: it must hold SOURCE/NAME.py")
    modes: list[str] = [mode for mode in MODES if mode in gate.MODES]
    holds = {mode: [_first_hold(mode, program) for program in programs] for mode in modes}
    courses: dict[int, Course] = {}
    chosen = [i for source in _by_source(programs) for i in _evenly(source, settings.limit)]
    with Runner(settings.python, settings.seconds) as runner:
        for done, i in enumerate(chosen):
            courses[i] = runner.run(programs[i])
            if sys.stderr.isatty():
                print(f"\rran {done + 1} of {len(chosen)}", end="", file=sys.stderr, flush=True)
    judged = _Judged(programs, holds, courses)
    return [judged.statements(), judged.time(), judged.reasons(), judged.effects()]


# Programs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a model wrote, cut into chunks."""

    path: Path
    group: str
    before: str
    chunks: tuple[Chunk, ...]

    @property
    def statements(self) -> int:
        """How many chunks hold a statement."""
        return self.statements_in(len(self.chunks))

    def statements_in(self, count: int) -> int:
        """How many of the first so many chunks hold a statement."""
        return sum(chunk.has_statement for chunk in self.chunks[:count])


@dataclass(frozen=True, slots=True)
class Hold:
    """Where a program first waits for the end of its generation."""

    chunk: int
    category: str
    line: int
    reason: str


def _programs(folder: Path) -> Iterator[Program]:
    listing = folder / "SOURCES.json"
    groups = {}
    if listing.exists():
        listed = json.loads(listing.read_text(encoding="utf-8"))
        groups = {source["name"]: source.get("group", source["name"]) for source in listed}
    for path in sorted(folder.glob("*/*.py")):
        if groups and path.parent.name not in groups:
            continue
        before = path.with_suffix(".before")
        chunker = Chunker()
        chunks = chunker.feed(path.read_text(encoding="utf-8")) + chunker.close()
        yield Program(
            path,
            groups.get(path.parent.name, path.parent.name),
            before.read_text(encoding="utf-8") if before.exists() else "",
            tuple(chunks),
        )


def _by_source(programs: Sequence[Program]) -> Iterable[list[int]]:
    sources: dict[Path, list[int]] = {}
    for i, program in enumerate(programs):
        sources.setdefault(program.path.parent, []).append(i)
    return sources.values()


def _evenly(numbers: Sequence[int], limit: int) -> list[int]:
    if len(numbers) <= limit:
        return list(numbers)
    return [numbers[i * len(numbers) // limit] for i in range(limit)]


def _first_hold(mode: str, program: Program) -> Hold | None:
    judge = Gate(mode)  # type: ignore[arg-type]  # one of `gate.MODES`
    for i, chunk in enumerate(program.chunks):
        verdict = judge.judge(chunk)
        if verdict.action == "hold":
            return Hold(i, verdict.category, verdict.line, verdict.reason)
    return None


# Running a program ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effect:
    """The first outside effect of a program."""

    chunk: int
    seconds: float  # since the chunk's start
    text: str


@dataclass(frozen=True, slots=True)
class Course:
    """How a program ran."""

    seconds: tuple[float, ...]  # of each chunk
    effect: Effect | None
    end: str  # "ok", "time limit", or the name of an error

    @property
    def total(self) -> float:
        """Seconds of all chunks that ran."""
        return sum(self.seconds)


class Runner:
    """Runs programs, each in a process and a folder of its own.

    The texts are not trusted. A process has little in its environment, limits, and where this
    is started as root, no network and the rights of nobody. That keeps accidents away from the
    machine; it is no sandbox.
    """

    _START = 10.0

    def __init__(self, python: str, seconds: float) -> None:
        self._python, self._seconds = python, seconds
        self._home = Path(tempfile.mkdtemp(prefix="gate-programs-"))
        self._command = [python, "-P", str(Path(__file__).with_name("gate_child.py"))]
        unshare = shutil.which("unshare")
        if os.geteuid() == 0 and unshare is not None:
            self._command[:0] = [unshare, "--net", "--"]
        self._environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": str(self._home / "matplotlib"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def __enter__(self) -> Runner:
        self._home.chmod(0o777)
        # Caches that a library makes once a machine, not once a program.
        warm = "import matplotlib.pyplot as p; p.plot([1]); p.savefig('x.png')"
        if (end := self._run([warm]).end) not in ("ok", "ModuleNotFoundError"):
            shutil.rmtree(self._home)
            raise SystemExit(
                f"{self._python} can't run programs ({end}). It must have this package, "
                "and where this is started as root, it must lie where everybody may read it."
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def run(self, program: Program) -> Course:
        """Run one program."""
        sources = [chunk.source for chunk in program.chunks]
        both = (program.path.with_suffix(".files"), program.path.parent / "files")
        files = next((folder for folder in both if folder.is_dir()), None)
        return self._run(sources, program.before, files)

    def _run(self, sources: list[str], before: str = "", files: Path | None = None) -> Course:
        work = self._home / "work"
        if files is not None:
            shutil.copytree(files, work)
        else:
            work.mkdir()
        for path in (work, *work.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        try:
            return self._communicate(work, {"before": before, "chunks": sources})
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _communicate(self, work: Path, message: dict[str, Any]) -> Course:
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [*self._command, str(writing), str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=work,
            env=self._environment,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it may have ended
                process.stdin.write(json.dumps(message).encode())
                process.stdin.close()
            lines, ended = _read(reading, time.monotonic() + self._seconds + self._START)
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _course(lines, ended, len(message["chunks"]))


def _read(descriptor: int, deadline: float) -> tuple[list[dict[str, Any]], bool]:
    """The lines that arrive until the end of file, and whether it came before the deadline."""
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                piece = os.read(descriptor, 65536)
                if not piece:
                    break
                data += piece
                if b'"end"' in piece:  # threads of the program may keep its process
                    break
    lines = data.split(b"\n")[:-1]  # a process that was killed may leave a part of one
    return [json.loads(line) for line in lines], left > 0


def _course(lines: list[dict[str, Any]], ended: bool, chunks: int) -> Course:
    seconds: list[float] = []
    effect: Effect | None = None
    end = "killed" if ended else "time limit"
    for line in lines:
        if "effect" in line:
            effect = effect or Effect(line["chunk"], line["seconds"], line["effect"])
        elif "seconds" in line:
            seconds.append(line["seconds"])
        else:
            end = line["end"]
    assert end != "ok" or len(seconds) == chunks
    return Course(tuple(seconds), effect, end)


# Tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    """Everything that the tables show."""

    programs: list[Program]
    holds: dict[str, list[Hold | None]]
    courses: dict[int, Course]

    def statements(self) -> Table:
        rows = []
        for group, members in self._groups(range(len(self.programs))).items():
            total = sum(self.programs[i].statements for i in members)
            for mode in self.holds:
                before = [self._statements_before(i, self.holds[mode][i]) for i in members]
                shares = [
                    count / self.programs[i].statements
                    for i, count in zip(members, before, strict=True)
                ]
                rows.append(
                    (
                        group,
                        f"{len(members):,}",
                        f"{total:,}",
                        f"`{mode}`" + (" (static part)" if mode == "effect" else ""),
                        _percent(sum(self.holds[mode][i] is None for i in members), len(members)),
                        _percent(sum(before), total),
                        f"{statistics.mean(shares):.0%}",
                    )
                )
        return Table(
            "Gate: what is known before anything runs",
            (
                "All programs, judged chunk by chunk. In full: nothing is held. Statements: "
                "those before the first that is held, of all, and the mean of the programs' "
                "shares. Mode `effect` holds at run time what `static` must guess: see the next "
                "table.",
            ),
            (
                "programs",
                "number",
                "statements",
                "mode",
                "in full",
                "statements",
                "mean",
            ),
            tuple(rows),
            {},
        )

    def time(self) -> Table:
        ends = Counter(course.end for course in self.courses.values() if course.end != "ok")
        whole = [i for i, course in self.courses.items() if course.end == "ok"]
        early = [course for course in self.courses.values() if course.end != "ok"]
        rows = []
        for group, members in self._groups(whole).items():
            total = sum(self.courses[i].total for i in members)
            for mode in self.holds:
                full = sum(self._cut(mode, i)[0] is None for i in members)
                statements = [self._statements_before(i, self._cut(mode, i)[0]) for i in members]
                seconds = [self._cut(mode, i)[1] for i in members]
                # The last statement is complete when generation ends: it never overlaps.
                hidden = [
                    min(self._cut(mode, i)[1], self.courses[i].total - self.courses[i].seconds[-1])
                    for i in members
                ]
                rows.append(
                    (
                        group,
                        f"{len(members):,}",
                        f"{total:.1f}",
                        f"`{mode}`",
                        _percent(full, len(members)),
                        _percent(
                            sum(statements), sum(self.programs[i].statements for i in members)
                        ),
                        _percent(sum(seconds), total),
                        f"{statistics.mean(self._shares(members, seconds)):.0%}",
                        f"{statistics.mean(self._shares(members, hidden)):.0%}",
                    )
                )
        return Table(
            "Gate: what is left to overlap",
            (
                f"{len(self.courses):,} programs were run, each in a new process, statement by "
                f"statement; these are the {len(whole):,} that ran to their end. "
                f"{len(early):,} did not, for they lack their data, the network, a library or "
                "what ran before them: "
                f"{', '.join(f'{end} {count}' for end, count in ends.most_common())}. "
                f"{sum(course.effect is not None for course in early):,} of those had met an "
                "outside effect before.",
                "Under `effect`, a program runs until the first statement that is held statically, "
                "or up to its first outside effect, in the middle of a statement. Execution time: "
                "what is spent until then, of all, and the mean of the programs' shares; the last "
                "column leaves out the last statement of a program, which no mode can overlap.",
            ),
            (
                "programs",
                "number",
                "seconds",
                "mode",
                "in full",
                "statements",
                "time",
                "mean",
                "mean, not the last",
            ),
            tuple(rows),
            {},
        )

    def reasons(self) -> Table:
        found = Counter(
            (mode, hold.category) for mode in self.holds for hold in self.holds[mode] if hold
        )
        return Table(
            "Gate: what the first hold of a program is",
            ("All programs.",),
            ("mode", "category", "programs", "for example"),
            tuple(
                (
                    f"`{mode}`",
                    category,
                    f"{count:,}",
                    self._example(mode, category),
                )
                for (mode, category), count in found.most_common()
                if mode != "serial"
            ),
            {},
        )

    def effects(self) -> Table:
        found: Counter[str] = Counter()
        example: dict[str, str] = {}
        for course in self.courses.values():
            if course.effect is not None:
                kind = " ".join(course.effect.text.split()[:2])
                found[kind] += 1
                example.setdefault(kind, course.effect.text)
        return Table(
            "Gate: the first outside effect of a program",
            ("Programs that were run.",),
            ("effect", "programs", "for example"),
            tuple(
                (kind, f"{count:,}", f"`{_cell(example[kind])}`")
                for kind, count in found.most_common()
            ),
            {},
        )

    def _groups(self, members: Iterable[int]) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for i in members:
            if self.programs[i].statements:
                groups.setdefault(self.programs[i].group, []).append(i)
        return dict(sorted(groups.items()))

    def _statements_before(self, i: int, hold: Hold | None) -> int:
        program = self.programs[i]
        return program.statements if hold is None else program.statements_in(hold.chunk)

    def _cut(self, mode: str, i: int) -> tuple[Hold | None, float]:
        """Where a program that ran to its end first waits, and the seconds spent until then."""
        course, hold = self.courses[i], self.holds[mode][i]
        effect = course.effect if mode == "effect" else None
        if effect is not None and (hold is None or effect.chunk < hold.chunk):
            chunk = self.programs[i].chunks[effect.chunk]
            held = Hold(effect.chunk, "external-effect", chunk.first_line, effect.text)
            return held, sum(course.seconds[: effect.chunk]) + effect.seconds
        return hold, sum(course.seconds[: hold.chunk]) if hold else course.total

    def _shares(self, members: list[int], seconds: list[float]) -> Iterator[float]:
        for i, some in zip(members, seconds, strict=True):
            yield some / (self.courses[i].total or 1)

    def _example(self, mode: str, category: str) -> str:
        reasons = Counter(
            hold.reason for hold in self.holds[mode] if hold and hold.category == category
        )
        return "; ".join(f"{_cell(reason)} ({n})" for reason, n in reasons.most_common(3))


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")
