"""What IPython does to the text of a cell before it is Python, chunk by chunk.

IPython transforms a cell as a whole. For almost every program the same can be done chunk by
chunk; `wants_whole_cell` recognises the others, which then run when their text is known.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from enum import Enum
from typing import Any, Final

from IPython.core.autocall import IPyAutocall
from IPython.core.inputtransformer2 import (
    TransformerManager,
    classic_prompt,
    ipython_prompt,
    leading_empty_lines,
)
from IPython.core.macro import Macro

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.ledger import Fault
from eager_kernel.core.text.parse_lock import undisturbed
from eager_kernel.core.text.positions import parse_at
from eager_kernel.core.text.quiet_parsing import parse_quietly, without_warnings


class Wants(Enum):
    """How much of a program must be known before any of it may run."""

    NOTHING = "nothing more"
    NEXT_LINE = "whether a second line follows"
    WHOLE = "the whole text"


def wants_whole_cell(shell: Any, chunk: Chunk) -> Wants:
    """Decide, by a program's first statement, whether it can run chunk by chunk.

    It can't where a later line may change what an earlier one means: a cell magic, a cell that
    is indented as a whole or has prompts, transformers of the user's own, and settings under
    which the very end of the text decides what is displayed on the way. Nor where it is logged
    before any of it runs (``%logstart``).
    """
    if shell.ast_node_interactivity not in _STREAMABLE:
        return Wants.WHOLE
    if shell.ast_transformers or not transforms_as_stock(shell):
        return Wants.WHOLE
    if shell.logger.log_active:
        return Wants.WHOLE
    lines = leading_empty_lines(chunk.source.splitlines(keepends=True))
    first = lines[0] if lines else ""
    if first[:1] in (" ", "\t", "\f") or first.startswith("%%") or ">>>" in first:
        return Wants.WHOLE
    if ipython_prompt.initial_re.match(first):
        return Wants.WHOLE
    # Automagic, aliases, macros and autocall work in cells of a single line only.
    if len(lines) == 1 and _may_be_rewritten(shell, first):
        return Wants.NEXT_LINE
    return Wants.NOTHING


def transforms_as_stock(shell: Any) -> bool:
    """Whether the text of cells is transformed by IPython's own transformers alone."""
    manager = shell.input_transformer_manager
    return (
        type(manager) is TransformerManager
        and not shell.input_transformers_post
        and manager.cleanup_transforms == _STOCK.cleanup_transforms
        and manager.line_transforms == _STOCK.line_transforms
        and manager.token_transformers == _STOCK.token_transformers
    )


def _may_be_rewritten(shell: Any, line: str) -> bool:
    word = _FIRST_WORD.match(line)
    if shell.autocall:
        return True
    if word is None:
        return False
    name = word[0]
    return (
        (shell.automagic and shell.find_magic(name) is not None)
        or shell.alias_manager.is_alias(name)
        or isinstance(shell.user_ns.get(name), (Macro, IPyAutocall))
    )


def empty_lines_before(source: str) -> int:
    """Empty lines at the beginning of a program, which its code does not count."""
    lines = source.splitlines(keepends=True)
    return len(lines) - len(leading_empty_lines(lines))


def to_python(chunk: Chunk, *, first: bool) -> str:
    """The text of `chunk` as IPython would make it in its cell.

    Parameters
    ----------
    chunk
        The chunk.
    first
        Whether it is the program's first: empty lines before it do not count as lines.

    Raises
    ------
    Exception
        Whatever a transformation raises.
    """
    text = chunk.source
    if first:
        text = "".join(leading_empty_lines(text.splitlines(keepends=True)))
    if _BLANKS.search(text):
        # IPython dedents each cell, which empties lines of white space, in strings too. The
        # guard keeps the margin at 0, and a line's remainder from being taken for a line.
        guard = "x" if chunk.column else "x\n"
        if not text.rpartition("\n")[2].strip() and not text.endswith("\n"):
            text += "\n"  # as every cell ends: what is emptied is still a line, after a backslash
        text = textwrap.dedent(guard + text)[len(guard) :]
    if ">>>" in text:
        text = "".join(classic_prompt(text.splitlines(keepends=True)))
    if chunk.ipython:
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        # What the program registers by now is for the next cell.
        text = "".join(_STOCK.do_token_transforms(lines))
    return text


def first_fault(chunks: list[Chunk], flags: int) -> Fault | None:
    """Find the first of a program's chunks that does not parse.

    Parameters
    ----------
    chunks
        The last chunks of the program.
    flags
        Of `compile`, from the shell's ``__future__`` imports.

    Notes
    -----
    The chunks are parsed again where they run; only there may they warn.
    """
    for start in range(0, len(chunks), _TOGETHER):
        some = chunks[start : start + _TOGETHER]
        if _parse_together(some, flags):
            continue
        for chunk in some:
            try:
                text = to_python(chunk, first=chunk.index == 0)
                parse_at(text, line=2, column=chunk.column, parse=lambda text: _parse(text, flags))
            except Exception as error:  # noqa: BLE001 - IPython's tokenizer raises what it likes
                return Fault(chunk, error)
    return None


def _parse_together(chunks: list[Chunk], flags: int) -> bool:
    """Whether chunks parse as one text, in half the time. False: it may be that each one does."""
    text = "".join(chunk.source for chunk in chunks)
    if any(chunk.ipython for chunk in chunks) or ">>>" in text or _BLANKS.search(text):
        return False  # IPython changes something there
    try:
        parse_at(text, line=2, column=chunks[0].column, parse=lambda text: _parse(text, flags))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _parse(text: str, flags: int) -> ast.Module:
    try:
        tree = parse_quietly(text, flags)
        if not (_STRICT_FSTRINGS and "\\" in text):
            return tree
    except Exception:
        if without_warnings(text) == text:
            raise
    # What was taken out made a difference, or may have made one.
    flags |= ast.PyCF_ONLY_AST
    tree = undisturbed(lambda: compile(text, "<program>", "exec", flags, dont_inherit=True))
    assert isinstance(tree, ast.Module)
    return tree


# Until 3.12 no backslash may be in an f-string's braces. Then, the parser's warnings of escapes
# are of a kind that is not shown.
_STRICT_FSTRINGS: Final = sys.version_info < (3, 12)
_STOCK: Final = TransformerManager()
_STREAMABLE: Final = ("last_expr", "last_expr_or_assign", "last", "none")
_FIRST_WORD: Final = re.compile(r"[^\W\d]\w*")
_TOGETHER: Final = 100  # few enough for no other thread to wait for the GIL until they are parsed
_BLANKS: Final = re.compile(r"^[ \t\f\r]+$", re.MULTILINE)
