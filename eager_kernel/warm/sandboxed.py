"""Starts kernels that are locked in: a provisioner of `jupyter_client`."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir
from tornado.web import HTTPError
from traitlets import Bool, Integer, List, Unicode

from eager_kernel.errors import SandboxError
from eager_kernel.places import socket_folder
from eager_kernel.sandbox.bubblewrap import Plan
from eager_kernel.sandbox.enter import Limits
from eager_kernel.sandbox.policy import VARIABLE, Policy
from eager_kernel.sandbox.probe import explain_room
from eager_kernel.sandbox.python import python_folders
from eager_kernel.sandbox.room import NoRoomError, Room, make_room
from eager_kernel.warm.process import WarmProcess
from eager_kernel.warm.provisioner import WarmProvisioner, begun, in_thread
from eager_kernel.warm.requesting import Launch, Prepared, Rooms, UnlikeError
from eager_kernel.warm.rights import read_while_importing
from eager_kernel.warm.templates import NoTemplateError

NAME: Final = "eager-sandbox-provisioner"
"""The name of the entry point."""

_DEFAULT: Final = Policy()


class SandboxProvisioner(WarmProvisioner):
    """Locks kernels in, by bubblewrap; where that can't be, it starts none."""

    warm = Bool(
        False, help="Fork kernels from a template, too; else each is a process of its own."
    ).tag(config=True)
    network = Bool(
        _DEFAULT.network,
        help="Whether kernels have this machine's network, with what listens on loopback.",
    ).tag(config=True)
    read = List(
        Unicode(), help="Files and folders that kernels also see, as whole paths or from ~ on."
    ).tag(config=True)
    write = List(Unicode(), help="Files and folders that kernels also may change.").tag(config=True)
    environment = List(
        Unicode(),
        help="Variables of the environment that kernels get besides those that programs need.",
    ).tag(config=True)
    memory = Integer(_DEFAULT.memory, help="MiB of memory that each process may take.").tag(
        config=True
    )
    processes = Integer(
        _DEFAULT.processes, help="How many processes and threads a kernel may have."
    ).tag(config=True)
    cpu = Integer(
        _DEFAULT.cpu, help="Seconds of processor time of each process, which then ends."
    ).tag(config=True)
    file_size = Integer(_DEFAULT.file_size, help="MiB of the largest file to be written.").tag(
        config=True
    )
    scratch = Integer(
        _DEFAULT.scratch, help="MiB in /tmp, and the same in the home, which are memory."
    ).tag(config=True)

    _room: Room | None = None
    _joiner: subprocess.Popen[bytes] | None = None
    _life: int | None = None
    _log: int | None = None

    @property
    def policy(self) -> Policy:
        """What kernels may do.

        Raises
        ------
        SandboxError
            A value makes no sense.
        """
        names = Policy.__dataclass_fields__
        return Policy(**{name: getattr(self, name) for name in names})

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Have it speak over sockets of the file system: it may have no network."""
        manager = self.parent
        if manager is not None and manager.transport != "ipc":
            if not manager.connection_file:
                runtime = Path(jupyter_runtime_dir())
                runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
                manager.connection_file = str(runtime / f"kernel-{self.kernel_id}.json")
            name = Path(manager.connection_file).stem + "-ipc"
            manager.cache_ports = False
            manager.transport = "ipc"
            manager.ip = str(socket_folder(f"{name}-5") / name)
            for port in ("shell", "iopub", "stdin", "hb", "control"):
                setattr(manager, f"{port}_port", 0)
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        return prepared

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Lock a kernel in.

        Raises
        ------
        SandboxError
            It can't be, and is not started.
        """
        try:
            return await self._launch(cmd, kwargs)
        except SandboxError as error:
            raise RefusedError(str(error)) from error

    async def _launch(self, cmd: list[str], kwargs: Mapping[str, Any]) -> Any:
        policy = self.policy
        try:
            launch = Launch.read(cmd, kwargs)
        except UnlikeError as reason:
            raise SandboxError(
                f"the kernel can't be locked in, and is not started: {reason}"
            ) from None
        folder = working_folder(launch.cwd)
        home = _home(launch.env)
        env = {
            **read_while_importing(launch.env),
            **{name: launch.env[name] for name in _NEEDED if name in launch.env},
            **{name: launch.env[name] for name in policy.environment if name in launch.env},
            "HOME": str(home),
            "TMPDIR": "/tmp",  # noqa: S108 - the room's own
            VARIABLE: policy.to_text(),
        }
        for name in _ELSEWHERE - set(policy.environment):
            env.pop(name, None)
        shown = await in_thread(
            lambda: python_folders(launch.interpreter, read_while_importing(launch.env))
        )
        plan = Plan(
            policy=policy,
            folder=folder,
            home=home,
            shown=[*shown, self._connection_file],
        )
        launch = replace(launch, env=env, cwd=str(folder), streams=self._streams(launch.streams))
        try:
            self._room = await in_thread(lambda: make_room(plan))
        except NoRoomError as error:
            raise SandboxError(explain_room(str(error)).message) from error
        try:
            process = await self._lock_in(launch, self._room, policy)
        except BaseException:
            self._leave()
            raise
        self.process = process  # type: ignore[assignment]  # it has what a Popen has
        self.pid = self.pgid = process.pid
        self.cwd = str(folder)
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait until the kernel has ended, and end what it has left."""
        code = await super().wait()
        self._leave()
        return code

    async def kill(self, restart: bool = False) -> None:
        """End the kernel, and all that it has started."""
        await super().kill(restart)
        self._leave()

    async def cleanup(self, restart: bool = False) -> None:
        """Leave nothing of it."""
        self._leave()
        await super().cleanup(restart)

    def explain_exit(self) -> str:
        """Why a kernel of ours has ended, as far as can be told; empty: it can't."""
        process: Any = self.process
        code = process.returncode if process is not None else None
        if code == -signal.SIGXCPU:
            return f"it used up its {self.cpu} s of processor time (the sandbox's option cpu)"
        said = self._read_log().strip().splitlines()
        return f"the last that it wrote: {said[-1][:_LINE]}" if said else ""

    # ----------------------------------------------------------------------------------------

    @property
    def _connection_file(self) -> str:
        manager: Any = self.parent
        return str(manager.connection_file)

    async def _lock_in(self, launch: Launch, room: Room, policy: Policy) -> WarmProcess:
        limits = Limits(
            memory=policy.memory,
            processes=policy.processes,
            cpu=policy.cpu,
            file_size=policy.file_size,
        )
        life, self._life = os.pipe()
        with ExitStack() as exits:
            exits.callback(os.close, life)
            exits.callback(room.close_namespaces)
            rooms = Rooms((*room.namespaces, room.first), limits, life)
            prepared = launch.prepare(self.connection_info, exits, rooms)
            if self.warm:
                try:
                    return await self._ask(launch, prepared)
                except (UnlikeError, NoTemplateError) as reason:
                    self.log.warning("The kernel is locked in, but not forked: %s.", reason)
            return await self._execute(launch, prepared)

    async def _execute(self, launch: Launch, prepared: Prepared) -> WarmProcess:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as exits:
            exits.callback(ours.close)
            with theirs:
                self._joiner = subprocess.Popen(  # noqa: S603 - the kernelspec's own interpreter
                    [*launch.interpreter, "-m", "eager_kernel.warm.joiner", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    pass_fds=(theirs.fileno(),),
                    env=read_while_importing(launch.env),
                    cwd="/",
                    start_new_session=True,
                )
            try:
                process = await begun(ours, prepared)
            except (UnlikeError, OSError, EOFError) as error:
                why = str(error) or self._read_log().strip()
                raise SandboxError(f"the kernel could not be locked in: {why}") from error
            assert process is not None
            exits.pop_all()
            return process

    def _streams(self, asked: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """What a kernel writes, not to a terminal: a program could do things to that."""
        self._log = os.memfd_create("eager-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(self._log, _LOG)
        fcntl.fcntl(
            self._log,
            fcntl.F_ADD_SEALS,
            fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL,
        )
        out, err = (
            self._log if stream is None or _is_terminal(stream) else stream for stream in asked[1:]
        )
        return subprocess.DEVNULL, out, err

    def _read_log(self) -> str:
        if self._log is None:
            return ""
        return os.pread(self._log, _LOG, 0).rstrip(b"\0").decode(errors="replace")

    def _leave(self) -> None:
        """End all that is in the room, and forget it."""
        if self._room is not None:
            self._room.close()
            self._room = None
        if self._joiner is not None:
            self._joiner.wait()
            self._joiner = None
        for fd in (self._life, self._log):
            if fd is not None:
                os.close(fd)
        self._life = self._log = None


class RefusedError(SandboxError, HTTPError):
    """Why there is no kernel, also for users of a Jupyter server.

    Of other errors it tells them no more than "Unhandled error".
    """

    def __init__(self, message: str) -> None:
        HTTPError.__init__(self, 500, message)
        self._message = message

    def __str__(self) -> str:
        return self._message


def working_folder(name: str) -> Path:
    """A kernel's working folder, which it can write to.

    Raises
    ------
    SandboxError
        What a locked-in kernel must not see, or change, is in it.
    """
    folder = Path(name).resolve()
    if not folder.is_dir():
        raise SandboxError(f"the working folder {name} is not there")
    for kept, what in _kept():
        if kept.resolve().is_relative_to(folder):
            raise SandboxError(
                f"the working folder {folder} has {what} in it ({kept}), which a locked-in kernel "
                "would see and could change; start it in a folder of its own"
            )
    if (system := next((s for s in _SYSTEM if folder.is_relative_to(s)), None)) is not None:
        raise SandboxError(f"the working folder {folder} is part of {system}; choose another one")
    return folder


def _kept() -> list[tuple[Path, str]]:
    return [
        (Path.home(), "your home"),
        (Path(jupyter_runtime_dir()), "Jupyter's connection files"),
        (Path(jupyter_config_dir()), "Jupyter's configuration"),
        (Path(jupyter_data_dir()), "Jupyter's data"),
    ]


def _home(env: Mapping[str, str]) -> Path:
    """What is the home in the room: where it is outside, as far as that can be."""
    home = Path(env.get("HOME", ""))
    if home.is_absolute() and not any(Path(s).is_relative_to(home) for s in _SYSTEM):
        return home
    return Path("/home/user")


def _is_terminal(stream: Any) -> bool:
    fd = stream if isinstance(stream, int) else stream.fileno()
    return fd >= 0 and os.isatty(fd)


_NEEDED: Final = (
    "JPY_PARENT_PID", "JPY_SESSION_NAME", "TERM", "COLUMNS", "LINES", "SHELL", "NO_COLOR",
    "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE",
)  # fmt: skip
_ELSEWHERE: Final = frozenset({
    "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
    "MPLCONFIGDIR", "TEMP", "TMP", "DISPLAY", "WAYLAND_DISPLAY",
})  # fmt: skip
_SYSTEM: Final = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
)
_LOG: Final = 1 << 16
_LINE: Final = 300
