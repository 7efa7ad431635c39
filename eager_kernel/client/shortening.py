"""Text that is too long, shortened in its middle."""

from __future__ import annotations


def shorten(text: str, limit: int | None) -> str:
    """Take out so much of the middle of a text that it has at most `limit` characters.

    Parameters
    ----------
    text
        The text.
    limit
        Characters, the remark that says how many were left out included; None: any number.

    Returns
    -------
    str
        The text, or its beginning and its end with a remark between them. Where there is no room
        for the remark: its beginning alone.

    Raises
    ------
    ValueError
        `limit` is negative.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit: must not be negative, but is {limit}")
    if limit is None or len(text) <= limit:
        return text
    room = limit - len(_remark(len(text), text.count("\n")))
    if room <= 0:
        return text[:limit]
    head = room - room // 2
    cut = text[head : len(text) - room // 2]
    remark = _remark(len(cut), cut.count("\n"))
    return text[:head] + remark + text[len(text) - room // 2 :]


def _remark(characters: int, ends_of_lines: int) -> str:
    if not ends_of_lines:
        return f" […{characters:,} characters left out…] "
    lines = "1 end of a line" if ends_of_lines == 1 else f"{ends_of_lines:,} ends of lines"
    return f"\n[…{characters:,} characters left out, with {lines}…]\n"
