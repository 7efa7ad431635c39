"""A result as text: what a model, or a log, is to read of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from eager_kernel.client.group_text import shorten_groups
from eager_kernel.client.plain_text import on_screen, without_escapes
from eager_kernel.client.shortening import shorten
from eager_kernel.client.traceback_text import shorten_traceback

if TYPE_CHECKING:
    from eager_kernel.client.result import RunResult


def text_of(result: RunResult, limit: int | None = None) -> str:
    """Say what a run showed and how it ended; see `RunResult.text`."""
    shown = shown_of(result)
    told = _text_of_end(result, shown)
    if limit is None or len(shown) + len(told) + 1 <= limit:
        return "\n".join(part for part in (shown, told) if part)
    # How it ended says what to do next, so that is shortened last.
    room = max(limit - len(told) - 1, limit // 3) if shown else 0
    shown = shorten(shown, room)
    told = shorten(told, max(0, limit - len(shown) - bool(shown)))
    return shorten("\n".join(part for part in (shown, told) if part), limit)


def shown_of(result: RunResult) -> str:
    """What a run showed, without how it ended."""
    return _text_of_outputs(_without_last_error(result))


def progress_of(result: RunResult) -> str:
    """Say which lines of the program have run, which failed and which did not run.

    Returns
    -------
    str
        ``lines 1–13 have run, line 14 failed, lines 15–40 did not``; empty where nothing went
        wrong, or where there is no program.
    """  # noqa: RUF002 - a range
    if result.status in ("ok", "no_code") or not result.program.strip():
        return ""
    error = result.error
    lines = result.program.rstrip().count("\n") + 1
    if error is None or error.lines is None:
        if result.report is None and not result.executed_lines:
            return "it is not known which lines have run"
        ran = min(result.executed_lines, lines)
        parts = [_ran(ran)]
        if ran < lines:
            parts.append(f"{_lines(ran + 1, lines)} did not")
        return ", ".join(parts)
    first, last = error.lines
    lines = max(lines, last)
    ran = min(result.executed_lines, first - 1)
    parts = [_ran(ran)]
    if ran + 1 < first and _has_code(result.program, ran + 1, first - 1):
        parts.append(f"{_lines(ran + 1, first - 1)} did not")
    failed = "was cut off" if error.ename == _CUT_OFF else "failed"
    if last > first and failed == "was cut off":
        failed = "were cut off"
    parts.append(f"{_lines(first, last)} {failed}")
    if last < lines:
        parts.append(f"{_lines(last + 1, lines)} did not")
    return ", ".join(parts)


def value_of(outputs: list[dict[str, Any]]) -> str | None:
    """Find the text of the program's last expression; None if it had no value to show."""
    for output in reversed(outputs):
        if output["output_type"] == "execute_result":
            return _joined(output["data"].get("text/plain"))
    return None


def _ran(lines: int) -> str:
    if not lines:
        return "no line has run"
    return f"{_lines(1, lines)} {'has' if lines == 1 else 'have'} run"


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}–{last}"  # noqa: RUF001 - a range


def _has_code(program: str, first: int, last: int) -> bool:
    lines = program.split("\n")[first - 1 : last]
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _text_of_end(result: RunResult, shown: str) -> str:
    parts = []
    error = result.error
    if error is not None:
        message = f"{error.ename}: {error.evalue}".removesuffix(": ")
        # Usage errors of magics and groups of exceptions are on stderr, and nowhere else.
        if error.traceback or without_escapes(message) not in shown:
            parts.append(shorten_traceback(error.traceback, error.ename, error.evalue))
        if error.traceback and error.ename == _TOOK_TOO_LONG:
            # Its traceback is that of the interrupt, which says nothing of the reason.
            parts.append(message)
    parts += [f"[{part}]" for part in (progress_of(result), result.message) if part]
    parts += [f"[{reason}: {count:,} not taken]" for reason, count in result.dropped.items()]
    return "\n".join(parts)


def _without_last_error(result: RunResult) -> list[dict[str, Any]]:
    """Leave out the output that is the run's own error: it is told at the end."""
    outputs, error = result.outputs, result.error
    if error is not None:
        for place in reversed(range(len(outputs))):
            output = outputs[place]
            if output["output_type"] == "error" and (
                output["ename"] == error.ename or output["traceback"] == error.traceback
            ):
                return outputs[:place] + outputs[place + 1 :]
    return outputs


def _text_of_outputs(outputs: list[dict[str, Any]]) -> str:
    texts: list[str] = []
    unfinished: dict[str, tuple[int, str]] = {}  # of each stream: where, and how it ended
    for output in outputs:
        if output["output_type"] != "stream":
            texts.append(_text_of_output(output).rstrip("\n"))
            continue
        name, text = output["name"], _joined(output["text"]) or ""
        place, end = unfinished.pop(name, (0, "\n"))
        goes_back = text.startswith("\r") or (end == "\r" and not text.startswith("\n"))
        if end != "\n" and goes_back and not text.startswith("\r\n"):
            # It writes over its last line, whatever else was shown in between.
            texts[place] = texts[place][: texts[place].rfind("\n") + 1]
        shown = on_screen(text)
        texts.append(shorten_groups(shown) if name == "stderr" else shown)
        if text and not text.endswith("\n"):
            unfinished[name] = len(texts) - 1, text[-1]
    return "\n".join(text.removesuffix("\n") for text in texts if text).strip("\n")


def _text_of_output(output: dict[str, Any]) -> str:
    if output["output_type"] == "error":
        return shorten_traceback(output["traceback"], output["ename"], output["evalue"])
    data = output["data"]
    for kind in _TEXTS:
        if (text := _joined(data.get(kind))) is not None:
            return on_screen(text)
    if "application/json" in data:
        return json.dumps(data["application/json"], ensure_ascii=False)
    return f"<{', '.join(map(without_escapes, data))}>"


def _joined(text: object) -> str | None:
    if isinstance(text, list):  # as a notebook's file has it
        return "".join(map(str, text))
    return text if isinstance(text, str) else None


_TEXTS: Final = ("text/plain", "text/markdown", "text/latex", "text/html")
_CUT_OFF: Final = "IncompleteProgramError"
_TOOK_TOO_LONG: Final = "RunTimeoutError"
