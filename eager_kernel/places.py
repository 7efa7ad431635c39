"""Where sockets of the file system go: folders that only this user can enter."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import zmq
from jupyter_core.paths import jupyter_runtime_dir


def has_sockets() -> bool:
    """Whether kernels can be spoken to over sockets of the file system here."""
    return os.name == "posix" and bool(zmq.has("ipc"))


def connection_traits() -> dict[str, str]:
    """What makes a new kernel's manager use sockets of the file system, if there are any.

    No port of theirs can be taken by another program, and nobody else can connect. They lie
    beside the connection file, which is in Jupyter's runtime folder as a rule.

    Returns
    -------
    dict
        Traits of a `jupyter_client.manager.KernelManager`: where there are no such sockets, none.
    """
    if not has_sockets():
        return {}
    name = f"kernel-{uuid4().hex[:12]}"
    beside = socket_folder(f"{name}-ipc-5") / f"{name}-ipc"
    runtime = Path(jupyter_runtime_dir())
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = runtime / f"{name}.json"
    return {"transport": "ipc", "ip": str(beside), "connection_file": str(file)}


def socket_folder(name: str) -> Path:
    """A folder of this user's for a socket of some name.

    Parameters
    ----------
    name
        The socket's. With the folder, it is no longer than the system lets addresses be.

    Raises
    ------
    OSError
        There is no such folder, and none can be made.
    """
    for folder in _folders():
        if len(os.fsencode(folder / name)) <= _LONGEST and _is_private(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix="eager-"))


def _folders() -> Iterator[Path]:
    yield Path(jupyter_runtime_dir())
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "eager")
    yield Path(tempfile.gettempdir(), f"eager-{os.getuid()}")


def _is_private(folder: Path) -> bool:
    """Make a folder, if need be; tell whether it is ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    # In a folder for all, somebody else may have made it, or have put a link there.
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if ours and found.st_mode & 0o077:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~0o077)
    return ours


_LONGEST: Final = 103  # macOS; Linux has 107
