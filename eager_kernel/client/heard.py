"""What comes from a kernel, before anything is made of it: messages, or what is none.

A program runs in the kernel's process, and can send in the kernel's name whatever it likes, with
whatever signature. So nothing that comes is taken for what it says it is: here it is read, within
limits; `eager_kernel.client.checks` compares what it holds with the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from jupyter_client.session import Session

MAX_MESSAGE: Final = 64_000_000
"""Bytes of the longest message that is read; a longer one is dropped."""


class UnfitError(Exception):
    """What came is no message of the protocol, and is dropped.

    Its text says what is wrong, in one of a few sentences of ours: it repeats nothing of what came.
    """


Screen = Callable[[str, str, bytes], bool]
"""Told a message's type, the id of the message that it answers, and its content as it came: whether
to read that, which takes its time. May raise `UnfitError`."""


def read_frames(
    session: Session,
    frames: Sequence[bytes],
    max_bytes: int = MAX_MESSAGE,
    screen: Screen | None = None,
) -> dict[str, Any] | None:
    """Read a message that came over ZMQ.

    Parameters
    ----------
    session
        Knows the signature's key.
    frames
        As they came.
    max_bytes
        That they may have together.
    screen
        Decides, by what is quickly seen, whether to read it; None: it is read.

    Returns
    -------
    dict or None
        None: it is not wanted.

    Raises
    ------
    UnfitError
        They are no message.
    """
    check_size(frames, max_bytes)
    try:
        parts = cast("list[bytes]", session.feed_identities(list(frames))[1])
        check_size(parts[1:4], _MAX_HEAD)
        if screen is not None and not screen(*_look(session, parts), parts[4]):
            return None
        check_values(parts[1:5])
        message = session.deserialize(parts)
    except UnfitError:
        raise
    except Exception as error:  # whatever a program may have sent
        raise UnfitError("it is no Jupyter message, or not of this kernel") from error
    return check_message(message)


def _look(session: Session, parts: list[bytes]) -> tuple[str, str]:
    header, parent = session.unpack(parts[1]), session.unpack(parts[2])
    kind, answers = header["msg_type"], parent.get("msg_id", "")
    if not isinstance(kind, str):
        raise UnfitError("header.msg_type: must be a string")
    if not isinstance(answers, str):
        raise UnfitError("parent_header.msg_id: must be a string")
    return kind, answers


def check_message(message: Any) -> dict[str, Any]:
    """See that a message has the parts of a Jupyter message, and that these are what they must be.

    Returns
    -------
    dict
        ``header``, ``parent_header``, ``metadata``, ``content``, ``buffers``.

    Raises
    ------
    UnfitError
        It does not.
    """
    if not isinstance(message, dict):
        raise UnfitError("it is no Jupyter message")
    parts = {name: message.get(name) for name in _PARTS}
    if not all(isinstance(part, dict) for part in parts.values()):
        raise UnfitError("a part of it is no object")
    header, parent = message["header"], message["parent_header"]
    for name in ("msg_type", "msg_id"):
        if not isinstance(header.get(name), str):
            raise UnfitError(f"header.{name}: must be a string")
    if not isinstance(header.get("session", ""), str):
        raise UnfitError("header.session: must be a string")
    if not isinstance(parent.get("msg_id", ""), str):
        raise UnfitError("parent_header.msg_id: must be a string")
    return {**parts, "buffers": list(message.get("buffers") or [])}


def check_size(parts: Sequence[bytes | str], most: int = MAX_MESSAGE) -> None:
    """See that the parts of a message are not too long together.

    Raises
    ------
    UnfitError
        They are.
    """
    if sum(map(len, parts)) > most:
        raise UnfitError(f"it is longer than {most:,} bytes")


def check_values(parts: Sequence[bytes]) -> None:
    """See that reading JSON does not take much more memory than the JSON itself.

    Raises
    ------
    UnfitError
        It would: there are as many arrays and objects in it as there are in no output, each of
        which takes 60 bytes or more.
    """
    for part in parts:
        if len(part) > _FEW and part.count(b"[") + part.count(b"{") > len(part) // _SPARSE:
            raise UnfitError("it has too many arrays and objects for its length")


_PARTS: Final = ("header", "parent_header", "metadata", "content")
_MAX_HEAD: Final = 1_000_000
_FEW: Final = 1_000_000
_SPARSE: Final = 8
