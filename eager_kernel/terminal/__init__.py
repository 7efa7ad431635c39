"""Terminals: what a run looks like on one, and how a command begins, fails and ends."""
