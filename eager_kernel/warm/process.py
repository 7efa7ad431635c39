"""A kernel that was forked, for whoever wanted it: what `subprocess.Popen` is for a child."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from subprocess import TimeoutExpired
from typing import IO, Final

from eager_kernel.warm.wire import hear


class WarmProcess:
    """A process that is not our child.

    Parameters
    ----------
    connection
        To the template, which tells how it ends.
    pid
        Its number.
    pidfd
        Refers to it, also when the number is another one's.
    """

    def __init__(self, connection: socket.socket, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self._connection = connection
        self._pidfd = pidfd
        self._has_template = True
        connection.setblocking(False)

    def fileno(self) -> int:
        """What can be read from when it may have ended."""
        return self._connection.fileno() if self._has_template else self._pidfd

    def poll(self) -> int | None:
        """Its exit code, as `subprocess.Popen.poll`; None while it lives."""
        if self.returncode is None:
            self._look()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not ended in time.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                assert timeout is not None
                raise TimeoutExpired("kernel", timeout)
            _can_be_read(self.fileno(), left)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, and to those of its group."""
        if self.poll() is not None or self._is_dead():
            return  # its number may be that of another process by now
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _look(self) -> None:
        while self._has_template:
            try:
                message, _ = hear(self._connection)
            except BlockingIOError:
                if not self._is_dead() or not _can_be_read(self._connection.fileno(), _SOON):
                    break  # it lives; or the template does not say how it ended
            except EOFError:
                self._has_template = False  # and with it whoever could ask how the process ended
            else:
                if "exit" in message:
                    self._end(message["exit"])
                    return
        if self._is_dead():
            self._end(UNKNOWN)

    def _is_dead(self) -> bool:
        return _can_be_read(self._pidfd, 0)

    def _end(self, code: int) -> None:
        self.returncode = code
        self._connection.close()
        os.close(self._pidfd)


def _can_be_read(fd: int, timeout: float | None) -> bool:
    """Wait until a file descriptor can be read from; whatever its number, which `select` minds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


_SOON: Final = 1.0
UNKNOWN: Final = 255
"""The exit code of a kernel whose template has ended before it."""
