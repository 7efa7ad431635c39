"""IPython syntax, judged by its text, since the core knows no IPython."""

from __future__ import annotations

import re
from typing import Final, Literal

from eager_kernel.core.gating.argument_checks import name_items
from eager_kernel.core.gating.values import Hit


def judge_ipython(
    source: str, first_line: int, mode: Literal["effect", "static", "paper"]
) -> tuple[Hit | None, str]:
    """Judge a text with magics and shell commands.

    Parameters
    ----------
    source
        The text of a chunk.
    first_line
        The line of the program on which it begins.
    mode
        The gate's mode. The barrier sees what a magic does outside, but not that it measures
        time.

    Returns
    -------
    hit : Hit or None
        The first line of IPython syntax to hold.
    python : str
        The text with an innocent expression in the place of each magic, line by line; what a
        timing magic measures is left out, since that is held anyway.
    """
    magic = _CELL.match(source)
    if magic is not None:
        before, _, cell = source.partition("%%")
        line = first_line + before.count("\n")
        body = cell.partition("\n")[2]  # Python in `%%capture`; what is none does not parse
        return _judge(f"%%{magic['name']}", magic["name"], line, mode), f"{before}\n{body}"
    found: Hit | None = None
    lines = source.splitlines(keepends=True)
    for index, text in enumerate(lines):
        escape = _LINE.match(text)
        if escape is None:
            continue
        start = escape.start("escape")
        if escape["escape"].startswith("!"):
            hit = _judge("a shell command", "!", first_line + index, mode)
        else:
            hit = _judge(f"%{escape['name']}", escape["name"] or "", first_line + index, mode)
        found = found or hit
        end = text[len(text.rstrip("\r\n")) :]
        lines[index] = text[:start] + "None" + end
    for index, text in enumerate(lines):
        help_line = _HELP.match(text)
        if help_line is not None:
            lines[index] = help_line["indent"] + "None" + text[len(text.rstrip("\r\n")) :]
    return found, "".join(lines)


def _judge(shown: str, name: str, line: int, mode: str) -> Hit | None:
    if name in _TIMING:
        use = f"{shown} measures time, which would show the model's pace"
        return Hit("timing", use, line, use)
    if mode == "effect" and name in _LOGS:
        use = f"{shown} logs the text of this cell, which is not known yet"
        return Hit("external-effect", use, line, use)
    if mode == "static" and (name in _EFFECTS or name == "!"):
        use = f"{shown} acts outside the program"
        return Hit("external-effect", use, line, use)
    if mode == "paper" and (name in _PROCESSES or name == "!"):
        use = f"{shown} starts a process"
        return Hit("external-effect", use, line, use)
    return None


_CELL: Final = re.compile(r"\s*%%(?P<name>\w+)")
# At the start of a line, or the whole right side of an assignment.
_LINE: Final = re.compile(
    r"[ \t\f;]*+(?:[\w.\[\], \t]+=[ \t]*)??(?P<escape>!{1,2}|%(?P<name>[^\W\d]\w*))(?!=)"
)
_HELP: Final = re.compile(
    r"(?P<indent>[ \t]*)(?:\?{1,2}[\w.%*]++|[%\w.*]++[^#\"'()=?]*+\?{1,2})\s*+$"
)
_TIMING: Final = frozenset(
    name_items("""
        time timeit prun mprun lprun memit mem
    """)
)
_LOGS: Final = frozenset({"logstart", "logon"})
_PROCESSES: Final = frozenset(
    name_items("""
        bash sh script system sx pip conda mamba micromamba uv perl ruby python python2 python3
        pypy cmd sc run
    """)
)
_EFFECTS: Final = _PROCESSES | frozenset(
    name_items("""
        writefile file save logstart logon logstop store edit notebook cd pushd popd mkdir rmdir
        rm cp mv ln env set_env load_ext reload_ext reset reset_selective killbgscripts config
        sql cython R rerun recall pastebin pdb debug
    """)
)
