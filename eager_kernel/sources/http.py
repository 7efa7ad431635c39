"""What the sources that speak HTTP have in common: patience, and whose key goes where."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from eager_kernel.errors import SourceError
from eager_kernel.sources.credentials import find_key, need_key
from eager_kernel.sources.explain import seconds_to_wait
from eager_kernel.sources.source import Options

CONNECT_TIMEOUT: Final = 20.0
"""Seconds in which a server must take a connection."""

NO_KEY: Final = "none"
"""What a server without keys is sent, since the clients want to send something."""


def key_for(options: Options, usual: str, provider: str) -> str:
    """Find the key for a server.

    Parameters
    ----------
    options
        The address and the credential.
    usual
        The environment variable that holds the provider's own key. It goes to the provider
        alone: another server gets a key only if a credential is named for it.
    provider
        Whose server it is without an address.

    Raises
    ------
    SourceError
        There is no key, or the address is none.
    """
    if options.api_base is None:
        return need_key(options.credential, usual, provider)
    check_address(options.api_base)
    if options.credential is None:
        return NO_KEY
    return find_key(options.credential, usual) or NO_KEY


def check_address(api_base: str) -> None:
    """See that an address may be one.

    Raises
    ------
    SourceError
        It may not, or holds what is secret.
    """
    try:
        address = urlsplit(api_base)
        address.port  # noqa: B018 - raises what is wrong with it
    except ValueError:
        address = urlsplit("")
    if address.username or address.password:
        raise SourceError("the address of a server must hold no password: name a credential")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SourceError(
            f"{api_base!r} is no address of a server: write it as http://localhost:8000/v1"
        )


def usual_keys(options: Options, usual: str) -> tuple[str, ...]:
    """Name the variable in which `key_for` would look for the key; none where no key is sent."""
    if options.credential is not None:
        return (options.credential,)
    return () if options.api_base is not None else (usual,)


def where(options: Options, default: str) -> str:
    """Name a server: its address without what may be secret in it."""
    if options.api_base is None:
        return default
    address = urlsplit(options.api_base)
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.hostname}{port}{address.path}"


@asynccontextmanager
async def closing(stream: Any) -> AsyncGenerator[Any, None]:
    """Close a client's stream at the end, and with it its connection, by which the server knows."""
    try:
        yield stream
    finally:
        await stream.close()


async def wait_only_shortly(response: Any) -> None:
    """Let a client not wait where a server wants it to do so for long: a hook for responses.

    The clients would sleep for up to two minutes, and a person would not know why.
    """
    wait = seconds_to_wait(response.headers)
    if wait is not None and wait > _LONG:
        response.headers["x-should-retry"] = "false"


_LONG: Final = 5.0
