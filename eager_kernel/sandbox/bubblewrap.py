"""The arguments of bubblewrap: what is mounted in a room is all that there is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eager_kernel.sandbox.policy import Policy, full_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a room is to have.

    Parameters
    ----------
    policy
        What is allowed.
    folder
        The working folder, which can be written to.
    home
        What is to be the home, which is empty.
    shown
        Folders of the interpreter, and files that a kernel needs, which can be read.
    """

    policy: Policy
    folder: Path
    home: Path
    shown: Sequence[str]


def arguments(plan: Plan) -> list[str]:
    """What makes bubblewrap build a room, but for the command that it is to run there."""
    scratch = ["--size", str(plan.policy.scratch << 20), "--tmpfs"]
    words = [*_NAMESPACES]
    if not plan.policy.network:
        words.append("--unshare-net")
    words += _system()
    words += _proc()
    words += ["--dev", "/dev", *scratch, "/dev/shm"]  # noqa: S108 - the room's own
    words += [*scratch, "/tmp", *scratch, str(plan.home)]  # noqa: S108
    # From the outside in, so that what lies within another one is mounted upon it.
    mounts = {Path(path): "--ro-bind" for path in plan.shown}
    mounts |= {full_path(path): "--ro-bind" for path in plan.policy.read}
    mounts |= {full_path(path): "--bind" for path in plan.policy.write}
    mounts[plan.folder] = "--bind"
    # What others run later is not to be changed, also where it lies in the working folder.
    mounts |= dict.fromkeys(_protected([plan.folder, *_written(plan)], plan.shown), "--ro-bind")
    for path in _inside_last(mounts):
        words += [mounts[path], str(path.resolve()), str(path)]
    # What bubblewrap makes to mount upon could be filled otherwise.
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(plan.folder)]
    return words


def _system() -> list[str]:
    words: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in _DEVICES:
        words += ["--ro-bind-try", name, name]
    return words


def _proc() -> list[str]:
    # What its files let root do is decided by the number of the user, also in a room of root's.
    words = ["--proc", "/proc"]
    for name in _PROC_READ:
        if Path(name).exists():
            words += ["--ro-bind", name, name]
    for name in _PROC_HIDDEN:
        if Path(name).is_dir():
            words += ["--tmpfs", name, "--remount-ro", name]
        elif Path(name).exists():
            words += ["--ro-bind", os.devnull, name]
    return words


def _written(plan: Plan) -> list[Path]:
    return [full_path(path) for path in plan.policy.write]


def _protected(written: Iterable[Path], shown: Sequence[str]) -> list[Path]:
    """What in a folder that can be written to must not be changed."""
    found = []
    for folder in written:
        found += [folder / name for name in PROTECTED if os.path.lexists(folder / name)]
        found += [path for path in map(Path, shown) if folder in path.parents]
    return [path for path in found if not path.is_symlink()]


def _inside_last(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: len(path.parts))


PROTECTED: Final = (
    ".git", ".hg", ".svn", ".vscode", ".idea", ".envrc", ".venv", ".ipython", ".jupyter",
    ".mcp.json", ".pre-commit-config.yaml", ".gitmodules",
)  # fmt: skip
"""What programs of the user's run, or are told by to run something, where it lies in a folder."""

_NAMESPACES: Final = (
    "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
    "--unshare-cgroup-try", "--cap-drop", "ALL", "--new-session", "--hostname", "sandbox",
)  # fmt: skip
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC: Final = (
    # Names of users, of machines and of services.
    "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "resolv.conf", "gai.conf",
    "protocols", "services", "networks",
    # Libraries and programs.
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "os-release", "mime.types",
    "magic", "matplotlibrc", "fonts", "OpenCL", "papersize", "paperspecs", "python3", "python3.11",
    "python3.12", "python3.13", "python3.14",
    # Times and languages.
    "localtime", "timezone", "locale.conf", "locale.alias", "default/locale",
    # Whom to trust; private keys lie elsewhere.
    "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "pki/tls/certs",
    "pki/ca-trust/extracted", "crypto-policies",
)  # fmt: skip
_DEVICES: Final = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_PROC_READ: Final = ("/proc/sys", "/proc/sysrq-trigger", "/proc/fs", "/proc/irq", "/proc/bus")
_PROC_HIDDEN: Final = (
    "/proc/acpi", "/proc/asound", "/proc/driver", "/proc/kcore", "/proc/keys", "/proc/key-users",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
    "/proc/timer_stats", "/proc/kmsg", "/proc/mtrr", "/proc/vmallocinfo",
    "/proc/kpagecount", "/proc/kpageflags",
)  # fmt: skip
