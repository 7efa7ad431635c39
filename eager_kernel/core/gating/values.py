"""What the gate knows about a value of the program.

A value is None (unknown, or known to be harmless), the dotted name of a library's object, or
one of the classes below. They are compared by identity.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from eager_kernel.core.rules import Category


@dataclass(eq=False, slots=True)
class Scope:
    """Names and their values: of the module, a function's call, or a class body.

    Parameters
    ----------
    parent
        Where names are looked up that are not bound here.
    is_class
        Functions do not see the names of a class body around them.
    elsewhere
        Names declared ``global`` or ``nonlocal``, with the scope they belong to.
    """

    parent: Scope | None = None
    is_class: bool = False
    names: dict[str, Value] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)

    @property
    def for_functions(self) -> Scope:
        """The scope that a function defined here sees."""
        scope = self
        while scope.is_class and scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(eq=False, slots=True)
class Function:
    """A function of the program. Its body is followed when it is called."""

    name: str
    line: int
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    offset: int
    """What is added to line numbers in `node`."""
    defaults: dict[str, Value]
    is_property: bool = False
    active: bool = False
    """It is being followed: a recursive call adds nothing."""
    known: tuple[object, Outcome] | None = None
    """What a call does, and under which circumstances that was found out."""


@dataclass(eq=False, slots=True)
class Class:
    """A class of the program."""

    name: str
    line: int
    bases: tuple[Value, ...]
    members: dict[str, Value]
    instance: Instance = field(init=False)

    def __post_init__(self) -> None:
        self.instance = Instance(self)


@dataclass(eq=False, slots=True)
class Instance:
    """Any instance of a class of the program."""

    of: Class


@dataclass(eq=False, slots=True)
class Method:
    """A function with the instance that it was reached through."""

    function: Function
    instance: Instance


@dataclass(eq=False, slots=True)
class Partial:
    """A callable that has some of its arguments already."""

    function: Value
    arguments: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]


@dataclass(eq=False, slots=True)
class Text:
    """A text that may be run as code."""

    text: str


@dataclass(eq=False, slots=True)
class Several:
    """One of these, or a container of them."""

    values: tuple[Value, ...]


Value: TypeAlias = str | Function | Class | Instance | Method | Partial | Text | Several | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A listed use.

    Parameters
    ----------
    category, reason
        As in a verdict.
    line
        1-based line of the program on which it happens.
    use
        The part of the reason that a caller of the function repeats.
    """

    category: Category
    reason: str
    line: int
    use: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of a function of the program does."""

    hits: tuple[Hit, ...] = ()
    """The listed uses, the first of each kind; not all of very many."""
    value: Value = None
    runs_any_text: bool = False
    """Whether it runs text as code of which nothing is known."""

    @property
    def hit(self) -> Hit | None:
        """The first listed use."""
        return self.hits[0] if self.hits else None


def either(values: Iterable[Value]) -> Value:
    """One value for several possible ones."""
    known: dict[Value, None] = {}
    for value in values:
        for one in value.values if isinstance(value, Several) else (value,):
            if one is not None:
                known[one] = None
    if len(known) < 2:
        return next(iter(known), None)
    # A container of thousands of suspicious things is judged by the first of them.
    return Several(tuple(known)[:16])


def members_of(cls: Class) -> dict[str, Value]:
    """The attributes of a class and its bases; its own win."""
    found: dict[str, Value] = {}
    seen: set[Class] = set()
    stack: list[Value] = [cls]
    while stack:
        value = stack.pop()
        if isinstance(value, Class) and value not in seen:
            seen.add(value)
            found = value.members | found
            stack += reversed(value.bases)
    return found
