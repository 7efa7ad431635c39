"""What a model has computed of a conversation, kept for the request that begins with the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Prefix:
    """The keys and values of the last conversation of one model.

    A request that goes on with it, as the next step or a repair does, has nearly all of its tokens
    in common with what is here already. These are not computed again.
    """

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._cache: Any = None

    def take(self, model: Any, settings: Any, prompt: Sequence[int]) -> tuple[Any, int]:
        """The cache to generate with.

        Until `keep`, nothing is kept: what fails on the way leaves no cache of which nobody knows
        what is in it.

        Parameters
        ----------
        model
            Of `transformers`.
        settings
            Its generation settings.
        prompt
            The request's tokens.

        Returns
        -------
        cache
            None where the model's kind of cache can't be cut back.
        int
            How many tokens at the prompt's beginning are in it.
        """
        cache, tokens = self._cache, self._tokens
        self.forget()
        if not _can_keep(model, settings):
            return None, 0
        if cache is not None:
            same = min(common(tokens, prompt), len(prompt) - 1)  # the last one gives the next
            surplus = cache.get_seq_length() - same
            if same > 0 and surplus >= 0:
                cache.crop(-surplus)
                return cache, same
        return _new_cache(model), 0

    def keep(self, cache: Any, tokens: Sequence[int]) -> None:
        """Keep what was generated with, and the tokens that are in it or follow them."""
        if cache is None:
            return
        length = cache.get_seq_length()
        if length <= len(tokens):
            self._cache, self._tokens = cache, list(tokens[:length])

    def forget(self) -> None:
        """Keep nothing."""
        self._cache, self._tokens = None, []


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens at their beginnings are the same."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _can_keep(model: Any, settings: Any) -> bool:
    """Whether the model has a cache of plain layers, and nothing else that it remembers."""
    from transformers.cache_utils import DynamicLayer  # noqa: PLC0415 - takes seconds

    if getattr(model, "_is_stateful", False) or settings.use_cache is False:
        return False
    if getattr(settings, "cache_implementation", None) is not None:
        return False
    layers = _new_cache(model).layers
    # Sliding windows and states of recurrent layers can't be cut back.
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def _new_cache(model: Any) -> Any:
    from transformers import DynamicCache  # noqa: PLC0415

    return DynamicCache(config=model.config)
