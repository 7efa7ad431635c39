"""What the kernel and a model's process say to each other: JSON lines, checked by neither.

Both ends are ours and of one version; `eager_kernel.sources.process` begins
`eager_kernel.sources.worker`.

kernel → worker: ``keys`` (variables, by name), ``open`` (model, options), ``generate`` (id,
request), ``cancel`` (id).
worker → kernel: ``delta``, ``progress``, ``finish``, ``error``, ``closed`` (all with id), and
``secret``, the fingerprint of a key (`eager_kernel.sources.redact`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from eager_kernel.errors import (
    EagerError,
    RecordingError,
    SourceError,
    UnknownModelError,
)
from eager_kernel.sources.source import (
    Event,
    Finish,
    Image,
    Message,
    Options,
    Progress,
    Request,
    Usage,
)


def to_line(message: dict[str, Any]) -> bytes:
    """Encode one message. ASCII only, so that lone surrogates cross as they are."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def request_to_dict(request: Request) -> dict[str, Any]:
    """Make plain values of a request."""
    data = asdict(request)
    for message in data["messages"]:
        if not message["images"]:
            del message["images"]  # most have none
    return data


def request_from_dict(data: dict[str, Any]) -> Request:
    """Make a request of plain values."""
    messages = tuple(
        Message(m["role"], m["text"], tuple(Image(**image) for image in m.get("images", ())))
        for m in data["messages"]
    )
    return Request(**{**data, "messages": messages})


def options_to_dict(options: Options) -> dict[str, Any]:
    """Make plain values of options.

    Raises
    ------
    SourceError
        ``extra`` holds something that can't cross to another process.
    """
    data = {
        "api_base": options.api_base,
        "credential": options.credential,
        "first_timeout": options.first_timeout,
        "stall_timeout": options.stall_timeout,
        "extra": dict(options.extra),
    }
    try:
        json.dumps(data)
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"options of a model must be numbers, strings, booleans, lists or dicts: {error}"
        ) from error
    return data


def options_from_dict(data: dict[str, Any]) -> Options:
    """Make options of plain values."""
    return Options(**data)


def event_to_dict(event: Event) -> dict[str, Any]:
    """Make a message of an event."""
    if isinstance(event, str):
        return {"type": "delta", "text": event}
    if isinstance(event, Progress):
        return {"type": "progress", "text": event.text, "fraction": event.fraction}
    usage = asdict(event.usage) if event.usage is not None else None
    return {"type": "finish", "reason": event.reason, "usage": usage}


def event_from_dict(data: dict[str, Any]) -> Event | SourceError:
    """Make an event, or the error that ended an answer, of a message."""
    match data["type"]:
        case "delta":
            text: str = data["text"]
            return text
        case "progress":
            return Progress(data["text"], data["fraction"])
        case "finish":
            usage = Usage(**data["usage"]) if data["usage"] is not None else None
            return Finish(data["reason"], usage)
        case _:
            return _ERRORS.get(data["kind"], SourceError)(data["message"])


def error_to_dict(error: EagerError) -> dict[str, Any]:
    """Make a message of an error: its kind and what it says, no traceback."""
    return {"type": "error", "kind": type(error).__name__, "message": str(error)}


# A missing extra is one more thing that keeps a source from answering.
_ERRORS: dict[str, type[SourceError]] = {
    kind.__name__: kind for kind in (SourceError, UnknownModelError, RecordingError)
}
