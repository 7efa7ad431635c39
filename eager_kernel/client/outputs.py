"""From iopub messages to the outputs of a notebook cell."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Final

from eager_kernel.client.checks import check_display_id, check_output, check_update
from eager_kernel.client.heard import UnfitError


@dataclass(slots=True)
class _Kept:
    output: dict[str, Any]
    size: int
    pieces: list[str] = field(default_factory=list)
    """Of a stream's text, beyond what is in the output: to join each of many takes for ever."""

    def whole(self) -> dict[str, Any]:
        if self.pieces:
            self.output["text"] += "".join(self.pieces)
            self.pieces.clear()
        return self.output


class OutputCollector:
    """Keeps the outputs that a frontend would show, in order.

    Parameters
    ----------
    max_bytes
        Of the outputs that are kept; None: no limit. What does not fit is dropped.
    max_characters
        Of their text, errors excepted; None: no limit. Of a stream, what fits is kept.
    """

    def __init__(self, max_bytes: int | None = None, max_characters: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._max_characters = max_characters
        self._size = 0
        self._characters = 0
        self._cut = 0
        self._kept: list[_Kept] = []
        self._clear_next = False
        self._by_display_id: dict[str, list[_Kept]] = {}
        self._widgets: list[str] = []  # `Output` widgets that capture, the innermost last

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs, as of nbformat."""
        return [kept.whole() for kept in self._kept]

    def has_room(self, size: int) -> bool:
        """Whether an output of so many bytes may fit, or is not kept anyhow."""
        if self._widgets:
            return True
        return self._clear_next or self._max_bytes is None or self._size + size <= self._max_bytes

    def full(self) -> UnfitError:
        """Say that one does not."""
        return UnfitError(f"{FULL} {self._max_bytes or 0:,} bytes")

    def take_cut(self) -> tuple[str, int] | None:
        """Say how many characters were cut off since this was last asked; None: none were."""
        cut, self._cut = self._cut, 0
        if not cut:
            return None
        return f"{FULL} {self._max_characters or 0:,} characters", cut

    def hear_widget(self, content: dict[str, Any], request: str) -> None:
        """Take note that an `Output` widget of `ipywidgets` begins or ends to capture.

        Between the two, what the cell shows is shown by the widget, and is no output of the cell.

        Parameters
        ----------
        content
            Of a ``comm_msg``.
        request
            Id of the cell's request, which the widget names.
        """
        comm_id, data = content.get("comm_id"), content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(comm_id, str) or not isinstance(state, dict) or "msg_id" not in state:
            return
        if state["msg_id"] == request:
            if len(self._widgets) < _MOST_WIDGETS:
                self._widgets.append(comm_id)
        elif state["msg_id"] == "" and comm_id in self._widgets:
            # The last one of that name: with statements are left in the order of their nesting.
            del self._widgets[len(self._widgets) - 1 - self._widgets[::-1].index(comm_id)]

    def take(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Act on a message. Returns the output that it added, if it added one.

        Raises
        ------
        UnfitError
            It is not what its type says, or there is no room for it.
        """
        kind, content = message["header"]["msg_type"], message["content"]
        if self._widgets and kind != "update_display_data":
            return None
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self._clear()
            return None
        if kind == "update_display_data":
            self._update(content)
            return None
        if kind not in OUTPUTS:
            return None
        output = check_output(kind, content)
        display_id = check_display_id(content) if "data" in output else None
        if self._clear_next:
            self._clear()
        if not self._fit(output):
            return None
        last = self._kept[-1] if self._kept else None
        if kind == "stream" and last is not None and last.output.get("name") == output["name"]:
            self._take_room(last, size_of(output["text"]))
            last.pieces.append(output["text"])
        else:
            kept = _Kept(dict(output), 0)
            self._take_room(kept, size_of(output))
            self._kept.append(kept)
            if display_id is not None:
                self._by_display_id.setdefault(display_id, []).append(kept)
        return output

    def _clear(self) -> None:
        self._kept.clear()
        self._by_display_id.clear()
        self._size = self._characters = 0
        self._clear_next = False

    def _update(self, content: dict[str, Any]) -> None:
        display_id, bundle = check_update(content)
        size = size_of(bundle)
        for kept in self._by_display_id.get(display_id, ()):
            before = _characters(kept.output)
            if not self._has_characters(more := _characters(bundle) - before):
                self._cut += before + more
                continue
            self._take_room(kept, size - kept.size)
            kept.output.update(bundle)
            self._characters += more

    def _fit(self, output: dict[str, Any]) -> bool:
        """Cut an output to what there is room for; returns whether anything is left."""
        wanted = _characters(output)
        if not self._has_characters(wanted):
            assert self._max_characters is not None
            room = 0
            if output["output_type"] == "stream":
                room = max(0, self._max_characters - self._characters)
                output["text"] = output["text"][:room]
            self._cut += wanted - room
            wanted = room
            if not room:
                return False
        self._characters += wanted
        return True

    def _has_characters(self, more: int) -> bool:
        if self._max_characters is None or more <= 0:
            return True
        return self._characters + more <= self._max_characters

    def _take_room(self, kept: _Kept, more: int) -> None:
        if self._max_bytes is not None and more > 0 and self._size + more > self._max_bytes:
            raise self.full()
        self._size += more
        kept.size += more


def _characters(output: dict[str, Any]) -> int:
    """Count the text of an output, in all its forms; of an error, which says how it ended, none."""
    if output.get("output_type") == "error":
        return 0
    if "text" in output:
        return len(output["text"])
    found = 0
    for kind, data in output["data"].items():
        if kind.startswith("text/"):
            found += len(data) if isinstance(data, str) else sum(map(len, map(str, data)))
    return found


def size_of(value: Any) -> int:
    """Estimate the bytes of memory that a value of JSON takes."""
    if isinstance(value, dict):
        return _ENTRY + sum(size_of(key) + size_of(item) for key, item in value.items())
    if isinstance(value, list):
        return _ENTRY + sum(map(size_of, value))
    return sys.getsizeof(value) + _ENTRY


OUTPUTS: Final = frozenset({"stream", "display_data", "execute_result", "error"})
"""The types of messages that are outputs."""

FULL: Final = "the outputs that are kept have reached"
"""How the reason begins for which an output is dropped that is as it should be."""


def may_be_of_widget(content: bytes) -> bool:
    """Whether the content of a ``comm_msg`` may be what `OutputCollector.hear_widget` looks for."""
    return len(content) < _LONGEST_OF_WIDGET and b'"msg_id"' in content


_LONGEST_OF_WIDGET: Final = 4_096
_MOST_WIDGETS: Final = 1_000
_ENTRY: Final = 8
