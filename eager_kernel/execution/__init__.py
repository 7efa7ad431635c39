"""Run a program inside an IPython shell while it is still being written."""
