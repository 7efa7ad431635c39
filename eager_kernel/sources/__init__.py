"""Where a model's text comes from (`docs/sources.md`)."""
