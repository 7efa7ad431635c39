"""What a locked-in kernel may do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from eager_kernel.errors import SandboxError

VARIABLE: Final = "EAGER_SANDBOX"
"""The variable of the environment by which the kernel knows what to say of a denial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is allowed; by default, to work in the working folder, and nothing else.

    Parameters
    ----------
    network
        Whether it has this machine's network: all of it, with what listens on loopback.
    read, write
        Files and folders that it also sees, and also may change. ``~`` is the user's home.
    environment
        Names of variables that it gets besides those that programs need to run (`PATH`, `LANG` and
        the like).
    memory
        MiB of memory that each process may take for its data.
    processes
        How many processes and threads there may be.
    cpu
        Seconds of processor time of each process, which then ends.
    file_size
        MiB of the largest file that can be written.
    scratch
        MiB in ``/tmp``, and the same in each other place that is the kernel's own. It is memory.
    """

    network: bool = False
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    memory: int = 4096
    processes: int = 512
    cpu: int = 3600
    file_size: int = 2048
    scratch: int = 512

    def __post_init__(self) -> None:
        for name in ("memory", "processes", "cpu", "file_size", "scratch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SandboxError(f"{name}: must be a whole number from 1, not {value!r}")
        if not isinstance(self.network, bool):
            raise SandboxError(f"network: must be True or False, not {self.network!r}")
        for name in ("read", "write", "environment"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(each, str) for each in value):
                raise SandboxError(f"{name}: must be a list of texts, not {value!r}")
            object.__setattr__(self, name, tuple(value))

    @classmethod
    def of(cls, said: Policy | Mapping[str, Any] | bool) -> Policy:
        """The policy that somebody means.

        Parameters
        ----------
        said
            A policy, its fields by name, or True for the default.

        Raises
        ------
        SandboxError
            It has no such field, or a value makes no sense.
        """
        if isinstance(said, Policy):
            return said
        options = {} if said is True else dict(said or {})
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise SandboxError(f"the sandbox has no option {name!r}; it has {', '.join(known)}")
        return cls(**options)

    def to_text(self) -> str:
        """The policy, for a variable of the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The policy that `to_text` made `text` of."""
        return cls(**json.loads(text))


def full_path(name: str) -> Path:
    """A file or folder that a policy names.

    Raises
    ------
    SandboxError
        It is not there, or is relative.
    """
    path = Path(name).expanduser()
    if not path.is_absolute():
        raise SandboxError(f"{name!r} is relative to nothing; write the whole path")
    if not os.path.lexists(path):
        raise SandboxError(f"{name!r} is not there, so the sandbox can't show it")
    return path.resolve()
