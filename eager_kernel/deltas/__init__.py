"""The text of models, out of the streams of their providers' packages.

>>> from eager_kernel.deltas import code
>>> stream = openai.chat.completions.create(..., stream=True)   # doctest: +SKIP
>>> result = client.run(code(stream))                           # doctest: +SKIP
>>> result.usage                                                # doctest: +SKIP
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

from eager_kernel.deltas.reader import KNOWN, Only
from eager_kernel.deltas.streams import AsyncDeltas, Deltas, EitherDeltas

__all__ = ["AsyncDeltas", "Deltas", "EitherDeltas", "code"]


def code(stream: Any, *, only: Only | None = None) -> Deltas | AsyncDeltas | EitherDeltas:
    """Read the stream of a provider's package as deltas for `EagerClient.run`.

    Parameters
    ----------
    stream
        What a package gives for a request with ``stream=True``, not iterated yet: of `openai`
        (chat completions, or events of the Responses API), `anthropic` (`messages.create`, or the
        stream that ``with messages.stream(...)`` gives), or `litellm`. Its items may be objects or
        dicts. Items that are text already are taken as they are; None and ``""`` are nothing.
    only
        ``"text"``: what the model says. ``"calls"``: the arguments of the tools that it calls.
        None: both, in order.

    Returns
    -------
    Deltas, AsyncDeltas or EitherDeltas
        An iterable of text: asynchronous if the stream is, either if it is. At its end it knows
        the ``finish_reason``, which is ``length`` where the answer was cut off, and the ``usage``,
        a dict as the provider has it or None. To close it closes the stream.

    Raises
    ------
    TypeError
        It is no such stream. What its items are shows only when the first one comes.
    SourceError
        While it is iterated: the provider says in the stream that it failed.

    Notes
    -----
    Left out are reasoning, and what the provider's own tools are given, which run there. A refusal
    is text. The arguments of a call are JSON, as the model writes them, for the kernel's formats
    ``auto`` and ``json``, or ``json:NAME`` for a tool that has its code under another name. Each
    call begins a line of its own. Where a provider mixes several, one waits for the other's end.
    """
    if only not in (None, "text", "calls"):
        raise ValueError(f'only: must be "text", "calls" or None, not {only!r}')
    name = type(stream).__name__
    if isawaitable(stream):
        if hasattr(stream, "close"):
            stream.close()  # or Python warns that nobody has awaited it
        raise TypeError(f"a {name} must be awaited first: code(await ...)")
    if isinstance(stream, (str, bytes, dict)) or hasattr(stream, "model_dump"):
        raise TypeError(f"a {name} is no stream: ask the model with stream=True. {KNOWN}")
    is_async, is_sync = hasattr(stream, "__aiter__"), hasattr(stream, "__iter__")
    if is_async and is_sync:
        return EitherDeltas(stream, only)
    if is_async:
        return AsyncDeltas(stream, only)
    if is_sync:
        return Deltas(stream, only)
    if hasattr(stream, "__enter__") or hasattr(stream, "__aenter__"):
        raise TypeError(f"a {name} must be entered first: with ... as stream: code(stream)")
    raise TypeError(f"a {name} is no stream. {KNOWN}")
