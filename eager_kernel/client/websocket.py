"""Jupyter messages on the websocket of a Jupyter server.

https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, Final

from jupyter_client.session import Session

from eager_kernel.client.heard import UnfitError, check_message, check_size, check_values

V1: Final = "v1.kernel.websocket.jupyter.org"
"""The subprotocol that passes a message's parts on as they are."""


def encode(
    session: Session, channel: str, message: dict[str, Any], protocol: str | None
) -> bytes | str:
    """Write a message for the server.

    Parameters
    ----------
    session
        Writes the message's parts.
    channel
        Where it is to go.
    message
        As of `Session.msg`. Written twice, it gives the same bytes twice.
    protocol
        The subprotocol that the server chose; None: the first one, plain JSON.
    """
    # Without what ZMQ needs: the delimiter and the signature, which is the server's.
    parts = [bytes(part) for part in session.serialize(message)[2:]]
    if protocol == V1:
        return _join([channel.encode(), *parts])
    names = ("header", "parent_header", "metadata", "content")
    plain = {name: json.loads(part) for name, part in zip(names, parts, strict=False)}
    return json.dumps({"channel": channel, **plain, "buffers": []})


def decode(session: Session, data: bytes | str, protocol: str | None) -> tuple[str, dict[str, Any]]:
    """Read what the server sent; returns the channel and the message.

    Raises
    ------
    UnfitError
        It is no message.
    """
    check_size([data])
    try:
        channel, message = _decode(session, data, protocol)
    except UnfitError:
        raise
    except Exception as error:  # whatever a program may have sent
        raise UnfitError("it is no Jupyter message") from error
    return channel, check_message(message)


def _decode(
    session: Session, data: bytes | str, protocol: str | None
) -> tuple[str, dict[str, Any]]:
    if protocol == V1:
        if isinstance(data, str):
            raise ValueError("text where bytes were expected")
        channel, *parts = _split(data)
        check_values(parts[:4])
        header, parent, metadata, content = (session.unpack(part) for part in parts[:4])
        message = {
            "header": header,
            "parent_header": parent,
            "metadata": metadata,
            "content": content,
            "buffers": parts[4:],
        }
        return channel.decode(), message
    if isinstance(data, bytes):
        message, buffers = _with_buffers(data)
    else:
        check_values([data.encode()])
        message, buffers = json.loads(data), []
    if not isinstance(message, dict):
        raise ValueError("no JSON object")
    message["buffers"] = buffers
    return str(message.pop("channel", "")), message


def _join(parts: Sequence[bytes]) -> bytes:
    """Write parts behind a table of where each begins, and where the last ends."""
    at = 8 * (len(parts) + 2)
    table = [at]
    for part in parts:
        at += len(part)
        table.append(at)
    numbers = [len(table), *table]
    return b"".join([*(number.to_bytes(8, "little") for number in numbers), *parts])


def _split(data: bytes) -> list[bytes]:
    count = int.from_bytes(data[:8], "little")
    if count < 6 or 8 * (count + 1) > len(data):
        raise ValueError("the table of its parts is broken")
    table = [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    return [data[begin:end] for begin, end in itertools.pairwise(table)]


def _with_buffers(data: bytes) -> tuple[Any, list[bytes]]:
    """Read JSON that buffers follow, in the first protocol."""
    count = int.from_bytes(data[:4], "big")
    if not 0 < count <= len(data) // 4:
        raise ValueError("the table of its buffers is broken")
    begins = [int.from_bytes(data[4 * i : 4 * i + 4], "big") for i in range(1, count + 1)]
    first, *buffers = (
        data[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=False)
    )
    check_values([first])
    return json.loads(first), buffers
