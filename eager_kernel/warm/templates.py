"""Finds this user's template, or starts one."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eager_kernel.errors import EagerError
from eager_kernel.places import socket_folder
from eager_kernel.warm.rights import name_of, read_while_importing


class NoTemplateError(EagerError):
    """There is no template, and none can be had; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The template that is wanted.

    Parameters
    ----------
    interpreter
        The Python, with its options.
    modules, exercise, idle, alone
        As in `eager_kernel.warm.template.Settings`.
    """

    interpreter: tuple[str, ...]
    modules: tuple[str, ...]
    exercise: str
    idle: float
    alone: float


@dataclass(frozen=True, slots=True)
class Found:
    """A connection to a template, on which one kernel can be asked for.

    Parameters
    ----------
    connection
        The connection.
    about
        What the template said of itself: `eager_kernel.warm.preload.Preloaded` as a dict.
    """

    connection: socket.socket
    about: dict[str, Any]


def find(wanted: Wanted, env: Mapping[str, str]) -> Found | None:
    """Connect to the template, if it is there; takes a millisecond.

    Parameters
    ----------
    wanted
        Which.
    env
        The environment that the kernel is to have.

    Raises
    ------
    NoTemplateError
        It has been tried before, and can't be.
    """
    place = _Place.of(wanted, env)
    if (refused := _refused.get(place.socket)) is not None:
        raise NoTemplateError(refused)
    return _try(place)


def start(wanted: Wanted, env: Mapping[str, str]) -> Found:
    """Start the template, and connect to it; takes seconds. Parameters as of `find`.

    Raises
    ------
    NoTemplateError
        It can't be.
    """
    place = _Place.of(wanted, env)
    with _locked(place.folder):
        for _ in range(_ATTEMPTS):
            # Somebody else may have started it while we waited.
            if (found := _try(place)) is not None:
                return found
            _start(place, wanted, read_while_importing(env))
    raise NoTemplateError("the template ends as soon as it is there")


@dataclass(frozen=True, slots=True)
class _Place:
    """The files of a template."""

    socket: str

    @classmethod
    def of(cls, wanted: Wanted, env: Mapping[str, str]) -> _Place:
        settings = {
            "interpreter": wanted.interpreter,
            "modules": wanted.modules,
            "exercise": wanted.exercise,
            "env": read_while_importing(env),
        }
        file = f"eager-{name_of(settings)}.s"
        return cls(str(socket_folder(f"{file}.new") / file))

    @property
    def folder(self) -> Path:
        return Path(self.socket).parent

    @property
    def log(self) -> Path:
        return Path(f"{self.socket}.log")


def _try(place: _Place) -> Found | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(_PATIENCE)
    try:
        connection.connect(place.socket)
        about = json.loads(Path(f"{place.socket}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        connection.close()
        return None
    return Found(connection, about)


def _start(place: _Place, wanted: Wanted, env: dict[str, str]) -> None:
    settings = {
        "path": place.socket,
        "log": str(place.log),
        "modules": wanted.modules,
        "exercise": wanted.exercise,
        "idle": wanted.idle,
        "alone": wanted.alone,
    }
    try:
        process = subprocess.Popen(  # noqa: S603 - the kernelspec's own interpreter
            [*wanted.interpreter, "-m", "eager_kernel.warm.template"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=place.folder,
            start_new_session=True,
        )
    except OSError as error:
        raise NoTemplateError(f"the template can't be started: {error}") from error
    try:
        # It leaves this process, and keeps stdout until it can say how it went.
        said, errors = process.communicate(json.dumps(settings).encode(), _PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise NoTemplateError(
            f"the template was not ready within {_PATIENCE:g} s: what it is to import takes long, "
            "or waits"
        ) from None
    try:
        about = json.loads(said)
    except ValueError:
        why = _last_line(errors.decode(errors="replace")) or _last_line(_log(place))
        raise NoTemplateError(f"the template did not start: {why}") from None
    if about["unsafe"]:
        _refused[place.socket] = f"no kernel can be forked: {about['unsafe']}"
        raise NoTemplateError(_refused[place.socket])


def _log(place: _Place) -> str:
    try:
        return place.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Have nobody else start a template there meanwhile."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


_refused: Final[dict[str, str]] = {}
"""Templates that can't be, by their socket: to find it out again would take seconds each time."""
_PATIENCE: Final = 120.0
_ATTEMPTS: Final = 3
