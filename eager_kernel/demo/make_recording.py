"""Make ``recording.jsonl`` from ``answer.md``.

Run it as ``python -m eager_kernel.demo.make_recording`` after changing the answer.

The pace of this recording is synthetic. No model and no network was timed: a regular expression
cuts the text into pieces about as long as a language model's tokens, and each piece gets a time
from a fixed time to the first token, a fixed mean rate and a small pseudo-random jitter. Both
numbers are typical of a hosted model, but they are chosen, not measured.

The result is deterministic: the same answer gives the same file, byte for byte.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer

__all__ = [
    "FIRST_TOKEN_SECONDS",
    "RECORDING_NAME",
    "TOKENS_PER_SECOND",
    "format_recording",
    "main",
    "split_tokens",
    "time_tokens",
]

FIRST_TOKEN_SECONDS = 0.6
TOKENS_PER_SECOND = 75
JITTER_SEED = 2024

RECORDING_NAME = "recording.jsonl"

DESCRIPTION = (
    "A model answer with a data analysis, cut into token-like deltas. "
    "The pace is synthetic, not measured."
)

_TOKEN = re.compile(
    r"""
      \n[ \n]*                      # line ends, together with the indentation that follows
    | [^\w\n]? \d+ (?:[._]\d+)*     # a number, with the space or bracket before it
    | [^\w\n]{0,2} \w{1,12}         # a word, or the next part of a long one
    | [ ]? [^\w\s]{1,4}             # punctuation
    | .                             # anything else, so that no character is lost
    """,
    re.VERBOSE | re.DOTALL,
)


def split_tokens(text: str) -> list[str]:
    """Cut a text into pieces of about the length of a model's tokens.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str
        The pieces in order; joined, they equal `text`.
    """
    return _TOKEN.findall(text)


def time_tokens(tokens: list[str]) -> list[TimedDelta]:
    """Give every token the time at which it arrives.

    Parameters
    ----------
    tokens : list of str
        The tokens in order.

    Returns
    -------
    list of TimedDelta
        One delta per token, with times that grow from one delta to the next.
    """
    # Only random() is used: it is the one method whose sequence Python promises to keep for a
    # given seed, and the file has to come out the same under every Python version.
    generator = random.Random(JITTER_SEED)
    deltas: list[TimedDelta] = []
    seconds = FIRST_TOKEN_SECONDS
    for token in tokens:
        deltas.append(TimedDelta(round(seconds, 4), token))
        # A factor from 0.5 to 1.5 leaves the mean rate as it is.
        seconds += (0.5 + generator.random()) / TOKENS_PER_SECOND
    return deltas


def format_recording(deltas: list[TimedDelta]) -> str:
    """Write timed deltas in the recording format.

    Parameters
    ----------
    deltas : list of TimedDelta
        The deltas in order of arrival.

    Returns
    -------
    str
        The header line and one line per delta, each ended by a newline.
    """
    return format_answer(
        RecordedAnswer(tuple(deltas)),
        description=DESCRIPTION,
        tokens_per_second=TOKENS_PER_SECOND,
    )


def main() -> None:
    """Read the answer next to this script and write its recording there."""
    folder = Path(__file__).parent
    answer = (folder / "answer.md").read_text(encoding="utf-8")
    deltas = time_tokens(split_tokens(answer))
    # Bytes, because text mode would write other line ends on Windows.
    (folder / RECORDING_NAME).write_bytes(format_recording(deltas).encode("utf-8"))
    print(f"{RECORDING_NAME}: {len(deltas)} deltas in {deltas[-1].seconds:.2f} s")


if __name__ == "__main__":
    main()
