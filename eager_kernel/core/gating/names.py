"""Names of the program: what they are bound to, and which of them are worth a look."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from eager_kernel.core.gating import (
    tables_effects,
    tables_native,
    tables_timing,
    tables_unaudited,
)
from eager_kernel.core.gating.argument_checks import name_items
from eager_kernel.core.gating.tables import ALIASES, BUSY, BUSY_PARTS, KEEPS, SAME
from eager_kernel.core.gating.values import (
    Class,
    Function,
    Method,
    Scope,
    Several,
    Value,
    either,
    members_of,
)
from eager_kernel.core.rules import Table


class Names:
    """The program's names, and the dotted names of libraries.

    Parameters
    ----------
    table
        What is looked for.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.module = Scope()
        self.watched: set[str] = set(table.triggers)
        """Words that make a text worth a look."""
        self.quiet: set[str] = set(table.quiet)
        """Those of them that mean nothing where an attribute is taken of them."""
        self.fresh: list[str] = []
        """Names that have become suspicious and were not before."""
        self.version = 0
        """Counts the changes of names that functions were found to depend on."""
        self.depth = 0
        """How many functions of the program are being followed."""
        self.runs_any_text = False
        """Whether text has been run as code of which nothing is known."""
        self.met_code = False
        """Whether a text has been met that may be code, and has something listed in it."""
        self._asked: set[str] = set()
        self.methods: dict[str, list[Method]] = {}
        """Methods of the program's suspicious classes, for objects of unknown class."""
        self._prefixes = _prefixes(table)
        self._quiet_paths = {*BUSY, *BUSY_PARTS, *table.quiet} - (table.triggers - table.quiet)
        self._roots = _roots(table)

    def bind(self, name: str, value: Value, scope: Scope, *, weak: bool = False) -> None:
        """Bind a name. A `weak` binding may not happen, so what it replaces counts too."""
        scope = scope.elsewhere.get(name, scope)
        before = scope.names.get(name)
        if weak and before is not None:
            value = either((before, value))
        scope.names[name] = value
        if before is None and value is None:
            return
        if value is not before and (scope.is_class or name in self._asked):
            self.version += 1
        if scope is not self.module:
            return
        if value is None:
            if name not in self.table.triggers:
                self.watched.discard(name)
            return
        if before is not None and value is not before:
            self.fresh.append(name)  # what depended on it may do something else now
        self._watch(name, quiet=value in self._quiet_paths)
        for one in value.values if isinstance(value, Several) else (value,):
            if isinstance(one, Class):
                self._watch_methods(one)

    def _watch(self, name: str, *, quiet: bool = False) -> None:
        if name not in self.watched:
            self.watched.add(name)
            if quiet:
                self.quiet.add(name)
            else:
                self.quiet.discard(name)
                self.fresh.append(name)
        elif name in self.quiet and not quiet:
            self.quiet.discard(name)
            self.fresh.append(name)

    def _watch_methods(self, cls: Class) -> None:
        for name, value in members_of(cls).items():
            if name.startswith("__"):
                continue
            for one in value.values if isinstance(value, Several) else (value,):
                if isinstance(one, Function):
                    self.methods.setdefault(name, []).append(Method(one, cls.instance))
                    self._watch(name)

    def look_up(self, name: str, scope: Scope) -> Value:
        """The value of a name, as the interpreter finds it."""
        at: Scope | None = scope
        while at is not None:
            if name in at.names:
                if self.depth and at is self.module:
                    self._asked.add(name)
                return at.names[name]
            at = at.parent
        if self.depth:
            self._asked.add(name)
        if name in ALIASES:
            return ALIASES[name]
        if name in BUILTINS:
            return "builtins." + name
        return self.extend("", name) if name in self._roots else None

    def extend(self, path: str, name: str) -> str | None:
        """The dotted name of an attribute; None if nothing listed is there."""
        path = f"{path}.{name}" if path else name
        path = SAME.get(path, path)
        if path in self._prefixes or self.table.find(path) is not None:
            # Longer ones say no more, and take time to copy.
            return path if path.count(".") < _LONGEST else path.rpartition(".")[0]
        if self.table.is_native(path):
            return path if path.count(".") < _LONGEST - 2 else self._something_of(path)
        return None

    def result(self, path: str) -> str | None:
        """The name of what a call of a dotted name gives; None if nothing listed is there."""
        path = SAME.get(path + "()", path + "()")
        if path in self._prefixes or (self.table.find(path) and path.count("()") < _LONGEST):
            return path
        return self._something_of(path) if self.table.is_native(path) else None

    @staticmethod
    def _something_of(path: str) -> str:
        """The value of whatever a library that writes in native code gives."""
        return path.partition(".")[0] + SOMETHING

    def imported(self, dotted: str) -> str | None:
        """The value of a module, by the name that it is imported by."""
        path: str | None = ""
        for part in dotted.split("."):
            if path is None:
                return None
            path = self.extend(path, part)
        return path


@lru_cache(maxsize=16)
def _prefixes(table: Table) -> frozenset[str]:
    """What is followed: the same values in every mode, and what the deployer added."""
    return _prefixes_of(
        (
            *tables_timing.USES,
            *tables_timing.MODULES,
            *tables_unaudited.USES,
            *tables_unaudited.MODULES,
            *tables_native.USES,
            *tables_native.LIBRARIES,
            *tables_effects.USES,
            *tables_effects.MODULES,
            *tables_effects.DYNAMIC,
            *tables_effects.STORES,
            *SAME,
            *SAME.values(),
            *ALIASES.values(),
            *THROUGH,
            *RUN_TEXT,
            *LOOKS,
            *KEEPS,
            *("builtins." + name for name in BUILTINS),
            "sys.modules",
            "builtins.globals()",
            *table.uses,
            *table.lasting,
            *table.modules,
            *table.stores,
            *table.reads,
        )
    )


@lru_cache(maxsize=16)
def _roots(table: Table) -> frozenset[str]:
    return frozenset(path for path in _prefixes(table) if "." not in path)


def _prefixes_of(paths: Iterable[str]) -> frozenset[str]:
    found = set()
    for path in paths:
        start = path
        while start:
            found.add(start)
            found.add(start.removesuffix("()"))
            start = start.rpartition(".")[0]
    return frozenset(found)


BUILTINS: Final = frozenset(
    name_items("""
        open exec eval compile __import__ getattr globals locals vars print callable type
        isinstance issubclass id repr hash help hasattr str len list tuple set frozenset reversed
        enumerate iter next staticmethod classmethod property
    """)
)
"""Builtins that matter here: listed ones, and those that hand on or only look at a value."""

THROUGH: Final = frozenset(
    name_items("""
        builtins.list builtins.tuple builtins.set builtins.frozenset builtins.reversed
        builtins.enumerate builtins.iter builtins.next builtins.staticmethod builtins.classmethod
        builtins.property builtins.vars functools.wraps() functools.lru_cache
        functools.lru_cache() functools.cache functools.cached_property contextlib.contextmanager
        contextlib.asynccontextmanager dataclasses.dataclass dataclasses.dataclass()
        abc.abstractmethod builtins.compile builtins.str textwrap.dedent inspect.cleandoc ast.parse
    """)
)
"""Calls that give back what they are given, without calling it."""

RUN_TEXT: Final = frozenset(
    name_items("""
        builtins.exec builtins.eval IPython.get_ipython().run_cell IPython.get_ipython().ex
        IPython.get_ipython().ev IPython.get_ipython().run_code pandas.eval timeit.timeit
        timeit.repeat code.interact runpy.run_path
    """)
)
"""Calls that run a text as code, or what `compile` has made of it."""

LOOKS: Final = frozenset(
    name_items("""
        builtins.print builtins.callable builtins.type builtins.isinstance builtins.issubclass
        builtins.id builtins.repr builtins.hash builtins.help builtins.hasattr
        builtins.len functools.wraps functools.update_wrapper inspect.getsource
        inspect.getsourcelines inspect.signature inspect.getdoc inspect.isfunction
        functools.lru_cache dataclasses.dataclass
    """)
)
"""Calls that only look at a function that they are given."""

SOMETHING: Final = ".?()"
"""Follows the name of a library in the value of something that is the library's."""

_LONGEST: Final = 7
