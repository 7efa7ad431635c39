"""Models that run on this machine, by `transformers` (`docs/models/transformers.md`)."""

from __future__ import annotations

from eager_kernel.sources.transformers.source import TransformersSource, make_source

__all__ = ["TransformersSource", "make_source"]
