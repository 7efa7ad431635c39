"""Follow a program's statements: what its names are, and which listed uses happen when it runs.

A light abstract interpretation. A definition only binds its name; the body is followed where
it is called, with the names of that moment. Both ways of a branch are taken, loops once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from textwrap import dedent
from typing import Any, Final, TypeAlias

from eager_kernel.core.gating.calls import Call
from eager_kernel.core.gating.definitions import HARMLESS_DECORATORS, last_word
from eager_kernel.core.gating.expressions import Expressions, Values, default_values, items_of
from eager_kernel.core.gating.values import (
    Class,
    Function,
    Hit,
    Instance,
    Method,
    Scope,
    Several,
    Value,
    either,
    members_of,
)
from eager_kernel.core.rules import Table
from eager_kernel.core.text.quiet_parsing import parse_quietly


class Follower(Expressions):
    """Follows one program, statement by statement.

    Parameters
    ----------
    table
        What is looked for.
    finalizers
        What is looked for in ``__del__``, which may run where nothing can be held.
    """

    def __init__(self, table: Table, finalizers: Table) -> None:
        super().__init__(table)
        self.finalizers = finalizers
        self.hits: list[Hit] = []
        self.effort = 0
        self.allowance = _ALLOWANCE
        self.offset = 0
        self.defined: list[str] = []
        """Functions and classes that the statements at hand define."""
        self._returned: list[Value] = []

    def follow(self, tree: ast.Module, offset: int) -> list[Hit]:
        """Follow statements of the program.

        Parameters
        ----------
        tree
            The statements, in the order of the program.
        offset
            What is added to its line numbers.

        Returns
        -------
        list[Hit]
            The listed uses that happen, the first that is met first.
        """
        self.hits = []
        self.defined = []
        self.offset = offset
        for statement in tree.body:
            self.statement(statement, self.module, weak=False)
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                self._find_lasting(statement)
        return self.hits

    def _find_lasting(self, node: ast.Assign | ast.AnnAssign) -> None:
        """Find out whether a name is bound to what later statements go on with."""
        if isinstance(node.value, ast.Call) and last_word(node.value) in _USES_UP:
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            value = self.module.names.get(target.id) if isinstance(target, ast.Name) else None
            for one in value.values if isinstance(value, Several) else (value,):
                listed = self.table.lasting.get(one) if isinstance(one, str) else None
                if listed is not None and isinstance(one, str):
                    self.hit(listed, one, node.lineno + self.offset)

    def is_harmless(self, value: Value) -> bool:
        """Whether a function or class, as far as names mean now, comes to nothing listed.

        One that reads a file, say, need not be looked at wherever it is used. One that runs text
        as code comes to what the text does: see `runs_any_text`.
        """
        self.runs_any_text = False
        match value:
            case None:
                return True
            case Function():
                return self._tried(value, None)
            case Class():
                # Of one that has a method of a listed name, it has to be known that it is its own.
                if not self.table.methods.keys().isdisjoint(value.members):
                    return False
                return not value.bases and all(
                    member is None
                    or (isinstance(member, Function) and self._tried(member, value.instance))
                    for member in list(value.members.values())
                )
        return False

    def _tried(self, function: Function, instance: Instance | None) -> bool:
        hits, self.hits = self.hits, []
        value = self.call(Method(function, instance) if instance else function, Call(0))
        clean = not self.hits and value is None
        self.hits = hits
        return clean

    def define(self, tree: ast.Module, offset: int, skip: Callable[[str], bool]) -> None:
        """Take in the definitions among statements that have been followed already.

        Parameters
        ----------
        tree, offset
            As in `follow`.
        skip
            Whether a name has another value by now.
        """
        self.offset = offset
        for statement in tree.body:
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    name = statement.name
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
                    pass
                case _:
                    continue
            if not skip(name):
                self.statement(statement, self.module, weak=False)
        self.hits = []

    # Statements -------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], scope: Scope, *, weak: bool = False) -> None:
        """Follow statements in their order; `weak`: they may not run."""
        for statement in statements:
            self.statement(statement, scope, weak)

    def statement(self, statement: ast.stmt, scope: Scope, weak: bool) -> None:
        """Follow a statement."""
        self.effort += 1
        follow = _STATEMENTS.get(type(statement))
        if follow is not None:
            follow(self, statement, scope, weak)
            return
        # The others only have expressions: `assert`, `raise`, `del`, ...
        for expression in ast.iter_child_nodes(statement):
            if isinstance(expression, ast.expr):
                self.value_of(expression, scope)

    def _expression(self, node: ast.Expr, scope: Scope, weak: bool) -> None:
        if node.value.__class__ is not ast.Constant:  # which is a docstring, mostly
            self.value_of(node.value, scope)

    def _assign(self, node: ast.Assign, scope: Scope, weak: bool) -> None:
        value = self.value_of(node.value, scope)
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                self._assign_each(target, node.value, value, scope, weak)
            else:
                self.bind_target(target, value, scope, weak=weak)

    def _assign_each(
        self, target: ast.Tuple, given: ast.Tuple, value: Value, scope: Scope, weak: bool
    ) -> None:
        if value is None or len(target.elts) != len(given.elts):
            self.bind_target(target, value, scope, weak=weak)
            return
        values = [self._quietly(item, scope) for item in given.elts]
        for item, one in zip(target.elts, values, strict=True):
            self.bind_target(item, one, scope, weak=weak)

    def _quietly(self, expression: ast.expr, scope: Scope) -> Value:
        hits, self.hits = self.hits, []
        value = self.value_of(expression, scope)
        self.hits = hits
        return value

    def _annotated(self, node: ast.AnnAssign, scope: Scope, weak: bool) -> None:
        self.value_of(node.annotation, scope)
        if node.value is not None:
            value = self.value_of(node.value, scope)
            self.bind_target(node.target, value, scope, weak=weak)

    def _augmented(self, node: ast.AugAssign, scope: Scope, weak: bool) -> None:
        value = self.value_of(node.value, scope)
        if isinstance(node.target, ast.Name):
            before = self.look_up(node.target.id, scope)
            listed = self.table.stores.get(before) if isinstance(before, str) else None
            if listed is not None and isinstance(before, str):
                self.hit(listed, before, node.lineno + self.offset)
            self.bind(node.target.id, either((before, value)), scope, weak=weak)
        else:
            self.bind_target(node.target, value, scope, weak=weak)
            into = self._quietly(node.target, scope)
            listed = self.table.stores.get(into) if isinstance(into, str) else None
            if listed is not None and isinstance(into, str):
                self.hit(listed, into, node.lineno + self.offset)

    def _delete(self, node: ast.Delete, scope: Scope, weak: bool) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                # Whatever it was, a use of it is an error or a builtin again.
                scope.elsewhere.get(target.id, scope).names.pop(target.id, None)
                self.version += 1
            else:
                self.bind_target(target, None, scope)

    def _return(self, node: ast.Return, scope: Scope, weak: bool) -> None:
        if node.value is not None:
            self._returned.append(self.value_of(node.value, scope))

    def _import(self, node: ast.Import, scope: Scope, weak: bool) -> None:
        for alias in node.names:
            if alias.asname is not None:
                self.bind(alias.asname, self.imported(alias.name), scope, weak=weak)
            else:
                root = alias.name.partition(".")[0]
                self.bind(root, self.imported(root), scope, weak=weak)

    def _import_from(self, node: ast.ImportFrom, scope: Scope, weak: bool) -> None:
        module = self.imported(node.module) if node.module and not node.level else None
        for alias in node.names:
            if alias.name == "*":
                if module is not None:
                    self._import_star(module, scope, node.lineno + self.offset, weak)
                continue
            value = self.extend(module, alias.name) if module is not None else None
            self.bind(alias.asname or alias.name, value, scope, weak=weak)

    def _import_star(self, module: str, scope: Scope, line: int, weak: bool) -> None:
        start = module + "."
        names = {use[len(start) :] for use in self.table.uses if use.startswith(start)}
        for name in sorted(name for name in names if "." not in name):
            self.bind(name, self.extend(module, name), scope, weak=weak)
        if self.table.find(module) is not None and module in self.table.modules:
            self.hit(self.table.modules[module], f"everything of {module}", line)
        elif self.table.strict and self._holds_listed(module) and module not in self._common:
            self.unclear(f"everything of {module} is imported, whatever it is", line)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, weak: bool
    ) -> None:
        line = node.lineno + self.offset
        values: Values = {}
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                values[default] = self.value_of(default, scope)
        self._annotations(node, scope)
        value: Value = Function(
            node.name,
            line,
            node,
            scope.for_functions,
            self.offset,
            default_values(node.args, values),
            is_property=any(
                last_word(decorator) in ("property", "cached_property")
                for decorator in node.decorator_list
            ),
        )
        self._define(node.name, self._decorated(node, value, scope), scope, weak)

    def _define(self, name: str, value: Value, scope: Scope, weak: bool) -> None:
        self.bind(name, value, scope, weak=weak)
        if scope is self.module:
            self.defined.append(name)

    def _annotations(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        arguments = node.args
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ):
            if argument is not None and argument.annotation is not None:
                self.value_of(argument.annotation, scope)
        if node.returns is not None:
            self.value_of(node.returns, scope)

    def _decorated(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        value: Value,
        scope: Scope,
    ) -> Value:
        decorators = [(d, self.value_of(d, scope)) for d in node.decorator_list]
        for decorator, known in reversed(decorators):
            if known is None and last_word(decorator) in HARMLESS_DECORATORS:
                continue
            # A decorator that isn't followed may call the function, and may return it.
            line = decorator.lineno + self.offset
            given = self.call(known, Call(line, positional=[value]))
            value = value if given is None else given
        return value

    def _class(self, node: ast.ClassDef, scope: Scope, weak: bool) -> None:
        bases = [self.value_of(base, scope) for base in node.bases]
        for keyword in node.keywords:
            self.value_of(keyword.value, scope)
        body = Scope(scope, is_class=True)
        self.block(node.body, body)
        line = node.lineno + self.offset
        cls = Class(node.name, line, tuple(b for b in bases if b is not None), body.names)
        for base in cls.bases:
            if isinstance(base, Class):
                hook = members_of(base).get("__init_subclass__")
                if hook is not None:
                    self.call(hook, Call(line))
        self._finalizer(cls, line)
        suspicious = any(value is not None for value in cls.members.values()) or cls.bases
        value: Value = cls if suspicious else None
        self._define(node.name, self._decorated(node, value, scope), scope, weak)

    def _finalizer(self, cls: Class, line: int) -> None:
        finalizer = cls.members.get("__del__")
        if not isinstance(finalizer, Function):
            return
        hits, self.hits = self.hits, []
        table, self.table = self.table, self.finalizers
        try:
            self.call(finalizer, Call(line, positional=[cls.instance]))
        finally:
            found, self.hits, self.table = self.hits, hits, table
        finalizer.known = None  # it was judged by another table
        if found:
            why = f"{cls.name}.__del__ may run anywhere, and {found[0].use}"
            self.hits.append(Hit(found[0].category, why, line, why))

    # Compound statements ------------------------------------------------------------------

    def _if(self, node: ast.If, scope: Scope, weak: bool) -> None:
        while True:  # a chain of `elif` is nested as deep as it is long
            self.value_of(node.test, scope)
            self.block(node.body, scope, weak=True)
            match node.orelse:
                case [ast.If() as following]:
                    node = following
                case orelse:
                    self.block(orelse, scope, weak=True)
                    return

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope, weak: bool) -> None:
        value = self.value_of(node.iter, scope)
        if isinstance(value, Instance):
            value = self.call_member(value, "__iter__", Call(node.lineno + self.offset))
        self.bind_target(node.target, items_of(value), scope)
        self.block(node.body, scope, weak=True)
        self.block(node.orelse, scope, weak=True)

    def _while(self, node: ast.While, scope: Scope, weak: bool) -> None:
        self.value_of(node.test, scope)
        self.block(node.body, scope, weak=True)
        self.block(node.orelse, scope, weak=True)

    def _try(self, node: Any, scope: Scope, weak: bool) -> None:
        self.block(node.body, scope, weak=weak)
        for handler in node.handlers:
            if handler.type is not None:
                self.value_of(handler.type, scope)
            if handler.name is not None:
                self.bind(handler.name, None, scope, weak=True)
            self.block(handler.body, scope, weak=True)
        self.block(node.orelse, scope, weak=True)
        self.block(node.finalbody, scope, weak=weak)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope, weak: bool) -> None:
        leave = []
        for item in node.items:
            value = self.value_of(item.context_expr, scope)
            for one in value.values if isinstance(value, Several) else (value,):
                if isinstance(one, Instance):
                    call = Call(item.context_expr.lineno + self.offset)
                    for name in ("__enter__", "__aenter__"):
                        self.call_member(one, name, call)
                    leave.append((one, call))
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, value, scope)
        self.block(node.body, scope, weak=weak)
        for instance, call in leave:
            for name in ("__exit__", "__aexit__"):
                self.call_member(instance, name, call)

    def _match(self, node: ast.Match, scope: Scope, weak: bool) -> None:
        subject = self.value_of(node.subject, scope)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                match part:
                    case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                        self.bind(name, either((subject, items_of(subject))), scope, weak=True)
                    case ast.MatchMapping(rest=str(name)):
                        self.bind(name, None, scope, weak=True)
                    case ast.expr():
                        self.value_of(part, scope)
            if case.guard is not None:
                self.value_of(case.guard, scope)
            self.block(case.body, scope, weak=True)

    def _global(self, node: ast.Global, scope: Scope, weak: bool) -> None:
        scope.elsewhere.update(dict.fromkeys(node.names, self.module))

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope, weak: bool) -> None:
        for name in node.names:
            at = scope.parent
            while at is not None and name not in at.names:
                at = at.parent
            if at is not None:
                scope.elsewhere[name] = at

    # Calls ------------------------------------------------------------------------------------

    def run_body(self, function: Function, scope: Scope) -> Value:
        """Follow a function's body; return what it returns."""
        offset, self.offset = self.offset, function.offset
        returned, self._returned = self._returned, []
        try:
            if isinstance(function.node, ast.Lambda):
                return self.value_of(function.node.body, scope)
            self.block(function.node.body, scope)
            return either(self._returned)
        finally:
            self.offset = offset
            self._returned = returned

    def run_text(self, text: str, call: Call) -> None:
        """Follow a text that is run as code."""
        if self.depth >= _DEEP_TEXT or self.effort > self.allowance:
            self.unclear("too much text is run as code", call.line)
            return
        try:
            tree = parse_quietly(dedent(text))  # as by `textwrap.dedent`, through which it may go
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return  # nothing of it runs
        hits, self.hits = self.hits, []
        offset, self.offset = self.offset, 0
        self.depth += 1
        try:
            self.block(tree.body, self.module, weak=True)
            found = self.hits
        finally:
            self.depth -= 1
            self.hits, self.offset = hits, offset
        if found:
            use = found[0].use
            self.hits.append(Hit(found[0].category, f"runs text in which {use}", call.line, use))


# What has gone through all of something when it returns.
_USES_UP: Final = ("dict", "frozenset", "list", "set", "sorted", "tuple")

_ALLOWANCE: Final = 20_000
_DEEP_TEXT: Final = 6

_Follow: TypeAlias = Callable[[Follower, Any, Scope, bool], None]
_STATEMENTS: Final[dict[type, _Follow]] = {
    ast.AnnAssign: Follower._annotated,
    ast.Assign: Follower._assign,
    ast.AsyncFor: Follower._for,
    ast.AsyncFunctionDef: Follower._function,
    ast.AsyncWith: Follower._with,
    ast.AugAssign: Follower._augmented,
    ast.ClassDef: Follower._class,
    ast.Delete: Follower._delete,
    ast.Expr: Follower._expression,
    ast.For: Follower._for,
    ast.FunctionDef: Follower._function,
    ast.Global: Follower._global,
    ast.If: Follower._if,
    ast.Import: Follower._import,
    ast.ImportFrom: Follower._import_from,
    ast.Match: Follower._match,
    ast.Nonlocal: Follower._nonlocal,
    ast.Return: Follower._return,
    ast.Try: Follower._try,
    ast.TryStar: Follower._try,
    ast.While: Follower._while,
    ast.With: Follower._with,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12: its value is evaluated when it is asked for
    _STATEMENTS[ast.TypeAlias] = lambda *_: None
