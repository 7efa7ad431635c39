"""The bundled demonstration: a model answer and a recording of how it arrived.

``answer.md`` is the whole answer, ``recording.jsonl`` is the same text cut into timed deltas, and
``make_recording`` is the script that makes the second from the first. The first line of a recording
is a header object, every further line is one delta::

    {"format": "eager-recording", "version": 1, "description": "...", "tokens_per_second": 75}
    {"t": 0.6, "text": "Here"}
    {"t": 0.6138, "text": " is"}
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from eager_kernel.errors import RecordingError

__all__ = [
    "RECORDING_FORMAT",
    "RECORDING_NAME",
    "RECORDING_VERSION",
    "TimedDelta",
    "load_recording",
]

RECORDING_FORMAT = "eager-recording"
RECORDING_VERSION = 1
RECORDING_NAME = "recording.jsonl"


@dataclass(frozen=True, slots=True)
class TimedDelta:
    """A piece of model text and the moment it arrived.

    Attributes
    ----------
    seconds : float
        Seconds from the request to the arrival of this delta.
    text : str
        The text of this delta.
    """

    seconds: float
    text: str


def load_recording(path: Path | None = None) -> list[TimedDelta]:
    """Read a recording file.

    Parameters
    ----------
    path : Path, optional
        The file to read. The default is the recording bundled with the package.

    Returns
    -------
    list of TimedDelta
        The deltas in order of arrival; their times never go backwards.

    Raises
    ------
    RecordingError
        If the file is not a recording this version can read. The message names the line and says
        what is wrong with it.
    OSError
        If the file cannot be read.
    """
    if path is None:
        name = RECORDING_NAME
        data = resources.files(__name__).joinpath(RECORDING_NAME).read_bytes()
    else:
        name = str(path)
        data = path.read_bytes()

    # Only b"\n" ends a line: str.splitlines() would also cut at characters such as U+2028, which
    # JSON allows inside a string.
    lines = data.removesuffix(b"\n").split(b"\n")
    _check_header(_parse_object(lines[0], f"{name}, line 1"), f"{name}, line 1")

    deltas: list[TimedDelta] = []
    previous = 0.0
    for number, line in enumerate(lines[1:], start=2):
        where = f"{name}, line {number}"
        delta = _parse_delta(_parse_object(line, where), where)
        if delta.seconds < previous:
            raise RecordingError(
                f"{where}: time goes backwards, from {previous} s to {delta.seconds} s"
            )
        previous = delta.seconds
        deltas.append(delta)
    return deltas


def _parse_object(line: bytes, where: str) -> dict[str, object]:
    """Parse one line that must hold a JSON object."""
    if not line.strip():
        raise RecordingError(f"{where}: expected a JSON object, found an empty line")
    try:
        value: object = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordingError(f"{where}: not UTF-8 text ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise RecordingError(f"{where}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise RecordingError(f"{where}: expected a JSON object, found {_type_name(value)}")
    return value


def _field(record: dict[str, object], key: str, where: str) -> object:
    """Return a field that must be there."""
    if key not in record:
        raise RecordingError(f'{where}: missing field "{key}"')
    return record[key]


def _check_header(record: dict[str, object], where: str) -> None:
    """Refuse a file of another format or of a version this code does not know."""
    found_format = _field(record, "format", where)
    if found_format != RECORDING_FORMAT:
        raise RecordingError(
            f"{where}: unknown format {json.dumps(found_format)}, "
            f"expected {json.dumps(RECORDING_FORMAT)}"
        )
    version = _field(record, "version", where)
    # bool is a subclass of int, and True == 1.
    if isinstance(version, bool) or not isinstance(version, int):
        raise RecordingError(f'{where}: "version" must be an integer, found {_type_name(version)}')
    if version != RECORDING_VERSION:
        raise RecordingError(f"{where}: unknown version {version}, expected {RECORDING_VERSION}")


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
