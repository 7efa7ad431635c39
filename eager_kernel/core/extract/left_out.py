"""What of an answer is not in its program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of an answer is not in its program.

    Parameters
    ----------
    blocks
        Blocks of code: the language of each kind, in lower case and empty where none was named,
        and how many there were, in the order in which they first came.
    prose_lines
        Lines of prose, without blank ones.
    reasoning_lines
        Lines of reasoning.
    json_values
        Objects and arrays of JSON without code.
    """

    blocks: tuple[tuple[str, int], ...] = ()
    prose_lines: int = 0
    reasoning_lines: int = 0
    json_values: int = 0

    def describe(self, *, no_code: bool) -> str:
        """Say it in words.

        Parameters
        ----------
        no_code
            Whether there is no program, so that all of the answer was left out. If there is one,
            only blocks are named: prose is no part of any program.

        Returns
        -------
        str
            ``no Python found; left out: 1 block of "json", 12 lines of prose``; empty if there
            is nothing to say.
        """
        parts = [_blocks(language, count) for language, count in self.blocks]
        if no_code:
            parts += [
                _count(self.json_values, "JSON value") if self.json_values else "",
                f"{_count(self.prose_lines, 'line')} of prose" if self.prose_lines else "",
                f"{_count(self.reasoning_lines, 'line')} of reasoning"
                if self.reasoning_lines
                else "",
            ]
        parts = [part for part in parts if part]
        if no_code and not parts:
            return "no Python found: the answer is empty"
        text = f"left out: {', '.join(parts)}" if parts else ""
        return f"no Python found; {text}" if no_code else text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _blocks(language: str, count: int) -> str:
    if not language:
        return f"{_count(count, 'block')} without a language"
    # The name is the model's: it is shown in terminals.
    name = "".join(char if char.isprintable() else "?" for char in language[:_LONGEST])
    return f'{_count(count, "block")} of "{name}"'


_LONGEST: Final = 40
