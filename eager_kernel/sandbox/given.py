"""What a kernel has from whoever started it, besides its arguments: sockets, and a sign to end."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Final

VARIABLE: Final = "EAGER_KERNEL_GIVEN"
"""The variable of the environment by which a kernel that is executed hears of it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a kernel has been given.

    Parameters
    ----------
    sockets
        File descriptors that listen already, by their port.
    life
        A file descriptor that can be read from when the kernel is to end; None: it finds out by
        itself, as ipykernel does.
    """

    sockets: dict[int, int] = field(default_factory=dict)
    life: int | None = None

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Given:
        """What a variable of the environment says, which is taken out of there."""
        said = environment.pop(VARIABLE, "")
        if not said:
            return cls()
        told = json.loads(said)
        return cls({int(port): fd for port, fd in told["sockets"].items()}, told["life"])

    def to_text(self) -> str:
        """The value of the variable."""
        return json.dumps({"sockets": self.sockets, "life": self.life})
