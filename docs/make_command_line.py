"""Write the page of the command line from its applications: `docs/gather.py` asks for it."""

from __future__ import annotations

import inspect
from typing import Any

from jupyter_core.application import base_aliases, base_flags
from traitlets.config import Application

from eager_kernel.cli.app import EagerApp

INTRODUCTION = """\
# Command line

`jupyter eager COMMAND`, or `python -m eager_kernel.cli COMMAND` where Jupyter is not on the path.
This page is made from the applications; `jupyter eager COMMAND --help` prints the same, and
`--help-all` every trait of the kernel besides. Options are written `--name VALUE` or
`--name=VALUE`.
"""


def command_line() -> str:
    """The text of the page."""
    return "\n".join(
        [INTRODUCTION, *(_command(name, *what) for name, what in EagerApp.subcommands.items())]
    )


def _command(name: str, app: type[Application], about: str) -> str:
    rows = [*_options(app), *_flags(app)]
    parts = [f"## `jupyter eager {name}`\n", f"{inspect.cleandoc(app.__doc__ or about)}\n"]
    if rows:
        parts += ["| option | default | meaning |", "|---|---|---|", *rows, ""]
    examples = inspect.cleandoc(app.examples if isinstance(app.examples, str) else "")
    if examples:
        parts += ["```bash", examples, "```", ""]
    return "\n".join(parts)


def _options(app: type[Application]) -> list[str]:
    rows = []
    for name, target in app.aliases.items():
        names = name if isinstance(name, tuple) else (name,)
        if name in base_aliases:
            continue
        where = target[0] if isinstance(target, tuple) else target
        trait = getattr(app, str(where).partition(".")[2])
        written = ", ".join(f"`{'-' if len(one) == 1 else '--'}{one}`" for one in names)
        rows.append(f"| {written} | {_shown(trait.default())} | {_plain(trait.help)} |")
    return rows


def _flags(app: type[Application]) -> list[str]:
    rows = []
    for name, (_, help_) in app.flags.items():
        if name not in base_flags:
            names = name if isinstance(name, tuple) else (name,)
            written = ", ".join(f"`{'-' if len(one) == 1 else '--'}{one}`" for one in names)
            rows.append(f"| {written} | | {_plain(help_)} |")
    return rows


def _shown(default: Any) -> str:
    return "" if default in (None, "", [], ()) else f"`{default}`"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("<", r"\<")
