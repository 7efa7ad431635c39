"""Where a Jupyter server is: what a user copies from a browser or a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from eager_kernel.errors import KernelConnectionError


@dataclass(frozen=True, slots=True)
class Address:
    """A Jupyter server.

    Parameters
    ----------
    url
        Up to its base URL, with a slash at the end: ``https://hub.example/user/ada/``.
    token
        Lets us in; empty: nothing is said.
    """

    url: str
    token: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries. Never in the address, which servers and proxies log."""
        return {"Authorization": f"token {self.token}"} if self.token else {}

    def at(self, *path: str) -> str:
        """The address of a part of its API."""
        return self.url + "api/" + "/".join(quote(part, safe="") for part in path)

    def websocket(self, kernel_id: str, session: str) -> str:
        """The address of a kernel's websocket."""
        return (
            "ws"
            + self.at("kernels", kernel_id, "channels").removeprefix("http")
            + f"?session_id={quote(session, safe='')}"
        )


def parse_address(url: str, token: str | None = None) -> Address:
    """Read the address of a server.

    Parameters
    ----------
    url
        As a browser shows it: ``?token=`` is read, and what follows the base URL (``/lab``,
        ``/tree`` and the like) is left out.
    token
        Goes before the one in `url`.

    Raises
    ------
    KernelConnectionError
        It is no address of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KernelConnectionError(
            "url: not the address of a Jupyter server; write it as http://localhost:8888/"
        )
    if parts.username or parts.password:
        raise KernelConnectionError("url: must hold no password; give a token")
    found = parse_qs(parts.query).get("token", [""])[0]
    token = (found if token is None else token).strip()
    if not token.isascii() or not token.isprintable():
        raise KernelConnectionError("token: holds characters that no token has; copy it again")
    path = _PAGE.sub("", parts.path).strip("/")
    base = f"{parts.scheme}://{parts.netloc}/"
    return Address(f"{base}{path}/" if path else base, token)


_PAGE: Final = re.compile(r"/(?:lab|tree|notebooks|doc|login)(?:/.*)?$")
