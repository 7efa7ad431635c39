"""Why the text of a program ends before its end, and what that means for its effects."""

from __future__ import annotations

from typing import Final

from eager_kernel.core.ledger import Ending, TextState
from eager_kernel.execution.barrier import INTERRUPTED


def why_not(ending: Ending) -> str:
    """What to say at an effect that may not happen any more; empty where it may."""
    match ending.state:
        case TextState.COMPLETE:
            return ""
        case TextState.MALFORMED:
            return DOES_NOT_PARSE
        case TextState.CUT_OFF:
            return f"generation was cut off ({ending.reason})"
    # What the model had still written after an error is not waited for: the program ends
    # with the error, and what its threads do by then is its own. One of ours is no end.
    if ending.reason == "error" and ending.error is None:
        return ""
    return {"interrupted": INTERRUPTED}.get(ending.reason, f"the run was stopped ({ending.reason})")


DOES_NOT_PARSE: Final = "the program does not parse"
"""Why an effect of such a program may not happen."""
