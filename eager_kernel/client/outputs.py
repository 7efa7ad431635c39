"""From iopub messages to the outputs of a notebook cell."""

from __future__ import annotations

from typing import Any, Final


class OutputCollector:
    """Keeps the outputs that a frontend would show, in order."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self._clear_next = False
        self._by_display_id: dict[str, list[dict[str, Any]]] = {}

    def take(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Act on a message. Returns the output that it added, if it added one."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self.outputs.clear()
            return None
        if kind == "update_display_data":
            self._update(content)
            return None
        if kind not in _FIELDS:
            return None
        if self._clear_next:
            self.outputs.clear()
            self._clear_next = False
        # As nbformat's `output_from_msg`, whose import takes seconds where JupyterLab is installed.
        output = {"output_type": kind, **{name: content[name] for name in _FIELDS[kind]}}
        last = self.outputs[-1] if self.outputs else {}
        if kind == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(dict(output))
            display_id = content.get("transient", {}).get("display_id")
            if display_id is not None:
                self._by_display_id.setdefault(display_id, []).append(self.outputs[-1])
        return output

    def _update(self, content: dict[str, Any]) -> None:
        for output in self._by_display_id.get(content["transient"]["display_id"], ()):
            output["data"] = content["data"]
            output["metadata"] = content["metadata"]


_FIELDS: Final = {
    "stream": ("name", "text"),
    "display_data": ("data", "metadata"),
    "execute_result": ("data", "metadata", "execution_count"),
    "error": ("ename", "evalue", "traceback"),
}
"""What a notebook keeps of a message, by its type (nbformat 4)."""
