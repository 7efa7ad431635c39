"""What an expression uses and gives, without recursion into its depth."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from textwrap import dedent
from typing import Any, Final

from eager_kernel.core.gating.argument_checks import is_url, reaches_for_files
from eager_kernel.core.gating.calls import Call, Calls
from eager_kernel.core.gating.names import SOMETHING
from eager_kernel.core.gating.tables import DEFINING
from eager_kernel.core.gating.tables_timing import CLOCK_METHODS
from eager_kernel.core.gating.values import (
    Class,
    Function,
    Instance,
    Method,
    Partial,
    Scope,
    Several,
    Text,
    Value,
    either,
    members_of,
)
from eager_kernel.core.gating.word_search import words_of
from eager_kernel.core.rules import MEMORY, SQL, URL, Arguments
from eager_kernel.core.text.quiet_parsing import parse_quietly

Values = dict[ast.AST, Value]


class Expressions(Calls):
    """Follows expressions."""

    offset: int
    """What is added to the line numbers of the nodes at hand."""

    def value_of(self, expression: ast.expr, scope: Scope) -> Value:
        """Follow an expression; return its value."""
        kind = type(expression)
        if isinstance(expression, ast.Constant):
            return self._constant(expression, {}, scope)
        if isinstance(expression, ast.Name):
            return self.look_up(expression.id, scope)
        # Parents come before their children in `order`, so backwards it is the other way round.
        order = []
        stack: list[Any] = [expression]
        pop = stack.pop
        while stack:
            node = pop()
            kind = type(node)
            if kind is ast.Name:
                order.append(node)
                continue
            if kind is ast.Attribute:
                order.append(node)
                stack.append(node.value)
                continue
            if kind is ast.Call:
                order.append(node)
                stack.append(node.func)
                stack += node.args
                for keyword in node.keywords:
                    stack.append(keyword.value)
                continue
            if kind is ast.Constant:
                if node.value.__class__ is str and len(node.value) >= _SHORTEST:
                    order.append(node)
                continue
            if kind in _EVALUATE:
                order.append(node)
            for field in _CHILDREN.get(kind, ()):
                child = getattr(node, field)
                if child.__class__ is list:
                    stack += child
                else:
                    stack.append(child)
        self.effort += len(order)
        values: Values = {}
        for node in reversed(order):
            value = _EVALUATE[type(node)](self, node, values, scope)
            if value is not None:
                values[node] = value
        return values.get(expression)

    def attribute(self, value: Value, name: str, line: int) -> Value:
        """The value of an attribute."""
        match value:
            case str():
                if value == SQL:
                    return SQL  # of what a text's methods give
                if value in (MEMORY, URL) or f"{value}.{name}" in self.table.reads:
                    return None
                if name == "__dict__":
                    return value
                path = self.extend(value, name)
                if path is not None:
                    return path
            case Several():
                return either([self.attribute(one, name, line) for one in value.values])
            case Instance() | Class():
                if name in self.table.everywhere:
                    return "?." + name
                cls = value.of if isinstance(value, Instance) else value
                if isinstance(value, Class) and name == "__dict__":
                    return value
                members = members_of(cls)
                if name in members:
                    return self._member(members[name], value, line)
                for base in cls.bases:
                    path = self.extend(base + "()", name) if isinstance(base, str) else None
                    if path is not None:
                        return path
            case Function() | Method() | Partial():
                # `f.delay`, `f.map`, `f.__call__`: a wrapper's way to call it.
                inert = name.startswith("__") and name not in ("__call__", "__wrapped__")
                return None if inert else value
            case Text():
                return value
            case None:
                pass
        methods = self.methods.get(name)
        # What is not known to be a date may well be of the program's own class with a clock.
        if name in self.table.methods and not (methods and name in CLOCK_METHODS):
            return "?." + name
        return either(methods) if methods else None

    def _member(self, member: Value, owner: Instance | Class, line: int) -> Value:
        if isinstance(member, Function) and isinstance(owner, Instance):
            if member.is_property:
                return self.call(Method(member, owner), Call(line))
            return Method(member, owner)
        return member

    # Nodes ----------------------------------------------------------------------------------

    def _name(self, node: ast.Name, _: Values, scope: Scope) -> Value:
        return self.look_up(node.id, scope)

    def _attribute(self, node: ast.Attribute, values: Values, _: Scope) -> Value:
        if not values and node.attr not in self.table.methods and node.attr not in self.methods:
            return None
        return self.attribute(values.get(node.value), node.attr, node.lineno + self.offset)

    def _call(self, node: ast.Call, values: Values, _: Scope) -> Value:
        function = values.get(node.func)
        if function is None and not values:
            return None
        positional = [values.get(argument) for argument in node.args]
        keywords = [(keyword.arg, values.get(keyword.value)) for keyword in node.keywords]
        if function is None and not any(positional) and not any(v for _, v in keywords):
            return None
        arguments = Arguments(node.args, node.keywords, values)
        return self.call(function, Call(node.lineno + self.offset, arguments, positional, keywords))

    def _subscript(self, node: ast.Subscript, values: Values, _: Scope) -> Value:
        value = values.get(node.value)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if value == "sys.modules":
            if isinstance(key, str):
                return self.imported(key)
            if self.table.strict:
                self.unclear("a module is taken by a computed name", node.lineno + self.offset)
            return None
        if value == "builtins.globals()":
            return self.look_up(key, self.module) if isinstance(key, str) else None
        if isinstance(value, str) and self.table.is_native(value):
            return self.result(value)  # an item of something that is the library's
        if isinstance(value, (str, Class)):
            return self.attribute(value, key, node.lineno) if isinstance(key, str) else None
        # An item of a container may be any of those in it.
        return value if isinstance(value, Several) else None

    def _several(self, node: ast.AST, values: Values, _: Scope) -> Value:
        """A container, or one of several values: whatever is suspicious in it."""
        if not values:
            return None
        children: list[Any] = []
        for field in _CHILDREN[type(node)]:
            child = getattr(node, field)
            children += child if isinstance(child, list) else [child]
        found = either(values.get(child) for child in children)
        if isinstance(node, (ast.IfExp, ast.BoolOp)) or found is None:
            return found
        return found if isinstance(found, Several) else Several((found,))

    def _conditional(self, node: ast.IfExp, values: Values, _: Scope) -> Value:
        return either((values.get(node.body), values.get(node.orelse)))

    def _inner(self, node: Any, values: Values, _: Scope) -> Value:
        return values.get(node.value)

    def _operation(self, node: ast.BinOp, values: Values, _: Scope) -> Value:
        # The operators that give something to follow: parts of paths and of URLs.
        left, right = values.get(node.left), values.get(node.right)
        if isinstance(node.op, ast.Div) and "pathlib.Path()" in (left, right):
            return "pathlib.Path()"
        if isinstance(node.op, (ast.Add, ast.Mod)):
            if isinstance(left, Text) and isinstance(right, Text):
                self.met_code = True
                return Text(left.text + right.text)
            for one in (left, right):
                if one in (SQL, URL) or isinstance(one, Text):
                    return one
        return None

    def _constant(self, node: ast.Constant, _: Values, __: Scope) -> Value:
        return self._text(node.value, node) if isinstance(node.value, str) else None

    def _formatted(self, node: ast.JoinedStr, values: Values, _: Scope) -> Value:
        # What stands in the braces is unknown, but for its being there.
        parts = [p.value if isinstance(p, ast.Constant) else "?" for p in node.values]
        return self._text("".join(map(str, parts)), node)

    def _text(self, text: str, node: ast.expr) -> Value:
        """What is known of a text: that it is a URL, SQL, or code with something listed in it."""
        if is_url(node):
            return URL
        if reaches_for_files(text):
            return SQL
        if len(text) < _SHORTEST or not _CODE.search(text):
            return None
        found = self.watched.intersection(words_of(text))
        if not found:
            return None
        self.met_code = self.met_code or not found <= DEFINING or _is_code(text)
        return Text(text)

    def _walrus(self, node: ast.NamedExpr, values: Values, scope: Scope) -> Value:
        value = values.get(node.value)
        self.bind(node.target.id, value, scope)
        return value

    def _lambda(self, node: ast.Lambda, values: Values, scope: Scope) -> Value:
        line = node.lineno + self.offset
        defaults = default_values(node.args, values)
        return Function("a lambda", line, node, scope.for_functions, self.offset, defaults)

    def _comprehension(self, node: Any, _: Values, scope: Scope) -> Value:
        # Its own scope; a generator is taken to run where it is made.
        inner = Scope(scope)
        for generator in node.generators:
            value = self.value_of(generator.iter, inner)
            self.bind_target(generator.target, items_of(value), inner)
            for condition in generator.ifs:
                self.value_of(condition, inner)
        if isinstance(node, ast.DictComp):
            parts = [part for part in (node.key, node.value) if part is not None]
        else:
            parts = [node.elt]
        found = either([self.value_of(part, inner) for part in parts])
        return Several((found,)) if found is not None else None

    def bind_target(
        self, target: ast.expr, value: Value, scope: Scope, *, weak: bool = False
    ) -> None:
        """Assign to a target of any shape."""
        stack = [(target, value)]
        while stack:
            target, value = stack.pop()
            match target:
                case ast.Name():
                    self.bind(target.id, value, scope, weak=weak)
                case ast.Starred():
                    stack.append((target.value, value))
                case ast.Tuple() | ast.List():
                    stack += [(item, items_of(value)) for item in reversed(target.elts)]
                case ast.Attribute():
                    self._store(target.value, target.attr, value, scope)
                case ast.Subscript():
                    self.value_of(target.slice, scope)
                    self._store(target.value, None, value, scope)

    def _store(self, owner: ast.expr, name: str | None, value: Value, scope: Scope) -> None:
        line = owner.lineno + self.offset
        into = self.value_of(owner, scope)
        listed = self.table.stores.get(into) if isinstance(into, str) else None
        if listed is not None and isinstance(into, str):
            self.hit(listed, into, line)
        if value is None:
            return
        if isinstance(into, Instance) and name is not None:
            into.of.members[name] = either((into.of.members.get(name), value))
            self.version += 1
        elif isinstance(value, (Function, Method, Partial, str)):
            # Whoever has the object may call it.
            self.may_be_called(value, Call(line))


def _is_code(text: str) -> bool:
    try:
        parse_quietly(dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def default_values(arguments: ast.arguments, values: Values) -> dict[str, Value]:
    """The suspicious defaults of a function's parameters, by name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs: list[tuple[ast.arg, ast.expr | None]] = [
        *zip(given, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    found = {a.arg: values.get(default) for a, default in pairs if default is not None}
    return {name: value for name, value in found.items() if value is not None}


def items_of(value: Value) -> Value:
    """What one gets by iterating: only containers of suspicious things matter."""
    if isinstance(value, str):
        return value if value.endswith(SOMETHING) else None
    return either(value.values) if isinstance(value, Several) else None


# What may be code that does something, so that it is worth being remembered.
_SHORTEST: Final = 6
_CODE: Final = re.compile(r"[(=]|\bimport\b")

_CHILDREN: Final[dict[type, tuple[str, ...]]] = {
    # By field, in the order of evaluation. Comprehensions and bodies of lambdas have scopes of
    # their own, so they are no children here.
    ast.Await: ("value",),
    ast.BinOp: ("left", "right"),
    ast.BoolOp: ("values",),
    ast.Compare: ("left", "comparators"),
    ast.Dict: ("keys", "values"),
    ast.FormattedValue: ("value", "format_spec"),
    ast.IfExp: ("test", "body", "orelse"),
    ast.JoinedStr: ("values",),
    ast.Lambda: ("args",),
    ast.arguments: ("defaults", "kw_defaults"),
    ast.List: ("elts",),
    ast.NamedExpr: ("value",),
    ast.Set: ("elts",),
    ast.Slice: ("lower", "upper", "step"),
    ast.Starred: ("value",),
    ast.Subscript: ("value", "slice"),
    ast.Tuple: ("elts",),
    ast.UnaryOp: ("operand",),
    ast.Yield: ("value",),
    ast.YieldFrom: ("value",),
}
for _name in ("TemplateStr", "Interpolation"):  # Python 3.14
    if hasattr(ast, _name):
        _CHILDREN[getattr(ast, _name)] = ("values",) if _name == "TemplateStr" else ("value",)

_EVALUATE: Final[dict[type, Callable[[Expressions, Any, Values, Scope], Value]]] = {
    ast.Attribute: Expressions._attribute,
    ast.Await: Expressions._inner,
    ast.BinOp: Expressions._operation,
    ast.BoolOp: Expressions._several,
    ast.Call: Expressions._call,
    ast.Constant: Expressions._constant,
    ast.Dict: Expressions._several,
    ast.DictComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.IfExp: Expressions._conditional,
    ast.JoinedStr: Expressions._formatted,
    ast.Lambda: Expressions._lambda,
    ast.List: Expressions._several,
    ast.ListComp: Expressions._comprehension,
    ast.Name: Expressions._name,
    ast.NamedExpr: Expressions._walrus,
    ast.Set: Expressions._several,
    ast.SetComp: Expressions._comprehension,
    ast.Starred: Expressions._inner,
    ast.Subscript: Expressions._subscript,
    ast.Tuple: Expressions._several,
}
