"""The line of a ``%%eager`` cell."""

from __future__ import annotations

import argparse
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from IPython.core.error import UsageError

from eager_kernel.core.gate import MODES, Mode
from eager_kernel.errors import PromptError
from eager_kernel.kernel.model_config import MOST_STEPS


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """What a ``%%eager`` cell asked for; None: as the session has it."""

    model: str | None = None
    gate: Mode | None = None
    repair: int | None = None
    steps: int | None = None
    budget_tokens: int | None = None
    budget_seconds: float | None = None
    from_file: str | None = None
    api_base: str | None = None
    credential: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    replay: bool = False
    dry: bool = False
    ask: bool = False
    fresh: bool = False
    literal: bool = False

    @property
    def recording(self) -> str | None:
        """The id of the model that replays the file, if it is a recording."""
        if self.from_file is None or not self.from_file.endswith(_RECORDING):
            return None
        return f"recorded/{Path(self.from_file).expanduser().absolute()}"

    @property
    def from_text(self) -> str | None:
        """The text of the file, if it is none.

        Raises
        ------
        PromptError
            It can't be read.
        """
        if self.from_file is None or self.recording is not None:
            return None
        try:
            return Path(self.from_file).expanduser().read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise PromptError(f"--from {self.from_file}: it is not UTF-8 text: {error}") from error
        except OSError as error:
            raise PromptError(f"--from {self.from_file}: {error.strerror or error}") from error


def is_eager_cell(code: object) -> bool:
    """Whether `code` is a cell that ``%%eager`` heads."""
    return isinstance(code, str) and _HEAD.match(code) is not None


def split_cell(code: str) -> tuple[str, str]:
    """The line of a ``%%eager`` cell, without the magic's name, and its body."""
    head = _HEAD.match(code)
    assert head is not None
    return head["line"].strip(), code[head.end() :]


def fix_line(code: object) -> str | None:
    """The options of a cell ``%eager fix``; None: it is another cell."""
    match = _FIX.fullmatch(code) if isinstance(code, str) else None
    return None if match is None else match["line"].strip()


def split_fix(line: str) -> tuple[int | None, str]:
    """The number of the cell that ``%eager fix`` names, if it names one, and its options."""
    number, _, rest = line.strip().partition(" ")
    return (int(number), rest) if number.isascii() and number.isdecimal() else (None, line)


def parse_options(line: str) -> PromptOptions:
    """Read the line of a ``%%eager`` cell.

    Raises
    ------
    UsageError
        Names the option that is wrong.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%eager: {error} in {line!r}") from error
    options = PromptOptions(**vars(make_parser().parse_args(words)))
    if options.replay and options.from_file is not None:
        raise UsageError("%%eager: --replay and --from name two programs; choose one")
    if options.ask and options.repair:
        raise UsageError(
            "%%eager: --ask and --repair exclude each other: what a repair writes would run "
            "unseen; use --ask --steps, which asks again after an error"
        )
    return options


def make_parser() -> argparse.ArgumentParser:
    """The parser of the line, which also knows the options' help."""
    parser = _Parser(prog="%%eager", add_help=False, allow_abbrev=False)
    for flag, (metavar, kind, text) in _VALUES.items():
        dest = {"--from": "from_file"}.get(flag, flag[2:].replace("-", "_"))
        parser.add_argument(flag, dest=dest, metavar=metavar, type=kind, help=text)  # type: ignore[arg-type]
    for flag, text in _FLAGS.items():
        parser.add_argument(flag, action="store_true", help=text)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%eager: {message}; see %%eager? for what there is")


def _gate(text: str) -> Mode:
    for mode in MODES:
        if text == mode:
            return mode
    raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(MODES)}")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more")
    return number


def _one_or_more(text: str) -> int:
    if (number := _count(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return number


def _step_count(text: str) -> int:
    if (number := _one_or_more(text)) > MOST_STEPS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_STEPS}")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _temperature(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return number


_VALUES: Final = {
    "--model": (
        "ID",
        str,
        "the model to ask: provider/name; kept for the cells that follow by %%eager model ID",
    ),
    "--gate": ("MODE", _gate, f"when statements run: {', '.join(MODES)}"),
    "--repair": (
        "N",
        _count,
        "how often a program that fails is written on by the model, from where it failed",
    ),
    "--steps": (
        "N",
        _step_count,
        "how many programs the model may write, each after it has seen what came of the last",
    ),
    "--budget-tokens": ("N", _one_or_more, "tokens that all steps may cost, in and out"),
    "--budget-seconds": ("X", _seconds, "seconds that all steps may take"),
    "--from": (
        "FILE",
        str,
        "run FILE instead of asking a model: a recording (.jsonl) at its pace, "
        "or the text of an answer",
    ),
    "--api-base": ("URL", str, "address of a compatible server"),
    "--credential": (
        "NAME",
        str,
        "name of the key: an environment variable or a keyring entry; never the key itself",
    ),
    "--max-tokens": ("N", _count, "the longest answer wanted"),
    "--temperature": ("X", _temperature, "the model's temperature"),
}
_FLAGS: Final = {
    "--replay": "run the program of this cell's last run; no model is asked",
    "--dry": "write the program without running it",
    "--ask": "write the program, list what it will touch, and run it when you say so",
    "--fresh": "tell the model nothing of earlier prompts",
    "--literal": "{name} in the prompt is text, and stands for no value of the notebook",
}
_RECORDING: Final = ".jsonl"
_FIX: Final = re.compile(r"\s*%eager[ \t]+fix(?![^\s])(?P<line>[^\r\n]*)\s*")
_HEAD: Final = re.compile(r"(?:[ \t]*\r?\n)*%%eager(?![^\s])(?P<line>[^\r\n]*)(?:\r?\n|\Z)")
