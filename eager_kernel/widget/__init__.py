"""The view of a run: its program as it is written and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eager_kernel.widget.view import QuietView

if TYPE_CHECKING:
    from eager_kernel.widget.page import EagerView

__all__ = ["EagerView", "QuietView"]


def __getattr__(name: str) -> Any:
    if name != "EagerView":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # ipywidgets is slow to import, and the kernel's channels need none of it.
    from eager_kernel.widget.page import EagerView  # noqa: PLC0415

    return EagerView
