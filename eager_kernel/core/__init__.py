"""The pure core: text and times in, values out. No I/O, threads, clock or IPython."""
