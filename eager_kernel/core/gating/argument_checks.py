"""Helpers to write tables: names in plain text, and checks of a call's arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Final

from eager_kernel.core.rules import MEMORY, SQL, URL, Arguments, Check, Listed


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


def never(arguments: Arguments) -> bool:
    """A check: no call counts."""
    return False


def any_of(*checks: Check) -> Check:
    """A check: one of several holds."""
    return lambda arguments: any(check(arguments) for check in checks)


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


def reaches_for_files(text: str) -> bool:
    """Whether a text is SQL that has a database write files, or add one to the connection."""
    return bool(_SQL_WRITES.search(text))


def begins_sql(source: str) -> bool:
    """Whether a text of a program may have a string in it that is such SQL."""
    return bool(_SQL_BEGINS.search(source))


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
    if text is not None:
        return bool(_SQL_FILES.search(text))
    return query is not None or arguments.have(SQL)


def merged(*tables: Mapping[str, Listed]) -> dict[str, Listed]:
    """One table of several."""
    return {name: listed for table in tables for name, listed in table.items()}


_SCHEMES: Final = (
    *(
        f"{scheme}://"
        for scheme in name_items("""
            abfs abfss adl az ftp gcs gs grpc hdfs hf http https rtmp rtsp s3 s3a
        """)
    ),
    *("/vsiaz/", "/vsicurl/", "/vsigs/", "/vsis3/"),
)
URL_WORDS: Final = tuple(re.sub(r"\W", "", scheme) for scheme in _SCHEMES)
_WRITING: Final = re.compile(r"[wax+]")
_SQL_FILES: Final = re.compile(
    r"\b(?:copy|export|attach|install|load)\b|\b(?:https?|s3|gs|gcs|r2|hf|azure?)://", re.IGNORECASE
)
# What is told of it must not be taken for it: "Copy this to a file", "Attach the plot".
_SQL_WRITES: Final = re.compile(
    r"""
    (?:^|;) (?: \s | --[^\n]*\n )*
    (?: attach \s+ (?:or\s+replace\s+)? (?:database\s+)? (?:if\s+not\s+exists\s+)? ['"?:$@]
      | vacuum \b [^;]* \b into \b
      | copy \b [^;]* \b to \s* ['"?:$(]
      | export \s+ database \b
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
SQL_WORDS: Final = frozenset(
    form
    for word in ("attach", "copy", "export", "vacuum")
    for form in (word, word.upper(), word.title())
)
_SQL_BEGINS: Final = re.compile(
    r"""['";]\s*(?:--[^\n]*\n\s*)*(?:attach|copy|export|vacuum)\b""", re.IGNORECASE
)
