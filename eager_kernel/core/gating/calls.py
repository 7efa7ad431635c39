"""What a call does, as far as the gate can follow it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from eager_kernel.core.gating.argument_checks import name_items, text_of
from eager_kernel.core.gating.names import LOOKS, RUN_TEXT, SOMETHING, THROUGH, Names
from eager_kernel.core.gating.tables import BUSY, KEEPS
from eager_kernel.core.gating.values import (
    Class,
    Function,
    Hit,
    Instance,
    Method,
    Outcome,
    Partial,
    Scope,
    Several,
    Text,
    Value,
    either,
    members_of,
)
from eager_kernel.core.rules import NOTHING, SQL, Arguments, Category, Listed


@dataclass(eq=False, slots=True)
class Call:
    """A call and what is known of its arguments."""

    line: int
    arguments: Arguments = NOTHING
    positional: Sequence[Value] = ()
    keywords: Sequence[tuple[str | None, Value]] = ()

    def passed(self) -> Iterable[Value]:
        """Every value handed over that is worth a look."""
        yield from (value for value in self.positional if value is not None)
        yield from (value for _, value in self.keywords if value is not None)

    def after(self, count: int) -> Arguments:
        """The arguments that a callable at position `count` - 1 would be called with."""
        given = self.arguments
        return Arguments(given.positional[count:], given.keywords, given.values)


class Calls(Names):
    """Follows calls. What it meets is added to `hits`."""

    hits: list[Hit]
    effort: int
    """Nodes looked at so far, over and over again."""
    allowance: int
    """How many may be, which grows with the program."""
    _cut: bool = False

    @abstractmethod
    def run_body(self, function: Function, scope: Scope) -> Value:
        """Follow a function's body; return what it returns."""

    def hit(self, listed: Listed, name: str, line: int) -> None:
        """Note that something listed is used."""
        use = f"{shown(name)} {listed.why}"
        self.hits.append(Hit(listed.category, use, line, use))

    def unclear(self, what: str, line: int, category: Category = "dynamic") -> None:
        """Note that something can't be followed."""
        self.hits.append(Hit(category, what, line, what))

    # Calls by kind of value ---------------------------------------------------------------

    def call(self, value: Value, call: Call) -> Value:
        """Follow a call of `value`; return what it gives."""
        match value:
            case None:
                self.hand_over(call)
                return None
            case str():
                return self._call_path(value, call)
            case Function():
                return self._call_function(value, None, call)
            case Method():
                return self._call_function(value.function, value.instance, call)
            case Class():
                return self._construct(value, call)
            case Instance():
                return self.call_member(value, "__call__", call)
            case Partial():
                return self.call(value.function, _joined(value, call))
            case Text():
                return value  # of what its methods give
            case Several():
                return either([self.call(one, call) for one in value.values])

    def hand_over(self, call: Call) -> None:
        """Values passed to code that isn't followed: functions among them may be called."""
        if any(value == SQL for value in call.passed()):
            what = "SQL that reaches for files is run, where nothing can hold it"
            self.unclear(what, call.line, "external-effect")
        for position, value in enumerate(call.positional):
            if value is not None:
                self.may_be_called(value, Call(call.line, call.after(position + 1)))
        for _, value in call.keywords:
            if value is not None:
                self.may_be_called(value, Call(call.line))

    def may_be_called(self, value: Value, call: Call) -> None:
        """Count a value as called that leaves the gate's sight."""
        match value:
            case str():
                # A module is not called; and a bare `time` may well be a column of numbers.
                if value != SQL and "." in value and value not in self.table.modules:
                    self._call_path(value, call)
            case Instance():
                for name in members_of(value.of):
                    if name.startswith("__") and name not in _OWN_MOMENT:
                        self.call_member(value, name, call)
            case Several():
                for one in value.values:
                    self.may_be_called(one, call)
            case Text():
                pass
            case _:
                self.call(value, call)

    def _call_path(self, path: str, call: Call) -> Value:
        if path == SQL:
            return SQL
        listed = self.table.find(path)
        if listed is not None:
            if listed.counts(call.arguments):
                self.hit(listed, path, call.line)
            elif listed.otherwise is not None:
                return listed.otherwise
        special = _SPECIAL.get(path)
        if special is not None:
            return special(self, call)
        first = call.positional[0] if call.positional else None
        if path in THROUGH:
            return first
        if path not in LOOKS and path not in KEEPS:
            self.hand_over(call)
        return self.result(path)

    def _construct(self, cls: Class, call: Call) -> Value:
        for name in ("__new__", "__init__", "__post_init__"):
            self.call_member(cls.instance, name, call)
        for base in cls.bases:
            if isinstance(base, str):
                self._call_path(base, call)
        return cls.instance

    def call_member(self, instance: Instance, name: str, call: Call) -> Value:
        """Follow a call of a method, if the program's class has it."""
        value = members_of(instance.of).get(name)
        if isinstance(value, Function):
            return self._call_function(value, instance, call)
        return self.call(value, call) if value is not None else None

    def _call_function(self, function: Function, instance: Instance | None, call: Call) -> Value:
        if function.active:
            self._cut = True
            return None
        outcome = self._outcome(function, instance, call)
        self.runs_any_text = self.runs_any_text or outcome.runs_any_text
        for hit in outcome.hits:
            name = f"{shown(function.name)} (line {function.line})"
            self.hits.append(
                Hit(hit.category, f"calls {name}, where {hit.use}", call.line, hit.use)
            )
        return outcome.value

    def _outcome(self, function: Function, instance: Instance | None, call: Call) -> Outcome:
        names = _parameters(function, instance, call)
        # What a call does depends on the suspicious names there are, and on what is passed.
        circumstances = (self.version, tuple(names.items()))
        if function.known is not None and function.known[0] == circumstances:
            return function.known[1]
        if self.depth >= _DEEP or self.effort > self.allowance:
            what = "too many calls to follow"
            return Outcome((Hit("dynamic", what, call.line, f"there are {what}"),))
        hits, self.hits = self.hits, []
        cut, self._cut = self._cut, False
        ran, self.runs_any_text = self.runs_any_text, False
        function.active = True
        self.depth += 1
        try:
            value = self.run_body(function, Scope(function.scope, names=names))
            outcome = Outcome(_first_of_each(self.hits), value, self.runs_any_text)
        finally:
            self.runs_any_text = ran
            self.depth -= 1
            function.active = False
            self.hits = hits
        # What a closure does also depends on the names of the call that made it.
        if function.scope is self.module and (not self._cut or self.depth == 0):
            function.known = ((self.version, circumstances[1]), outcome)
        self._cut = cut or (self._cut and self.depth > 0)
        return outcome

    # Functions of libraries that hand values on -------------------------------------------

    @abstractmethod
    def attribute(self, value: Value, name: str, line: int) -> Value:
        """The value of an attribute."""

    def _getattr(self, call: Call) -> Value:
        base = call.positional[0] if call.positional else None
        name = text_of(call.arguments.get(1, "name"))
        if name is not None:
            return self.attribute(base, name, call.line)
        root = base.partition(".")[0] if isinstance(base, str) else ""
        if isinstance(base, str) and self._holds_listed(base) and root not in self._common:
            self.unclear(f"an attribute of {shown(base)} is taken by a computed name", call.line)
        return None

    @property
    def _common(self) -> frozenset[str]:
        # Of these, attributes by computed names are everyday: `getattr(np, name)(x)`.
        return BUSY - {"os"} if self.table.strict else BUSY

    def _holds_listed(self, path: str) -> bool:
        """Whether something listed in this mode is a direct attribute of `path`."""
        start = path + "."
        return path in self.table.modules or any(
            use.startswith(start) and "." not in use[len(start) :] for use in self.table.uses
        )

    def _partial(self, call: Call) -> Value:
        first = call.positional[0] if call.positional else None
        if first is None:
            self.hand_over(call)
            return None
        rest = call.after(1)
        return Partial(first, tuple(rest.positional), tuple(rest.keywords))

    @abstractmethod
    def run_text(self, text: str, call: Call) -> None:
        """Follow a text that is run as code."""

    def _run(self, call: Call) -> Value:
        first = call.positional[0] if call.positional else None
        for one in first.values if isinstance(first, Several) else (first,):
            if isinstance(one, Text):
                self.run_text(one.text, call)
            self.runs_any_text = self.runs_any_text or one is None
        return None

    def _import_module(self, call: Call) -> Value:
        name = text_of(call.arguments.get(0, "name"))
        return self.imported(name) if name is not None else None


def _first_of_each(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """The first hit of each use, of not too many."""
    uses: dict[str, Hit] = {}
    for hit in hits:
        if len(uses) == _MOST_USES:
            break
        uses.setdefault(hit.use, hit)
    return tuple(uses.values())


def shown(name: str) -> str:
    """A name from the program or a table, as a reason shows it."""
    name = name.removeprefix("builtins.").replace(SOMETHING, "")
    name = name.replace("?", "").replace("()", "")
    return name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"


def _joined(partial: Partial, call: Call) -> Call:
    arguments = Arguments(
        (*partial.arguments, *call.arguments.positional),
        (*partial.keywords, *call.arguments.keywords),
        call.arguments.values,
    )
    unknown = [None] * len(partial.arguments)
    return Call(call.line, arguments, [*unknown, *call.positional], call.keywords)


def _parameters(function: Function, instance: Instance | None, call: Call) -> dict[str, Value]:
    """The names that a call binds."""
    given = function.node.args
    positional = [*given.posonlyargs, *given.args]
    names: dict[str, Value] = dict.fromkeys(a.arg for a in (*positional, *given.kwonlyargs))
    names.update(function.defaults)
    values = list(call.positional) if instance is None else [instance, *call.positional]
    for parameter, value in zip(positional, values, strict=False):
        if value is not None or parameter.arg not in function.defaults:
            names[parameter.arg] = value
    rest = either(values[len(positional) :])
    others = []
    for name, value in call.keywords:
        if name in names:
            names[name] = value
        else:
            others.append(value)
    if given.vararg is not None:
        names[given.vararg.arg] = rest
    if given.kwarg is not None:
        names[given.kwarg.arg] = either(others)
    return names


_DEEP: Final = 24  # far from the interpreter's own limit, with its dozen frames a call
_SHOWN: Final = 60
_MOST_USES: Final = 16
_OWN_MOMENT: Final = frozenset(
    name_items("""
        __init__ __new__ __post_init__ __del__ __enter__ __exit__ __aenter__ __aexit__
        __init_subclass__ __class__ __module__ __qualname__ __doc__ __slots__ __dict__
        __annotations__
    """)
)
"""Methods that no code that is handed an instance calls by itself."""

_SPECIAL: Final[dict[str, Callable[[Calls, Call], Value]]] = {
    "builtins.getattr": Calls._getattr,
    **dict.fromkeys(RUN_TEXT, Calls._run),
    "functools.partial": Calls._partial,
    "functools.partialmethod": Calls._partial,
    "importlib.import_module": Calls._import_module,
    "builtins.__import__": Calls._import_module,
}
