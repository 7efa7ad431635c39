"""``%eager undo``: take back what the last run has done to files."""

from __future__ import annotations

from IPython.core.error import UsageError

from eager_kernel.execution.journals import Journals, Written
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
    written = journals.last
    if not written:
        return (
            "there is nothing to take back: the last run has done nothing to files that was kept "
            '(it is kept in gate mode "effect", on Linux, until the next run begins)'
        )
    lost = ""
    if journals.loses_steps:
        lost += "\nnot kept, as it takes too much: what the run's first steps have done to files"
    if journals.unkept:
        steps = ", ".join(map(str, journals.unkept))
        lost += f"\nnot kept, as the whole text was there before it ran: what step {steps} has done"
    if line == "--list":
        told = (f"  {one.path!r}{_where(one)}" for one in written)
        begin = "%eager undo would put these back as they were before the run:"
        return "\n".join([begin, *told]) + lost
    troubles = journals.take_back()
    amiss = {trouble.path for trouble in troubles}
    back = sum(one.path not in amiss for one in written)
    text = f"{back} path{'' if back == 1 else 's'} put back as before the run"
    text += "; what it has defined stays" + lost
    if journals.missed:
        text += "\nnot kept, and so not put back: the run " + ", ".join(journals.missed[:20])
    return text + ("\n" + told_of(troubles).rstrip("\n") if troubles else "")


def _where(written: Written) -> str:
    """Where in the programs of a run a path is changed."""
    words = [f"step {written.step}"] if written.step else []
    words += [f"line {written.line}"] if written.line else []
    return f" ({', '.join(words)})" if words else ""
