"""From tokens to text, as they come."""

from __future__ import annotations

from typing import Any


class TextStream:
    r"""The text of tokens that come one by one: together what decoding all of them at once gives.

    A token's text depends on its neighbours: a space that a word begins with is none at a text's
    beginning, and a character may be cut into several tokens. `DecodeStream` of `tokenizers`
    knows that, and gives each character when its last token is there. The streamers that come
    with transformers wait for the end of a word, and before 5.24 they lost a space of each
    line's indentation with some tokenizers.

    Parameters
    ----------
    tokenizer
        A ``tokenizers.Tokenizer``.

    Notes
    -----
    Exact for every text. Bytes that are no text, which a model gone astray may write, come out
    as U+FFFD, and with byte fallback not always as many as the whole gives.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._given: list[str] = []
        self._stream = _decode_stream()

    def step(self, token: int) -> str:
        """Take a token; return the text that is certain now."""
        self._tokens.append(token)
        try:
            text = self._stream.step(self._tokenizer, token)
        except Exception as error:  # the only type that it raises
            if "prefix" not in str(error):
                raise
            # Bytes that are no text: what they gave so far is not what they give now.
            self._stream = _decode_stream()
            text = self._stream.step(self._tokenizer, token)
        if text:
            self._given.append(text)
        return text or ""

    def close(self) -> str:
        """Return what was held back: the beginning of a character that never came to its end."""
        whole: str = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        given = "".join(self._given)
        return whole[len(given) :] if whole.startswith(given) else ""


def _decode_stream() -> Any:
    from tokenizers.decoders import DecodeStream  # noqa: PLC0415 - of an extra

    return DecodeStream(skip_special_tokens=True)
