"""What two runs must have in common: numbers of processes, addresses and ids are left out."""

from __future__ import annotations

import itertools
import re
from typing import Any, Final


def messages(heard: list[dict[str, Any]]) -> list[Any]:
    """Reduce iopub messages to what a frontend shows, in order.

    stdout and stderr are flushed apart, on a timer: only the order within each, and towards
    other messages, means something. The kernel's status and the echo of the input are left out.
    """
    kept: list[tuple[str, dict[str, Any]]] = []
    for message in heard:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in ("status", "execute_input"):
            continue
        if kind == "stream":
            streams = itertools.takewhile(lambda m: m[0] == "stream", reversed(kept))
            same = [shown for _, shown in streams if shown["name"] == content["name"]]
            if same:
                same[0]["text"] += content["text"]
                continue
        kept.append((kind, dict(content)))
    # Which of two streams was flushed first means nothing either.
    shown: list[Any] = []
    for is_stream, run in itertools.groupby(kept, key=lambda message: message[0] == "stream"):
        together = list(run)
        if is_stream:
            together.sort(key=lambda message: str(message[1]["name"]))
        shown += [list(message) for message in together]
    return shown


def outputs(shown: list[dict[str, Any]]) -> list[Any]:
    """Reduce the outputs of a cell, as a notebook keeps them, to what counts when two are compared.

    As `messages`: how text was cut into outputs means nothing, nor does a cell's number.
    """
    return messages(
        [
            {
                "header": {"msg_type": output["output_type"]},
                "content": {
                    name: value
                    for name, value in output.items()
                    if name not in ("output_type", "execution_count")
                },
            }
            for output in shown
        ]
    )


def until_error(shown: dict[str, Any], text: str) -> dict[str, Any]:
    """Leave out what a program that failed has of the text after its error.

    Parameters
    ----------
    shown
        What was seen of a program that failed.
    text
        The program.
    """
    if "state" not in shown:
        return shown
    left_out = set(_TEXTS)
    if re.search("await|async", text):
        # A cell that awaits leaves no context variables and no record of its outputs. Whether it
        # would have awaited is in the text that never came.
        left_out |= {"outputs", "after"}
    state = {name: kept for name, kept in shown["state"].items() if name not in left_out}
    state["events"] = [
        [name, {**about[0], "raw": text.startswith(about[0]["raw"])}]
        if name == "post_run_cell" and about and about[0]
        else [name, *about]
        for name, *about in state["events"]
    ]
    kept = {name: known for name, known in shown.items() if name not in left_out}
    return _without_later_lines({**kept, "state": state})  # type: ignore[no-any-return]


def _without_later_lines(value: Any) -> Any:
    """Leave out what tracebacks show after what failed: lines, and the rest of a line."""
    if isinstance(value, str):
        kept, after = [], False
        for line in value.split("\n"):
            plain = _COLOURS.sub("", line)
            if after and _CONTEXT.match(plain):
                continue
            after = bool(_ARROW.match(plain))
            kept.append(_REST.sub("", plain) if after else line)
        return "\n".join(kept)
    if isinstance(value, dict):
        return {key: _without_later_lines(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_later_lines(item) for item in value]
    return value


def scrub(value: Any, ignore: tuple[str, ...] = ()) -> Any:
    """Replace what can't be the same, everywhere in `value`.

    Parameters
    ----------
    value
        Plain data.
    ignore
        More regular expressions of text that may differ.
    """
    if isinstance(value, str):
        if "<" in value and "id=" in value:
            value = _without_counters(value)
        for pattern, replacement in _SCRUBS:
            value = pattern.sub(replacement, value)
        for expression in ignore:
            value = re.sub(expression, "IGNORED", value)
        return value
    if isinstance(value, dict):
        return {scrub(key, ignore): scrub(item, ignore) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(item, ignore) for item in value]
    return value


def _without_counters(html: str) -> str:
    """Number the ids of elements as they come: libraries count on over a process's life.

    The same id is the same wherever it stands: in a style, a script, or a ``for``.
    """
    ids = dict.fromkeys(match[2] for match in _HTML_IDS.finditer(html))
    counted = [name for name in ids if _COUNTED.search(name)]
    if not counted:
        return html
    numbers = {name: f"ID-{number}" for number, name in enumerate(counted, 1)}
    # The longest first: ``T_1`` is the beginning of ``T_1_row0``.
    names = "|".join(map(re.escape, sorted(counted, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])({names})(?![\w-])", lambda match: numbers[match[1]], html)


# What holds the text of the program.
_TEXTS: Final = ("In", "_i", "history", "raw history", "history request")
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")
_ARROW: Final = re.compile(r"-+> \d+")
_REST: Final = re.compile(r"\s*[;#].*")
_CONTEXT: Final = re.compile(r"\s+(\d+(\s|$)|\(\.\.\.\))")
_HTML_IDS: Final = re.compile(r"""\bid\s*=\s*(["'])([^"'<>\s]+)\1""")
_COUNTED: Final = re.compile(r"\d|^T_[0-9a-f]{5}")  # pandas' styles have a random part
_SCRUBS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"ipykernel_\d+[/\\]\d+\.py", "ipykernel_PID/HASH.py"),
        (r"\b\d{5,}\.py", "HASH.py"),
        (r"\b0[xX][0-9a-fA-F]{6,}", "0xADDRESS"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
        (r"\b(Task|Thread|ForkProcess|Process|ThreadPoolExecutor)-\d+", r"\1-N"),
        (r"\b(started|stopped)( daemon)? \d{6,}", r"\1\2 IDENT"),
        (r"\b(pid|parent)=\d+", r"\1=PID"),
        (r"<Process \d+>", "<Process PID>"),
        (r"\bwhen=[\d.]+", "when=TIME"),
        (r"eager-(equivalence|bench)-\w+", "FOLDER"),
        (r"(IPython[/\\]core[/\\]\w+\.py):\d+", r"\1:LINE"),
    )
)
