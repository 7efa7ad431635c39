"""Messages become the outputs that nbformat makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import output_from_msg

from eager_kernel.client.outputs import OutputCollector

MESSAGES: dict[str, dict[str, Any]] = {
    "stream": {"name": "stderr", "text": "a\nb"},
    "display_data": {"data": {"text/plain": "1"}, "metadata": {"a": 1}, "transient": {}},
    "execute_result": {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 3},
    "error": {"ename": "E", "evalue": "v", "traceback": ["t"], "more": 1},
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_as_nbformat(kind: str) -> None:
    message = {"header": {"msg_type": kind}, "content": MESSAGES[kind]}
    collector = OutputCollector()
    assert collector.take(message) == dict(output_from_msg(message))
    assert collector.outputs == [dict(output_from_msg(message))]
