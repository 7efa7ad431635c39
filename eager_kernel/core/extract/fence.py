"""The line that opens a fenced block of code, and the language that it names."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from eager_kernel.core.extract.names import names


class Opening(NamedTuple):
    """An opening fence.

    Attributes
    ----------
    indent
        The width of the white space before it.
    fence
        Its backticks or tildes, or three quotes.
    language
        The language that it names, in lower case; empty if it names none.
    directive
        Whether it is a directive of MyST, whose first lines may be options (``:tags: [a]``).
    """

    indent: int
    fence: str
    language: str
    directive: bool


def find_opening(text: str) -> Opening | None:
    """Read a line as an opening fence.

    Parameters
    ----------
    text
        A complete line without its ending and without the marks of its containers.

    Returns
    -------
    Opening or None
        None if the line is none.
    """
    if not any(fence in text for fence in ("```", "~~~", "'''", '"""')):
        return None
    text = text.translate(_INVISIBLE)
    quotes = _QUOTES.fullmatch(text)
    if quotes is not None:
        return Opening(0, quotes["fence"], "python", directive=False)
    found = _OPENING.match(text)
    if found is None:
        found = _AFTER_PROSE.search(text)
        if found is None or not is_python(found["info"].strip().lower()):
            return None
        return Opening(0, found["fence"], found["info"].strip().lower(), directive=False)
    indent = len(found["indent"].expandtabs(4))
    if indent > _WIDEST:
        return None
    language, directive = language_of(found["info"])
    if indent > 3 and not is_python(language):
        return None  # an indented block of code; but where it says Python, a fence is meant
    return Opening(indent, found["fence"], language, directive)


def find_whole(text: str) -> tuple[str, str] | None:
    """Read a line as a fenced block that is opened and closed on it: ```` ```py print(1)``` ````.

    To CommonMark it is code within prose, but models mean a block.

    Parameters
    ----------
    text
        As for `find_opening`.

    Returns
    -------
    tuple or None
        The language, empty if it names none, and the code; None if the line is none.
    """
    found = _WHOLE.fullmatch(text) if "```" in text else None
    if found is None:
        return None
    word, _, rest = found["code"].partition(" ")
    if is_python(word.lower()) and rest.strip():
        return word.lower(), rest
    return "", found["code"]


def open_span(line: str) -> str:
    """The backticks of a span of code that is open at the end of a line's text; empty: none is."""
    ticks = ""
    for run in _RUN.findall(line):
        if not ticks:
            ticks = run
        elif run == ticks:
            ticks = ""
    return ticks


def language_of(info: str) -> tuple[str, bool]:
    """Read the language that follows an opening fence.

    Parameters
    ----------
    info
        The rest of the line: ``python``, ``python title="a"``, ``{.python #id}``,
        ``{code-cell} ipython3``, …

    Returns
    -------
    tuple
        The language in lower case, empty if there is none; and whether the fence is a directive
        of MyST.
    """
    directive = _DIRECTIVE.match(info)
    if directive:
        return (directive["language"] or "python").lower(), True
    found = _LANGUAGE.match(info)
    return (found[1].lower() if found else ""), False


def is_python(language: str) -> bool:
    """Whether a name of a language, in lower case, is one of Python's."""
    return bool(_PYTHON.fullmatch(language))


def is_json(language: str) -> bool:
    """Whether a name of a language, in lower case, says that the block is the JSON of a call."""
    return language in _JSON


def is_markdown(language: str) -> bool:
    """Whether a block in a language may have fenced blocks in it."""
    return language in _MARKDOWN


def without_invisible(text: str) -> str:
    """`text` without the characters that do not show, such as byte order marks."""
    return text.translate(_INVISIBLE)


INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
"""Characters that do not show, and that nobody means where a line begins."""

BLANK: Final = " \t\u00a0" + INVISIBLE
"""Characters that may be before a fence on its line."""

LINE_END: Final = re.compile(r"\r\n|\n|\r")
"""The end of a line."""

LONGEST_INFO: Final = 200
"""A fence with more behind it is text. That bounds what has to be looked at again."""

_INVISIBLE: Final = dict.fromkeys(map(ord, INVISIBLE))

_RUN: Final = re.compile("`+")
_WIDEST: Final = 100
"""A fence that is indented by more is text. That bounds what has to be looked at again."""

_OPENING: Final = re.compile(
    r"(?P<indent>[ \t\u00a0]*)(?P<fence>`{3,}(?=[^`\r\n]*\Z)|~{3,})(?P<info>[^\r\n]*)"
)
# A docstring that begins with this word alone is nobody's; quotes instead of backticks are seen.
_QUOTES: Final = re.compile(r"(?P<fence>'''|\"\"\")(?:python|py)3?[ \t]*")
# "Here is the code: ```python", "**Code** ```py"
_AFTER_PROSE: Final = re.compile(r"[^\w\s`\\][ \t]*(?P<fence>`{3,})(?P<info>[ \t]*[\w.]+[ \t]*)\Z")
# "python", "python:a.py", "python title=..", "python{1,3}", "{python}" and "{.python #id}"
_LANGUAGE: Final = re.compile(r"\s*\{?\s*\.?(?:lang(?:uage)?-)?([^\s{}:,;=]*)")
_WHOLE: Final = re.compile(r"[ \t]*(`{3,})(?P<code>[^`\r\n]+)\1[ \t]*")
_DIRECTIVE: Final = re.compile(
    r"\s*\{code(?:-cell|-block|cell)?\}[ \t]*(?P<language>[^\s{}:,;=]*)", re.IGNORECASE
)
_PYTHON: Final = re.compile(
    r"""i?(?:python|py)[-_ ]?(?:3(?:\.\d+)*)?
    | cpython | pypy3? | pyodide | micropython | jupyter | jupyter[-_]python
    | (?:python|py|tool)[-_](?:code|cell|exec|script|interpreter)
    | code[-_](?:interpreter|cell) | exec(?:ute)?[-_](?:i?python|code)
    | [^\s`]+\.py[w3]?
    """,
    re.VERBOSE,
)
_JSON: Final = names(
    """
    json json5 jsonc tool tool_call tool-call tool_calls tool_use function function_call
    action
    """
)
_MARKDOWN: Final = names("md markdown mdx myst qmd rmd rst gfm mdown")
