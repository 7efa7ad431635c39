"""Parse text that will be parsed again where it runs, without the parser's warnings.

They are to be shown once, at the run. Python's filters of warnings belong to all threads, so
what the parser would warn of is taken out of the text instead.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from eager_kernel.core.text.parse_lock import undisturbed


def parse_quietly(source: str, flags: int = 0) -> ast.Module:
    """Parse `source`, with top-level ``await``.

    Lines are true; columns and the text of strings may differ.

    Parameters
    ----------
    source
        Whole statements.
    flags
        Of `compile`, for ``__future__`` imports.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        As the parser does.
    """
    flags |= ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    text = without_warnings(source)
    tree = undisturbed(lambda: compile(text, "<program>", "exec", flags, dont_inherit=True))
    assert isinstance(tree, ast.Module)
    return tree


def without_warnings(source: str) -> str:
    """`source` without what the parser would warn of.

    An escape that Python does not know begins with ``$`` instead: as harmless in a string, and as
    wrong outside. Only an f-string before Python 3.12 minds a backslash more than that, and
    hexadecimal digits before ``or`` may be taken for a keyword.
    """
    if "\\" in source:
        source = _ESCAPE.sub(_without_invalid, source)
    return _NUMBER_KEYWORD.sub(r"\g<0> ", source)


def _without_invalid(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] in _VALID else "$" + escape[1]


_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_VALID: Final = frozenset("\n\r\\'\"abfnrtvxuUN0123")
# `1if x`: a keyword right after a number.
_NUMBER_KEYWORD: Final = re.compile(
    r"\b(?:0[xX][\da-fA-F_]+?|\d[\d_]*\.?(?:[jJ]|[eE][-+]?\d+)?)(?=and|else|for|i[fns]|not|or)"
)
