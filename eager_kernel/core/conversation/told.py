"""What a model is told of its programs: what it wrote, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eager_kernel.core.extract.spoken import spoken


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
        First and last line of the statement that is to blame for that; None where none is.
    failed
        Whether something went wrong.
    traceback
        That, as plain text.
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
    failed: bool = False
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
    kept = step.program if not step.failed or last is None else "".join(lines[:last])
    return in_fence(kept.removeprefix(step.repaired))


def outcome_of(step: StepText, longest: int, *, last: bool = False) -> str:
    """What the model is told of a step.

    Parameters
    ----------
    step
        The step.
    longest
        Characters that an output may have.
    last
        Whether it is not asked to go on.
    """
    parts = []
    if step.output.strip():
        parts.append(f"Output of the program:\n{shortened(step.output.strip(), longest)}")
    if step.figures:
        parts.append(_figures(step.figures, step.figures_sent))
    if step.failed:
        lines = step.program.splitlines(keepends=True)
        executed = "".join(lines[: step.executed_lines])
        parts.append(what_failed(executed, step.error_lines, step.traceback))
    if not parts:
        parts.append("The program ran without output.")
    if not last:
        parts.append(_GO_ON)
    return "\n\n".join(parts)


def what_failed(executed: str, lines: tuple[int, int] | None, traceback: str) -> str:
    """Tell a model what of its program has run, and how it failed.

    Parameters
    ----------
    executed
        The code text that has run.
    lines
        First and last line of the statement that is to blame; None where none is.
    traceback
        As plain text.
    """
    count = executed.count("\n") + (bool(executed) and not executed.endswith("\n"))
    if count == 0:
        ran = "Nothing of the program has run."
    else:
        has = "Line 1 has" if count == 1 else f"Lines 1-{count} have"
        if not executed.endswith(("\n", "\r")):
            end = executed.splitlines()[-1].strip()
            has += f" run, the last one as far as `{end}`"
        else:
            has += " run"
        ran = f"{has}; what they defined and did is in place, and they will not run again."
    where = "The program"
    if lines is not None:
        first, last = lines
        where = f"Line {first}" if first == last else f"The statement in lines {first}-{last}"
    return f"{ran} {where} failed:\n\n{shortened(traceback, _LONGEST_TRACEBACK)}"


def in_fence(program: str) -> str:
    """A program as a Markdown code block that it can't end by itself."""
    longest = max(map(len, _FENCES.findall(program)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if program.endswith("\n") else "\n"
    return f"{fence}python\n{program}{end}{fence}"


def shortened(text: str, size: int) -> str:
    """Text of at most about `size` characters: what is too much is taken from its middle."""
    if len(text) <= size:
        return text
    half = size // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[len(text) - half :]}"


def plain(lines: Sequence[str]) -> list[str]:
    """Lines of a traceback without colours."""
    return [_COLOURS.sub("", line) for line in lines]


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
_FENCES: Final = re.compile(r"`+")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_TRACEBACK: Final = 4_000
_GO_ON: Final = (
    "Go on with the next program, in one code block, or answer in words, without any code block."
)
