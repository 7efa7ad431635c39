"""What a program will touch: files, hosts, processes; as far as the static gate can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Gate
from eager_kernel.core.gating.values import Hit
from eager_kernel.core.text.phrases import plain

Kind = Literal["files", "network", "processes", "databases", "other"]


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing that a program will do outside itself.

    Parameters
    ----------
    kind
        What it touches.
    line
        1-based line of the program on which that happens.
    what
        What does it, for a person: ``open changes files``.
    code
        The line's text, in which the file or the host may stand; without control characters, and
        not too long.
    """

    kind: Kind
    line: int
    what: str
    code: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}: {self.code}" if self.code else self.what


def touches_of(program: str, gate: Gate) -> tuple[Touch, ...]:
    """List what a program will touch, in its order.

    Parameters
    ----------
    program
        The code text; what does not parse is left out.
    gate
        A new one, of the mode ``static``.

    Returns
    -------
    tuple of Touch
        Empty where nothing is seen: which is no promise, as a gate is none.
    """
    chunker = Chunker()
    lines = program.splitlines()
    touches: dict[Touch, None] = {}
    for chunk in [*chunker.feed(program), *chunker.close()]:
        for hit in sorted(gate.uses(chunk), key=lambda hit: hit.line):
            if hit.category in ("external-effect", "dynamic") and len(touches) < _MOST:
                line = min(max(hit.line, chunk.first_line), chunk.last_line)
                code = plain(lines[line - 1].strip(), _LONGEST) if line <= len(lines) else ""
                touches[Touch(_kind_of(hit), line, plain(hit.reason, _LONGEST), code)] = None
    return tuple(touches)


def _kind_of(hit: Hit) -> Kind:
    return next((kind for word, kind in _KINDS if word in hit.use), "other")


_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("database", "databases"),
    ("network", "network"),
    ("connects in native code", "network"),
    ("process's environment", "other"),
    ("process", "processes"),
    ("shell", "processes"),
    ("files", "files"),
    ("writes in native code", "files"),
)
"""By what reasons of the gate's tables say, in this order."""
_LONGEST: Final = 160
_MOST: Final = 100
