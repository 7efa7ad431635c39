"""``recorded/NAME``: answers from a file, at the pace at which they came."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from jupyter_core.paths import jupyter_data_dir

from eager_kernel.errors import RecordingError, SourceError
from eager_kernel.sources.needs import Needs, declares
from eager_kernel.sources.recording import RecordedAnswer, read_recording
from eager_kernel.sources.source import Event, Finish, Options, Request

BUNDLED: Final = "demo"
"""The name of the recording that comes with the package."""


@declares(Needs())
def make_source(name: str, options: Options) -> RecordedSource:
    """Make the source for the model id ``recorded/NAME``; see `find_recording`."""
    return RecordedSource(name, options)


class RecordedSource:
    """Replays a recording.

    Parameters
    ----------
    name
        As of `find_recording`.
    options
        ``extra["speed"]``: 1 (the default) as it was recorded, 2 twice as fast, 0 at once.

    Notes
    -----
    The k-th repair of a program gets the file's answer ``k``, the last one where there are
    fewer; and so does a further step, but where there are fewer it gets an empty answer. The file
    is read anew for each request.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the answer's deltas when they are due."""
        speed = _speed(self._options)
        answers = read_recording(find_recording(self._name))
        if request.step and request.attempt >= len(answers):
            yield Finish()
            return
        answer = answers[min(request.attempt, len(answers) - 1)]
        start = time.monotonic()
        for delta in answer.deltas:
            due = start + delta.seconds / speed if speed else start
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            yield delta.text
        if answer.finish_reason is not None or answer.usage is not None:
            yield Finish(answer.finish_reason or "stop", answer.usage)

    async def aclose(self) -> None:
        """Do nothing: no file is kept open."""


def find_recording(name: str) -> Path | Traversable:
    """Find a recording.

    Parameters
    ----------
    name
        ``demo`` for the bundled one, else a name in the folder of recordings, else the path of
        a file.

    Raises
    ------
    RecordingError
        There is none.
    """
    if name == BUNDLED:
        return bundled_recording()
    folder = recordings_folder()
    in_folder = folder / f"{name}.jsonl"
    try:
        path = Path(name).expanduser()
        for candidate in (in_folder, path):
            if candidate.is_file():
                return candidate
    except (OSError, ValueError, RuntimeError) as error:  # no name, or nobody's home
        raise RecordingError(f"no recording {name[:200]!r}: {error}") from error
    known = sorted({BUNDLED, *(file.stem for file in folder.glob("*.jsonl"))})
    raise RecordingError(
        f"no recording {name[:200]!r}: there is neither {in_folder} nor a file {path}. Recordings: "
        f"{', '.join(known)}. `jupyter eager record` makes one"
    )


def bundled_recording() -> Traversable:
    """Return the recording that comes with the package."""
    return resources.files("eager_kernel").joinpath("demo", "recording.jsonl")


def recordings_folder() -> Path:
    """Return the folder in which recordings are found by name; it may not exist."""
    return Path(jupyter_data_dir()) / "eager_python" / "recordings"


def load_recording(path: Path | None = None) -> RecordedAnswer:
    """Read the first answer of a file; None: of the bundled recording."""
    return read_recording(path if path is not None else bundled_recording())[0]


def _speed(options: Options) -> float:
    speed = options.extra.get("speed", 1.0)
    number = isinstance(speed, int | float) and not isinstance(speed, bool)
    if not number or not math.isfinite(speed) or speed < 0:
        raise SourceError(
            f"speed must be a number, 0 (at once) or more, not {speed!r}; 1 is as recorded"
        )
    return float(speed)
