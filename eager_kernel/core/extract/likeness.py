"""How much a text looks like Python: what a model's answer begins with, and blocks without a name.

Prose may be Python by chance: `Solution (Python)` is a call, `[Code]` a list, `- [x]` a negation.
So a line is not asked whether it parses, but whether anybody would write it who does not mean
Python.
"""

from __future__ import annotations

import ast
import builtins
import codeop
import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from eager_kernel.core.extract.names import names
from eager_kernel.core.text.parse_lock import undisturbed
from eager_kernel.core.text.quiet_parsing import without_warnings


class Likeness(Enum):
    """What a piece of text may be."""

    PYTHON = "nothing but Python"
    EITHER = "Python, or prose that happens to parse"
    OPEN = "the beginning of a statement that goes on, if it is Python"
    NOTHING = "a blank line or a comment, which may be a heading"
    PROSE = "no Python"


def likeness_of_line(line: str) -> Likeness:
    """Judge the first line of an answer, or the next after one that decides nothing.

    Parameters
    ----------
    line
        A complete line, with or without its ending.
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return Likeness.NOTHING
    if line[0] in "%!?" or _ASSIGNED_MAGIC.match(line):
        return _likeness_of_ipython(line)
    if _HELP.fullmatch(line):
        return Likeness.EITHER  # "df.head?" or "Ready?"
    tree = _parse(line)
    if isinstance(tree, ast.Module):
        return Likeness.PROSE if _STATED.fullmatch(line) else _likeness_of(tree, line)
    if tree is None or _LIST_ITEM.match(line):
        return Likeness.PROSE
    return Likeness.PYTHON if _BEGINS_PYTHON.match(line) else Likeness.OPEN


def likeness_of_statement(source: str) -> Likeness:
    """Judge a whole statement, of however many lines."""
    tree = _parse(source)
    if not isinstance(tree, ast.Module):
        return Likeness.PROSE
    return _likeness_of(tree, source)


def is_program(text: str) -> bool:
    """Whether a block of code that names no language is a Python program.

    It is none if it is what a shell is told, what a program has printed, or data. A program
    with a mistake in it is one, as long as half of its lines can be nothing else.

    Parameters
    ----------
    text
        The whole block, or what has come of it when the answer was cut off.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        return False
    plain, tree = text, _parse(text)
    if not isinstance(tree, ast.Module):  # else a line that begins with "%" is no magic
        plain = _without_ipython(text)
        tree = _parse(plain)
    if not isinstance(tree, ast.Module):
        sure = sum(likeness_of_line(line) is Likeness.PYTHON for line in lines)
        return tree is _INCOMPLETE or 2 * sure >= len(lines)
    if any(
        line[0] == "?" or likeness_of_line(line) is Likeness.PYTHON
        for line in lines
        if line[0] in "%!?"
    ):
        return True
    if _likeness_of(tree, plain) is Likeness.PYTHON:
        return True
    if _SHELL.match(lines[0]):
        return False
    return not all(map(_is_data, tree.body))


def is_bare_program(text: str) -> bool:
    """Whether an answer whose every line may be prose is a program.

    Parameters
    ----------
    text
        The answer, of which no line can be nothing but Python, or nothing but prose.
    """
    tree = _parse(text)
    if not isinstance(tree, ast.Module):
        return is_program(text)
    return bool(text.strip()) and not any(map(_is_word_or_object, tree.body))


def program_in_prose(text: str) -> str:
    """The program in an answer that begins like prose and sets no code apart; empty if none is.

    At least half of its lines look like Python. What stands before the first and after the last of
    these is left out, if it ends like a sentence and the rest parses. If not, the program is the
    whole text: it has a mistake, which Python will name.

    Parameters
    ----------
    text
        An answer in which no block of code was found.
    """
    lines = text.splitlines(keepends=True)
    sure = [_is_surely_code(line) for line in lines]
    # An indented line goes with the one before it, so it says nothing by itself.
    like = [is_sure or line[0] in " \t" for is_sure, line in zip(sure, lines, strict=True)]
    count = sum(bool(line.strip()) for line in lines)
    if not any(sure) or 2 * sum(like) < count:
        return ""
    first, last = sure.index(True), len(lines) - like[::-1].index(True)
    around = (*lines[:first], *lines[last:])
    if not all(_SENTENCE.search(line) for line in around if line.strip()):
        return text
    inner = "".join(lines[first:last])
    return inner if isinstance(_parse(_without_ipython(inner)), ast.Module) else text


def _is_surely_code(line: str) -> bool:
    return bool(line.strip()) and (
        _BEGINS_PYTHON.match(line) is not None or likeness_of_line(line) is Likeness.PYTHON
    )


def _without_ipython(text: str) -> str:
    """`text` with a statement in the place of each line that only IPython knows."""
    return "\n".join(
        "pass" if line.lstrip()[:1] in ("%", "!", "?") else line for line in text.splitlines()
    )


def _parse(source: str) -> ast.Module | object | None:
    """The tree of `source`; `_INCOMPLETE` where it may go on, None where it can't be Python."""
    text = without_warnings(source)
    try:
        tree = undisturbed(lambda: compile(text, "<answer>", "exec", _FLAGS, dont_inherit=True))
    except SyntaxError as error:
        # Where a string in three quotes has no place, Python says something else of it; of an
        # f-string, some versions always do.
        if not error.msg.startswith(("incomplete input", "unterminated triple-quoted f-string")):
            return None
        return _INCOMPLETE if _may_stand(text, error.lineno, error.offset) else None
    except (ValueError, MemoryError, RecursionError, OverflowError):
        return None
    assert isinstance(tree, ast.Module)
    return tree


def _may_stand(text: str, line: int | None, column: int | None) -> bool:
    """Whether a string in three quotes may stand where one goes on, as Python tells.

    Prose may have a word before such quotes, which Python has not, but it reads no further.
    """
    if line is None or column is None:
        return True
    lines = text.splitlines(keepends=True)[:line]
    if not lines or _QUOTES.match(lines[-1], column - 1) is None:
        return True
    before = "".join([*lines[:-1], lines[-1][: column - 1]])
    return _parse(f'{before}""') is not None


def _likeness_of_ipython(line: str) -> Likeness:
    if line.startswith("%"):
        magic = _MAGIC.match(line)
        if magic is None:
            return Likeness.PROSE  # "% of sales"
        return Likeness.PYTHON if magic[1] in _MAGICS else Likeness.EITHER
    if line.startswith("!"):
        if line.startswith("!["):
            return Likeness.PROSE  # an image
        return Likeness.PYTHON if _COMMAND.match(line) else Likeness.EITHER
    return Likeness.EITHER if line.startswith("?") else Likeness.PYTHON


def _likeness_of(tree: ast.Module, source: str) -> Likeness:
    """What statements are that parse."""
    lines = source.encode().splitlines(keepends=True)
    if any(_is_surely_python(node, _source_of(node, lines)) for node in tree.body):
        return Likeness.PYTHON
    return Likeness.EITHER if tree.body else Likeness.NOTHING


def _source_of(node: ast.stmt, lines: list[bytes]) -> str:
    """A statement's own text, of the lines of all."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    text = b"".join(lines[node.lineno - 1 : node.end_lineno])
    rest = len(lines[node.end_lineno - 1]) - node.end_col_offset
    return text[node.col_offset : len(text) - rest].decode()


def _is_surely_python(node: ast.stmt, source: str) -> bool:
    if isinstance(node, ast.AnnAssign):
        # "Answer: yes", and "Note: x = 1"; but "size: int = 1".
        return node.value is not None and not (
            isinstance(node.target, ast.Name)
            and node.target.id[:1].isupper()
            and isinstance(node.annotation, ast.Name)
            and not hasattr(builtins, node.annotation.id)
        )
    if not isinstance(node, ast.Expr):
        # "if needed: yes", "pass on", "global warming"
        return isinstance(node, _STATEMENTS) or not _WORDS.fullmatch(source)
    value = node.value
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)  # a docstring; and if it is prose, it does nothing
    call = value.value if isinstance(value, ast.Await) else value
    return isinstance(call, ast.Call) and _is_surely_call(call, source)


def _is_surely_call(call: ast.Call, source: str) -> bool:
    """Whether a call is no title: not "Solution (Python)", "Example(s)" or "f(x)"."""
    source = source.strip()
    if not _TIGHT_CALL.match(source):
        return False
    function = call.func
    if isinstance(function, ast.Name) and function.id in _FUNCTIONS:
        return True
    if isinstance(function, ast.Attribute) and source[0].islower():
        return True
    return bool(call.keywords) or any(
        isinstance(argument, (ast.Call, ast.JoinedStr, ast.Starred))
        or (isinstance(argument, ast.Constant) and isinstance(argument.value, (str, bytes)))
        for argument in call.args
    )


def _is_data(node: ast.stmt) -> bool:
    """Whether a statement is what programs print: numbers, lists of them, a word, "total: 5"."""
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and _is_value(node.value)


def _is_word_or_object(node: ast.stmt) -> bool:
    """Whether a statement is "Yes", "Answer: 42", or an object of JSON."""
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Dict):
        return bool(node.value.keys) and _is_value(node.value)
    return isinstance(node.value, ast.Name) and node.value.id[:1].isupper()


def _is_value(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(name):
            return name in _NAMES_OF_VALUES or name[:1].isupper()
        case ast.UnaryOp(operand=operand):
            return _is_value(operand)
        case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements):
            return _all_values(elements)
        case ast.Dict(keys, values):
            return _all_values((*keys, *values))
    return False


def _all_values(nodes: Iterable[ast.expr | None]) -> bool:
    return all(_is_value(node) for node in nodes)


_INCOMPLETE: Final = object()
_QUOTES: Final = re.compile(r"[a-zA-Z]{0,2}(?:'''|\"\"\")")

# The flag is codeop's own way to tell an incomplete program from a wrong one.
_FLAGS: Final = (
    ast.PyCF_ONLY_AST
    | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    | getattr(codeop, "PyCF_ALLOW_INCOMPLETE_INPUT", 0x4000)
)

# The beginning of a statement that a line alone does not end, and prose has not.
_BEGINS_PYTHON: Final = re.compile(
    r"""(?:async\s+)?def\s+\w+\s*[(\[]
    | class\s+\w+\s*[(:\[]
    | from\s+\.*[\w.]*\s+import\b
    | import\s+\w
    | @[\w.]+(?:\(|\s*$)
    | (?:[rbuft]|rb|br|fr|rf)?(?:\"{3}|'{3})
    | (?:if|while|for|with|match|elif)\b(?!\w)(?=.*[^\w\s:,]|.*\bin\b|\s+(?:True|1)\s*:).*
    | try\s*:
    | [a-z_][\w.]*\(
    | [A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:\s*,\s*[\w.]+)*\s*(?::[^=]+)?
      (?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LIST_ITEM: Final = re.compile(r"[-+*]\s|\d+[.)]\s")
_SENTENCE: Final = re.compile(r"[.:!?…*`)]\s*$")
# "It is 42.", "Paris is not Rome, 7.": Python by chance, which nobody writes to run it.
_STATED: Final = re.compile(r"[A-Z][\w']*(?: [\w'.,]+)+\.")
_HELP: Final = re.compile(r"[\w.]+\?{1,2}")
_ASSIGNED_MAGIC: Final = re.compile(r"[\w.]+(?:\s*,\s*[\w.]+)*\s*=\s*[!%]")
_MAGIC: Final = re.compile(r"%%?([A-Za-z_]\w*)")
_COMMAND: Final = re.compile(r"!!?[a-z./~$({]")
_WORDS: Final = re.compile(r"[\w\s.,:*/+'\"-]*")
_TIGHT_CALL: Final = re.compile(r"(?:await\s+)?[\w.\[\]'\"]+\(")

_STATEMENTS: Final = (
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Try),
)
_FUNCTIONS: Final = frozenset(
    name for name in dir(builtins) if name.islower() and not name.startswith("_")
) | {"display", "get_ipython"}
_NAMES_OF_VALUES: Final = frozenset({"true", "false", "null", "nan", "inf"})

_MAGICS: Final = names(
    """
    alias alias_magic autoawait autocall autoindent automagic autoreload autosave bash
    bookmark capture cd clear code_wrap colors conda config connect_info cython debug debugger
    dhist dirs doctest_mode eager ed edit env gui hist history html javascript js
    killbgscripts latex ldir less lf lk ll load load_ext loadpy logoff logon logstart logstate
    logstop ls lsmagic lx macro magic man markdown matplotlib mamba micromamba mkdir more mv
    notebook page pastebin pdb pdef pdoc perl pfile pinfo pinfo2 pip popd pprint precision
    prun psearch psource pushd pwd pycat pylab pypy python python2 python3 qtconsole quickref
    recall rehashx reload_ext rep rerun reset reset_selective rm rmdir ruby run save sc script
    set_env sh store subshell svg sx system tb time timeit unalias unload_ext uv who who_ls
    whos writefile xdel xmode
    """
)
"""IPython's own, and a few that everybody has. Another word after ``%`` may be prose."""

_SHELL: Final = re.compile(
    r"[$>#]?\s*(?:apt|apt-get|bash|brew|cargo|cat|cd|chmod|chown|clear|conda|cp|curl|docker|du|"
    r"echo|exit|export|git|grep|jupyter|kill|kubectl|ls|make|mamba|mkdir|mv|nano|node|npm|npx|pip|"
    r"pip3|pipx|poetry|ps|pwd|pytest|python|python3|rm|rmdir|scp|sh|source|ssh|sudo|tar|touch|"
    r"unzip|uv|uvx|venv|vim|wget|which|whoami|winget|yarn)(?:\s|$)"
)
"""How what is told a shell begins, where it parses as Python by chance (``ls -l``)."""
