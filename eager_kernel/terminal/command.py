"""What all our commands have in common: how they read their line, show their help, and end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from jupyter_core.application import JupyterApp, base_aliases, base_flags
from traitlets.config.loader import KVArgParseConfigLoader

from eager_kernel.errors import EagerError

INTERRUPTED: Final = 130
"""The exit status of a command that Ctrl-C has ended."""


class Command(JupyterApp):
    """One command. Its subclasses say what it does in `work`."""

    def start(self) -> None:
        """Do the work, and end the process with its status."""
        super().start()
        try:
            status = self.work() or 0
            sys.stdout.flush()
        except KeyboardInterrupt:
            self.exit(interrupted())
        except BrokenPipeError:
            self.exit(unread())
        except (EagerError, OSError, UnicodeDecodeError) as error:
            self.exit(f"{type(error).__name__}: {error}")
        self.exit(status)

    def work(self) -> int | None:
        """Do what was asked for. Returns the exit status; None is 0.

        What it raises of `EagerError` and `OSError` is told in one line.
        """
        raise NotImplementedError

    # What traitlets' applications call ------------------------------------------------------

    def _create_loader(
        self, argv: list[str] | None, aliases: Any, flags: Any, classes: Any
    ) -> KVArgParseConfigLoader:
        return _Loader(argv, aliases, flags, classes=classes, log=self.log)

    def emit_options_help(self) -> Generator[str, None, None]:
        """Yield the help of the options: our own, then those of all of Jupyter's commands."""
        flags, aliases = self.flags, self.aliases
        parts = [
            (title, _part(flags, base_flags, of_jupyter), _part(aliases, base_aliases, of_jupyter))
            for title, of_jupyter in _TITLES.items()
        ]
        try:
            for title, self.flags, self.aliases in parts:
                if self.flags or self.aliases:
                    yield from (title, "=" * len(title))
                    yield from self.emit_alias_help()
                    yield from self.emit_flag_help()
                    yield ""
        finally:
            self.flags, self.aliases = flags, aliases


def interrupted() -> int:
    """Say that Ctrl-C ended the command. Returns the exit status."""
    sys.stderr.write("interrupted\n")
    return INTERRUPTED


def unread() -> int:
    """Take note that nobody reads the output any more. Returns the exit status: a signal's."""
    # Python flushes at its end, which would fail once more.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return 128 + 13


def _part(options: Mapping[Any, Any], base: Mapping[Any, Any], of_jupyter: bool) -> dict[Any, Any]:
    return {name: what for name, what in options.items() if (name in base) == of_jupyter}


class _Parser(KVArgParseConfigLoader.parser_class):  # type: ignore[misc,valid-type]
    """Takes what is no option wherever it stands: ``record MODEL --name sine PROMPT``."""

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        found: argparse.Namespace = self.parse_intermixed_args(args, namespace)
        return found


class _Loader(KVArgParseConfigLoader):
    parser_class = _Parser


_TITLES: Final = {"Options": False, "Options of every Jupyter command": True}
