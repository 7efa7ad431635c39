"""What a client sends on its stream. Each value makes its message's data by `data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eager_kernel.protocol.words import VERSION, Mode, OnError


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a stream is opened with, what its client does not say included.

    Parameters
    ----------
    text_format
        Where the code is in the text; the field ``format``.
    gate
        When statements run.
    on_error
        What an error does to the text.
    model
        The model's name, for information; empty: nobody named one.
    resume
        Whether the client's connection may break.
    idle
        Whether deltas get an ``idle`` status.
    """

    text_format: str
    gate: Mode
    on_error: OnError
    model: str
    resume: bool = False
    idle: bool = True


def open_data(
    *,
    format: str | None = None,
    gate: Mode | None = None,
    on_error: OnError | None = None,
    model: str = "",
    resume: bool = False,
    idle: bool = True,
) -> dict[str, Any]:
    """The data of a ``comm_open``; what is None or as by default is left to the kernel.

    Parameters
    ----------
    format, gate, on_error, model, resume, idle
        As of `OpenOptions`.
    """
    data: dict[str, Any] = {"version": VERSION}
    data |= {"format": format} if format is not None else {}
    data |= {"gate": gate} if gate is not None else {}
    data |= {"on_error": on_error} if on_error is not None else {}
    data |= {"model": model} if model else {}
    data |= {"resume": True} if resume else {}
    data |= {"idle": False} if not idle else {}
    return data


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the model's text.

    Parameters
    ----------
    text
        The piece.
    offset
        Characters of all pieces before it; None: the client does not count them.
    """

    text: str
    offset: int | None

    def data(self) -> dict[str, Any]:
        """The data of its message."""
        offset = {} if self.offset is None else {"offset": self.offset}
        return {"type": "delta", "text": self.text, **offset}


@dataclass(frozen=True, slots=True)
class End:
    """No more text comes.

    Parameters
    ----------
    finish_reason
        The model's; None: it said none, and the program is complete.
    """

    finish_reason: str | None

    def data(self) -> dict[str, Any]:
        """The data of its message."""
        return {"type": "end"} | (
            {"finish_reason": self.finish_reason} if self.finish_reason else {}
        )


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop what has not run.

    Parameters
    ----------
    message
        Why, for the user of the cell; empty: the client does not say.
    """

    message: str = ""

    def data(self) -> dict[str, Any]:
        """The data of its message."""
        return {"type": "cancel"} | ({"message": self.message} if self.message else {})


@dataclass(frozen=True, slots=True)
class Resume:
    """The client's connection broke, and it is back.

    Parameters
    ----------
    number
        Of the request; what answers it has the same.
    after
        The id of the kernel's last message that the client heard; None: it heard none.
    """

    number: int
    after: str | None = None

    def data(self) -> dict[str, Any]:
        """The data of its message."""
        return {"type": "resume", "number": self.number, "after": self.after}


def is_client_message(data: object) -> bool:
    """Whether `data` looks like one of our messages, on whatever comm it came."""
    return _type_of(data) in _TYPES


def is_delta(data: object) -> bool:
    """Whether `data` is that of a delta."""
    return _type_of(data) == "delta"


def is_resume(data: object) -> bool:
    """Whether `data` asks for what its client has not heard."""
    return _type_of(data) == "resume"


def _type_of(data: object) -> object:
    return data.get("type") if isinstance(data, dict) else None


_TYPES: Final = ("delta", "end", "cancel", "resume")
