"""Programs between tags."""

from __future__ import annotations

import pytest

from eager_kernel.core.extract import BlockClose, BlockOpen, Code, Event, make_extractor
from tests.core.extract.reading import check, merge

OPEN = BlockOpen("")
PYTHON = BlockOpen("python")
CLOSE = BlockClose()

TAGS: dict[str, tuple[str, list[Event]]] = {
    "prose around": (
        "Use a < b <code>x\n</code> and <code>\ny</code>.",
        [OPEN, Code("x\n"), CLOSE, OPEN, Code("\ny"), CLOSE],
    ),
    "attributes": ('<code lang="py"\n id=a>x</code>', [BlockOpen("py"), Code("x"), CLOSE]),
    "another language": (
        '<code class="language-sh">ls</code><code>x</code>',
        [OPEN, Code("x"), CLOSE],
    ),
    "upper case": ("<CODE>x</Code>", [OPEN, Code("x"), CLOSE]),
    "empty": ("<code></code>", [OPEN, CLOSE]),
    "other tags": ("<codex>a</code><cod><c ode><code/><python>y</python><code", []),
    "unfinished opening tags": ("<code a <b> <code <code>x</code>", [OPEN, Code("x"), CLOSE]),
    "comparisons": (
        "<code>a<b<</c</co</cod</code</code></code>",
        [OPEN, Code("a<b<</c</co</cod</code"), CLOSE],
    ),
    "inside a string": (
        '<code>x = """</code>""" + y</code>',
        [OPEN, Code('x = """</code>""" + y'), CLOSE],
    ),
    "unclosed": ("<code>x\n", [OPEN, Code("x\n")]),
    "half a closing tag": ("<code>x\n</cod", [OPEN, Code("x\n"), CLOSE]),
    "a comparison at the end": ("<code>x <", [OPEN, Code("x <")]),
    "half a closing tag in a string": ('<code>x = """</co', [OPEN, Code('x = """</co')]),
    "a fence in it": ("<code>\n```python\nx\n```\n</code>", [PYTHON, Code("x\n"), CLOSE]),
    "a fence in it, not closed": (
        "<code>```py\nx\n</code> y",
        [BlockOpen("py"), Code("x\n"), CLOSE],
    ),
    "a fence without a language in it": ("<code>```\nx\n```</code>", [OPEN, Code("x\n"), CLOSE]),
    "an inverted string": ("<code>\n~x\n</code>", [OPEN, Code("\n~x\n"), CLOSE]),
    "as HTML has it": (
        "<pre><code>if a &lt; b &amp;&#38; c: '&quot;&x;&'\n</code></pre>",
        [OPEN, Code("if a < b && c: '\"&x;&'\n"), CLOSE],
    ),
    "not as HTML has it": ("<code>a &lt; b</code>", [OPEN, Code("a &lt; b"), CLOSE]),
    "a token ends it": ("<code>x\n<|im_end|>\n<code>y</code>", [OPEN, Code("x\n"), CLOSE]),
    "in a quote": (
        "> <code>\n> if x:\n>     y\n> </code>",
        [OPEN, Code("\nif x:\n    y\n"), CLOSE],
    ),
    "reasoning": ("<think><code>no</code></think><code>x</code>", [OPEN, Code("x"), CLOSE]),
    "no tag": ("x = 1\n", []),
}


@pytest.mark.parametrize(("text", "expected"), TAGS.values(), ids=TAGS)
def test_tags(text: str, expected: list[Event]) -> None:
    check("tags", text, expected)


def test_tags_of_another_name() -> None:
    check("tags:run", "<code>y</code> <run>x</run>", [OPEN, Code("x"), CLOSE])


def test_only_what_may_be_a_tag_is_held_back() -> None:
    extractor = make_extractor("tags")
    pieces = ["<code>a </", "co", "mment> b<", "=", " c</CODE", ">"]
    assert [merge(extractor.feed(piece)) for piece in pieces] == [
        [OPEN, Code("a ")],
        [],
        [Code("</comment> b")],
        [Code("<=")],
        [Code(" c")],
        [CLOSE],
    ]
