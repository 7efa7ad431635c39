"""What a kernel's messages may hold: the types of the protocol, at the client's border.

Each function returns what it was given, made anew of the fields that are known, or raises
`UnfitError`. Of other versions' fields nothing is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from eager_kernel.client.heard import UnfitError, check_message
from eager_kernel.core.report import Report
from eager_kernel.protocol import (
    CATEGORIES,
    CHUNK_STATES,
    STATUSES,
    STOP_REASONS,
    ChunkMessage,
    ErrorContent,
    LeftOutContent,
    QuestionContent,
    ResultMessage,
    ResumedMessage,
    StopMessage,
)
from eager_kernel.protocol.words import word_of

Plain = dict[str, Any]
_Word = TypeVar("_Word", bound=str)


def check_event(data: object, sent: int) -> ChunkMessage | StopMessage | ResultMessage:
    """Check what came on a stream's comm: a ``chunk``, ``stop`` or ``result``.

    Parameters
    ----------
    data
        As received.
    sent
        Characters of text that were sent: a program has no more chunks or lines than these.
    """
    fields = _object(data, "data")
    match fields.get("type"):
        case "chunk":
            return ChunkMessage(
                type="chunk",
                index=_whole(fields, "index", 0, sent),
                lines=_lines(fields, sent),
                state=_word(fields, "state", CHUNK_STATES),
                category=_word(fields, "category", CATEGORIES),
                reason=_text(fields, "reason", _MAX_REASON),
            )
        case "stop":
            return StopMessage(
                type="stop",
                reason=_word(fields, "reason", STOP_REASONS),
                message=_text(fields, "message", _MAX_REASON),
            )
        case "result":
            return _result(fields, sent)
        case _:
            raise UnfitError("data.type: is none of those that a kernel sends")


def check_report(report: object) -> Plain:
    """Check a result's report."""
    try:
        return Report.from_dict(_object(report, "data.report")).to_dict()
    except ValueError as error:
        raise UnfitError(f"data.report: {error}") from error


def check_resumed(data: Mapping[str, Any]) -> ResumedMessage:
    """Check the answer to ``resume``."""
    reply, question = data.get("reply"), data.get("input")
    return ResumedMessage(
        type="resumed",
        number=_whole(data, "number", 0, _MOST),
        count=_whole(data, "count", 0, _MOST_AGAIN),
        more=_flag(data, "more"),
        missing=_flag(data, "missing"),
        reply=None if reply is None else check_reply(reply),
        input=None if question is None else _last_question(question),
    )


def check_again(data: Mapping[str, Any], buffers: list[Any]) -> Plain:
    """Check a message that is told again; returns that message."""
    return check_message({**_object(data.get("message"), "data.message"), "buffers": buffers})


def check_status(content: Plain) -> str:
    """Check a ``status``; returns the state."""
    return _text(content, "execution_state", 100)


def check_reply(content: object) -> Plain:
    """Check the content of an ``execute_reply``."""
    fields = _object(content, "content")
    _word(fields, "status", ("ok", "error", "aborted", "abort", "cancelled"))
    for name in ("ename", "evalue"):
        if fields.get(name) is not None:
            _text(fields, name)
    if fields.get("traceback") is not None:
        _texts(fields, "traceback")
    _count(fields, "execution_count")
    checked: Plain = _json(fields)
    return checked


def check_question(content: object) -> Plain:
    """Check the content of an ``input_request``."""
    fields = _object(content, "content")
    prompt = _text(fields, "prompt", _MAX_PROMPT)
    return {"prompt": prompt, "password": _flag(fields, "password")}


def check_output(kind: str, content: Plain) -> Plain:
    """Check an output, `kind` being its message's type; returns what a notebook keeps of it."""
    match kind:
        case "stream":
            name = _word(content, "name", ("stdout", "stderr"))
            return {"output_type": kind, "name": name, "text": _text(content, "text")}
        case "error":
            return {
                "output_type": kind,
                "ename": _text(content, "ename"),
                "evalue": _text(content, "evalue"),
                "traceback": _texts(content, "traceback"),
            }
    check_display_id(content)
    output = {"output_type": kind, **check_bundle(content)}
    if kind == "execute_result":
        output["execution_count"] = _count(content, "execution_count")
    return output


def check_bundle(content: Plain) -> Plain:
    """Check the data and metadata of what is displayed."""
    data = _object(content.get("data"), "content.data")
    metadata = content.get("metadata")
    metadata = {} if metadata is None else _object(metadata, "content.metadata")
    return {"data": _json(data), "metadata": _json(metadata)}


def check_update(content: Plain) -> tuple[str, Plain]:
    """Check an ``update_display_data``; returns what is updated, and to what."""
    display_id = check_display_id(content)
    if display_id is None:
        raise UnfitError("content.transient.display_id: is missing")
    return display_id, check_bundle(content)


def check_display_id(content: Plain) -> str | None:
    """Check by which id what is displayed can be updated; None: it can't."""
    transient = content.get("transient")
    if transient is None:
        return None
    display_id = _object(transient, "content.transient").get("display_id")
    if display_id is not None and (not isinstance(display_id, str) or len(display_id) > 1000):
        raise UnfitError("content.transient.display_id: must be a short string")
    return display_id


# Parts ----------------------------------------------------------------------------------------


def _last_question(content: object) -> QuestionContent:
    fields = _object(content, "content")
    return QuestionContent(
        number=_whole(fields, "number", 0, _MOST),
        prompt=_text(fields, "prompt", _MAX_PROMPT),
        password=_flag(fields, "password"),
    )


def _result(fields: Plain, sent: int) -> ResultMessage:
    status = _word(fields, "status", STATUSES)
    error = None if fields.get("error") is None else _error(fields["error"], sent)
    if (status in ("ok", "no_code")) != (error is None):
        raise UnfitError("data.error: must be there if, and only if, something went wrong")
    program = _text(fields, "program")
    if len(program) > _LONGEST_ESCAPE * (sent + 1):
        raise UnfitError("data.program: must not be longer than what was sent")
    result = ResultMessage(
        type="result",
        status=status,
        execution_count=_count(fields, "execution_count"),
        error=error,
        program=program,
        executed_lines=_whole(fields, "executed_lines", 0, sent + 1),
    )
    if "left_out" in fields:
        result["left_out"] = _left_out(fields, sent)
    if "report" in fields:
        result["report"] = fields["report"]
    return result


def _error(error: object, sent: int) -> ErrorContent:
    told = _object(error, "data.error")
    return ErrorContent(
        ename=_text(told, "ename"),
        evalue=_text(told, "evalue"),
        traceback=_texts(told, "traceback"),
        lines=None if told.get("lines") is None else _lines(told, sent),
    )


def _left_out(fields: Plain, sent: int) -> LeftOutContent:
    told = _object(fields["left_out"], "data.left_out")
    blocks = told.get("blocks")
    if not isinstance(blocks, list) or len(blocks) > sent:
        raise UnfitError("data.left_out.blocks: must be a list, not longer than what was sent")
    return LeftOutContent(
        blocks=[_block(block, sent) for block in blocks],
        prose_lines=_whole(told, "prose_lines", 0, sent + 1),
        reasoning_lines=_whole(told, "reasoning_lines", 0, sent + 1),
        json_values=_whole(told, "json_values", 0, sent + 1),
        message=_text(told, "message", _MAX_REASON),
    )


def _block(block: object, sent: int) -> list[str | int]:
    if not isinstance(block, list) or len(block) != 2:
        raise UnfitError("data.left_out.blocks: must be languages, each with a count")
    fields = {"language": block[0], "count": block[1]}
    return [_text(fields, "language", _LONGEST_LANGUAGE), _whole(fields, "count", 0, sent + 1)]


def _object(value: object, where: str) -> Plain:
    if not isinstance(value, dict):
        raise UnfitError(f"{where}: must be an object")
    return value


def _word(fields: Mapping[str, Any], name: str, words: tuple[_Word, ...]) -> _Word:
    value = fields.get(name)
    word = word_of(value, words)
    if word is None:
        raise UnfitError(f"{name}: must be one of {', '.join(words)}")
    return word


def _text(fields: Mapping[str, Any], name: str, most: int | None = None) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise UnfitError(f"{name}: must be a string")
    if most is not None and len(value) > most:
        raise UnfitError(f"{name}: must not be longer than {most:,} characters")
    return _sendable(value)


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnfitError(f"{name}: must be a list of strings")
    return [_sendable(item) for item in value]


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise UnfitError(f"{name}: must be true or false")
    return value


def _whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = fields.get(name)
    if type(value) is not int or not least <= value <= most:
        raise UnfitError(f"{name}: must be an integer, neither below nor above what there can be")
    return value


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    return None if fields.get(name) is None else _whole(fields, name, 0, _MOST)


def _lines(fields: Mapping[str, Any], sent: int) -> list[int]:
    value = fields.get("lines")
    if not isinstance(value, list) or len(value) != 2:
        raise UnfitError("lines: must be a first and a last line")
    first, last = value
    if type(first) is not int or type(last) is not int or not 1 <= first <= last <= sent + 1:
        raise UnfitError("lines: must be lines of the program")
    return [first, last]


def _json(value: Any, depth: int = 0) -> Any:
    """Check what any JSON may be: not too deep, of numbers that are some."""
    if depth > _DEEPEST:
        raise UnfitError("it is nested too deeply")
    if isinstance(value, str):
        return _sendable(value)
    if isinstance(value, dict):
        return {_sendable(key): _json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise UnfitError("it holds NaN or an infinite number, which no JSON has")
    return value


def _sendable(text: str) -> str:
    """Spell half a surrogate pair out: nobody could write or send it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


_LONGEST_LANGUAGE: Final = 1_000
_LONGEST_ESCAPE: Final = 6  # of half a surrogate pair, which the kernel spells out
_MAX_REASON: Final = 10_000
_MAX_PROMPT: Final = 1_000_000
_MOST: Final = 2**53
_MOST_AGAIN: Final = 1_000
_DEEPEST: Final = 200
