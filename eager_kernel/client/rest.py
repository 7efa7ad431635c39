"""The REST API of a Jupyter server, as far as kernels need it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import Any, Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketError

from eager_kernel.client.address import Address
from eager_kernel.errors import KernelConnectionError

TIMEOUT: Final = 20.0
"""Seconds that a server may take to answer a request."""

REFUSALS: Final = (OSError, HTTPClientError, StreamClosedError, WebSocketError, ssl.SSLError)
"""What asking a server may raise."""


class KernelsApi:
    """Starts, finds, interrupts and ends kernels of a server.

    Parameters
    ----------
    address
        The server.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        # One of our own: the shared one may be configured by others, and is closed by nobody.
        self._http: AsyncHTTPClient = SimpleAsyncHTTPClient(force_instance=True)

    async def start(self, name: str, timeout: float, **options: Any) -> str:
        """Start a kernel; returns its id.

        Parameters
        ----------
        name
            Of its kernelspec.
        timeout
            Seconds that the server may take.
        options
            More fields of the request: ``path``, and ``env`` where the server allows it.

        Raises
        ------
        KernelConnectionError
            The server has no such kernel, or does not start it.
        """
        body = {"name": name, **options}
        try:
            model = await self._ask("POST", "kernels", body=body, timeout=timeout)
        except KernelConnectionError as error:
            # Of a kernel that is not there, Jupyter Server says no more than "Unhandled error".
            if name in (names := await self._names()):
                raise
            raise KernelConnectionError(
                f"the Jupyter server at {self.address.url} has no kernel {name!r}; it has: "
                f"{', '.join(names)}"
            ) from error
        return str(model["id"])

    async def _names(self) -> list[str]:
        specs = await self._ask("GET", "kernelspecs")
        return sorted(specs["kernelspecs"])

    async def only(self) -> str:
        """The id of the one kernel that the server has.

        Raises
        ------
        KernelConnectionError
            There is none, or more than one.
        """
        models = await self._ask("GET", "kernels")
        if len(models) != 1:
            some = ", ".join(f"{model['id']} ({model['name']})" for model in models[:10])
            raise KernelConnectionError(
                f"which kernel? Give its kernel_id: {some}"
                if models
                else "the server runs no kernel: start one, with EagerClient.start(url=…)"
            )
        return str(models[0]["id"])

    async def look(self, kernel_id: str, timeout: float = TIMEOUT) -> None:
        """See that a kernel is there.

        Parameters
        ----------
        kernel_id
            Which.
        timeout
            Seconds that the server may take.

        Raises
        ------
        KernelConnectionError
            It is not, or the server does not let us know.
        """
        await self._ask("GET", "kernels", kernel_id, timeout=timeout)

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt what a kernel runs."""
        await self._ask("POST", "kernels", kernel_id, "interrupt", body={})

    async def restart(self, kernel_id: str, timeout: float) -> None:
        """Start a kernel anew, within `timeout` seconds."""
        await self._ask("POST", "kernels", kernel_id, "restart", body={}, timeout=timeout)

    async def end(self, kernel_id: str) -> None:
        """Shut a kernel down."""
        await self._ask("DELETE", "kernels", kernel_id)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    async def _ask(
        self, method: str, *path: str, body: Any = None, timeout: float = TIMEOUT
    ) -> Any:
        request = HTTPRequest(
            self.address.at(*path),
            method,
            headers={**self.address.headers, "Content-Type": "application/json"},
            body=None if body is None else json.dumps(body),
            request_timeout=timeout,
            connect_timeout=min(timeout, TIMEOUT),
            follow_redirects=False,  # which would take the token elsewhere
        )
        try:
            response = await self._http.fetch(request)
            return json.loads(response.body) if response.body else None
        except REFUSALS as error:
            raise explain(error, self.address) from error
        except ValueError as error:
            raise KernelConnectionError(
                f"{self.address.url} is no Jupyter server: it answers with something else"
            ) from error


def explain(error: Exception, address: Address) -> KernelConnectionError:
    """Make an error that says what to do of one of `REFUSALS`."""
    who = f"the Jupyter server at {address.url}"
    match error:
        case HTTPClientError(code=401 | 403):
            said = _said(error)
            told = f"{who} does not let us in ({error.code}): check the token"
            told += f". It says: {said}" if said else ""
        case HTTPClientError(code=301 | 302 | 303 | 307 | 308):
            told = f"{who} sends us elsewhere ({error.code}): check the token, and the base URL"
        case HTTPClientError(code=404):
            said = _said(error) or "check the kernel's id and the base URL"
            told = f"{who} has no such thing (404): {said}"
        case HTTPClientError(code=599) | TimeoutError() | asyncio.TimeoutError():
            told = f"{who} does not answer in time"
        case HTTPClientError():
            told = f"{who} refuses ({error.code}): {_said(error) or error.message}"
        case ConnectionRefusedError():
            told = f"nobody listens at {address.url}: start the server, or check the address"
        case socket.gaierror():
            told = f"the address of {who} is not known: check its spelling, and the network"
        case ssl.SSLError():
            told = f"no secure connection to {who}: {error}"
        case _:
            told = f"the connection to {who} broke: {error or type(error).__name__}"
    return KernelConnectionError(told)


def _said(error: HTTPClientError) -> str:
    """What a server says of an error, as a line: it may be a page of HTML."""
    try:
        said = json.loads(error.response.body)["message"] if error.response is not None else ""
    except (ValueError, KeyError, TypeError):
        return ""
    return " ".join(str(said).split())[:300]
