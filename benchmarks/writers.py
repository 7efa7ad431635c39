"""Which writers of libraries the barrier and the gate hold, and which get past them.

Each writer of ``writers.txt`` is streamed as the beginning of a program that turns out not to
parse. Whatever it has left in its folder by then, or said to the port that listens, has got past.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from eager_kernel.bench.measure import Table
from eager_kernel.testing.wire import Heard, WireStream


def run(python: str, libraries: tuple[str, ...] = ()) -> list[Table]:
    """Try the writers of all libraries that are installed.

    Parameters
    ----------
    python
        Interpreter with this package and the libraries. Nothing is installed.
    libraries
        Which of them; none: all.
    """
    known = read(Path(__file__).with_name("writers.txt"))
    tried = [
        _try(library, python) for library in known if not libraries or library.name in libraries
    ]
    return [
        Table(
            "Writers of libraries under the barrier",
            (
                "Streamed as the beginning of a program that does not parse. Before: held before "
                "it runs, by what the gate reads. At the effect: held there. Past: it wrote, or "
                "connected, all the same. Not run: it failed, or did nothing, in an ordinary cell.",
                "Not installed: "
                + (", ".join(each.library.name for each in tried if not each.version) or "none")
                + ".",
            ),
            ("library", "version", "before", "at the effect", "past", "not run"),
            tuple(_row(each) for each in tried if each.version),
            {},
        )
    ]


@dataclass(frozen=True, slots=True)
class Writer:
    """A program that writes."""

    name: str
    text: str


@dataclass(slots=True)
class Library:
    """A library, what its writers have in common, and these."""

    name: str
    common: str = ""
    writers: list[Writer] = field(default_factory=list)


@dataclass(slots=True)
class Tried:
    """What became of the writers of a library.

    Parameters
    ----------
    library
        The library.
    version
        Its version; empty where it is not installed.
    verdicts
        What became of each writer, by its name.
    """

    library: Library
    version: str = ""
    verdicts: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> list[Library]:
    """Read a file of writers."""
    libraries: dict[str, Library] = {}
    for part in re.split(r"^# %% ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        library, _, name = title.partition(":")
        known = libraries.setdefault(library, Library(library))
        if name.strip():
            known.writers.append(Writer(name.strip(), text))
        else:
            known.common = text
    return list(libraries.values())


def _row(tried: Tried) -> tuple[str, ...]:
    verdicts = list(tried.verdicts.values())
    past = [name for name, verdict in tried.verdicts.items() if verdict == _PAST]
    not_run = [
        f"{name} ({verdict})"
        for name, verdict in tried.verdicts.items()
        if verdict not in (_BEFORE, _AT, _PAST)
    ]
    return (
        tried.library.name,
        tried.version,
        str(verdicts.count(_BEFORE)),
        str(verdicts.count(_AT)),
        ", ".join(past),
        ", ".join(not_run),
    )


# One library ----------------------------------------------------------------------------------


def _try(library: Library, python: str) -> Tried:
    tried = Tried(library)
    with tempfile.TemporaryDirectory() as place, _listening() as heard:
        kernel = _Kernel(python)
        try:
            tried.version = kernel.version(library.common)
            for number, writer in enumerate(library.writers if tried.version else ()):
                text = (library.common + writer.text).replace("PORT", str(heard.port))
                folder = Path(place, str(number))
                try:
                    verdict = _try_writer(kernel, text, folder, heard)
                except (TimeoutError, AssertionError, RuntimeError):
                    verdict = "does not end"
                    kernel.start_again()
                tried.verdicts[writer.name] = verdict
                print(f"{library.name}: {writer.name}: {verdict}", file=sys.stderr, flush=True)
        finally:
            kernel.end()
    return tried


def _try_writer(kernel: _Kernel, text: str, folder: Path, port: _Port) -> str:
    _make(folder)
    before = _state(folder, port)
    stream = WireStream(kernel.go_to(folder)).open(format="python").attach()
    stream.delta(text + "\nlast = 1\n")
    until = time.monotonic() + _LONGEST
    while not _stands_still(stream.heard) and time.monotonic() < until:
        stream.hear(0.05)  # that another thread than the main one waits is not told
    past = _state(folder, port) != before
    held = [data for data in stream.heard.comm if data.get("state") == "held"]
    stream.delta("x = )\n").end().finish(_SECONDS)
    past = past or _state(folder, port) != before
    if past:
        return _PAST
    other = folder.with_suffix(".cell")
    _make(other)
    before = _state(other, port)
    error = kernel.execute(text, other)
    kernel.execute("import gc; gc.collect()", other)
    if _state(other, port) == before:
        return error or "writes nothing"
    if not held:
        return _AT  # in a thread of its own
    return _AT if "waits until generation has ended" in held[0]["reason"] else _BEFORE


def _stands_still(heard: Heard) -> bool:
    states = [data for data in heard.comm if data.get("type") == "chunk"]
    ends = ("held", "failed", "skipped")
    return bool(heard.stops) or any(
        data["state"] in ends or (data["state"] == "done" and _is_last(data, states))
        for data in states
    )


def _is_last(data: dict[str, Any], states: list[dict[str, Any]]) -> bool:
    return bool(data["index"] == max(state["index"] for state in states))


def _make(folder: Path) -> None:
    folder.mkdir()
    folder.joinpath("old").write_text("old\n")
    folder.joinpath("text").write_text("a b c d\nabc bcd cda\n" * 20)
    folder.joinpath("fasta").write_text(">c\nACGT\n")


def _state(folder: Path, port: _Port) -> object:
    paths = [path for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts]
    return [(str(path), path.lstat().st_size) for path in paths], port.heard


class _Port:
    """Listens, counts who comes, and answers with nothing."""

    def __init__(self) -> None:
        self.heard = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._socket.accept()
                self.heard += 1
                with contextlib.suppress(OSError):
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def _listening() -> Iterator[_Port]:
    port = _Port()
    try:
        yield port
    finally:
        port.close()


# Kernels ----------------------------------------------------------------------------------------


class _Kernel:
    """A kernel of another interpreter."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._begin()

    def _begin(self) -> None:
        command = [self._python, "-m", "eager_kernel", "-f", "{connection_file}"]
        self._manager = KernelManager()
        self._manager._kernel_spec = KernelSpec(
            argv=[*command, "--log-level=CRITICAL"],
            display_name="writers",
            language="python",
            interrupt_mode="message",
        )
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "QT_QPA_PLATFORM": "offscreen"}
        self._manager.start_kernel(env={**os.environ, **quiet}, stderr=-3)
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def version(self, common: str) -> str:
        """The version of what is imported first; empty where an import fails."""
        if self.execute(common, Path.cwd()):
            return ""
        words = re.split(r"[\s,.]+", common.strip())
        code = _VERSION.format(module=words[1])
        reply = self._ask(code, user_expressions={"version": "eager_version"})
        told = reply["user_expressions"]["version"]["data"]["text/plain"]
        return str(json.loads(told.replace("'", '"')))

    def go_to(self, folder: Path) -> BlockingKernelClient:
        """Have the kernel in a folder."""
        self._ask(f"%reset -f\nimport os; os.chdir({str(folder)!r})")
        return self._client

    def execute(self, text: str, folder: Path) -> str:
        """Run an ordinary cell; returns the error's name."""
        self.go_to(folder)
        reply = self._ask(text)
        return "" if reply["status"] == "ok" else str(reply.get("ename", reply["status"]))

    def _ask(self, code: str, **more: Any) -> dict[str, Any]:
        reply = self._client.execute_interactive(
            code, timeout=_SECONDS, output_hook=lambda message: None, **more
        )
        content: dict[str, Any] = reply["content"]
        return content

    def start_again(self) -> None:
        self.end()
        self._begin()

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


_BEFORE: Final = "before"
_AT: Final = "at the effect"
_PAST: Final = "past"
_SECONDS: Final = 90
_LONGEST: Final = 8
_VERSION: Final = """\
import importlib.metadata as m
d = m.packages_distributions().get({module!r})
eager_version = m.version(d[0]) if d else "part of Python"
"""
