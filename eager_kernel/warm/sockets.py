"""The sockets of a kernel, made before the kernel: whoever connects need not wait for it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final


def listen(info: Mapping[str, Any]) -> dict[int, socket.socket]:
    """Make them, listening.

    Parameters
    ----------
    info
        What is in the connection file.

    Returns
    -------
    dict
        By port.

    Raises
    ------
    OSError
        An address is somebody else's.
    """
    made: dict[int, socket.socket] = {}
    try:
        for name in _NAMES:
            port = info[name]
            made[port] = _file(info["ip"], port) if info["transport"] == "ipc" else _tcp(info, port)
            made[port].listen(_BACKLOG)
    except BaseException:
        for one in made.values():
            one.close()
        raise
    return made


def _file(prefix: str, port: int) -> socket.socket:
    path = Path(f"{prefix}-{port}")
    path.unlink(missing_ok=True)  # of the kernel before this one
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        made.close()
        raise
    return made


def _tcp(info: Mapping[str, Any], port: int) -> socket.socket:
    ip = info["ip"] if info["ip"] != "*" else ""
    made = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # ZMQ asks for none of them, as messages are small
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((ip, port))
    except BaseException:
        made.close()
        raise
    return made


_NAMES: Final = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")
_BACKLOG: Final = 100  # ZMQ's
