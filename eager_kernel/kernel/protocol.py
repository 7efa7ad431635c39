"""The wire protocol: comm target ``eager.stream``, version 1 (`docs/protocol.md`).

Messages are checked here, at the border, and trusted inside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, NotRequired, TypedDict

from eager_kernel.core.extract import FORMATS, check_format
from eager_kernel.core.gate import MODES, Mode
from eager_kernel.core.words import plain
from eager_kernel.errors import ProtocolError
from eager_kernel.execution.intake import State, StopReason
from eager_kernel.execution.pump import OnError, Status

TARGET: Final = "eager.stream"
_ATTACH: Final = re.compile(r"\s*%eager[ \t]+attach[ \t]+(\S+)([ \t]+--view)?\s*")
VERSION: Final = 1
_LONGEST_MESSAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a client asked for when it opened a stream."""

    text_format: str
    gate: Mode
    on_error: OnError
    model: str
    resume: bool = False
    idle: bool = True


@dataclass(frozen=True, slots=True)
class Attach:
    """A cell that attaches a stream.

    Parameters
    ----------
    comm_id
        The stream's comm.
    view
        Whether the cell shows the view of the run, too.
    """

    comm_id: str
    view: bool


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of model text."""

    text: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class End:
    """No more text comes."""

    finish_reason: str | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop what has not run.

    Parameters
    ----------
    message
        Why, for the user of the cell; empty: the client does not say.
    """

    message: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """The client's connection broke, and it is back."""

    number: int
    after: str | None


class ChunkMessage(TypedDict):
    """kernel → client: a chunk changed its state."""

    type: Literal["chunk"]
    index: int
    lines: list[int]
    state: State
    category: str
    reason: str


class StopMessage(TypedDict):
    """kernel → client: stop generating."""

    type: Literal["stop"]
    reason: StopReason
    message: str


class ErrorContent(TypedDict):
    """What went wrong, as in an `error` output, and where in the program."""

    ename: str
    evalue: str
    traceback: list[str]
    lines: list[int] | None


class QuestionContent(TypedDict):
    """The last call of `input()`, which may have its answer."""

    number: int
    prompt: str
    password: bool


class ResumedMessage(TypedDict):
    """kernel → client: what the client has not heard follows."""

    type: Literal["resumed"]
    number: int
    count: int
    more: bool
    missing: bool
    reply: dict[str, Any] | None
    input: QuestionContent | None


class AgainMessage(TypedDict):
    """kernel → client: a message that the client has not heard; its buffers are this one's."""

    type: Literal["again"]
    number: int
    message: dict[str, Any]


class ResultMessage(TypedDict):
    """kernel → client: the run has ended. The comm is closed after it."""

    type: Literal["result"]
    status: Status
    execution_count: int | None
    error: ErrorContent | None
    program: str
    executed_lines: int
    left_out: dict[str, Any]
    report: NotRequired[dict[str, Any]]


def parse_open(data: object, defaults: OpenOptions) -> OpenOptions:
    """Check the data of a `comm_open`.

    Parameters
    ----------
    data
        As received.
    defaults
        For what the client does not say.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    """
    fields = _fields(data)
    if "version" not in fields:
        raise ProtocolError("data.version", f"missing; send {VERSION}")
    version = fields["version"]
    if type(version) is not int or version != VERSION:
        raise ProtocolError("data.version", f"{version!r} is not supported; send {VERSION}")
    return OpenOptions(
        text_format=_format(fields, defaults.text_format),
        gate=_choice(fields, "gate", MODES, defaults.gate),  # type: ignore[arg-type]
        on_error=_choice(fields, "on_error", ("stop", "drain"), defaults.on_error),  # type: ignore[arg-type]
        model=_text(fields, "model", defaults.model),
        resume=_flag(fields, "resume"),
        idle=_flag(fields, "idle", default=True),
    )


def parse_message(data: object) -> Delta | End | Cancel:
    """Check the data of a `comm_msg`.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    """
    fields = _fields(data)
    match fields.get("type"):
        case "delta":
            if fields.get("text") is None:
                raise ProtocolError("data.text", "missing; a delta needs its text")
            offset = fields.get("offset")
            if offset is not None and (
                not isinstance(offset, int) or isinstance(offset, bool) or offset < 0
            ):
                raise ProtocolError(
                    "data.offset", f"must be a number of characters, not {_show(offset)}"
                )
            return Delta(_text(fields, "text", ""), offset)
        case "end":
            return End(_text(fields, "finish_reason", "") or None)
        case "cancel":
            return Cancel(plain(_text(fields, "message", ""), _LONGEST_MESSAGE))
        case None:
            raise ProtocolError("data.type", "missing; send delta, end or cancel")
        case other:
            raise ProtocolError("data.type", f"must be delta, end or cancel, not {_show(other)}")


def parse_resume(data: object) -> Resume:
    """Check the data of a `comm_msg` of type ``resume``.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    """
    fields = _fields(data)
    number = fields.get("number", 0)
    if type(number) is not int:
        raise ProtocolError("data.number", f"must be an integer, not {_show(number)}")
    return Resume(number, _text(fields, "after", "") or None)


def is_resume(data: object) -> bool:
    """Whether `data` asks for what its client has not heard."""
    return isinstance(data, dict) and data.get("type") == "resume"


def parse_attach(code: object) -> Attach | None:
    """Read a cell that attaches a stream; None if `code` is none."""
    match = _ATTACH.fullmatch(code) if isinstance(code, str) else None
    return Attach(match[1], match[2] is not None) if match is not None else None


def attached_comm(code: object) -> str | None:
    """Return the comm's id if `code` is a cell that attaches a stream."""
    attach = parse_attach(code)
    return attach.comm_id if attach is not None else None


def is_client_message(data: object) -> bool:
    """Whether `data` looks like one of our messages, on whatever comm it came."""
    return isinstance(data, dict) and data.get("type") in (
        "delta",
        "end",
        "cancel",
        "resume",
    )


def _fields(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ProtocolError("data", f"must be an object, not {_show(data)}")
    return data


def _text(fields: dict[str, Any], name: str, default: str) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ProtocolError(f"data.{name}", f"must be a string, not {_show(value)}")
    return value


def _flag(fields: dict[str, Any], name: str, *, default: bool = False) -> bool:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ProtocolError(f"data.{name}", f"must be true or false, not {_show(value)}")
    return value


def _format(fields: dict[str, Any], default: str) -> str:
    value = fields.get("format")
    if value is None:
        return default
    try:
        check_format(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ProtocolError("data.format", f"{one_of_formats()}, not {_show(value)}") from error
    return str(value)


def one_of_formats() -> str:
    """Say which formats there are."""
    return f"must be one of {', '.join(FORMATS)}, tags:NAME, json:NAME"


def _choice(fields: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if value not in choices:
        raise ProtocolError(
            f"data.{name}", f"must be one of {', '.join(choices)}, not {_show(value)}"
        )
    return str(value)


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"
