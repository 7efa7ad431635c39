"""Everything EAGER raises.

::

    EagerError
    ├── ProtocolError            a message that breaks the wire protocol; names the field
    ├── LimitError               a program, queue or silence over its limit
    ├── UnknownStreamError       `%eager attach` of a stream that is not open
    ├── IncompleteProgramError   generation was cut off before the program's end
    ├── RunCancelledError        the client dropped what had not run
    ├── SourceError              a model that can't be reached, or that fails
    │   ├── UnknownModelError    a model id that names no source
    │   └── RecordingError       a file of recorded deltas that can't be read
    ├── PromptError              a prompt that can't be asked as it stands
    │   └── NoModelError         no model is named anywhere
    ├── NoSavedProgramError      `%%eager --replay` of a cell that has run nothing yet
    ├── MissingExtraError        an optional dependency that is not installed
    ├── SandboxError             a kernel that can't be locked in, and so is not started
    ├── PoolError                a pool that has no kernel to give
    └── KernelConnectionError    a kernel that can't be started, found or heard

    BaseException
    └── EffectHeld               raised in the program, at an effect that may not happen
        └── LeftEffectHeld       the same, where the kernel calls what the program has left

Each message says what was wrong and what to do.
"""

from __future__ import annotations


class EagerError(Exception):
    """Root of all errors raised by EAGER Python."""

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: these errors are about a stream, so frames of the kernel's own code
        # would only hide the message.
        return [f"{type(self).__name__}: {self}"]


class ProtocolError(EagerError):
    """A message that breaks the wire protocol.

    Parameters
    ----------
    field
        Where in the message, for example ``"data.offset"``.
    problem
        What is wrong with it and what is expected.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class LimitError(EagerError):
    """A program, queue or silence over its limit."""


class UnknownStreamError(EagerError):
    """`%eager attach` of a stream that is not open."""


class IncompleteProgramError(EagerError):
    """Generation was cut off before the program's end."""


class RunCancelledError(EagerError):
    """The client dropped what had not run."""


class SourceError(EagerError):
    """A model that can't be reached, or that fails; the message says what to do."""


class UnknownModelError(SourceError):
    """A model id that names no source."""


class RecordingError(SourceError, ValueError):
    """A file of recorded deltas that can't be read; the message names the line."""


class PromptError(EagerError):
    """A prompt that can't be asked as it stands."""


class NoModelError(PromptError):
    """No model is named anywhere: not in the cell, not for the notebook, not by the server."""


class NoSavedProgramError(EagerError):
    """`%%eager --replay` of a cell that has run nothing yet."""


class MissingExtraError(EagerError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    purpose
        What needs it.
    extra
        The extra of ``eager-kernel`` that brings it.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs more packages: pip install 'eager-kernel[{extra}]'")


class KernelConnectionError(EagerError):
    """A kernel that can't be started, found or heard."""


class SandboxError(EagerError):
    """A kernel that can't be locked in as it was asked for, and so is not started."""


class PoolError(EagerError):
    """A pool that has no kernel to give; the message says why."""


class EffectHeld(BaseException):
    """An outside effect of a program that turned out not to be one, at the effect.

    Raised inside the program, like `KeyboardInterrupt`: ``except Exception`` must not take it
    for a file that can't be written, and go on.

    Parameters
    ----------
    effect
        What did not happen.
    why
        How generation ended.
    line
        The program's line; None where no line of it led there.
    """

    def __init__(self, effect: str, why: str, line: int | None = None) -> None:
        super().__init__(f"{effect}: this did not happen, because {why}")
        self.effect = effect
        self.why = why
        self.line = line


class LeftEffectHeld(EffectHeld, Exception):  # noqa: N818 - as the other
    """The same, in code of the program that the kernel calls in the midst of its own.

    As what a program has left behind, when its run was over. The kernel must be able to go on, so
    this is an `Exception`.
    """
