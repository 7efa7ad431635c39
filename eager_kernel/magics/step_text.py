"""What a model is told of its steps: what it wrote, and what came of it. Values in, text out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from eager_kernel.core.extract.spoken import spoken
from eager_kernel.execution.repair import Failure
from eager_kernel.magics.conversation import in_fence, shortened, what_failed


@dataclass(frozen=True, slots=True)
class StepText:
    """A step, as far as its model is told of it.

    Parameters
    ----------
    answer
        The model's text, all of it.
    complete
        Whether it ended as the model wanted; else only the program as far as it counts is kept.
    program
        The code text.
    executed_lines
        Lines 1 to this one have run.
    error_lines
        First and last line of the statement that is to blame for `error`; None where none is.
    error
        What went wrong; None where nothing did.
    traceback
        Its traceback, as plain text.
    output
        What the program printed and displayed, as text.
    figures
        How many figures it showed.
    figures_sent
        How many of them the model gets.
    repaired
        What the model has been told it has written before a repair, in the same step: so much of
        `program` is not said again.
    """

    answer: str
    complete: bool
    program: str
    executed_lines: int = 0
    error_lines: tuple[int, int] | None = None
    error: Exception | None = None
    traceback: str = ""
    output: str = ""
    figures: int = 0
    figures_sent: int = 0
    repaired: str = ""


def answer_of(step: StepText) -> str:
    """The model's part of the conversation.

    As it wrote it, so that what it has computed of it is of use, if the text is all there and no
    more than words and code; else its program as far as it counts.
    """
    if step.complete and not step.repaired:
        text = step.answer.strip()
        if text and spoken(text) == text and _in_a_fence(text):
            return text
    last = None if step.error_lines is None else step.error_lines[1]
    lines = step.program.splitlines(keepends=True)
    kept = step.program if step.error is None or last is None else "".join(lines[:last])
    return in_fence(kept.removeprefix(step.repaired))


def outcome_of(step: StepText, longest: int) -> str:
    """What the model is told of a step before it goes on.

    Parameters
    ----------
    step
        The step.
    longest
        Characters that an output may have.
    """
    parts = []
    if step.output.strip():
        parts.append(f"Output of the program:\n{shortened(step.output.strip(), longest)}")
    if step.figures:
        parts.append(_figures(step.figures, step.figures_sent))
    if step.error is not None:
        lines = step.program.splitlines(keepends=True)
        executed = "".join(lines[: step.executed_lines])
        failing = step.program[len(executed) :]
        failure = Failure(step.error, [], executed, failing, step.error_lines, "")
        parts.append(what_failed(failure, step.traceback))
    if not parts:
        parts.append("The program ran without output.")
    parts.append(_GO_ON)
    return "\n\n".join(parts)


def _figures(count: int, sent: int) -> str:
    shown = "1 figure was shown" if count == 1 else f"{count} figures were shown"
    if sent == count:
        return f"{shown}: {'it is' if count == 1 else 'they are'} attached."
    if sent:
        return f"{shown}: the first {sent} {'is' if sent == 1 else 'are'} attached."
    return f"{shown} to the user; you can't see {'it' if count == 1 else 'them'}."


def sees(model: str, own_server: bool) -> bool:
    """Whether a model is known to take pictures.

    Parameters
    ----------
    model
        Its id.
    own_server
        Whether another server than the provider's own answers for it.
    """
    provider, _, name = model.partition("/")
    if own_server:
        return False
    return provider == "anthropic" or (provider == "openai" and _SEES.match(name) is not None)


def _in_a_fence(text: str) -> bool:
    return text.count("```") >= 2


_SEES: Final = re.compile(r"gpt-4o|gpt-4\.1|gpt-4\.5|gpt-[5-9]|o[1-9]|chatgpt-")
_GO_ON: Final = (
    "Go on with the next program, in one code block, or answer in words, without any code block."
)
