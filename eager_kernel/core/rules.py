"""What the gate's tables are made of, and what a deployer may add to them.

A use is listed by the dotted name of what is used (``time.time``), by its module when every
call into it counts (``subprocess``), or by the name of a method on any object (``to_parquet``).
The names themselves are in `eager_kernel.core.gating`, in the modules ``tables_*``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, Literal

Category = Literal["plain", "low-yield", "external-effect", "timing", "dynamic"]

MEMORY: Final = "something in memory"
"""The value of a buffer or a database that nobody else sees: writing there is no effect."""

URL: Final = "a URL"
"""The value of a text that names something on the network."""

SQL: Final = "SQL that reaches for files"
"""The value of a text that has a database write or read files of its own."""


@dataclass(eq=False, slots=True)
class Arguments:
    """The arguments of a call, as far as the text shows them.

    Parameters
    ----------
    positional, keywords
        As in the call.
    values
        What is known of their values, as `MEMORY`.
    """

    positional: Sequence[ast.expr] = ()
    keywords: Sequence[ast.keyword] = ()
    values: Mapping[ast.AST, object] = field(default_factory=dict)

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

    def have(self, value: object) -> bool:
        """Whether one of the arguments is known to be `value`."""
        return bool(self.values) and any(
            self.values.get(given) == value
            for given in (*self.positional, *(keyword.value for keyword in self.keywords))
        )

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
    otherwise
        The value of a call that does not count, where it matters.
    """

    category: Category
    why: str
    check: Check | None = None
    triggers: tuple[str, ...] = ()
    otherwise: str | None = None

    def counts(self, arguments: Arguments) -> bool:
        """Whether a call with `arguments` is to be held."""
        return self.check is None or self.check(arguments)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployer adds to the tables.

    Parameters
    ----------
    modules
        Dotted names of modules every call into which is an external effect, as ``"boto3"``.
    names
        Dotted names whose call is an external effect, as ``"pkg.func"``.
    methods
        Names of methods whose call is an external effect, on any object.
    timing
        Dotted names that read clocks, or work with threads or signals.
    defer
        Whether definitions wait for the next statement.

    Raises
    ------
    ValueError
        For what is no name.
    """

    modules: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    timing: frozenset[str] = frozenset()
    defer: bool = True

    def __post_init__(self) -> None:
        for what in fields(self):
            given = getattr(self, what.name)
            if what.name == "defer":
                continue
            if isinstance(given, str):
                raise ValueError(f"{what.name} of the gate's policy must be a set of names")
            object.__setattr__(self, what.name, frozenset(given))
            shape = _NAME if what.name == "methods" else _DOTTED
            for name in given:
                if not isinstance(name, str) or not shape.fullmatch(name):
                    raise ValueError(f"{what.name} of the gate's policy: {name!r} is no name")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What one gate looks for.

    Parameters
    ----------
    uses
        Dotted names whose call is held. ``()`` stands for what a call returned, so
        ``pathlib.Path().unlink`` is a method of a path.
    modules
        Modules every call into which is held.
    methods
        Methods whose call is held on any object but those of the program's own classes.
    everywhere
        Those of them that are held on these, too: what the deployer has added.
    lasting
        Values that a statement may not bind to a name of the program's.
    stores
        Dotted names of containers into which nothing may be written.
    reads
        Dotted names in those modules that only compute.
    strict
        Whether what can't be followed is held: a star import, an attribute by computed name.
    triggers
        Words one of which occurs in every text that may hold a listed use, or a definition.
    quiet
        Those of them that are names of busy modules: in ``np.mean`` they mean nothing.
    native
        Libraries of which whatever is named like a writer is held.
    writes
        The names of writers.
    of_native
        Why.
    """

    uses: Mapping[str, Listed]
    modules: Mapping[str, Listed]
    methods: Mapping[str, Listed]
    stores: Mapping[str, Listed] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    strict: bool = False
    triggers: frozenset[str] = frozenset()
    quiet: frozenset[str] = frozenset()
    native: frozenset[str] = frozenset()
    writes: re.Pattern[str] | None = None
    of_native: Listed | None = None
    everywhere: frozenset[str] = frozenset()
    lasting: Mapping[str, Listed] = field(default_factory=dict)

    def find(self, path: str) -> Listed | None:
        """What is known of a call of `path`, a dotted name or ``?.method``."""
        if path.startswith("?."):
            return self.methods.get(path[2:])
        listed = self.uses.get(path)
        if listed is not None or path in self.reads:
            return listed
        module = path
        while module:
            listed = self.modules.get(module)
            if listed is not None:
                return listed
            module = module.rpartition(".")[0]
        return self._find_native(path) if self.is_native(path) else None

    def is_native(self, path: str) -> bool:
        """Whether something is of a library that writes in native code all through."""
        return path.partition(".")[0] in self.native

    def _find_native(self, path: str) -> Listed | None:
        name = path.rpartition(".")[2]
        if self.writes is not None and self.writes.fullmatch(name):
            return self.of_native
        return self.methods.get(name)


_NAME: Final = re.compile(r"[^\W\d]\w*")
_DOTTED: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
