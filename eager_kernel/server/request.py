"""What a page or a program asks of the server, checked at the border."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar, get_args

from eager_kernel.core.extract import check_format
from eager_kernel.core.gate import MODES
from eager_kernel.errors import LimitError, ProtocolError
from eager_kernel.protocol import FORMAT_WORDS, ON_ERROR, Mode, OnError
from eager_kernel.protocol.models import MOST_REQUESTS
from eager_kernel.protocol.words import word_of
from eager_kernel.sources.source import IMAGE_TYPES, MOST_IMAGES, Image, Message

Cell = Literal["server", "page", "kernel"]
CELLS: Final[tuple[Cell, ...]] = get_args(Cell)
_Word = TypeVar("_Word", bound=str)
_Default = TypeVar("_Default")


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
        Whose cell it is: ``server``, one that the server sends; ``page``, one of the page that
        attaches the stream; ``kernel``, a ``%%eager`` cell, whose kernel makes the prompt.
    format, gate, on_error
        As in the protocol's ``comm_open``.
    max_tokens, temperature
        As of a `Request`.
    cell_id
        The ``%%eager`` cell.
    requests
        How often the kernel may ask for it.
    attempt, step, may_answer
        As of a `Request`; the kernel says them with each.
    """

    kernel_id: str
    messages: tuple[Message, ...]
    model: str = ""
    cell: Cell = "server"
    format: str = "auto"
    gate: Mode | None = None
    on_error: OnError = "stop"
    max_tokens: int | None = None
    temperature: float | None = None
    cell_id: str = ""
    requests: int = 1
    attempt: int = 0
    step: int = 0
    may_answer: bool = False


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
    fields = _body(body, _FIELDS)
    run = _run(fields, max_chars)
    for name, value in fields.items():
        if value is None:
            raise ProtocolError(name, "must not be null; leave it out")
    return run


def _run(fields: dict[str, Any], max_chars: int) -> RunRequest:
    cell: Cell = _choice(fields, "cell", CELLS, "server")
    if cell == "kernel":
        return _for_kernel(fields)
    for name in _OF_THE_KERNEL:
        if name in fields:
            raise ProtocolError(name, 'is of runs whose cell is "kernel"')
    return RunRequest(
        kernel_id=_text(fields, "kernel_id", needed=True),
        messages=_limited(_messages(fields), max_chars),
        model=_text(fields, "model"),
        cell=cell,
        format=_format(fields),
        gate=_choice(fields, "gate", MODES, None),
        on_error=_choice(fields, "on_error", ON_ERROR, "stop"),
        max_tokens=_whole(fields, "max_tokens"),
        temperature=_number(fields, "temperature"),
    )


def parse_cell(body: bytes, max_chars: int) -> str:
    """Read the body of ``POST /eager/api/cells``; returns the cell's text.

    Parameters
    ----------
    body
        As received.
    max_chars
        Characters that the text may have.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    LimitError
        The text is too long.
    """
    source = _body(body, ("source",)).get("source")
    if not isinstance(source, str):
        raise ProtocolError("source", "must be a string")
    if len(source) > max_chars:
        raise LimitError(
            f"the cell has more than {max_chars:,} characters; the deployer may raise "
            "EagerServer.max_prompt_chars"
        )
    return source


def _body(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("body", "must be JSON") from error
    if not isinstance(fields, dict):
        raise ProtocolError("body", "must be an object")
    for name in fields:
        if name not in known:
            raise ProtocolError("body", f"has an unknown field; there are: {', '.join(known)}")
    return fields


def _for_kernel(fields: dict[str, Any]) -> RunRequest:
    for name in fields:
        if name not in ("kernel_id", "model", "cell", *_OF_THE_KERNEL):
            raise ProtocolError(name, "is the kernel's to say where the cell is the kernel's")
    return RunRequest(
        kernel_id=_text(fields, "kernel_id", needed=True),
        messages=(),
        model=_text(fields, "model"),
        cell="kernel",
        cell_id=_text(fields, "cell_id", needed=True),
        requests=_whole(fields, "requests", MOST_REQUESTS) or 1,
    )


def parse_generate(asked: Any, run: RunRequest, max_chars: int) -> RunRequest:
    """Read what a kernel wants to ask the model of its run.

    Parameters
    ----------
    asked
        As received: ``messages``, ``max_tokens``, ``temperature``, ``attempt``, ``step``,
        ``may_answer``.
    run
        The run, as the page has begun it.
    max_chars
        Characters that all messages may have together.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    LimitError
        The messages are too long.
    """
    if not isinstance(asked, dict):
        raise ProtocolError("request", "must be an object")
    messages = asked.get("messages")
    if not isinstance(messages, list):
        raise ProtocolError("messages", "must be a list of messages")
    plain = [
        {"role": m.get("role"), "content": m.get("text")} if isinstance(m, dict) else m
        for m in messages
    ]
    parsed = _limited(_messages({"messages": plain}), max_chars)
    return replace(
        run,
        messages=tuple(
            replace(message, images=_images(given.get("images"), f"messages[{index}].images"))
            for index, (message, given) in enumerate(zip(parsed, messages, strict=True))
        ),
        max_tokens=_whole(asked, "max_tokens"),
        temperature=_number(asked, "temperature"),
        attempt=_count(asked, "attempt"),
        step=_count(asked, "step"),
        may_answer=asked.get("may_answer") is True,
    )


def _images(given: Any, where: str) -> tuple[Image, ...]:
    """The pictures of a message, which go to the model's server as they are."""
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_IMAGES:
        raise ProtocolError(where, f"must be a list of at most {MOST_IMAGES} images")
    for image in given:
        if not isinstance(image, dict) or set(image) != {"mime", "data"}:
            raise ProtocolError(where, "must hold objects with mime and data")
        if image["mime"] not in IMAGE_TYPES:
            raise ProtocolError(where, f"must be of the type {' or '.join(IMAGE_TYPES)}")
        data = image["data"]
        if not isinstance(data, str) or len(data) > _LONGEST_IMAGE or not _BASE64.fullmatch(data):
            raise ProtocolError(where, f"must be base64 of at most {_LONGEST_IMAGE:,} characters")
    return tuple(Image(image["mime"], image["data"]) for image in given)


def _count(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if value is not None and (type(value) is not int or not 0 <= value <= _MOST_ATTEMPTS):
        raise ProtocolError(name, f"must be an integer from 0 to {_MOST_ATTEMPTS:,}")
    return value or 0


def _limited(messages: tuple[Message, ...], max_chars: int) -> tuple[Message, ...]:
    if sum(len(message.text) for message in messages) > max_chars:
        raise LimitError(
            f"the prompt has more than {max_chars:,} characters; the deployer may raise "
            "EagerServer.max_prompt_chars"
        )
    return messages


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


def _choice(
    fields: dict[str, Any], name: str, choices: tuple[_Word, ...], default: _Default
) -> _Word | _Default:
    value = fields.get(name)
    if value is None:
        return default
    word = word_of(value, choices)
    if word is None:
        raise ProtocolError(name, f"must be one of {', '.join(choices)}")
    return word


def _format(fields: dict[str, Any]) -> str:
    value = fields.get("format")
    if value is None:
        return "auto"
    try:
        check_format(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ProtocolError("format", f"must be one of {FORMAT_WORDS}") from error
    return str(value)


def _whole(fields: dict[str, Any], name: str, most: int = 10_000_000) -> int | None:
    value = fields.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)  # to JSON Schema, 1.0 is an integer
    if value is not None and (type(value) is not int or not 1 <= value <= most):
        raise ProtocolError(name, f"must be an integer from 1 to {most:,}")
    return value


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 2:
        raise ProtocolError(name, "must be a number from 0 to 2")
    return float(value)


_MOST_ATTEMPTS: Final = 10_000
_LONGEST_IMAGE: Final = 8_000_000
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_OF_THE_KERNEL: Final = ("cell_id", "requests")
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
    *_OF_THE_KERNEL,
)
