"""The view of a run."""
