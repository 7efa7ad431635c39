"""Hosts that a program may speak to without waiting: how they are written, and what is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final


@dataclass(frozen=True, slots=True)
class Host:
    """A host, at one port or at all.

    Parameters
    ----------
    name
        Its name in lower case, or its address in the usual form.
    port
        None: all.
    """

    name: str
    port: int | None = None

    @property
    def is_address(self) -> bool:
        """Whether it is given by its address, so that nobody has to be asked for that."""
        return address_of(self.name) is not None


def parse_host(text: str) -> Host:
    """Read a host as a deployer writes it: ``host``, ``host:port``, ``[::1]:port``.

    Raises
    ------
    ValueError
        It is written otherwise.

    Examples
    --------
    >>> parse_host("API.example.com:443")
    Host(name='api.example.com', port=443)
    >>> parse_host("::1")
    Host(name='::1', port=None)
    """
    if (address := address_of(text)) is not None:
        return Host(address)
    name, port = text, ""
    if (found := _WITH_PORT.fullmatch(text)) is not None:
        name, port = found.groups()
        if int(port) not in range(1, 65536):
            raise ValueError(f"{port} is no port")
    if (found := _BRACKETED.fullmatch(name)) is not None:
        name = found.group(1)
        if ":" not in name or address_of(name) is None:
            raise ValueError(f"{name} is no IPv6 address")
    elif not _NAME.fullmatch(name):
        raise ValueError("a host is written as a name or an address, with or without :port")
    return Host(address_of(name) or plain(name), int(port) if port else None)


def address_of(text: str) -> str | None:
    """An address in its usual form; None if it is a name."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def plain(name: str) -> str:
    """A host's name as names are compared."""
    return name.lower().removesuffix(".")


_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_WITH_PORT: Final = re.compile(r"([^:]+|\[[^\]]*\]):([0-9]{1,5})")
_BRACKETED: Final = re.compile(r"\[([^\]]*)\]")
