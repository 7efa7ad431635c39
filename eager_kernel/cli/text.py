"""Text that comes from files and goes to terminals, in whatever encoding they have."""

from __future__ import annotations

import sys
import tokenize
from io import TextIOWrapper

from eager_kernel.errors import EagerError


def replace_what_can_not_be_shown() -> None:
    r"""Have stdout and stderr write ``\xe9`` in the place of what they can't encode.

    Programs and models write what they like, and not every terminal can show it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def read_source(name: str) -> str:
    """Read a file as Python reads its source: in UTF-8, or as its first lines say.

    Raises
    ------
    EagerError
        They name an encoding that there is not, or the bytes are none of theirs.
    OSError, UnicodeDecodeError
        It can't be read.
    """
    try:
        with tokenize.open(name) as file:
            return file.read()
    except SyntaxError as error:
        raise EagerError(f"{name}: {error.msg}") from error
