"""The marks that models put into their answers beside Markdown: tags, and tokens of templates.

What is here is data: the marks that open and close reasoning, code, calls of tools and the answer
itself, as public models and the frameworks that ask them write them.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple


class Role(Enum):
    """What a mark does."""

    CODE = "opens code"
    ARGUMENT = "opens an argument of a call, which may be code"
    REASONING = "opens reasoning, which is never code"
    REASONING_END = "ends reasoning, also such as was opened in the prompt"
    COMMENT = "opens a comment of HTML"
    HEAD = "opens the head of a message, which says who writes it"
    CHANNEL = "opens the head of a message, which says what the message is"
    BLOCK_END = "ends code, and nothing else"
    ANSWER_END = "ends the answer"
    NOTHING = "is only in the way: what follows is as at the start of a line"


class Mark(NamedTuple):
    """A mark that was found.

    Attributes
    ----------
    role
        What it does.
    name
        The tag's name in lower case, with what its model puts before all names; or the whole token.
    end
        Where it ends in the text.
    attributes
        What is between a tag's name and its ``>``; of an argument, at least its name.
    """

    role: Role
    name: str
    end: int
    attributes: str

    @property
    def is_token(self) -> bool:
        """Whether it is of a template, so that neither prose nor Python has it."""
        return self.name.startswith(("<|", "<\uff5c", "\uff5c")) or self.name.endswith(_VALUE)

    @property
    def local(self) -> str:
        """Its name without what its model puts before all names."""
        prefix = next((each for each in _PREFIXES if self.name.startswith(each)), "")
        return self.name[len(prefix) :]

    @property
    def key(self) -> str:
        """The name that its attributes give, in lower case: of an argument, or a tool."""
        found = _KEY_OF.search(self.attributes)
        return found[1].lower() if found else ""

    @property
    def belongs_to_call(self) -> bool:
        """Whether a call begins with it, or goes on: what stands before it is no program."""
        if self.role in (Role.CODE, Role.ARGUMENT):
            return True
        return self.role is Role.NOTHING and (
            self.local in _CALLS or _TOKEN_OF_CALL.match(self.name) is not None
        )

    @property
    def opens_call(self) -> bool:
        """Whether it is the tag with which a call begins."""
        return self.role is Role.NOTHING and self.is_around_arguments

    @property
    def is_argument(self) -> bool:
        """Whether it is around an argument of a call."""
        return self.local in (_ARGUMENT, _VALUE)

    @property
    def is_around_arguments(self) -> bool:
        """Whether it is around a call, or several."""
        return self.local in _CALLS


def read_mark(text: str, at: int, code_tags: frozenset[str]) -> Mark | None:
    """Read the mark at a position of prose; None if there is none, or not all of it.

    Parameters
    ----------
    text
        The text.
    at
        The position of a character of `MARK_BEGINS`.
    code_tags
        The marks that open code.
    """
    role: Role | None
    pair = _PAIR.match(text, at) if _ARGUMENT in code_tags else None
    if pair:
        whole = pair["prefix"].lower() + _VALUE
        return Mark(Role.ARGUMENT, whole, pair.end(), f"={pair['key']}")
    found = _TAG.match(text, at, at + _LONGEST)
    if found:
        name = found["name"].lower()
        whole = found["prefix"].lower() + name
        if name in code_tags or whole in code_tags:
            role = Role.BLOCK_END if found["slash"] else Role.CODE
        else:
            role = _END_TAGS.get(name) if found["slash"] else _TAGS.get(name)
        if role is Role.CODE and found["empty"]:
            role = None
        if role is Role.CODE and name == _ARGUMENT:
            role = Role.ARGUMENT
        return None if role is None else Mark(role, whole, found.end(), found["rest"])
    found = _TOKEN.match(text, at)
    if found is None:
        return None
    token = found[0].lower()
    role = Role.CODE if token in code_tags else _TOKENS.get(token)
    if token[0] == "[" and not found[0].isupper():
        return None  # "[think]" may be a list of Python's, and "[Think] of" prose
    if role is None:
        if token[0] == "[":
            return None
        role = Role.ANSWER_END if "end▁of▁sentence" in token else Role.NOTHING
    return Mark(role, token, found.end(), "")


def may_become_mark(text: str, at: int, code_tags: frozenset[str]) -> bool:
    """Whether what has come from a position on is the beginning of a mark.

    Parameters
    ----------
    text
        What has come of a text.
    at
        The position of a character of `MARK_BEGINS`.
    code_tags
        As for `read_mark`.
    """
    rest = text[at : at + _LONGEST + 1]
    if len(rest) > _LONGEST:
        return False
    if any(token.startswith(rest.lower()) for token in _FIXED) or _TOKEN_BEGUN.fullmatch(rest):
        return True
    if _ARGUMENT in code_tags and _may_become_pair(rest):
        return True
    tag = _TAG_BEGUN.fullmatch(rest)
    if tag is None:
        return False
    name = (tag["name"] or "").lower()
    whole = tag["prefix"].lower() + name
    if tag["rest"]:
        return name in _NAMES or name in code_tags or whole in code_tags
    if any(each.startswith(name) for each in (*_NAMES, *code_tags, _KEY)):
        return True
    return any(each.startswith(whole) for each in (*_PREFIXES, *code_tags))


def may_become_end(text: str, at: int, code_tags: frozenset[str]) -> bool:
    """Whether what has come from a position of code on may be the beginning of what ends code.

    Parameters
    ----------
    text, at, code_tags
        As for `read_end`.
    """
    if text[at + 1 : at + 2] in ("", "/", "|", "\uff5c"):
        return may_become_mark(text, at, code_tags)
    name = text[at + 1 : at + _LONGEST_ENDING + 1].lower()
    return any(each.startswith(name) for each in _ENDING)


def _may_become_pair(rest: str) -> bool:
    key = _PAIR_KEY.match(rest)
    if key is None:
        return False
    rest = rest[key.end() :].lower()
    closing = f"</{key['prefix']}{_KEY}>".lower()
    if not rest.startswith(closing):
        return closing.startswith(rest)
    rest = rest[len(closing) :]
    blanks = len(rest) - len(rest.lstrip())
    return blanks <= _MOST_BLANKS and f"<{key['prefix']}{_VALUE}>".lower().startswith(rest[blanks:])


def end_of_skipped(mark: Mark) -> re.Pattern[str]:
    """What ends the reasoning, comment or head that a mark has opened."""
    closing = _CLOSING.get(mark.name)
    if closing is not None:
        return closing
    end = rf"</{re.escape(mark.name)}{_BLANKS}>"
    if mark.role is Role.ARGUMENT:  # whose own end may be missing
        prefix = re.escape(mark.name.removesuffix(mark.local))
        calls = "|".join(_CALLS)
        end += rf"|(?=<{prefix}(?:{_ARGUMENT}[ =]|{_KEY}>)|</{prefix}(?:{calls}){_BLANKS}>)"
    return re.compile(end, re.IGNORECASE)


def read_end(text: str, at: int, code_tags: frozenset[str]) -> Mark | None:
    """Read the mark at a position of code that no Python has outside strings, and that ends code.

    Parameters
    ----------
    text
        The text.
    at
        The position of a ``<``.
    code_tags
        As for `read_mark`.
    """
    mark = read_mark(text, at, code_tags)
    if mark is None:
        return None
    if text.startswith("</", at) or text[at + 1] in "|\uff5c":
        return mark
    return mark if text[at + 1 : mark.end].lower() in _ENDING else None


def reasoning_begun(text: str) -> str:
    """The mark with which reasoning begins at the end of a text; empty if none does.

    Parameters
    ----------
    text
        The end of a prompt: some templates begin the answer for the model.
    """
    text = text.rstrip()
    at = max(text.rfind(char) for char in MARK_BEGINS)
    mark = read_mark(text, at, frozenset()) if at >= 0 else None
    if mark is None or mark.end != len(text) or mark.role is not Role.REASONING:
        return ""
    return text[at:]


def language_of_tag(tag: Mark) -> str:
    """The language that a tag's attributes name, in lower case; empty if they name none."""
    found = _LANGUAGE.search(tag.attributes)
    return found[1].lower() if found else ""


def without_marks(text: str) -> str:
    """`text` without tags and tokens: what is behind a closing fence, such as ``<end_code>``."""
    return _REMNANTS.sub("", text)


MARK_BEGINS: Final = "<[◁"
"""The characters that marks begin with."""

_LONGEST: Final = 400
"""A tag with more attributes is none. That bounds what has to be looked at again."""

_CODE: Final = """
    code python py ipython execute execute_python execute_ipython execute_code python_code
    tool_code code_block codeblock code_interpreter interpreter jupyter_code run_python parameter
"""
_REASONING: Final = """
    think thinking thought thoughts reasoning reason reflection reflect scratchpad analysis
    antthinking inner_monologue internal_monologue inner_thoughts rationale cot chain_of_thought
    thinking_process deliberation
"""
_CALL: Final = """
    tool_call tool_calls toolcall tool_use function_call function_calls functioncall function invoke
"""
_NOTHING: Final = """
    tool answer response final final_answer output solution action actions pre s
    step program task result observation
"""
_ARGUMENT: Final = "parameter"
_KEY: Final = "arg_key"
_VALUE: Final = "arg_value"
_PREFIXES: Final = ("antml:", "longcat_", "minimax:", "seed:", "steptml:", "\uff5cdsml\uff5c")
"""What some models put before the names of all their tags."""

CODE_TAGS: Final = frozenset(_CODE.split()) | {"<|python_tag|>"}
"""The marks that open code in an answer of which nobody says how its code is set."""

_TAGS: Final[dict[str, Role]] = {
    **dict.fromkeys(_REASONING.split(), Role.REASONING),
    **dict.fromkeys([*_CALL.split(), *_NOTHING.split()], Role.NOTHING),
    **dict.fromkeys(["end_code", "end_action"], Role.BLOCK_END),
    **dict.fromkeys(["eos", "end_of_turn", "endoftext", "end_of_text", "eot"], Role.ANSWER_END),
}
_END_TAGS: Final[dict[str, Role]] = {
    **dict.fromkeys(_CODE.split(), Role.BLOCK_END),
    **dict.fromkeys(_REASONING.split(), Role.REASONING_END),
    **dict.fromkeys([*_CALL.split(), *_NOTHING.split(), _VALUE], Role.BLOCK_END),
}
_NAMES: Final = frozenset(_TAGS) | frozenset(_END_TAGS)
_ENDING: Final = tuple(
    f"{name}>" for name, role in _TAGS.items() if role in (Role.BLOCK_END, Role.ANSWER_END)
)
"""The tags that end code, but for those that close what is open."""
_LONGEST_ENDING: Final = max(map(len, _ENDING))
_CALLS: Final = frozenset(_CALL.split())
_TOKEN_OF_CALL: Final = re.compile(
    r"(?!.*end)(?:\[|<[|\uff5c]).*"
    r"(?:tool|call|args|function|plugin|interpreter|action|recipient|content)"
)

_TOKENS: Final[dict[str, Role]] = {
    "<!--": Role.COMMENT,
    "[think]": Role.REASONING,
    "[/think]": Role.REASONING_END,
    "◁think▷": Role.REASONING,
    "◁/think▷": Role.REASONING_END,
    "<|start_thinking|>": Role.REASONING,
    "<|end_thinking|>": Role.REASONING_END,
    "<|begin_of_thought|>": Role.REASONING,
    "<|end_of_thought|>": Role.REASONING_END,
    "<|inner_prefix|>": Role.REASONING,
    "<|inner_suffix|>": Role.REASONING_END,
    "<|think|>": Role.REASONING,
    "<|/think|>": Role.REASONING_END,
    "<unused94>": Role.REASONING,
    "<unused95>": Role.REASONING_END,
    "<|channel|>": Role.CHANNEL,
    "<|start|>": Role.HEAD,
    "<|im_start|>": Role.HEAD,
    "<|start_header_id|>": Role.HEAD,
    "<|python_tag|>": Role.NOTHING,
    "<|im_end|>": Role.ANSWER_END,
    "<|eot_id|>": Role.ANSWER_END,
    "<|endoftext|>": Role.ANSWER_END,
    "<|end_of_text|>": Role.ANSWER_END,
    "<|eot|>": Role.ANSWER_END,
    "<|return|>": Role.ANSWER_END,
    "<|end|>": Role.BLOCK_END,
    "<|call|>": Role.BLOCK_END,
    "<|eom_id|>": Role.BLOCK_END,
    "[tool_calls]": Role.NOTHING,
    "[args]": Role.NOTHING,
    "[/tool_calls]": Role.NOTHING,
}
_FIXED: Final = tuple(_TOKENS)
_CLOSING: Final[dict[str, re.Pattern[str]]] = {
    "[think]": re.compile(r"\[/think\]", re.IGNORECASE),
    "◁think▷": re.compile("◁/think▷"),
    "<|start_thinking|>": re.compile(r"<\|END_THINKING\|>", re.IGNORECASE),
    "<|begin_of_thought|>": re.compile(r"<\|end_of_thought\|>"),
    "<|inner_prefix|>": re.compile(r"<\|inner_suffix\|>"),
    "<|think|>": re.compile(r"<\|/think\|>"),
    "<unused94>": re.compile("<unused95>"),
    "<|channel|>": re.compile(r"<\|(?:end|start|channel|return|call)\|>"),
    "<|start|>": re.compile(r"<\|(?:channel|message)\|>"),
    "<|im_start|>": re.compile(r"\n|<\|im_end\|>"),
    "<|start_header_id|>": re.compile(r"<\|end_header_id\|>"),
    "<!--": re.compile("-->"),
    "analysis": re.compile(r"assistant(?:final|commentary)|</analysis\s*>"),
}

_MOST_BLANKS: Final = 9
_BLANKS: Final = rf"\s{{0,{_MOST_BLANKS}}}"
_PREFIX: Final = "(?P<prefix>(?a:" + "|".join([*_PREFIXES, ""]) + "))"
_TAG_NAME: Final = r"(?P<name>[^\W\d][\w:.-]*)"
# On one line anything may follow a name; over several lines attributes, or it is no tag.
_ATTRIBUTES: Final = r"""(?:\s+[\w:.-]+(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\s<>"'=`]+))?)*"""
_HALF_ATTRIBUTE: Final = r"""(?:\s+(?:[\w:.-]+(?:=(?:"[^"<>]*|'[^'<>]*|[^\s<>"'=`]*))?)?)?"""
_TAG: Final = re.compile(
    rf"<(?P<slash>/?){_PREFIX}{_TAG_NAME}"
    rf"(?P<rest>(?:=[^<>\r\n]{{0,80}}|[ \t][^<>\r\n]{{0,300}}?|{_ATTRIBUTES}\s*)?)(?P<empty>/?)>",
    re.IGNORECASE,
)
_TAG_BEGUN: Final = re.compile(
    rf"</?{_PREFIX}(?:{_TAG_NAME}|)"
    rf"(?P<rest>[ \t=/][^<>\r\n]*|{_ATTRIBUTES}{_HALF_ATTRIBUTE}/?)",
    re.IGNORECASE,
)
_ASCII: Final = re.IGNORECASE | re.ASCII
# `<arg_key>code</arg_key>` and `<arg_value>`, as GLM writes the arguments of a call
_PAIR_KEY: Final = re.compile(rf"<{_PREFIX}{_KEY}>{_BLANKS}(?P<key>\w{{0,40}}){_BLANKS}", _ASCII)
_PAIR: Final = re.compile(
    rf"<{_PREFIX}{_KEY}>{_BLANKS}(?P<key>\w{{1,40}}){_BLANKS}"
    rf"</(?P=prefix){_KEY}>{_BLANKS}<(?P=prefix){_VALUE}>",
    _ASCII,
)
_TOKEN: Final = re.compile(
    r"<!--|<unused9[45]>|<\|[\w/:]{1,40}\|>|<\uff5c[^\uff5c\s<>]{1,40}\uff5c>|\[/?[A-Z_]{4,12}\]|◁/?think▷",
    _ASCII,
)
_TOKEN_BEGUN: Final = re.compile(r"<\|[\w/:]{0,40}\|?|</?\uff5c[^\uff5c\s<>]{0,40}\uff5c?", _ASCII)
# `<parameter=code>`, `<parameter name="code">`, `<function=python>`, `<invoke name="python">`
_KEY_OF: Final = re.compile(r"(?:^|(?:^|\s)name)\s*=\s*[\"']?([^\s\"'>]+)", re.IGNORECASE)
_REMNANTS: Final = re.compile(r"</?[a-zA-Z_][\w:]*>|<[|\uff5c][^|\uff5c<>]*[|\uff5c]>")
_LANGUAGE: Final = re.compile(
    r"(?:\blang(?:uage)?\s*=\s*[\"']?|\bclass\s*=\s*[\"']?(?:[^\"']*\s)?lang(?:uage)?-)([\w+#.-]+)",
    re.IGNORECASE,
)
