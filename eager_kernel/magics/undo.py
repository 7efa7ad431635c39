"""``%eager undo``: take back what the last run has done to files."""

from __future__ import annotations

from IPython.core.error import UsageError

from eager_kernel.core.effects.undo import paths_in
from eager_kernel.execution.journals import Journals
from eager_kernel.execution.undoing import told_of


def undo(journals: Journals, line: str) -> str:
    """Take back, or list, what the last run has done to files.

    Parameters
    ----------
    journals
        The kernel's.
    line
        The command's arguments.

    Returns
    -------
    str
        What to tell.

    Raises
    ------
    UsageError
        There is no such option.
    """
    if line not in ("", "--list"):
        raise UsageError("use: %eager undo [--list]")
    last = journals.last
    if last is None or not last.can_be_taken_back:
        return (
            "there is nothing to take back: the last run has done nothing to files that was kept "
            '(it is kept in gate mode "effect", on Linux, until the next run begins)'
        )
    paths = paths_in(last.records)
    if line == "--list":
        lines = last.lines
        told = (
            f"  {path!r}" + (f" (line {lines[path]})" if lines.get(path) else "") for path in paths
        )
        return "\n".join(["%eager undo would put these back as they were before the run:", *told])
    troubles = last.take_back()
    amiss = {trouble.path for trouble in troubles}
    back = sum(path not in amiss for path in paths)
    text = f"{back} path{'' if back == 1 else 's'} put back as before the run"
    text += "; what it has defined stays"
    if last.missed:
        text += "\nnot kept, and so not put back: the run " + ", ".join(last.missed[:20])
    return text + ("\n" + told_of(troubles).rstrip("\n") if troubles else "")
