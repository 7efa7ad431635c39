"""What a model reads of a run, and the figures that it sees."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import Final

from eager_kernel.client import RunResult


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that a program has shown.

    Parameters
    ----------
    media_type
        ``image/png`` or ``image/jpeg``.
    content
        The file.
    """

    media_type: str
    content: bytes


def text_of(result: RunResult, limit: int | None = None) -> str:
    """Say what a model is to read of this: outputs, the value, the error, and what has run.

    Parameters
    ----------
    result
        How the run ended.
    limit
        Characters that it may have; None: any number.
    """
    if hasattr(result, "text"):
        text: str = result.text(limit=limit)
        return text
    return _shorten(_text_of(result), limit)


def printed(result: RunResult, limit: int | None = None) -> str:
    """Say what a model is to read of streams and displays alone."""
    outputs = [each for each in result.outputs if each["output_type"] in ("stream", "display_data")]
    text = text_of(replace(result, status="ok", error=None, outputs=outputs), limit)
    return text if not text or text.endswith("\n") else text + "\n"


def value_of(result: RunResult) -> str | None:
    """Give the last expression's value as text; None if there was none to show."""
    for output in reversed(result.outputs):
        if output["output_type"] == "execute_result":
            text: str = output["data"].get("text/plain", "")
            return text
    return None


def figures_of(result: RunResult) -> list[Figure]:
    """Give the pictures that were shown, in order."""
    found = []
    for output in result.outputs:
        data = output.get("data", {})
        for media_type in _PICTURES:
            if media_type in data:
                found.append(Figure(media_type, base64.b64decode(data[media_type])))
                break
    return found


def _text_of(result: RunResult) -> str:
    # Until results can be read by themselves.
    parts = []
    for output in result.outputs:
        if output["output_type"] == "stream":
            parts.append(output["text"])
        elif output["output_type"] != "error":
            parts.append(output["data"].get("text/plain", "") + "\n")
    if result.error is not None:
        lines = result.error.lines
        where = f"line {lines[0]}: " if lines else ""
        parts.append(f"{where}{result.error.ename}: {result.error.evalue}\n")
        parts.append(f"lines 1-{result.executed_lines} have run\n" if result.executed_lines else "")
    if result.message:
        parts.append(result.message)
    return _COLOURS.sub("", "".join(parts)).rstrip("\n")


def _shorten(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit:,} characters left out ...\n{text[-half:]}"


_PICTURES: Final = ("image/png", "image/jpeg")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
