"""Benchmarks that anybody can run: ``jupyter eager bench``.

Programs are replayed at a model's pace on real kernels, eager and serial in turn; see
`docs/performance.md`. What only developers measure (chunker, gate, barrier, kernel) is in the
repository's ``benchmarks``.
"""
