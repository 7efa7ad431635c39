"""Files of recorded answers: how they are read and written (`docs/recordings.md`)."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Protocol, Self

from eager_kernel.errors import RecordingError
from eager_kernel.sources.source import Usage

FORMAT: Final = "eager-recording"
VERSION: Final = 1
MAX_BYTES: Final = 64_000_000
"""Of a file that is read."""


@dataclass(frozen=True, slots=True)
class TimedDelta:
    """A piece of model text and the moment it arrived.

    Parameters
    ----------
    seconds
        Seconds from the request to the arrival of this delta.
    text
        The text of this delta.
    """

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One answer of a recording.

    Parameters
    ----------
    deltas
        In order of arrival; their times never go backwards.
    finish_reason
        Why it ended; None where the file does not say.
    usage
        What it cost, if the file says so.
    """

    deltas: tuple[TimedDelta, ...]
    finish_reason: str | None = None
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(delta.text for delta in self.deltas)


def read_recording(path: Path | Traversable) -> list[RecordedAnswer]:
    """Read a recording file.

    Returns
    -------
    list of RecordedAnswer
        The answers in order, at least one.

    Raises
    ------
    RecordingError
        The file is not a recording that this version can read, or can't be read at all. The
        message names the line and says what is wrong with it.
    """
    data = _read(path)
    # Only b"\n" ends a line: str.splitlines() would also cut at characters such as U+2028, which
    # JSON allows inside a string.
    answers: list[_Reading] = []
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), start=1):
        where = f"{path}, line {number}"
        record = _parse_object(line, where)
        if not answers or "format" in record:
            _check_header(record, where)
            answers.append(_Reading())
        else:
            answers[-1].take(record, where)
    return [reading.answer() for reading in answers]


def _read(path: Path | Traversable) -> bytes:
    """Read the file, if it is no longer than a recording may be."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        why = getattr(error, "strerror", None) or error
        raise RecordingError(f"can't read the recording {_brief(path)}: {why}") from error
    if len(data) > MAX_BYTES:
        raise RecordingError(f"the recording {path} is longer than {MAX_BYTES:,} bytes")
    return data


def format_answer(answer: RecordedAnswer, **header: object) -> str:
    """Write an answer in the recording format.

    Parameters
    ----------
    answer
        The answer.
    **header
        More fields for the header, as ``description``.

    Returns
    -------
    str
        Lines, each ended by a newline. Those of several answers, one after the other, are a
        recording too.
    """
    records: list[dict[str, Any]] = [{"format": FORMAT, "version": VERSION, **header}]
    records += [{"t": delta.seconds, "text": delta.text} for delta in answer.deltas]
    end: dict[str, Any] = {}
    if answer.finish_reason is not None:
        end["finish_reason"] = answer.finish_reason
    if answer.usage is not None:
        end["usage"] = {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
        }
    if end:
        records.append(end)
    return "".join(json.dumps(record) + "\n" for record in records)


class Deltas(Protocol):
    """What can be recorded: an `eager_kernel.sources.answer.Answer`, or its like."""

    finish_reason: str | None
    usage: Usage | None

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None:
        """Stop the model."""


class Recorder:
    """Passes an answer on, and remembers it with its times.

    Parameters
    ----------
    answer
        What is recorded, from the first delta that is asked for.

    Attributes
    ----------
    finish_reason, usage
        The answer's.
    """

    def __init__(self, answer: Deltas) -> None:
        self._answer = answer
        self._deltas: list[TimedDelta] = []
        self._start: float | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._start is None:
            self._start = time.monotonic()
            self._iterator = aiter(self._answer)
        text = await anext(self._iterator)
        self._deltas.append(TimedDelta(round(time.monotonic() - self._start, 4), text))
        return text

    async def aclose(self) -> None:
        """Stop the model at once."""
        await self._answer.aclose()

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended."""
        return self._answer.finish_reason

    @property
    def usage(self) -> Usage | None:
        """What the answer cost."""
        return self._answer.usage

    def recorded(self) -> RecordedAnswer:
        """Return what has come so far."""
        return RecordedAnswer(tuple(self._deltas), self.finish_reason, self.usage)


class _Reading:
    """The records of one answer as they are read."""

    def __init__(self) -> None:
        self._deltas: list[TimedDelta] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._ended = False

    def take(self, record: dict[str, object], where: str) -> None:
        if self._ended:
            raise RecordingError(
                f'{where}: the answer has ended; expected a header with "format", which begins '
                "another one"
            )
        if "finish_reason" in record or "usage" in record:
            self._ended = True
            self._finish_reason = _parse_finish_reason(record, where)
            self._usage = _parse_usage(record, where)
            return
        delta = _parse_delta(record, where)
        previous = self._deltas[-1].seconds if self._deltas else 0.0
        if delta.seconds < previous:
            raise RecordingError(
                f"{where}: time goes backwards, from {previous} s to {delta.seconds} s"
            )
        self._deltas.append(delta)

    def answer(self) -> RecordedAnswer:
        return RecordedAnswer(tuple(self._deltas), self._finish_reason, self._usage)


def _parse_object(line: bytes, where: str) -> dict[str, object]:
    """Parse one line that must hold a JSON object."""
    if not line.strip():
        raise RecordingError(f"{where}: expected a JSON object, found an empty line")
    if len(line) > _LONG_LINE and line.count(b"[") + line.count(b"{") > len(line) // _SPARSE:
        # Each takes many times the memory that it takes in the file.
        raise RecordingError(f"{where}: too many arrays and objects for a recording")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{where}: not UTF-8 text ({error.reason})") from error
    try:
        value: object = json.loads(text, object_pairs_hook=_unique)
    except _TwiceError as error:
        raise RecordingError(f"{where}: {error}") from error
    # A number of more digits than Python reads is a plain ValueError.
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{where}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise RecordingError(f"{where}: expected a JSON object, found {_type_name(value)}")
    return value


class _TwiceError(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object of its fields; JSON does not say which counts of two of one name."""
    record: dict[str, object] = {}
    for name, value in pairs:
        if name in record:
            raise _TwiceError(f"the field {_quote(name)} is there twice")
        record[name] = value
    return record


def _field(record: dict[str, object], key: str, where: str) -> object:
    """Return a field that must be there."""
    if key not in record:
        raise RecordingError(f'{where}: missing field "{key}"')
    return record[key]


def _check_header(record: dict[str, object], where: str) -> None:
    """Refuse a file of another format or of a version this code does not know."""
    found_format = _field(record, "format", where)
    if found_format != FORMAT:
        raise RecordingError(
            f"{where}: unknown format {_quote(found_format)}, expected {_quote(FORMAT)}"
        )
    version = _field(record, "version", where)
    # bool is a subclass of int, and True == 1.
    if isinstance(version, bool) or not isinstance(version, int):
        raise RecordingError(f'{where}: "version" must be an integer, found {_type_name(version)}')
    if version != VERSION:
        raise RecordingError(f"{where}: unknown version {_quote(version)}, expected {VERSION}")


def _parse_delta(record: dict[str, object], where: str) -> TimedDelta:
    """Check one delta line."""
    seconds = _field(record, "t", where)
    text = _field(record, "text", where)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise RecordingError(f'{where}: "t" must be a number, found {_type_name(seconds)}')
    try:
        seconds = float(seconds)
    except OverflowError:
        seconds = math.inf
    # Python's JSON parser accepts NaN and Infinity; a player could never wait for either.
    if not math.isfinite(seconds) or seconds < 0:
        raise RecordingError(f'{where}: "t" must be finite and not negative, found {seconds}')
    if not isinstance(text, str):
        raise RecordingError(f'{where}: "text" must be a string, found {_type_name(text)}')
    return TimedDelta(seconds, text)


def _parse_finish_reason(record: dict[str, object], where: str) -> str | None:
    """Check why an answer ended."""
    reason = record.get("finish_reason")
    if reason is not None and not isinstance(reason, str):
        raise RecordingError(
            f'{where}: "finish_reason" must be a string, found {_type_name(reason)}'
        )
    return reason


def _parse_usage(record: dict[str, object], where: str) -> Usage | None:
    """Check what an answer cost."""
    usage = record.get("usage")
    if usage is None:
        return None
    if not isinstance(usage, dict):
        raise RecordingError(f'{where}: "usage" must be an object, found {_type_name(usage)}')
    for name in ("input_tokens", "output_tokens"):
        tokens = usage.get(name)
        if tokens is None:
            continue
        if isinstance(tokens, bool) or not isinstance(tokens, int):
            raise RecordingError(
                f'{where}: "usage.{name}" must be an integer, found {_type_name(tokens)}'
            )
        if not 0 <= tokens <= _MOST_TOKENS:
            raise RecordingError(f'{where}: "usage.{name}" must be a number of tokens')
    return Usage(usage.get("input_tokens"), usage.get("output_tokens"))


def _quote(value: object) -> str:
    """Show a value of the file in a message: it may be long, or hold what commands a terminal."""
    if isinstance(value, str | int | float | None):
        return _brief(json.dumps(value))
    return _type_name(value)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _type_name(value: object) -> str:
    """Name the JSON type of a parsed value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


_MOST_TOKENS: Final = 2**53
_SHOWN: Final = 200
_LONG_LINE: Final = 1_000_000
_SPARSE: Final = 8
