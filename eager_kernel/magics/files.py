"""``@file.csv`` in a prompt: what is in a file, as far as its beginning tells."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from eager_kernel.core.conversation.told import in_fence
from eager_kernel.errors import PromptError


def add_files(prompt: str) -> str:
    """Add to a prompt what is in the files that it names, as ``@name.csv``.

    Raises
    ------
    PromptError
        A name looks like one of a file with data, and there is none, or it can't be read.
    """
    about = []
    for name in dict.fromkeys(match["name"] for match in _NAMED.finditer(prompt)):
        path = Path(name).expanduser()
        try:
            is_file = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError:
            if path.suffix.lower() not in _DATA:
                continue  # an address, a decorator
            raise PromptError(
                f"there is no file {name}, seen from {Path.cwd()}: correct the prompt's "
                f"@{name}, or give the cell the option --literal"
            ) from None
        except OSError as error:
            raise PromptError(f"@{name} can't be read: {error.strerror or error}") from error
        if is_file:
            about.append(_about(name, path))
    return "\n\n".join([prompt, *about])


def _about(name: str, path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begin = file.read(_READ)
    except OSError as error:
        raise PromptError(f"@{name} can't be read: {error.strerror or error}") from error
    head = f"File {name}, {size:,} bytes"
    if b"\0" in begin:
        return f"{head}: binary."
    text = begin.decode("utf-8-sig", "replace")
    if size > len(begin):
        text = text[: text.rfind("\n") + 1] or text  # without a line that is cut
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv", ".tab"):
        types = _columns(text, "\t" if kind != ".csv" else None)
        if types:
            head += f". Columns, by what its first {_ROWS} rows hold: {types}"
    elif kind in (".jsonl", ".ndjson"):
        head += _fields(text)
    lines = text.splitlines()
    shown = "\n".join(_short(line) for line in lines[:_HEAD])
    return f"{head}. It begins:\n{_plain_fence(shown)}"


def _columns(text: str, delimiter: str | None) -> str:
    """Name and type of each column."""
    if delimiter is None:
        try:
            delimiter = csv.Sniffer().sniff(text[:8_192], ",;\t|").delimiter
        except csv.Error:
            delimiter = ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[: _ROWS + 1]
    except csv.Error:
        return ""
    if not rows:
        return ""
    header, values = rows[0], rows[1:]
    described = []
    for at, name in enumerate(header[:_MOST_COLUMNS]):
        column = [row[at] for row in values if at < len(row)]
        empty = sum(not value.strip() for value in column)
        kind = _type_of(value for value in column if value.strip())
        described.append(f"{_short(name)} {kind}" + (f" ({empty} empty)" if empty else ""))
    if len(header) > _MOST_COLUMNS:
        described.append(f"{len(header) - _MOST_COLUMNS} more")
    return ", ".join(described)


def _type_of(values: Iterable[str]) -> str:
    left = dict(_TYPES)
    seen = False
    for value in values:
        seen = True
        left = {name: form for name, form in left.items() if form.fullmatch(value.strip())}
    return next(iter(left), "text") if seen else "empty"


def _fields(text: str) -> str:
    first = text.partition("\n")[0]
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(record, dict):
        return ""
    fields = [f"{_short(str(k))} {type(v).__name__}" for k, v in record.items()]
    return f". Fields of its first record: {', '.join(fields[:_MOST_COLUMNS])}"


def _short(text: str) -> str:
    text = "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _plain_fence(text: str) -> str:
    return in_fence(text).replace("python", "", 1)


_NAMED: Final = re.compile(r"(?<![\w@./\\])@(?P<name>[~\w./-]*[\w-]\.\w+)")
_DATA: Final = frozenset(
    {
        *(".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".feather"),
        *(".xlsx", ".xls", ".txt", ".xml", ".yaml", ".yml", ".toml", ".h5", ".nc", ".npy", ".npz"),
    }
)
_TYPES: Final = {
    "integer": re.compile(r"[+-]?\d+"),
    "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[nN]a[nN]|[+-]?inf"),
    "true or false": re.compile(r"(?i:true|false)"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "time": re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"),
}
_READ: Final = 65_536
_ROWS: Final = 1_000
_HEAD: Final = 6
_WIDTH: Final = 200
_MOST_COLUMNS: Final = 60
