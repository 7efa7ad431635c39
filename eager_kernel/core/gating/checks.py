"""What an entry of the gate's tables is, and the checks of arguments that some have."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Category = Literal["plain", "low-yield", "external-effect", "timing", "dynamic"]


@dataclass(eq=False, slots=True)
class Arguments:
    """The arguments of a call, as far as the text shows them."""

    positional: Sequence[ast.expr] = ()
    keywords: Sequence[ast.keyword] = ()

    def get(self, position: int, keyword: str) -> ast.expr | None:
        """The argument at a position or by name; None if it is not given.

        An argument that may be hidden in ``*args`` or ``**kwargs`` is returned as these.
        """
        for index, argument in enumerate(self.positional):
            if index == position or isinstance(argument, ast.Starred):
                return argument
        hidden = None
        for given in self.keywords:
            if given.arg == keyword:
                return given.value
            if given.arg is None:
                hidden = given.value
        return hidden

    def __bool__(self) -> bool:
        return bool(self.positional or self.keywords)


NOTHING: Final = Arguments()

Check = Callable[[Arguments], bool]


@dataclass(frozen=True, slots=True)
class Listed:
    """Why a use is in the tables.

    Parameters
    ----------
    category
        As in a verdict.
    why
        For a person; the name of what is used comes before it.
    check
        Whether a call with these arguments counts. None: every call does.
    triggers
        Words of which one is in every text with such a call, where the name itself is too
        common to be looked for.
    """

    category: Category
    why: str
    check: Check | None = None
    triggers: tuple[str, ...] = ()

    def counts(self, arguments: Arguments) -> bool:
        """Whether a call with `arguments` is to be held."""
        return self.check is None or self.check(arguments)


def name_items(text: str) -> list[str]:
    """Words of a text, for tables that read better without quotes."""
    return text.split()


def entries(listed: Listed, text: str, prefix: str = "") -> dict[str, Listed]:
    """The same entry for many names."""
    return {prefix + name: listed for name in name_items(text)}


def mode_writes(position: int = 1, default: str = "r", keyword: str = "mode") -> Check:
    """A check: the file is opened for more than reading, or nobody knows how."""

    def check(arguments: Arguments) -> bool:
        mode = arguments.get(position, keyword)
        if mode is None:
            return bool(_WRITING.search(default))
        if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
            return bool(_WRITING.search(mode.value))
        return True

    return check


def given(position: int, keyword: str) -> Check:
    """A check: an argument is given, and is not None."""

    def check(arguments: Arguments) -> bool:
        value = arguments.get(position, keyword)
        return value is not None and not (isinstance(value, ast.Constant) and value.value is None)

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
    if isinstance(query, ast.Constant) and isinstance(query.value, str):
        return bool(_SQL_FILES.search(query.value))
    return query is not None


def merged(*tables: Mapping[str, Listed]) -> dict[str, Listed]:
    """One table of several."""
    return {name: listed for table in tables for name, listed in table.items()}


_WRITING: Final = re.compile(r"[wax+]")
_SQL_FILES: Final = re.compile(r"\b(?:copy|export|attach|install|load)\b", re.IGNORECASE)
