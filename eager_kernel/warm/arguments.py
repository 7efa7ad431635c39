"""Command lines of the usual forms, read before the fork.

To read one, traitlets makes a parser for hundreds of options, which takes a kernel a tenth of its
start and megabytes of its own. What comes out differs in the name of the connection file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

from eager_kernel.kernel.app import EagerKernelApp


def read_forms() -> dict[tuple[str, ...], Any]:
    """Read command lines with a name in the place of the file's.

    Returns
    -------
    dict
        By the arguments: the configuration that they make.
    """
    read: dict[tuple[str, ...], Any] = {}
    for form in _FORMS:
        app: Any = EagerKernelApp()
        app.parse_command_line(list(form))
        read[form] = app.cli_config
    return read


def take_arguments(app: Any, argv: Sequence[str], forms: dict[tuple[str, ...], Any]) -> bool:
    """Have an application take a command line that has one of the forms.

    Parameters
    ----------
    app
        The application.
    argv
        The command line.
    forms
        Of `read_forms`.

    Returns
    -------
    bool
        Whether it has.
    """
    form = tuple(
        _FILE if before == "-f" else word for before, word in zip(["", *argv], argv, strict=False)
    )
    if form not in forms or argv[1] != argv[1].strip():
        return False
    app.argv = list(argv)
    app.cli_config = deepcopy(forms[form])
    for section in app.cli_config.values():
        for name, value in section.items():
            if value == _FILE:
                section[name] = type(value)(argv[1])
    app.update_config(app.cli_config)
    app.extra_args = []
    return True


_FILE: Final = "/connection-file.json"
_FORMS: Final = (("-f", _FILE), ("-f", _FILE, "--log-level=ERROR"))
