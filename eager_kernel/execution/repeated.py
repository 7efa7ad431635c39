"""What a refused program has left with an event loop that would call it again at once, for ever."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any, Final

from tornado.platform.asyncio import BaseAsyncIOLoop
from zmq.eventloop.zmqstream import ZMQStream


def take_off_its_loop(frame: FrameType | None) -> None:
    """Have a loop no longer watch the file for which it has called what is refused.

    What watches a file is called as long as that can be read, or written to. Where it is refused
    before it does either, the loop would go round and do nothing else.

    Parameters
    ----------
    frame
        The frame in which the effect is refused, or one that it calls.
    """
    while frame is not None and frame.f_code is not _RUN:
        frame = frame.f_back
    if frame is None:
        return
    handle = frame.f_locals["self"]
    watcher = getattr(handle._callback, "__self__", None)
    if isinstance(watcher, BaseAsyncIOLoop):
        fd = handle._args[0]
        handler = watcher.handlers.get(fd, (None, None))[1]
        if not isinstance(getattr(handler, "__self__", None), ZMQStream):  # those are the kernel's
            watcher.remove_handler(fd)
    elif isinstance(loop := handle._loop, asyncio.SelectorEventLoop):
        _forget(loop, handle)


def _forget(loop: Any, handle: asyncio.Handle) -> None:
    for key in list(loop._selector.get_map().values()):
        reader, writer = key.data
        if handle is reader:
            loop._remove_reader(key.fd)
        elif handle is writer:
            loop._remove_writer(key.fd)


_RUN: Final = asyncio.Handle._run.__code__
