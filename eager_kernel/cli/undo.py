"""``jupyter eager undo``: restore what kernels have left that were killed in a run."""

from __future__ import annotations

import sys
from datetime import datetime

from jupyter_core.application import base_flags
from traitlets import Bool

from eager_kernel.core.effects.undo import paths_in, restored_by_itself
from eager_kernel.execution.journal_file import Left
from eager_kernel.execution.journals import left_in, restore
from eager_kernel.execution.undoing import drop, told_of
from eager_kernel.kernel.config import undo_folder
from eager_kernel.terminal.command import Command


class UndoApp(Command):
    """Undo what programs have done to files whose kernels were killed before they were known.

    A kernel that is killed while a program is still being written leaves a journal of the files
    that the program has changed by then. The next kernel of the same user on the same machine
    restores them by itself; this command does so without one, and for journals of other machines
    and containers, of which nobody but you knows whether their kernels still run.
    """

    name = "jupyter-eager-undo"
    description = __doc__
    examples = """
jupyter eager undo --list     # say what was left
jupyter eager undo            # undo what kernels of this machine have left
jupyter eager undo --all      # and what those of other machines have: they must have ended
jupyter eager undo --forget   # keep the files as they are, and drop what was kept
"""
    only_list = Bool(False, help="Only say what was left.").tag(config=True)
    everybody = Bool(False, help="Take journals of other machines and containers, too.").tag(
        config=True
    )
    forget = Bool(False, help="Leave the files as they are, and drop what was kept.").tag(
        config=True
    )
    flags = {
        **base_flags,
        "list": ({"UndoApp": {"only_list": True}}, "Only say what was left"),
        "all": ({"UndoApp": {"everybody": True}}, "Those of other machines and containers, too"),
        "forget": ({"UndoApp": {"forget": True}}, "Leave the files, and drop what was kept"),
    }

    def work(self) -> int:
        """Restore, or list, or forget."""
        journals = [left for left in left_in(undo_folder()) if self._is_meant(left)]
        amiss = False
        for left in journals:
            paths = ", ".join(map(repr, paths_in(left.records[left.since :])))
            when = datetime.fromtimestamp(left.when).strftime("%Y-%m-%d %H:%M:%S")
            if self.only_list:
                sys.stdout.write(f"{left.folder}, last written {when} ({left.state}): {paths}\n")
            elif self.forget:
                drop(left.folder)
                sys.stdout.write(f"forgotten: {paths}\n")
            elif restored_by_itself(left.state):
                restored = restore(left)
                sys.stdout.write(f"put back: {', '.join(map(repr, restored.paths)) or 'nothing'}\n")
                if restored.troubles:
                    amiss = True
                    sys.stderr.write(told_of(list(restored.troubles)))
        if not journals:
            sys.stdout.write("nothing was left\n")
        return 1 if amiss else 0

    def _is_meant(self, left: Left) -> bool:
        """Whether a journal was left by a kernel that has ended, and there is something to do."""
        unfinished = restored_by_itself(left.state) or left.state == "undone"
        return unfinished and (self.everybody or left.is_left)
