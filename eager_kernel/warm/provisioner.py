"""Starts kernels by forking a template: a provisioner of `jupyter_client`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Float, List, Unicode

from eager_kernel.warm.process import WarmProcess
from eager_kernel.warm.requesting import Launch, Prepared, UnlikeError, shadowing
from eager_kernel.warm.templates import Found, NoTemplateError, Wanted, find, start
from eager_kernel.warm.wire import hear, send_request

NAME: Final = "eager-warm-provisioner"
"""The name of the entry point."""


class WarmProvisioner(LocalProvisioner):
    """Forks kernels from a process that has imported everything.

    Where that can't be, it says so and starts kernels as `LocalProvisioner` does.
    """

    warm = Bool(True, help="Fork kernels; else they are started as ever.").tag(config=True)
    modules = List(
        Unicode(),
        ["numpy", "pandas", "matplotlib.pyplot"],
        help="""What the template imports. Modules are then in `sys.modules` of each kernel, and in
        no namespace. What can't be imported is left out.""",
    ).tag(config=True)
    exercise = Unicode(
        "eager_kernel.warm.exercises:run",
        help="""A function, `package.module:name`, that the template calls after its imports, to
        fill the caches of a process: of fonts, of parsers. Empty: none.""",
    ).tag(config=True)
    idle = Float(
        1800.0,
        help="Seconds after which a template ends that has no kernel and is asked for none.",
    ).tag(config=True)
    alone = Float(
        60.0,
        help="The same, from when all processes have ended that asked it for kernels.",
    ).tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel, or start one as ever."""
        if not self.warm:
            return await super().launch_kernel(cmd, **kwargs)
        try:
            process = await self._fork(cmd, kwargs)
        except (UnlikeError, NoTemplateError) as reason:
            self.log.warning("The kernel is not forked but started as ever: %s.", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process  # type: ignore[assignment]  # it has what a Popen has
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait until the kernel has ended."""
        process: Any = self.process
        if isinstance(process, WarmProcess):
            while process.poll() is None:
                await _readable(process.fileno())
        code: int | None = await super().wait()
        return code

    async def _fork(self, cmd: list[str], options: Mapping[str, Any]) -> WarmProcess:
        launch = Launch.read(cmd, options)
        with ExitStack() as exits:
            return await self._ask(launch, launch.prepare(self.connection_info, exits))

    async def _ask(self, launch: Launch, prepared: Prepared) -> WarmProcess:
        """Ask this user's template for a kernel; it is started if need be.

        Raises
        ------
        NoTemplateError, UnlikeError
            It can't be had.
        """
        wanted = Wanted(
            interpreter=launch.interpreter,
            modules=tuple(self.modules),
            exercise=self.exercise,
            idle=self.idle,
            alone=self.alone,
        )
        for _ in range(_ATTEMPTS):
            found = find(wanted, launch.env)
            if found is None:
                found = await in_thread(lambda: start(wanted, launch.env))
            process = await _ask(found, launch, prepared)
            if process is not None:
                return process
        raise NoTemplateError("what it has imported changes all the time")


async def _ask(found: Found, launch: Launch, prepared: Prepared) -> WarmProcess | None:
    """Ask a template for a kernel; None: it is out of date, and takes no more requests."""
    with ExitStack() as exits:
        exits.callback(found.connection.close)
        if name := shadowing(launch.cwd, found.about["added"]):
            raise UnlikeError(f"{name} in the working folder goes before what has been imported")
        try:
            process = await begun(found.connection, prepared)
        except TimeoutError:
            raise NoTemplateError("the template does not answer") from None
        except (OSError, EOFError):
            return None  # it has just ended
        if process is not None:
            exits.pop_all()
        return process


async def begun(connection: socket.socket, prepared: Prepared) -> WarmProcess | None:
    """Send a request, and wait until its kernel is there.

    Returns
    -------
    WarmProcess
        The kernel; None where the template is out of date, and takes no more requests.

    Raises
    ------
    UnlikeError
        The kernel can't be what was asked for.
    TimeoutError
        Nobody answers.
    OSError, EOFError
        Whoever was asked has ended.
    """
    connection.setblocking(False)
    send_request(connection, prepared.request, prepared.handles)
    try:
        async with asyncio.timeout(_PATIENCE):
            await _readable(connection.fileno())
    except asyncio.CancelledError:
        connection.setblocking(True)  # the kernel is about to be there, and is to end
        connection.settimeout(_SOON)
        with suppress(OSError, EOFError):
            message, fds = hear(connection)
            if fds:
                WarmProcess(connection, message["pid"], fds[0]).kill()
        raise
    message, fds = hear(connection)
    if "stale" in message:
        return None
    if "error" in message:
        raise UnlikeError(message["error"])
    process = WarmProcess(connection, message["pid"], fds[0])
    process.stdin, process.stdout, process.stderr = prepared.streams
    return process


async def _readable(fd: int) -> None:
    """Wait until a file descriptor can be read from."""
    loop = asyncio.get_running_loop()
    can = loop.create_future()
    loop.add_reader(fd, _settle, can.set_result, can, None)
    try:
        await can
    finally:
        loop.remove_reader(fd)


async def in_thread(work: Callable[[], _T]) -> _T:
    """Wait for work that blocks; the thread ends with it, which those of the loop's pool don't."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the work is awaited
            loop.call_soon_threadsafe(_settle, done.set_exception, done, error)
        else:
            loop.call_soon_threadsafe(_settle, done.set_result, done, result)

    threading.Thread(target=run, name="eager-template", daemon=True).start()
    return await done


def _settle(settle: Callable[[Any], None], done: asyncio.Future[Any], value: Any) -> None:
    if not done.done():  # nobody waits any more
        settle(value)


_T = TypeVar("_T")
_ATTEMPTS: Final = 4
_PATIENCE: Final = 30.0
_SOON: Final = 1.0
