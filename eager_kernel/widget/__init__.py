"""The view of a run: its program as it is written and run.

`make_view` gives the live widget where anywidget is installed, and otherwise a view that shows
only the picture that a notebook keeps. Nothing heavy is imported before that.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from eager_kernel.errors import MissingExtraError
from eager_kernel.widget.view import QuietView

if TYPE_CHECKING:
    from eager_kernel.widget.page import EagerView

__all__ = ["EagerView", "QuietView", "make_view"]


def make_view(title: str = "", *, heard_at_once: bool = False) -> QuietView:
    """A view of a run: live if it can be, for the caller to display.

    Parameters
    ----------
    title
        What to call the run: the model's name, for instance.
    heard_at_once
        Whether this is a kernel that hears views while its main thread is busy.
    """
    if find_spec("anywidget") is None:
        return QuietView(title)
    return __getattr__("EagerView")(title, heard_at_once=heard_at_once)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    if name != "EagerView":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from eager_kernel.widget.page import EagerView  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("the live view of a run", "widget") from error
    return EagerView
