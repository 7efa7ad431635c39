"""``jupyter eager``: the command line."""

from __future__ import annotations

import sys

from eager_kernel.cli.text import replace_what_can_not_be_shown


def main() -> None:
    """Run the command line; Ctrl-C ends it in one line, also while it is still loading."""
    replace_what_can_not_be_shown()
    try:
        from eager_kernel.cli.app import EagerApp  # noqa: PLC0415 - takes a while

        EagerApp.launch_instance()
    except BrokenPipeError:  # of a help text, for instance
        from eager_kernel.terminal.command import unread  # noqa: PLC0415

        sys.exit(unread())
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
