"""What of an answer is not in its program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypedDict


class LeftOutContent(TypedDict):
    """A `LeftOut` as the protocol has it.

    Attributes
    ----------
    blocks
        Of each language, its name and how many blocks are left out.
    prose_lines, reasoning_lines, json_values
        How many.
    message
        A sentence about it, for a person; empty where there is nothing to say.
    """

    blocks: list[list[str | int]]
    prose_lines: int
    reasoning_lines: int
    json_values: int
    message: str


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

    def __add__(self, other: LeftOut) -> LeftOut:
        """What two texts of one program left out together."""
        blocks = dict(self.blocks)
        for language, count in other.blocks:
            blocks[language] = blocks.get(language, 0) + count
        return LeftOut(
            tuple(blocks.items()),
            self.prose_lines + other.prose_lines,
            self.reasoning_lines + other.reasoning_lines,
            self.json_values + other.json_values,
        )

    def to_dict(self, *, no_code: bool) -> LeftOutContent:
        """As the protocol has it; `no_code` as of `describe`."""
        return LeftOutContent(
            blocks=[list(block) for block in self.blocks],
            prose_lines=self.prose_lines,
            reasoning_lines=self.reasoning_lines,
            json_values=self.json_values,
            message=self.describe(no_code=no_code),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LeftOut:
        """Read what `to_dict` has made."""
        return cls(
            tuple((str(language), int(count)) for language, count in data.get("blocks", ())),
            int(data.get("prose_lines", 0)),
            int(data.get("reasoning_lines", 0)),
            int(data.get("json_values", 0)),
        )

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


NOTHING_LEFT_OUT: Final = LeftOut()
"""Of a text that is nothing but a program."""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _blocks(language: str, count: int) -> str:
    if not language:
        return f"{_count(count, 'block')} without a language"
    # The name is the model's: it is shown in terminals.
    name = "".join(char if char.isprintable() else "?" for char in language[:_LONGEST])
    return f'{_count(count, "block")} of "{name}"'


_LONGEST: Final = 40
