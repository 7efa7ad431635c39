"""EAGER Python: run an LLM's Python program while the model is still writing it."""

from __future__ import annotations

from eager_kernel._version import __version__

# Nothing of Python's own is imported here: a kernel's folder may have a file of that name, and is
# still looked into first when `python -m eager_kernel` comes here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eager_kernel.client import AsyncEagerClient as AsyncEagerClient
    from eager_kernel.client import AsyncEagerPool as AsyncEagerPool
    from eager_kernel.client import EagerClient as EagerClient
    from eager_kernel.client import EagerPool as EagerPool
    from eager_kernel.client import RunResult as RunResult
    from eager_kernel.core.chunk import Chunk as Chunk
    from eager_kernel.core.chunker import Chunker as Chunker
    from eager_kernel.core.gate import Gate as Gate
    from eager_kernel.errors import EagerError as EagerError

# Imported when used: the core needs no Jupyter, the kernel needs no client.
_HOMES = {
    "AsyncEagerClient": "eager_kernel.client",
    "AsyncEagerPool": "eager_kernel.client",
    "Chunk": "eager_kernel.core.chunk",
    "Chunker": "eager_kernel.core.chunker",
    "EagerClient": "eager_kernel.client",
    "EagerError": "eager_kernel.errors",
    "EagerPool": "eager_kernel.client",
    "Gate": "eager_kernel.core.gate",
    "RunResult": "eager_kernel.client",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are names


def load_ipython_extension(shell: Any) -> None:
    """Give an IPython shell ``%eager`` and ``%%eager``: ``%load_ext eager_kernel``."""
    from eager_kernel.magics.extension import load  # noqa: PLC0415

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take them back: ``%unload_ext eager_kernel``."""
    from eager_kernel.magics.extension import unload  # noqa: PLC0415

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Give Jupyter Server its extension: `eager_kernel.server`."""
    from eager_kernel.server.app import EagerServer  # noqa: PLC0415

    return [{"module": "eager_kernel", "app": EagerServer}]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
