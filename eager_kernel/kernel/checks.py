"""What clients send on their streams, checked at the kernel's border and trusted inside.

The protocol itself is `eager_kernel.protocol`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from eager_kernel.core.extract import check_format
from eager_kernel.core.gate import MODES
from eager_kernel.core.text.phrases import plain
from eager_kernel.errors import ProtocolError
from eager_kernel.protocol import (
    FORMAT_WORDS,
    ON_ERROR,
    VERSION,
    Cancel,
    Delta,
    End,
    OpenOptions,
    Resume,
)
from eager_kernel.protocol.words import LONGEST_CANCEL, word_of

_Word = TypeVar("_Word", bound=str)


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
        gate=_choice(fields, "gate", MODES, defaults.gate),
        on_error=_choice(fields, "on_error", ON_ERROR, defaults.on_error),
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
            return Cancel(plain(_text(fields, "message", ""), LONGEST_CANCEL))
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
        raise ProtocolError(
            "data.format", f"must be one of {FORMAT_WORDS}, not {_show(value)}"
        ) from error
    return str(value)


def _choice(fields: dict[str, Any], name: str, choices: tuple[_Word, ...], default: _Word) -> _Word:
    value = fields.get(name)
    if value is None:
        return default
    word = word_of(value, choices)
    if word is None:
        raise ProtocolError(
            f"data.{name}", f"must be one of {', '.join(choices)}, not {_show(value)}"
        )
    return word


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"
