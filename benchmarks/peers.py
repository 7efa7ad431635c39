"""What a user may pick instead, on the same programs at the same pace: who runs them, right, when.

Each way gets the code when the model writes it, in a process of its own that has imported nothing
of the program's. Packages are the real ones; those that are not installed are left out.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

from eager_kernel.bench.comparing import files_of
from eager_kernel.bench.environments import environment, kernel_at_work, surroundings
from eager_kernel.bench.measure import Table, spread
from eager_kernel.bench.measuring import STOCK, OverLimitError, within
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Cell, Program
from eager_kernel.bench.replay import Pace, Replay
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.errors import EagerError
from eager_kernel.testing import normalise


@dataclass(slots=True)
class Ran:
    """A program that one way ran.

    Parameters
    ----------
    seconds
        From the request to the model until the last cell's result, all cells together.
    printed
        What its cells wrote to stdout.
    files
        What was in its working directory then, as `files_of` says.
    error
        Why it did not run to its end; empty where it did.
    """

    seconds: float = 0.0
    printed: list[str] = field(default_factory=list)
    files: dict[str, list[Any]] = field(default_factory=dict)
    error: str = ""

    @property
    def shown(self) -> tuple[Any, ...]:
        """What has to be the same."""
        return normalise.scrub(self.printed), self.files


Way = Callable[[Program, Pace, float], Ran]


def run(options: Options) -> list[Table]:
    """Run all programs in all ways, at the reference's pace; the stock kernel first and last."""
    ways = {name: way for name, (way, needs) in WAYS.items() if not _missing(needs)}
    left_out = {name: needs for name, (_, needs) in WAYS.items() if _missing(needs)}
    found: dict[str, dict[str, Ran]] = {}
    programs = options.programs.programs
    for number, program in enumerate(programs, 1):
        options.progress(f"{number} of {len(programs)}: {program.name}")
        found[program.name] = {}
        for name, way in {**ways, _AGAIN: WAYS[SERIAL][0]}.items():
            options.step(name)
            try:
                ran = way(program, options.reference.pace, options.limit)
            except (EagerError, OSError, ValueError) as error:
                ran = Ran(error=" ".join(str(error).split()))
            found[program.name][name] = ran
    return tables(options, list(ways), left_out, found)


def tables(
    options: Options,
    ways: Sequence[str],
    left_out: dict[str, str],
    found: dict[str, dict[str, Ran]],
) -> list[Table]:
    """What came out, by way and by program."""
    # What the stock kernel itself does not do, or does in another way each time, tells nothing.
    good = {
        name: rans
        for name, rans in found.items()
        if not (rans[SERIAL].error or rans[_AGAIN].error)
        and rans[SERIAL].shown == rans[_AGAIN].shown
    }
    rows, ratios = [], {}
    for way in ways:
        ended = [rans[way] for rans in good.values() if not rans[way].error]
        right = [rans for rans in good.values() if _verdict(rans, way) == ""]
        less = [1 - rans[way].seconds / _serial_s(rans) for rans in right]
        ratios[f"{way}: end-to-end reduction"] = tuple(less)
        rows.append(
            (way, f"{len(ended)}", f"{len(right)}", spread(less) if less else "-",
             f"{max(less) * 100:.1f}" if less else "-", f"{min(less) * 100:.1f}" if less else "-")
        )  # fmt: skip
    unfit = sorted(found.keys() - good.keys())
    notes = [
        f"{len(good)} programs at {options.reference.pace}, cold processes. Run: to the end, no "
        "error. Right: and all that it wrote to stdout, and its files, are those of the stock "
        "kernel. Less wait: than in the stock kernel after the text (the mean of two runs, the "
        "first and the last), in per cent, of programs that are right: median [quartiles]. The "
        "stock kernel's own row is its first run's, and shows how quiet the machine was.",
        "smolagents may import everything and has `open`; CodeMode has the working directory "
        "mounted, and no limits but its own language's. What is displayed is not compared.",
    ]
    if unfit:
        notes.append(
            "Not counted, as the stock kernel gives something else each time, or an error: "
            f"{', '.join(unfit)}."
        )
    if left_out:
        missing = ", ".join(f"{name} ({needs})" for name, needs in left_out.items())
        notes.append(f"Left out, as not installed: {missing}. `pip install '.[peers]'`.")
    summary = Table(
        "Peers", tuple(notes), ("way", "run", "right", "less wait %", "most", "least"),
        tuple(rows), ratios=ratios,
    )  # fmt: skip
    by_program = Table(
        "Peers: program by program",
        ("Less wait in per cent, or why there is no figure.",),
        ("program", "serial s", *(way for way in ways if way != SERIAL)),
        tuple(
            (
                name,
                f"{_serial_s(rans):.2f}",
                *(_cell(rans, way) for way in ways if way != SERIAL),
            )
            for name, rans in good.items()
        ),
    )
    return [summary, by_program]


def _serial_s(rans: dict[str, Ran]) -> float:
    return (rans[SERIAL].seconds + rans[_AGAIN].seconds) / 2


def _verdict(rans: dict[str, Ran], way: str) -> str:
    """Empty where a way was right."""
    if rans[way].error:
        return rans[way].error
    return "" if rans[way].shown == rans[SERIAL].shown else "wrong"


def _cell(rans: dict[str, Ran], way: str) -> str:
    verdict = _verdict(rans, way)
    if verdict:
        text = "".join(c if c.isprintable() else " " for c in verdict[:_WIDEST])
        return text.replace("|", "¦").replace("`", "'")
    return f"{(1 - rans[way].seconds / _serial_s(rans)) * 100:.1f}"


def _missing(needs: str) -> bool:
    return bool(needs) and any(find_spec(name) is None for name in needs.split())


# Kernels --------------------------------------------------------------------------------------


def _after_the_text(program: Program, pace: Pace, limit: float) -> Ran:
    """The stock kernel runs a cell when all is written."""

    def turn(client: EagerClient, cell: Cell) -> RunResult:
        for _ in Replay(cell.tokens, pace):
            pass
        return within(client, limit, lambda: client.execute(cell.code))

    return _in_kernel(STOCK, program, turn)


def _after_the_block(program: Program, pace: Pace, limit: float) -> Ran:
    """The stock kernel runs a block when its fence is closed, as Open Interpreter does."""

    def turn(client: EagerClient, cell: Cell) -> RunResult:
        end = cell.text.rfind("```") + 3 if "```" in cell.text else len(cell.text)
        written = 0
        found: list[RunResult] = []
        runner = threading.Thread(target=lambda: found.append(client.execute(cell.code)))
        for token in Replay(cell.tokens, pace):
            written += len(token)
            if written >= end and runner.ident is None:
                runner.start()
        runner.join(limit)
        if not found:
            client.interrupt()
            raise OverLimitError(f"more than {limit:g} s")
        return found[0]

    return _in_kernel(STOCK, program, turn)


def _eagerly(program: Program, pace: Pace, limit: float) -> Ran:
    def turn(client: EagerClient, cell: Cell) -> RunResult:
        most = limit + pace.generation(len(cell.tokens))
        replay = Replay(cell.tokens, pace)
        return within(client, most, lambda: client.run(replay, format=cell.format))

    return _in_kernel("eager_python", program, turn)


def _in_kernel(
    kernel: str, program: Program, turn: Callable[[EagerClient, Cell], RunResult]
) -> Ran:
    ran = Ran()
    with kernel_at_work(environment("local"), kernel, program.workplace) as client:
        for cell in program.cells:
            start = time.perf_counter()
            result = turn(client, cell)
            ran.seconds += time.perf_counter() - start
            ran.printed.append(_stdout(result))
            if result.status != "ok":
                error = result.error
                ran.error = f"{error.ename}: {error.evalue}" if error else result.status
                break
        ran.files = files_of(client)
    return ran


def _stdout(result: RunResult) -> str:
    return "".join(
        output["text"]
        for output in result.outputs
        if output["output_type"] == "stream" and output["name"] == "stdout"
    )


# Others ---------------------------------------------------------------------------------------


def _peer(name: str) -> Way:
    """A way of `benchmarks.peer_child`."""

    def work(program: Program, pace: Pace, limit: float) -> Ran:
        folder = program.workplace.make()
        try:
            with _Child(name, folder) as child:
                return _in_child(child, program, pace, limit)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return work


def _in_child(child: _Child, program: Program, pace: Pace, limit: float) -> Ran:
    ran = Ran()
    child.hear(_PATIENCE)  # it is ready
    for cell in program.cells:
        pieces = _pieces(cell)
        start = time.perf_counter()
        for piece, _ in zip(pieces, Replay(cell.tokens, pace), strict=True):
            if piece:
                child.send(piece)
        child.send(None)
        answer = child.hear(limit)
        ran.seconds += time.perf_counter() - start
        ran.printed.append(answer["printed"])
        if answer["error"]:
            ran.error = answer["error"]
            break
    child.no_more()
    ran.files = child.hear(_PATIENCE)["files"]
    return ran


def _pieces(cell: Cell) -> list[str]:
    """The code text in each token of an answer."""
    extractor = make_extractor(cell.format)
    events = [list(extractor.feed(token)) for token in cell.tokens]
    events[-1] += extractor.close()
    return ["".join(e.text for e in some if isinstance(e, Code)) for some in events]


class _Child:
    """A process of `benchmarks.peer_child`, which ends with the context."""

    def __init__(self, name: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_CHILD), name],
            cwd=folder,
            env=surroundings(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._into, self._out = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        with contextlib.suppress(BrokenPipeError):  # what it had not read
            self._into.close()

    def send(self, piece: str | None) -> None:
        """Give it a piece of code, or the end of a cell."""
        self._into.write(json.dumps(piece) + "\n")
        self._into.flush()

    def no_more(self) -> None:
        """Say that no cell follows."""
        self._into.close()

    def hear(self, limit: float) -> dict[str, Any]:
        """Its next answer, in so many seconds at most."""
        over = threading.Event()

        def end() -> None:
            over.set()
            self._process.kill()

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            line = self._out.readline()
        finally:
            timer.cancel()
        if not line:
            raise OverLimitError(f"more than {limit:g} s" if over.is_set() else "its process died")
        answer: dict[str, Any] = json.loads(line)
        return answer


SERIAL: Final = "stock kernel after the text"
WAYS: Final[dict[str, tuple[Way, str]]] = {
    SERIAL: (_after_the_text, ""),
    "EAGER": (_eagerly, ""),
    "whole blocks": (_after_the_block, ""),
    "IPython line by line": (_peer("lines"), ""),
    "smolagents local executor": (_peer("smolagents"), "smolagents"),
    "CodeMode": (_peer("code-mode"), "pydantic_ai_harness pydantic_monty"),
    "CodeMode(eager=True)": (_peer("code-mode-eager"), "pydantic_ai_harness pydantic_monty"),
}
"""The ways by name, and the packages that each needs. To measure another one is a line more."""

_AGAIN: Final = "once more"
_CHILD: Final = Path(__file__).with_name("peer_child.py")
_PATIENCE: Final = 120.0
_WIDEST: Final = 60
