"""What a run took: the report, as values and as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Final, get_args

from eager_kernel.core.cost import Tokens
from eager_kernel.core.latency import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run took, and what overlap saved. Seconds from the start of the run.

    Parameters
    ----------
    ttft_s
        Until the first delta.
    generation_s
        Until the last delta.
    execution_s
        Sum over batches, without what they waited at effects, and without `reading_s`.
    end_to_end_s
        Until the last result.
    non_overlapped_s
        What the user still waited for after the last delta.
    serial_s
        What generating first and running then would have taken (eq. 1), from this run's own
        figures.
    saved_s
        ``serial_s - end_to_end_s``.
    hidden_fraction
        ``1 - non_overlapped_s / execution_s``; 0 where nothing ran. Below 0 where the run
        ended later after the last delta than its execution alone explains.
    lower_bound_s
        The paper's lower bound (eq. 12), of what ran.
    regime
        Which side dominated (eqs. 14-16).
    chunks
        One entry a chunk.
    upper_bound_s
        The paper's upper bound (eq. 8), without what a kernel needs around the batches.
    setup_s
        ``S``: what a batch took beyond the chunks in it, on average.
    critical_chunks
        ``N*`` (eq. 17): beyond so many dispatches, set-up costs more than overlap hides. 0
        where execution dominated, None where nothing ran or set-up cost nothing.
    held_s
        How long nothing ran although a chunk was ready, because the gate held it.
    waited_s
        How long running code stood still at effects on the outside.
    reading_s
        By how much batches took longer, at most, as text was read meanwhile: the CPU time of the
        threads that read it, and that tell the client how far the program is, as far as the
        program's own did not compute.
    pauses
        Begin and end of each time between two answers, when the model did not write.
    repairs
        How often the program was written on after it had failed.
    steps
        One entry a step, of a cell in which the model may write more than once.
    files
        What the program did to files before it was known to be one: the first paths, at most
        `MOST_FILES`.
    file_count
        How many paths there are.
    files_undone
        Whether that was undone, as the program turned out to be none; what could not be is told
        with the error.
    """

    ttft_s: float
    generation_s: float
    execution_s: float
    end_to_end_s: float
    non_overlapped_s: float
    serial_s: float
    saved_s: float
    hidden_fraction: float
    lower_bound_s: float
    regime: Regime
    chunks: tuple[ChunkReport, ...]
    upper_bound_s: float = 0.0
    setup_s: float = 0.0
    critical_chunks: float | None = None
    held_s: float = 0.0
    waited_s: float = 0.0
    reading_s: float = 0.0
    pauses: tuple[tuple[float, float], ...] = ()
    repairs: int = 0
    steps: tuple[StepReport, ...] = ()
    files: tuple[FileReport, ...] = ()
    file_count: int = 0
    files_undone: bool = False

    def with_files(self, lines: Mapping[str, int], *, undone: bool) -> Report:
        """The same, of a program that has changed files early.

        Parameters
        ----------
        lines
            Paths, and the program's line that was the first to change each; 0 where none led there.
        undone
            Whether that was undone.
        """
        first = list(lines.items())[:MOST_FILES]
        files = tuple(FileReport(path=path, line=line) for path, line in first)
        return replace(self, files=files, file_count=len(lines), files_undone=undone)

    @property
    def cost(self) -> Tokens:
        """What the answers of all steps cost."""
        return sum((step.tokens for step in self.steps), Tokens())

    @property
    def between_s(self) -> float:
        """How long nobody wrote and nothing ran between the steps."""
        return sum(step.wait_s for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, as on the wire."""
        pauses = [list(pause) for pause in self.pauses]
        chunks = [chunk.to_dict() for chunk in self.chunks]
        steps = [_plain(step) for step in self.steps]
        files = [_plain(file) for file in self.files]
        return {
            **_plain(self), "pauses": pauses, "chunks": chunks, "steps": steps, "files": files
        }  # fmt: skip

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """The report that `to_dict` made `plain` of, in this version or in another.

        Fields that `plain` lacks have their defaults; those unknown here are left out.

        Raises
        ------
        ValueError
            A field is missing, or holds what it can't; names the field.
        """
        chunks = tuple(_chunk(_mapping(chunk, "chunks")) for chunk in _list(plain, "chunks"))
        told = _list(plain, "steps") if "steps" in plain else ()
        steps = tuple(StepReport(**_known(StepReport, _mapping(step, "steps"))) for step in told)
        told = _list(plain, "files") if "files" in plain else ()
        files = tuple(FileReport(**_known(FileReport, _mapping(file, "files"))) for file in told)
        lists = {"chunks": chunks, "pauses": _pauses(plain), "steps": steps, "files": files}
        return cls(**{**_known(cls, plain), **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReport:
    """One chunk of a run. Seconds from the start of the run.

    Parameters
    ----------
    index
        0-based position in the program.
    lines
        First and last line, 1-based.
    category, action, reason
        The gate's verdict.
    ready
        When it was complete and judged.
    start, finish
        When it ran; `start` is None if it never did, `finish` if it has not ended.
    batch
        0-based number of the batch that it ran in.
    delay
        ``d_i``: from the delta that completed it to `ready`.
    line
        The line that decided the verdict; 0 where unknown.
    waits
        Where it stood still.
    """

    index: int
    lines: tuple[int, int]
    category: str
    action: str
    reason: str
    ready: float
    start: float | None
    finish: float | None
    batch: int | None
    delay: float = 0.0
    line: int = 0
    waits: tuple[WaitReport, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, as on the wire."""
        waits = [_plain(wait) for wait in self.waits]
        return {**_plain(self), "lines": list(self.lines), "waits": waits}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitReport:
    """Running code stood still at an effect, until the whole program was known.

    Parameters
    ----------
    line
        1-based line of the program.
    effect
        What would have happened, for a person.
    start, finish
        Seconds from the start of the run.
    """

    line: int
    effect: str
    start: float
    finish: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """A file that was made, changed, renamed or removed before the program was known to be one.

    Parameters
    ----------
    path
        Its absolute path.
    line
        1-based line of the program that was the first to do so; 0 where none led there.
    """

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step of a cell in which the model may write more than once.

    Parameters
    ----------
    number
        1-based.
    status
        How its run ended.
    begin
        Seconds from the cell's first request to the step's own.
    seconds
        From its request to its end.
    wait_s
        From the end of the step before it to its first text; 0 for the first.
    ttft_s, generation_s, execution_s, saved_s
        As of a `Report`, from its own request on.
    tokens_in, tokens_out, tokens_cached
        What its answers cost; None where nobody has said.
    estimated
        Whether a part of that is estimated.
    """

    number: int
    status: str
    begin: float
    seconds: float
    wait_s: float
    ttft_s: float
    generation_s: float
    execution_s: float
    saved_s: float
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    estimated: bool = False

    @property
    def tokens(self) -> Tokens:
        """What its answers cost."""
        return Tokens(self.tokens_in, self.tokens_out, self.tokens_cached, self.estimated)


def _chunk(plain: Mapping[str, Any]) -> ChunkReport:
    lines = _list(plain, "lines")
    if len(lines) != 2 or not all(map(_is_whole, lines)):
        raise ValueError("lines: must be two integers")
    told = _list(plain, "waits") if "waits" in plain else ()
    waits = tuple(WaitReport(**_known(WaitReport, _mapping(wait, "waits"))) for wait in told)
    given = {**_known(ChunkReport, plain), "lines": (lines[0], lines[1]), "waits": waits}
    return ChunkReport(**given)


def _pauses(plain: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    told = _list(plain, "pauses") if "pauses" in plain else ()
    for pause in told:
        if (
            not isinstance(pause, list | tuple)
            or len(pause) != 2
            or not all(map(_is_number, pause))
        ):
            raise ValueError("pauses: must be pairs of numbers")
    return tuple((begin, end) for begin, end in told)


def _list(plain: Mapping[str, Any], name: str) -> list[Any] | tuple[Any, ...]:
    value = plain.get(name)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name}: must be a list")
    return value


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: must hold objects")
    return value


def _is_whole(value: object) -> bool:
    return type(value) is int and -_MOST <= value <= _MOST


def _is_number(value: object) -> bool:
    return _is_whole(value) or (type(value) is float and math.isfinite(value))


def _plain(part: _Part) -> dict[str, Any]:
    # A program has thousands of chunks, and `asdict` copies each of their values deeply.
    return {name: getattr(part, name) for name in part.__dataclass_fields__}


def _known(cls: type[_Part], plain: Mapping[str, Any]) -> Any:
    given: dict[str, Any] = {}
    for field in fields(cls):
        check = _CHECKS.get(str(field.type))
        if check is None:
            continue  # a list, which its own function reads
        if field.name not in plain:
            if field.default is MISSING:
                raise ValueError(f"{field.name}: is missing")
            continue
        if not check(plain[field.name]):
            raise ValueError(f"{field.name}: is no {field.type}")
        given[field.name] = plain[field.name]
    return given


_Part = Report | ChunkReport | WaitReport | StepReport | FileReport
MOST_FILES: Final = 100
_MOST: Final = 2**53
_CHECKS: Final[dict[str, Callable[[object], bool]]] = {
    "float": _is_number,
    "float | None": lambda value: value is None or _is_number(value),
    "int": _is_whole,
    "int | None": lambda value: value is None or _is_whole(value),
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "Regime": lambda value: value in get_args(Regime),
}
"""What a field may hold, by its type as it is written."""
