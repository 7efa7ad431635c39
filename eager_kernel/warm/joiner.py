"""A new process that enters a room and executes a kernel there: no template is needed for that.

``python -m eager_kernel.warm.joiner FD`` takes its request from a socket, as a fork of a template
does.
"""

from __future__ import annotations

import os
import socket
import sys

from eager_kernel.sandbox.given import VARIABLE, Given
from eager_kernel.warm.begin import begin
from eager_kernel.warm.wire import receive_request


def main() -> None:
    """Enter the room, and be the kernel."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    request, handles = receive_request(connection)
    begin(connection, request, handles)
    for fd in (*handles.sockets, handles.life):
        os.set_inheritable(fd, True)
    sockets = dict(zip(request.ports, handles.sockets, strict=True))
    given = Given(sockets, None if request.independent else handles.life)
    flags = sys.orig_argv[1 : sys.orig_argv.index("-m")]
    command = [sys.orig_argv[0], *flags, "-m", "eager_kernel", *request.argv]
    os.execve(command[0], command, {**request.env, VARIABLE: given.to_text()})  # noqa: S606


if __name__ == "__main__":
    main()
