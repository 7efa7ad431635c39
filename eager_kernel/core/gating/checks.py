"""Helpers to write tables: names in plain text, and checks of a call's arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Final

from eager_kernel.core.rules import MEMORY, URL, Arguments, Check, Listed


def name_items(text: str) -> list[str]:
    """Words of a text, for tables that read better without quotes."""
    return text.split()


def entries(listed: Listed, text: str, prefix: str = "") -> dict[str, Listed]:
    """The same entry for many names."""
    return {prefix + name: listed for name in name_items(text)}


def text_of(node: ast.expr | None) -> str | None:
    """The string that an expression is; None if it is anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def mode_writes(position: int = 1, default: str = "r", keyword: str = "mode") -> Check:
    """A check: the file is opened for more than reading, or nobody knows how."""

    def check(arguments: Arguments) -> bool:
        mode = arguments.get(position, keyword)
        text = text_of(mode) if mode is not None else default
        return (text is None or bool(_WRITING.search(text))) and to_disk(arguments)

    return check


def given(position: int, keyword: str) -> Check:
    """A check: an argument is given, and is neither None nor a buffer."""

    def check(arguments: Arguments) -> bool:
        value = arguments.get(position, keyword)
        is_none = value is None or (isinstance(value, ast.Constant) and value.value is None)
        return not is_none and to_disk(arguments)

    return check


def fewer_than(count: int) -> Check:
    """A check: fewer arguments are given, so that the current time takes their place."""
    return lambda arguments: len(arguments.positional) + len(arguments.keywords) < count


def first_is(*words: str) -> Check:
    """A check: the first argument is one of these strings."""

    def check(arguments: Arguments) -> bool:
        first = arguments.positional[0] if arguments.positional else None
        return isinstance(first, ast.Constant) and first.value in words

    return check


def to_disk(arguments: Arguments) -> bool:
    """A check: no buffer is given to be written to."""
    return not arguments.have(MEMORY)


def to_file(arguments: Arguments) -> bool:
    """A check: something is given to be written to, and it is no buffer."""
    return bool(arguments) and to_disk(arguments)


def ends_with(*suffixes: str) -> Check:
    """A check: the first argument is the name of a file that ends so."""

    def check(arguments: Arguments) -> bool:
        name = text_of(arguments.positional[0]) if arguments.positional else None
        return name is not None and name.endswith(suffixes)

    return check


def from_url(arguments: Arguments) -> bool:
    """A check: what is read lies on the network."""
    places = (*arguments.positional[:1], *(given.value for given in arguments.keywords))
    return any(map(is_url, places)) or arguments.have(URL)


def is_url(expression: ast.expr | None) -> bool:
    """Whether an expression is a text that begins like a URL."""
    if isinstance(expression, ast.JoinedStr) and expression.values:
        expression = expression.values[0]
    text = text_of(expression)
    return text is not None and text.startswith(_SCHEMES)


def not_in_memory(arguments: Arguments) -> bool:
    """A check: the database is a file or a server."""
    first = arguments.get(0, "database")
    return not (isinstance(first, ast.Constant) and first.value == ":memory:")


def file_not_in_memory(arguments: Arguments) -> bool:
    """A check: the database has a name, and lives where others see it."""
    return bool(arguments) and not_in_memory(arguments)


def first_is_no_flag(flag: str) -> Check:
    """A check: the second argument is not just this flag."""

    def check(arguments: Arguments) -> bool:
        value = arguments.get(1, "flags")
        return not (isinstance(value, ast.Attribute) and value.attr == flag)

    return check


def sql_writes(arguments: Arguments) -> bool:
    """A check: the SQL is unknown, or reaches for files."""
    query = arguments.get(0, "query")
    text = text_of(query)
    return bool(_SQL_FILES.search(text)) if text is not None else query is not None


def merged(*tables: Mapping[str, Listed]) -> dict[str, Listed]:
    """One table of several."""
    return {name: listed for table in tables for name, listed in table.items()}


_SCHEMES: Final = ("http://", "https://", "ftp://", "s3://", "gs://")
URL_WORDS: Final = ("http", "https", "ftp", "s3", "gs")
_WRITING: Final = re.compile(r"[wax+]")
_SQL_FILES: Final = re.compile(r"\b(?:copy|export|attach|install|load)\b", re.IGNORECASE)
