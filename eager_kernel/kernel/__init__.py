"""The Jupyter kernel: an ipykernel that can take a cell's text as a stream."""
