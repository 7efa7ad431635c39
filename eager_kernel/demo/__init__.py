"""The bundled demonstration: a model answer and a recording of how it arrived.

``answer.md`` is the whole answer, ``recording.jsonl`` is the same text cut into timed deltas, and
``make_recording`` is the script that makes the second from the first.
"""
