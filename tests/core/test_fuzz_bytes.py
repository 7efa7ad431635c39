"""Any bytes at all: the chunker and the extractors take them, whatever the cut.

`EAGER_FUZZ_SECONDS=600 pytest tests/core/test_fuzz_bytes.py` tries many more texts, and other ones
each time. `test_chunker` and `extract/test_formats` do the same with text that is nearly code.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import FORMATS, BlockClose, BlockOpen, Code, make_extractor
from tests.core.test_chunker import any_options, check_consistent, chunks_of, cut
from tests.core.test_chunker import any_program as programs

SECONDS = float(os.environ.get("EAGER_FUZZ_SECONDS", "0"))
pytestmark = pytest.mark.timeout(120 + 6 * SECONDS)


def budget(examples: int) -> Any:
    """The same examples in each normal run; many and new ones when asked for."""
    more = int(SECONDS * examples / 10)
    return settings(max_examples=max(examples, more), derandomize=not SECONDS, deadline=None)


CODECS = [("utf-8", "replace"), ("utf-8", "surrogateescape"), ("latin-1", "strict")]
decoded = st.builds(lambda raw, codec: raw.decode(*codec), st.binary(), st.sampled_from(CODECS))
anything = st.text(st.characters())  # lone surrogates too
# What opens and closes, in between: noise alone hardly ever gets past the first state.
MARKS = [
    *("```python\n", "```\n", "\n```\n", "~~~", "<code>", "</code>", "<code a", '{"code": "', '"}'),
    *("if x:\n", "else:\n", "    ", "'''", '"""', 'f"{', "\r", "\r\n", "\n", "\\", "%%", "# ", ";"),
]
noise = decoded | anything
mixed = st.lists(noise | st.sampled_from(MARKS) | programs, max_size=8).map("".join)
texts = noise | mixed
places = st.lists(st.integers(0, 10_000), max_size=10)


@budget(300)
@given(texts, any_options, places)
def test_chunks_of_any_text(text: str, options: dict[str, Any], places: list[int]) -> None:
    whole = chunks_of([text], **options)
    check_consistent(whole, text)
    assert chunks_of(cut(text, places), **options) == whole
    assert chunks_of(list(text), **options) == whole


@budget(300)
@given(texts, any_options, places, st.data())
def test_no_call_at_any_moment_loses_text(
    text: str, options: dict[str, Any], places: list[int], data: st.DataObject
) -> None:
    chunker, chunks = Chunker(**options), []
    for piece in cut(text, places):
        chunks += chunker.feed(piece)
        if data.draw(st.booleans()):
            chunks += chunker.end_block()
        if data.draw(st.booleans()):
            assert chunker.inside_string in (True, False)
    assert "".join(chunk.source for chunk in chunks + chunker.close()) == text


def read(format: str, pieces: list[str]) -> tuple[list[Chunk], str, list[tuple[int, Any]]]:
    """Extract and cut into chunks, as a stream does.

    Returns the chunks, the code text, and where in it which blocks opened and closed.
    """
    chunker = Chunker()
    extractor = make_extractor(format, lambda: chunker.inside_string)
    chunks: list[Chunk] = []
    code: list[str] = []
    blocks: list[tuple[int, Any]] = []
    for piece in (*pieces, None):  # an iterator is done with before the next call
        for event in extractor.close() if piece is None else extractor.feed(piece):
            if isinstance(event, Code):
                assert event.text
                assert blocks, "code outside any block"
                assert isinstance(blocks[-1][1], BlockOpen), "code outside any block"
                code.append(event.text)
                chunks += chunker.feed(event.text)
                continue
            assert isinstance(event, BlockOpen | BlockClose)
            assert isinstance(event, BlockOpen) != (
                bool(blocks) and isinstance(blocks[-1][1], BlockOpen)
            )
            blocks.append((len("".join(code)), event))
            if isinstance(event, BlockClose):
                chunks += chunker.end_block()
    return chunks + chunker.close(), "".join(code), blocks


@pytest.mark.parametrize("format", FORMATS)
@budget(200)
@given(text=texts, places=places)
@example(text="```python\nx = '''\n```\n'''\r\n```\r\n", places=[1, 25])
def test_any_answer_is_read_alike_however_cut(format: str, text: str, places: list[int]) -> None:
    whole = read(format, [text])
    assert read(format, cut(text, places)) == whole
    assert read(format, list(text)) == whole
    chunks, code, _ = whole
    assert "".join(chunk.source for chunk in chunks) == code
    if format == "python":
        assert code == text


def seconds(take: Callable[[list[str]], object], start: str, again: str, size: int) -> float:
    text = start + again * (size // len(again))
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    began = time.process_time()
    take(pieces)
    return time.process_time() - began


@pytest.mark.parametrize("format", [*FORMATS, "chunker"])
@budget(8)
@given(start=mixed, again=mixed.filter(bool))
def test_the_cost_of_any_text_is_linear(format: str, start: str, again: str) -> None:
    def take(pieces: list[str]) -> object:
        return chunks_of(pieces, "ipython") if format == "chunker" else drain(format, pieces)

    size = 10_000
    for _ in range(6):  # a busy machine may spoil a try, quadratic cost spoils each of them
        small = min(seconds(take, start, again, size) for _ in range(2))
        if seconds(take, start, again, 4 * size) < max(8 * small, 0.05):
            return
    pytest.fail("four times the text takes more than eight times as long")


def drain(format: str, pieces: list[str]) -> None:
    """Extract alone: the chunker has a test of its own."""
    extractor = make_extractor(format)
    for piece in pieces:
        for _ in extractor.feed(piece):
            pass
    for _ in extractor.close():
        pass
