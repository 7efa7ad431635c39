"""What a page or a program asks of the server, checked at the border."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from eager_kernel.core.extract import check_format
from eager_kernel.core.gate import MODES
from eager_kernel.errors import LimitError, ProtocolError
from eager_kernel.kernel.protocol import one_of_formats
from eager_kernel.sources.source import Message

Cell = Literal["server", "page"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that somebody wants.

    Parameters
    ----------
    kernel_id
        The kernel, of this server.
    model
        The model's id; empty: the first that is configured.
    messages
        The conversation.
    cell
        Who attaches the stream: a cell of the page, or one that the server sends.
    format, gate, on_error
        As in the protocol's ``comm_open``.
    max_tokens, temperature
        As of a `Request`.
    """

    kernel_id: str
    messages: tuple[Message, ...]
    model: str = ""
    cell: Cell = "server"
    format: str = "auto"
    gate: str | None = None
    on_error: str = "stop"
    max_tokens: int | None = None
    temperature: float | None = None


def parse_run(body: bytes, max_chars: int) -> RunRequest:
    """Read the body of ``POST /eager/api/runs``.

    Parameters
    ----------
    body
        As received.
    max_chars
        Characters that all messages may have together.

    Raises
    ------
    ProtocolError
        Names the field that is wrong. Its value is not repeated.
    LimitError
        The messages are too long.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("body", "must be JSON") from error
    if not isinstance(fields, dict):
        raise ProtocolError("body", "must be an object")
    for name in fields:
        if name not in _FIELDS:
            raise ProtocolError("body", f"has an unknown field; there are: {', '.join(_FIELDS)}")
    messages = _messages(fields)
    if sum(len(message.text) for message in messages) > max_chars:
        raise LimitError(
            f"the prompt has more than {max_chars:,} characters; the deployer may raise "
            "EagerServer.max_prompt_chars"
        )
    return RunRequest(
        kernel_id=_text(fields, "kernel_id", needed=True),
        messages=messages,
        model=_text(fields, "model"),
        cell="page"
        if _choice(fields, "cell", ("server", "page"), "server") == "page"
        else "server",
        format=_format(fields),
        gate=_choice(fields, "gate", MODES, "") or None,
        on_error=_choice(fields, "on_error", ("stop", "drain"), "stop"),
        max_tokens=_whole(fields, "max_tokens"),
        temperature=_number(fields, "temperature"),
    )


def _messages(fields: dict[str, Any]) -> tuple[Message, ...]:
    prompt, messages = fields.get("prompt"), fields.get("messages")
    if (prompt is None) == (messages is None):
        raise ProtocolError("prompt", "give a prompt, or messages")
    if prompt is not None:
        return (Message("user", _text(fields, "prompt", needed=True)),)
    if not isinstance(messages, list) or not messages:
        raise ProtocolError("messages", "must be a list of at least one message")
    return tuple(_message(item, index, len(messages)) for index, item in enumerate(messages))


def _message(item: Any, index: int, count: int) -> Message:
    where = f"messages[{index}]"
    if not isinstance(item, dict) or set(item) != {"role", "content"}:
        raise ProtocolError(where, "must be an object with role and content")
    role, content = item["role"], item["content"]
    if role not in ("system", "user", "assistant"):
        raise ProtocolError(f"{where}.role", "must be system, user or assistant")
    if not isinstance(content, str) or not content.strip():
        raise ProtocolError(f"{where}.content", "must be a string that is not empty")
    if index == count - 1 and role != "user":
        raise ProtocolError(f"{where}.role", "the last message must be the user's")
    return Message(role, content)


def _text(fields: dict[str, Any], name: str, *, needed: bool = False) -> str:
    value = fields.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value.strip():
        raise ProtocolError(name, "must be a string that is not empty")
    return value


def _choice(fields: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if value not in choices:
        raise ProtocolError(name, f"must be one of {', '.join(choices)}")
    return str(value)


def _format(fields: dict[str, Any]) -> str:
    value = fields.get("format")
    if value is None:
        return "auto"
    try:
        check_format(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ProtocolError("format", one_of_formats()) from error
    return str(value)


def _whole(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)  # to JSON Schema, 1.0 is an integer
    if value is not None and (type(value) is not int or not 1 <= value <= _MOST):
        raise ProtocolError(name, f"must be an integer from 1 to {_MOST:,}")
    return value


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 2:
        raise ProtocolError(name, "must be a number from 0 to 2")
    return float(value)


_MOST: Final = 10_000_000
_FIELDS: Final = (
    "kernel_id",
    "model",
    "prompt",
    "messages",
    "cell",
    "format",
    "gate",
    "on_error",
    "max_tokens",
    "temperature",
)
