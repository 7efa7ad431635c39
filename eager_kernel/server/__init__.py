"""The Jupyter Server extension: the server asks the model, and the kernel runs what it writes.

Code that a model wrote runs in the kernel's process, so a model's key must not be there. Here the
server has the key, and streams the model's text into one of its kernels.
"""
