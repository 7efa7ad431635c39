"""What users read is in plain words: the paper's terms are for those who read the paper."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import eager_kernel
from eager_kernel.cli.tables import in_plain_words

PACKAGE = Path(eager_kernel.__file__).parent
TERMS = re.compile(r"\b(chunk(s|ed|ing)?|batch(es)?|regimes?|ttfts?)\b", re.IGNORECASE)
# Where a term stands beside the plain words for it, or is the name of something that users type.
SAID_PLAINLY = re.compile(r"--ttfts?\b|\.chunk\(|`[^`]*`|\bbatch(es)? of ", re.IGNORECASE)
# Nobody is shown what these say: programs that stand for a model's, a peer's protocol by hand,
# the terms that are translated.
UNSEEN = ("bench/programs/", "testing/", "cli/tables.py")


def sentences() -> Iterator[tuple[str, int, str]]:
    """The strings of the package that are sentences, and may be shown: file, line and text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(UNSEEN):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        hidden = set(_docstrings(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                hidden |= {id(part) for part in node.values}
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "{}"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            # A word alone is a key of the protocol, a name of a trait or a column of a file.
            if id(node) not in hidden and " " in text.strip():
                yield name, node.lineno, text


def _docstrings(tree: ast.AST) -> Iterator[int]:
    """The docstrings that no user is shown: of all but applications and magics."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body:
            continue
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            is_shown = isinstance(node, ast.ClassDef) and node.name.endswith("App")
            if not is_shown:
                yield id(first.value)
        # What follows a name is its description, too.
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield from () if statement is first else (id(statement.value),)


def test_messages_and_helps_use_no_terms_of_the_paper() -> None:
    found = [
        f"{name}:{line}: {text.strip()[:120]!r}"
        for name, line, text in sentences()
        if TERMS.search(SAID_PLAINLY.sub("", _as_shown(name, text)))
    ]
    assert found == []


def _as_shown(name: str, text: str) -> str:
    """A string as users see it: tables of the benchmarks are translated for terminals."""
    return in_plain_words(text) if name.startswith("bench/") else text


def test_the_strings_are_found() -> None:
    texts = {text for _, _, text in sentences()}
    assert any("which model? None is chosen" in text for text in texts)
    assert any("Run a program while it arrives" in text for text in texts)
    assert any("needs more packages" in text for text in texts)
    assert len(texts) > 500


@pytest.mark.parametrize("text", ["the chunk is held", "In this regime,", "TTFT of 3 s", "a batch"])
def test_the_terms_are_known(text: str) -> None:
    assert TERMS.search(SAID_PLAINLY.sub("", text))


def test_the_help_of_the_magic_and_of_the_view_is_plain() -> None:
    from eager_kernel.magics.commands import EagerMagics

    assert EagerMagics.eager.__doc__ is not None
    assert "%%eager [OPTIONS]" in EagerMagics.eager.__doc__
    assert not TERMS.search(EagerMagics.eager.__doc__)
    for path in PACKAGE.rglob("*.js"):
        shown = re.findall(r"([\"'`])((?:(?!\1).)* (?:(?!\1).)*)\1", path.read_text("utf-8"))
        assert [text for _, text in shown if TERMS.search(text)] == [], path
