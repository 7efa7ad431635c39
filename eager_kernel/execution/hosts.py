"""Connections to hosts that the user has named, which need not wait.

A connection is known by its address, not by the name it was looked up by. So what a name leads to
is looked up here, too. It runs inside the audit hook: it imports nothing and takes no lock.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a look-up would import it, in the midst of anything
from _socket import getaddrinfo
from collections.abc import Iterable
from socket import socket
from time import monotonic
from typing import Any, Final

from eager_kernel.core.effects.hosts import Host, address_of, plain
from eager_kernel.core.effects.table import Arguments


class Hosts:
    """The hosts that a program may connect to at once.

    Parameters
    ----------
    hosts
        Which.
    """

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._hosts = tuple(hosts)
        self._addresses: dict[str, frozenset[str]] = {
            host.name: frozenset({host.name}) for host in self._hosts if host.is_address
        }
        self._addresses["localhost"] = frozenset({"127.0.0.1", "::1"})
        self._asked: dict[str, float] = {}

    def spare(self, event: str, arguments: Arguments) -> bool:
        """Whether an effect is a step of speaking to one of the hosts.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        """
        try:
            if event in _LOOK_UPS:
                name = arguments[0]
                text = name.decode("ascii") if type(name) is bytes else name
                return type(text) is str and any(h.name == plain(text) for h in self._hosts)
            if event in _TO_ADDRESS:
                return self._leads_here(arguments[1] or _peer(arguments[0]))
            if event in _ON_CONNECTION:
                return self._leads_here(_peer(vars(arguments[0])["sock"]))
        except Exception:  # noqa: BLE001 - what can't be found out waits
            return False
        return False

    def _leads_here(self, address: Any) -> bool:
        if type(address) is not tuple or type(address[0]) is not str:
            return False  # a path of this machine, or what only a look-up would tell
        there, port = address_of(address[0].partition("%")[0]), address[1]
        hosts = [host for host in self._hosts if host.port in (None, port)]
        if there is None:
            return any(host.name == plain(address[0]) for host in hosts)
        return any(there in self._addresses.get(host.name, ()) for host in hosts) or any(
            there in self._look_up(host.name) for host in hosts
        )

    def _look_up(self, name: str) -> frozenset[str]:
        """The addresses of a name, those of before included: there may be more than one tells."""
        known = self._addresses.get(name, frozenset())
        now = monotonic()
        if name in _FIXED or address_of(name) or now - self._asked.get(name, -_AGAIN) < _AGAIN:
            return known
        self._asked[name] = now
        found = {address_of(str(entry[4][0])) for entry in getaddrinfo(name, None)}
        self._addresses[name] = known = known | {address for address in found if address}
        return known


def _peer(connection: Any) -> Any:
    """What a socket is connected to."""
    return socket.getpeername(connection)


_AGAIN: Final = 10.0
"""Seconds after which a name is looked up again."""
_FIXED: Final = ("localhost",)
_LOOK_UPS: Final = ("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname")
_TO_ADDRESS: Final = ("socket.connect", "socket.sendmsg", "socket.sendto")
_ON_CONNECTION: Final = (
    "ftplib.sendcmd",
    "http.client.send",
    "imaplib.send",
    "nntplib.putline",
    "poplib.putline",
    "smtplib.send",
)
