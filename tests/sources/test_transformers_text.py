"""The text of tokens, as they come, with the kinds of tokenizers that models have."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.sources.transformers.text import TextStream
from tests.sources.tokenizers_made import CODE, KINDS

tokenizers = pytest.importorskip("tokenizers", reason="needs eager-kernel[transformers]")

EXACT = [kind for kind in KINDS if kind != "word piece"]  # which loses white space itself


@pytest.fixture(scope="module", params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]()


def stream(tokenizer: Any, tokens: list[int]) -> tuple[list[str], str]:
    text = TextStream(tokenizer)
    return [text.step(token) for token in tokens], text.close()


def test_the_pieces_are_the_whole(tokenizer: Any) -> None:
    tokens = tokenizer.encode(CODE).ids
    pieces, rest = stream(tokenizer, tokens)
    assert "".join(pieces) == tokenizer.decode(tokens)
    assert rest == ""
    assert len([piece for piece in pieces if piece]) > len(tokens) / 2  # it has streamed


@pytest.mark.parametrize("kind", EXACT)
def test_the_pieces_are_the_program(kind: str) -> None:
    tokenizer = KINDS[kind]()
    pieces, _ = stream(tokenizer, tokenizer.encode(CODE).ids)
    assert "".join(pieces) == CODE
    ast.parse("".join(pieces))


def test_no_character_is_late(tokenizer: Any) -> None:
    tokens = tokenizer.encode(CODE).ids
    pieces, _ = stream(tokenizer, tokens)
    for count in range(1, len(tokens) + 1):
        known = tokenizer.decode(tokens[:count])
        if not known.endswith("\ufffd"):  # a character of which bytes are still to come
            assert "".join(pieces[:count]) == known, tokens[:count]


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@pytest.mark.parametrize("kind", ["byte level", "byte fallback"])
def test_any_text(kind: str, text: str) -> None:
    tokenizer = _made[kind]
    tokens = tokenizer.encode(text).ids
    pieces, rest = stream(tokenizer, tokens)
    assert "".join(pieces) + rest == tokenizer.decode(tokens)


def test_special_tokens_are_no_text(tokenizer: Any) -> None:
    first, last = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokens = tokenizer.encode("for x in y").ids
    middle = len(tokens) // 2
    marked = [first, *tokens[:middle], first, *tokens[middle:], last]
    pieces, rest = stream(tokenizer, marked)
    assert "".join(pieces) + rest == tokenizer.decode(marked)
    assert "<" not in "".join(pieces)
    assert pieces[0] == pieces[-1] == ""


@pytest.mark.parametrize("kind", ["byte level", "byte fallback"])
def test_a_character_that_never_ends_is_told_at_the_end(kind: str) -> None:
    tokenizer = KINDS[kind]()
    tokens = tokenizer.encode("x = '京").ids[:-1]  # its last byte is missing
    pieces, rest = stream(tokenizer, tokens)
    assert "".join(pieces) == "x = '"
    assert rest == tokenizer.decode(tokens).removeprefix("x = '")
    assert set(rest) == {"\ufffd"}


def test_a_replacement_character_that_is_meant() -> None:
    tokenizer = KINDS["byte level"]()
    tokens = tokenizer.encode("x = '\ufffd'\n# \ufffd").ids
    pieces, rest = stream(tokenizer, tokens)
    assert "".join(pieces) + rest == "x = '\ufffd'\n# \ufffd"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_bytes_that_are_no_text_do_not_end_the_stream(data: st.DataObject) -> None:
    tokenizer = _made["byte fallback"]
    tokens = st.lists(st.integers(0, tokenizer.get_vocab_size() - 1), max_size=30)
    noise = data.draw(tokens)
    after = tokenizer.encode("\nx = (y)\n").ids
    pieces, rest = stream(tokenizer, noise + after)
    assert ("".join(pieces) + rest).endswith("= (y)\n")


_made: dict[str, Any] = {kind: KINDS[kind]() for kind in ("byte level", "byte fallback")}
