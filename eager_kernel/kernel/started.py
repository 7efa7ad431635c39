"""A kernel that uses what it has been given: sockets that listen, and a sign to end."""

from __future__ import annotations

import os
import select
import threading
from typing import Any, Final

import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.kernelapp import IPKernelApp
from ipykernel.parentpoller import ParentPollerUnix

from eager_kernel.sandbox.given import Given


class StartedApp(IPKernelApp):
    """An ipykernel that uses what it has been given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given = Given.take(os.environ)
        """What it has been given. Whoever forks a kernel sets this before `initialize`."""

    def init_poller(self) -> None:
        """Watch whoever started the kernel."""
        if self.given.life is None:
            super().init_poller()
        else:
            self.poller = _LifePoller(self.given.life)

    def _try_bind_socket(self, s: Any, port: int) -> Any:
        _take_over(s, self.given.sockets.get(port))
        return super()._try_bind_socket(s, port)

    def init_iopub(self, context: Any) -> None:
        """Make the socket of iopub; where it can't be, the process is to end."""
        try:
            super().init_iopub(context)
        except zmq.ZMQError:
            # Another program has the port. ipykernel would wait at its end for this socket to be
            # closed, for ever, and whoever started the kernel would wait for the kernel.
            self.iopub_socket.close()
            raise

    def init_heartbeat(self) -> None:
        """Start the heart, on its socket if that listens already; without one there is no kernel.

        Raises
        ------
        zmq.ZMQError
            Another program has its port. ipykernel would go on, and seem dead to some clients.
        """
        self.heartbeat = heart = _Heartbeat(  # otherwise as ipykernel does
            zmq.Context(),
            (self.transport, self.ip, self.hb_port),
            curve_publickey=self.curve_publickey,
            curve_secretkey=self.curve_secretkey,
        )
        heart.listening = self.given.sockets.get(self.hb_port)
        self.hb_port = heart.port
        heart.start()
        heart.begun.wait()
        if heart.failure is not None:
            raise heart.failure


class _Heartbeat(Heartbeat):
    """A heart that says whether it listens."""

    listening: int | None = None
    failure: zmq.ZMQError | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.begun = threading.Event()

    def run(self) -> None:
        """Beat."""
        try:
            super().run()
        except zmq.ZMQError as error:
            if self.begun.is_set():
                raise
            self.failure = error
            self.begun.set()

    def _bind_socket(self) -> None:
        super()._bind_socket()
        self.begun.set()

    def _try_bind_socket(self) -> Any:
        _take_over(self.socket, self.listening)
        return super()._try_bind_socket()


class _LifePoller(ParentPollerUnix):
    """Ends the process when whoever started it has ended, who need not be its parent."""

    def __init__(self, life: int) -> None:
        super().__init__()
        self._life = life

    def run(self) -> None:
        poll = select.poll()
        poll.register(self._life, select.POLLIN)
        poll.poll()
        os._exit(_ORPHANED)


def _take_over(socket: Any, listening: int | None) -> None:
    """Have a ZMQ socket use a file descriptor in the place of one that it would make."""
    if listening is not None:
        socket.setsockopt(zmq.USE_FD, listening)


_ORPHANED: Final = 1  # as ipykernel's own poller
