"""``openai/NAME``: OpenAI, and every server that is compatible, with the `openai` client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any, Final

from eager_kernel.errors import MissingExtraError
from eager_kernel.sources import chat, tool
from eager_kernel.sources.explain import explain
from eager_kernel.sources.http import (
    CONNECT_TIMEOUT,
    closing,
    key_for,
    usual_keys,
    wait_only_shortly,
    where,
)
from eager_kernel.sources.needs import Needs, declares
from eager_kernel.sources.source import Event, Options, Request


def _needs(name: str, options: Options) -> Needs:
    keys = usual_keys(options, _KEY)
    return Needs((*keys, "OPENAI_CUSTOM_HEADERS"), ("OPENAI_*",))


@declares(_needs, every_key=("OPENAI_API_KEY", "OPENAI_CUSTOM_HEADERS"))
def make_source(name: str, options: Options) -> OpenAISource:
    """Make the source for the model id ``openai/NAME``."""
    return OpenAISource(name, options)


class OpenAISource:
    """Chat completions of a server.

    Parameters
    ----------
    name
        The model's name there.
    options
        ``extra["tool"]``: answer by a call of `eager_kernel.sources.tool`. What else ``extra``
        holds goes into the request as it is, for example ``reasoning_effort``.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options
        self._who = f"openai/{name} at {where(options, 'api.openai.com')}"
        self._client: Any = None
        self._counts_usage = True

    async def prepare(self) -> None:
        """Import the client."""
        await asyncio.to_thread(_import, self._name)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer a request; see `eager_kernel.sources.source.Source`."""
        answer = chat.ChatAnswer(
            self._who, by_tool=tool.wanted(self._options), may_answer=request.may_answer
        )
        try:
            async with closing(await self._open(request)) as chunks:
                async for event in answer.events(chunks):
                    yield event
        except Exception as error:  # noqa: BLE001 - explained, whatever it is
            raise explain(error, self._who, begun=answer.begun) from None

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self, request: Request) -> Any:
        client = self._client = self._client or self._make_client()
        given = chat.arguments(request, self._options)
        given["model"] = self._name
        given["extra_body"] = tool.other_extras(self._options) or None
        if request.max_tokens is not None:
            # OpenAI's newer models know the new name alone, most other servers the old one.
            is_new = self._base_url == _OPENAI
            given["max_completion_tokens" if is_new else "max_tokens"] = request.max_tokens
        if self._counts_usage:
            try:
                return await client.chat.completions.create(**given)
            except Exception as error:
                if "stream_options" not in str(error):
                    raise
                self._counts_usage = False  # a server that does not know them
        del given["stream_options"]
        return await client.chat.completions.create(**given)

    @property
    def _base_url(self) -> str:
        return self._options.api_base or os.environ.get("OPENAI_BASE_URL") or _OPENAI

    def _make_client(self) -> Any:
        openai = _import(self._name)
        return openai.AsyncOpenAI(
            api_key=key_for(self._options, _KEY, "OpenAI"),
            base_url=self._base_url,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=openai.Timeout(self._options.first_timeout, connect=CONNECT_TIMEOUT),
                event_hooks={"response": [wait_only_shortly]},
            ),
        )


def _import(name: str) -> Any:
    try:
        import openai  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise MissingExtraError(f"the model openai/{name}", "openai") from None
    return openai


_KEY: Final = "OPENAI_API_KEY"
_OPENAI: Final = "https://api.openai.com/v1"
