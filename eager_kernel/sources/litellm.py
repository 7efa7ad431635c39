"""``litellm/PROVIDER/NAME``: everything else, with `litellm`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from eager_kernel.errors import MissingExtraError
from eager_kernel.sources import chat, tool
from eager_kernel.sources.credentials import find_key
from eager_kernel.sources.explain import explain, incomplete
from eager_kernel.sources.http import key_for, where
from eager_kernel.sources.litellm_needs import ALL_KEYS, needs
from eager_kernel.sources.needs import declares
from eager_kernel.sources.source import Event, Finish, Options, Request


@declares(needs, every_key=ALL_KEYS)
def make_source(name: str, options: Options) -> LiteLLMSource:
    """Make the source for the model id ``litellm/PROVIDER/NAME``."""
    return LiteLLMSource(name, options)


class LiteLLMSource:
    """Chat completions of what `litellm` knows.

    Parameters
    ----------
    name
        ``PROVIDER/NAME``, as litellm has it.
    options
        ``extra["tool"]``: answer by a call of `eager_kernel.sources.tool`. What else ``extra``
        holds are more arguments of ``litellm.acompletion``. Without a credential, litellm reads
        the provider's own environment variables.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options
        self._who = f"litellm/{name} at {where(options, 'its provider')}"

    async def prepare(self) -> None:
        """Import litellm, which takes seconds."""
        await asyncio.to_thread(_import, self._name)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer a request; see `eager_kernel.sources.source.Source`."""
        answer = chat.ChatAnswer(
            self._who, by_tool=tool.wanted(self._options), may_answer=request.may_answer
        )
        try:
            async with aclosing(await self._open(request)) as chunks:
                async for event in answer.events(chunks):
                    if isinstance(event, Finish) and not _has_ended(chunks):
                        raise incomplete(self._who)
                    yield event
        except Exception as error:  # noqa: BLE001 - explained, whatever it is
            raise explain(error, self._who, begun=answer.begun) from None

    async def aclose(self) -> None:
        """Do nothing: litellm keeps its connections to itself."""

    async def _open(self, request: Request) -> Any:
        litellm = _import(self._name)
        keeps = keeps_what_is_marked(litellm, self._name)
        given = chat.arguments(request, self._options, with_marks=keeps)
        given |= tool.other_extras(self._options)
        if request.max_tokens is not None:
            given["max_tokens"] = request.max_tokens
        if self._options.api_base is not None:
            given["api_base"] = self._options.api_base
            given["api_key"] = key_for(self._options, "", "litellm")
        elif self._options.credential is not None:
            given["api_key"] = find_key(self._options.credential, "")
        return await litellm.acompletion(
            model=self._name,
            timeout=self._options.first_timeout,
            drop_params=True,
            max_retries=0,  # it would wait for as long as a server says, and not say so
            **given,
        )


def _import(name: str) -> Any:
    # Or it asks for a list of prices over the network each time.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm  # noqa: PLC0415 - an extra, and very slow to import
    except ImportError:
        raise MissingExtraError(f"the model litellm/{name}", "litellm") from None
    litellm.telemetry = False
    litellm.suppress_debug_info = True  # or it prints advice with every error
    return litellm


def keeps_what_is_marked(litellm: Any, name: str) -> bool:
    """Whether a model is Anthropic's, and its server keeps what it is told to (`cache_marks`).

    litellm passes the marks on, or says them as Bedrock does. Other providers may refuse a request
    that has some, and so may Bedrock and Vertex for models that litellm does not know to keep.
    """
    provider, slash, model = name.partition("/")
    if not slash:
        return name.startswith("claude")  # whose litellm takes them to be
    if provider in _CLOUDS and "claude" in model:
        return bool(litellm.utils.supports_prompt_caching(model=name))
    return provider == "anthropic"


def _has_ended(stream: Any) -> bool:
    """Whether the provider said so: litellm makes a reason up where it did not."""
    known = [getattr(stream, name) for name in _ENDS if hasattr(stream, name)]
    return not known or any(known)


_CLOUDS: Final = ("bedrock", "vertex_ai")
_ENDS: Final = ("received_finish_reason", "intermittent_finish_reason")
