"""What a model reads of a run, and the figures that it sees."""

from __future__ import annotations

from dataclasses import replace

from eager_kernel.client import Image, RunResult
from eager_kernel.client.images import seen


def printed(result: RunResult, limit: int | None = None) -> str:
    """Say what a model is to read of streams and displays alone.

    Parameters
    ----------
    result
        How the run ended.
    limit
        Characters that it may have; None: any number.
    """
    outputs = [each for each in result.outputs if each["output_type"] in ("stream", "display_data")]
    text = replace(result, status="ok", error=None, outputs=outputs).text(limit=limit)
    return text if not text or text.endswith("\n") else text + "\n"


def figures_of(result: RunResult) -> list[Image]:
    """Give the pictures that were shown and that models can see, in order."""
    return seen(result.images)
