"""What the adapter of smolagents puts into its kernel; imported there."""

from __future__ import annotations

import base64
import builtins
import pickle
import sys
from typing import Any, Final, NoReturn

from eager_kernel.agents._values import dumps


class FinalAnswer(BaseException):
    """The program has given its final answer, and ends with that.

    As in smolagents, ``except Exception`` must not catch it.
    """

    def _render_traceback_(self) -> list[str]:
        return ["final_answer()"]


def final_answer(*args: Any, **kwargs: Any) -> NoReturn:
    """End the program with the final answer to the task."""
    raise FinalAnswer(dumps([args, kwargs]))


def set_up(namespace: dict[str, Any], imports: list[str] | None, variables: str) -> None:
    """Get a namespace ready for a step.

    Parameters
    ----------
    namespace
        The programs' own.
    imports
        Modules that programs may import, as `additional_authorized_imports` names them; None: it
        is not for this agent to say.
    variables
        What they are to find: a pickled dict in base64, empty for none. It is the agent's, whose
        own process wrote it.
    """
    variable = namespace.get("final_answer", final_answer)
    if variable is not final_answer:
        namespace["final_answer_variable"] = variable
    namespace["final_answer"] = final_answer
    if variables:
        namespace.update(pickle.loads(base64.b64decode(variables)))  # noqa: S301 - see above
    if imports is not None:
        _Guard.authorised = imports
        if not isinstance(builtins.__import__, _Guard):
            builtins.__import__ = _Guard(builtins.__import__)


class _Guard:
    """``__import__``, which keeps programs to the imports that their prompt names.

    It tells a model what it may not do; it keeps nobody from doing it: this is no sandbox.
    """

    authorised: list[str] = []

    def __init__(self, original: Any) -> None:
        self._original = original

    def __call__(
        self,
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        if (
            level == 0
            and globals is not None
            and globals is sys.modules["__main__"].__dict__
            and not _is_authorised(name, self.authorised)
        ):
            raise ImportError(
                f"Import of {name} is not allowed. Authorized imports are: {self.authorised}"
            )
        return self._original(name, globals, locals, fromlist, level)


def _is_authorised(name: str, authorised: list[str]) -> bool:
    """Whether a module is one of those, or below one with a star, as smolagents has it."""
    parts = name.split(".")
    for each in authorised:
        allowed = each.split(".")
        if "*" in allowed:
            before = allowed[: allowed.index("*")]
            if parts[: len(before)] == before:
                return True
        elif allowed[: len(parts)] == parts:
            return True
    return False


_NAME: Final = __name__


def call(imports: list[str] | None, variables: str) -> str:
    """Write the cell that calls `set_up` in the kernel, and leaves no name there."""
    return f"__import__({_NAME!r}, fromlist=['_']).set_up(globals(), {imports!r}, {variables!r})"
