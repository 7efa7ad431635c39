"""The process of a model: ``python -m eager_kernel.sources.worker``.

Begun by `eager_kernel.sources.process`. Takes requests on stdin and gives events on stdout, by the
messages of `eager_kernel.sources.wire`. It ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from eager_kernel.errors import EagerError, SourceError
from eager_kernel.sources import credentials, private
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.redact import Fingerprint, redact, secrets_in
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Event, Finish, Options, Prepares, Source
from eager_kernel.sources.wire import (
    error_to_dict,
    event_to_dict,
    options_from_dict,
    request_from_dict,
    to_line,
)


def main() -> None:
    """Answer requests until stdin ends."""
    # Ctrl-C in a terminal is for the kernel. It tells us what to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.pop(private.VARIABLE, ""):
        private.hide_memory()
    _die_with_parent()
    requests, events = _take_pipes()
    try:
        asyncio.run(_Worker(events).serve(requests))
    except BaseException:  # noqa: BLE001 - whatever it is, it is the end
        traceback.print_exc()
    # Threads that the source began must not keep a process that no longer answers.
    sys.stderr.flush()
    os._exit(1)


class _Worker:
    """Runs the source, on the event loop."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._writing = threading.Lock()
        self._secrets = secrets_in()
        self._model_id = ""
        self._options = Options()
        self._source: Source | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        credentials.on_key(self._tell_secret)

    async def serve(self, requests: BinaryIO) -> None:
        loop = asyncio.get_running_loop()
        # A daemon, since it is never done; and a thread, since a source may block the loop.
        threading.Thread(
            target=self._read, args=(requests, loop), name="eager-worker-stdin", daemon=True
        ).start()
        await loop.create_future()

    # The thread that reads ------------------------------------------------------------------

    def _read(self, requests: BinaryIO, loop: asyncio.AbstractEventLoop) -> None:
        for line in requests:
            message = json.loads(line)
            if message["type"] == "cancel":
                self._cancelled.add(message["id"])  # from now on, none of its events leaves
            loop.call_soon_threadsafe(self._take, message)
        # The kernel has gone, or wants us gone. Nobody is asked: a source may be anywhere.
        os._exit(0)

    # The event loop -------------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "keys":
                private.take_keys(message["variables"])
                self._secrets |= set(message["variables"].values())
            case "open":
                self._model_id = message["model"]
                self._options = options_from_dict(message["options"])
                self._preparing = asyncio.create_task(self._prepare())
            case "generate":
                number = message["id"]
                task = asyncio.create_task(self._answer(number, message["request"]))
                self._tasks[number] = task
                # Not at the end of the coroutine: cancelled early, it never begins.
                task.add_done_callback(lambda task: self._done(number))
            case "cancel":
                if (running := self._tasks.get(message["id"])) is not None:
                    running.cancel()
                else:  # it had ended by itself
                    self._closed(message["id"])

    async def _answer(self, number: int, request: dict[str, Any]) -> None:
        def hear(event: Event) -> None:
            self._send(number, event_to_dict(event))

        try:
            await self._generate(request, hear)
        except asyncio.CancelledError:
            if number not in self._cancelled:
                error = SourceError(f"{self._model_id} gave up: its generation cancelled itself")
                self._send(number, error_to_dict(error))
        except EagerError as error:
            self._send(number, error_to_dict(error))
        except Exception as error:  # noqa: BLE001 - a source may raise anything
            failure = SourceError(f"{self._model_id} failed: {type(error).__name__}: {error}")
            self._send(number, error_to_dict(failure))

    def _done(self, number: int) -> None:
        del self._tasks[number]
        if number in self._cancelled:
            self._closed(number)

    async def _prepare(self) -> None:
        try:
            source = self._open()
            if isinstance(source, Prepares):
                await source.prepare()
        except Exception:  # noqa: BLE001, S110 - the first request meets it again, and tells
            pass

    def _open(self) -> Source:
        if self._source is None:
            self._source = open_source(self._model_id, self._options)
        return self._source

    async def _generate(self, request: dict[str, Any], hear: Callable[[Event], None]) -> None:
        answer = Answer(self._open(), request_from_dict(request), self._options, hear)
        try:
            async for text in answer:
                hear(text)
                await asyncio.sleep(0)  # a source that never waits must not keep a cancel out
        finally:
            await answer.aclose()
        hear(Finish(answer.finish_reason or "stop", answer.usage))

    # Any thread -----------------------------------------------------------------------------

    def _closed(self, number: int) -> None:
        self._write({"type": "closed", "id": number})
        self._cancelled.discard(number)

    def _send(self, number: int, message: dict[str, Any]) -> None:
        if number in self._cancelled:
            return
        if message["type"] != "delta":
            message = {name: self._redact(value) for name, value in message.items()}
        self._write({**message, "id": number})

    def _redact(self, value: Any) -> Any:
        return redact(value, self._secrets) if isinstance(value, str) else value

    def _tell_secret(self, key: str) -> None:
        self._secrets.add(key)
        self._write({"type": "secret", **asdict(Fingerprint.of(key))})

    def _write(self, message: dict[str, Any]) -> None:
        try:
            with self._writing:
                self._pipe.write(to_line(message))
                self._pipe.flush()
        except OSError:  # the kernel has gone
            os._exit(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the protocol; what others read is empty, what they print stderr.

    The copies are not inherited by processes that the source may start.
    """
    requests = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # What is printed before a crash must be there to be read.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    return requests, events


def _die_with_parent() -> None:
    """Have Linux end this process with the kernel, even while C code holds the interpreter.

    Elsewhere the end of stdin has to do, which is seen when that code returns. The parent, for
    Linux, is the thread that began us: `eager_kernel.sources.process` has one that lives as long.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_PR_SET_PDEATHSIG: Final = 1

if __name__ == "__main__":
    main()
