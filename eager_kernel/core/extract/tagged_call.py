"""The call of a tool whose arguments are text between tags."""

from __future__ import annotations

from typing import Final

from eager_kernel.core.extract.json import CODE_FIELDS, is_python_tool
from eager_kernel.core.extract.marks import Mark, Role
from eager_kernel.core.extract.names import names


class TaggedCall:
    """Says which argument of such a call is its code."""

    def __init__(self) -> None:
        self.is_open = False
        """Whether a call has begun, and has not ended."""
        self.expects_arguments = False
        """Whether ``[TOOL_CALLS]`` came last, behind which a name and ``[ARGS]`` may follow."""
        self._tool = ""

    def take(self, mark: Mark, *, is_in_line: bool) -> None:
        """Take a mark that is only in the way: it may be around arguments.

        Parameters
        ----------
        mark
            The mark.
        is_in_line
            Whether there is prose before it on its line, which may speak of it.
        """
        self.expects_arguments = mark.name == "[tool_calls]"
        speaks = is_in_line and mark.local in ("function", "invoke")
        if mark.is_around_arguments and not speaks:
            self.is_open = mark.opens_call
            self._tool = mark.key if self.is_open else ""

    def role_of(self, argument: Mark, before: str) -> Role:
        """What the mark of an argument does: it opens code, or what is no code of any kind.

        Parameters
        ----------
        argument
            The mark.
        before
            The last text before it: where no mark has given the tool's name, it is that.
        """
        if argument.key in CODE_FIELDS:
            return Role.CODE
        if not self.is_open:
            return Role.NOTHING
        is_only = argument.key in _ONLY_ARGUMENTS and is_python_tool(self._tool or before.strip())
        return Role.CODE if is_only else Role.ARGUMENT


_ONLY_ARGUMENTS: Final = names("query input source command cmd cell expression __arg1")
"""Other names for the only argument of a tool that runs Python, where none stands beside it."""
