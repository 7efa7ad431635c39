"""A kernel that many tests share, as new for each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eager_kernel.testing.probe import MANY


def afresh(folder: Path) -> str:
    """The cell that empties the kernel's namespace, and moves it to a folder."""
    return f"{FORGET}import os; os.chdir({str(folder)!r})\n"


# `%reset` collects garbage, which looks at every object of each library that a test has imported:
# a fifth of a second, a thousand times. Once is enough: what is left then stays.
FORGET: Final = f"""\
%reset -f
import gc
if len(gc.get_objects()) > {MANY}: gc.freeze()
del gc
"""
"""The cell that empties the kernel's namespace."""
