"""Definitions that do nothing yet: they may wait for the next statement.

The text tells it for most definitions; the others are parsed. A definition that is wrongly
taken for idle only runs a little later, together with the next statement.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

from eager_kernel.core.gating.argument_checks import name_items


def is_idle_definition(source: str, parse: Callable[[], ast.Module | None]) -> bool:
    """Whether `source` is only definitions of functions and classes that run no code yet.

    Parameters
    ----------
    source
        Text of whole statements.
    parse
        Gives the parsed text, or None if it does not parse.
    """
    start = _BEGINS.match(source)
    if start is None:
        return False
    at = start.start("what")
    if start["what"].startswith("class"):
        if _class_is_plain(source, at):
            return True
    elif start["what"] != "@":
        header = _HEADER.match(source, at)
        if header is not None and _GOES_ON.search(source, header.end()) is None:
            return True
    tree = parse()
    return tree is not None and bool(tree.body) and all(map(_is_idle, tree.body))


def defined_name(source: str) -> str | None:
    """The name that a text of one definition without decorators binds, if it shows."""
    start = _BEGINS.match(source)
    name = start and _NAME.match(source, start.end())
    return name[0] if name else None


def sole_definition(source: str) -> str | None:
    """The same, where nothing else can be in the text."""
    name = defined_name(source)
    start = _BEGINS.match(source)
    alone = name and start and _GOES_ON.search(source, start.end()) is None
    return name if alone else None


def is_definition(source: str, parse: Callable[[], ast.Module | None]) -> bool:
    """Whether `source` is only definitions, whatever they run."""
    if _BEGINS.match(source) is None:
        return False
    tree = parse()
    return tree is not None and all(isinstance(s, _DEFINITIONS) for s in tree.body)


def last_word(decorator: ast.expr) -> str:
    """The last name of a decorator: ``wraps`` of ``@functools.wraps(f)``."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    if isinstance(decorator, ast.Attribute):
        return decorator.attr
    return decorator.id if isinstance(decorator, ast.Name) else ""


def _class_is_plain(source: str, at: int) -> bool:
    """Whether the lines of a class show that its body runs nothing; False: parse it."""
    head = _CLASS_HEAD.match(source, at)
    if head is None:
        return False
    # Only lines with the body's own indentation matter: deeper ones belong to methods. Less
    # indented ones are the next statement, or the inside of a string.
    other = re.compile(
        rf"\n(?:{head['indent']}(?![ \t#\r\n]|{_HEADER.pattern}|{_PLAIN_ITEM})|[^\s#)\]}}])", re.M
    )
    body = _DOCSTRING.match(source, head.end())
    return other.search(source, body.end() if body else head.start("indent") - 1) is None


def _is_idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            arguments = statement.args
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            others = (arguments.vararg, arguments.kwarg)
            return (
                all(map(_is_harmless_decorator, statement.decorator_list))
                and all(map(_is_simple, arguments.defaults))
                and all(d is None or _is_simple(d) for d in arguments.kw_defaults)
                and all(
                    a is None or a.annotation is None or _is_simple(a.annotation)
                    for a in (*every, *others)
                )
                and (statement.returns is None or _is_simple(statement.returns))
            )
        case ast.ClassDef():
            return (
                all(map(_is_harmless_decorator, statement.decorator_list))
                and all(map(_is_simple, statement.bases))
                and all(_is_simple(keyword.value) for keyword in statement.keywords)
                and all(map(_is_idle_in_class, statement.body))
            )
    return False


def _is_idle_in_class(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=targets, value=value):
            return all(isinstance(t, ast.Name) for t in targets) and _is_simple(value)
        case ast.AnnAssign(target=ast.Name(), annotation=annotation, value=value):
            return _is_simple(annotation) and (value is None or _is_simple(value))
    return _is_idle(statement)


def _is_harmless_decorator(decorator: ast.expr) -> bool:
    if last_word(decorator) not in HARMLESS_DECORATORS:
        return False
    if isinstance(decorator, ast.Call):
        given = (*decorator.args, *(keyword.value for keyword in decorator.keywords))
        return all(map(_is_simple, given))
    return True


def _is_simple(expression: ast.expr) -> bool:
    """Whether evaluating this is only looking things up, and making small containers."""
    stack: list[ast.AST | None] = [expression]
    while stack:
        node = stack.pop()
        match node:
            case ast.Call(func=ast.Name(id="field" | "TypeVar" | "namedtuple")):
                stack += [*node.args, *(keyword.value for keyword in node.keywords)]
            case None | ast.Constant() | ast.Name() | ast.Lambda():
                pass
            case ast.Attribute() | ast.Starred():
                stack.append(node.value)
            case ast.Subscript():
                stack += [node.value, node.slice]
            case ast.Tuple() | ast.List() | ast.Set():
                stack += node.elts
            case ast.Dict():
                stack += [*node.keys, *node.values]
            case ast.UnaryOp():
                stack.append(node.operand)
            case ast.BinOp():
                # `X | None`, and numbers such as `60 * 60`.
                stack += [node.left, node.right]
            case _:
                return False
    return True


HARMLESS_DECORATORS: Final = frozenset(
    name_items("""
        staticmethod classmethod property setter getter deleter cached_property dataclass wraps
        lru_cache cache total_ordering singledispatch abstractmethod contextmanager
        asynccontextmanager overload final override runtime_checkable no_grad inference_mode njit
        jit
    """)
)
"""Decorators, by their last name, that neither call what they decorate nor do much else."""

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Comments and blank lines may come first. A decorated definition is always parsed.
_BEGINS: Final = re.compile(
    r"(?:[ \t\f]*+(?:\#[^\n\r]*+)?+(?:\r\n?|\n))*+(?P<what>(?:async[ \t]+)?def\b|class\b|@)[ \t]*+",
)
_NAME: Final = re.compile(r"[^\W\d]\w*")
# What begins a line at column 0 and is no comment: a next statement, or the inside of a string.
_GOES_ON: Final = re.compile(r"[\n\r][^\s#)\]}]")
# A header that runs nothing: names, annotations, defaults without calls. A tuple is no call.
_HEADER: Final = re.compile(
    r"(?:async[ \t]+)?def[ \t]+\w+[ \t]*"
    r"\((?![^()]*\b(?:for|if|await|yield)\b)"
    r"(?:[\w\s,*.:=|\[\]\"'{}/-]++|(?:(?<==)|(?<== )|(?<=, ))\([\w\s,.\"'-]*\))*+\)"
    r"[ \t]*(?:->[\w .,|\[\]\"']++)?:"
)
_CLASS_HEAD: Final = re.compile(
    r"class[ \t]+\w+[ \t]*(?:\([\w\s,.=\[\]]*\))?[ \t]*:[ \t]*+(?:\#[^\n\r]*+)?+"
    r"(?:[ \t]*(?:\r\n?|\n))+"
    r"(?P<indent>[ \t]+)(?=\S)"
)
_DOCSTRING: Final = re.compile(r'[rR]?"""(?s:[^"\\]++|\\.|"(?!""))*+"""')
_PLAIN_ITEM: Final = (
    r"@(?:static|class)method[ \t]*$|@property[ \t]*$|@\w+\.setter[ \t]*$|pass\b"
    r"|\w+[ \t]*(?::[ \t]*[\w.\[\], |]++)?"
    r"(?:=[ \t]*(?:[\w.-]++|\"[^\"\n\\]*\"|'[^'\n\\]*'|\[\]|\{\}))?"
    r"[ \t]*(?:\#.*)?$"
)
