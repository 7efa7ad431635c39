"""What streaming costs: ``python -m benchmarks``, from the repository's root.

Machines differ and are noisy, so every figure stands next to one of the same run that it can be
divided by, and each is measured several times.
"""
