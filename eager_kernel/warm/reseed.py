"""What a fork must not share with its siblings: random numbers, keys and names made of them.

Python and its libraries see to some of it by themselves: `random` and OpenSSL notice a fork,
`tempfile` names another process's files otherwise, `secrets`, `uuid.uuid4` and
`numpy.random.default_rng` ask the system each time. The seed of string hashes can't be changed in
a process that runs: it is the template's (``docs/warm.md``).
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from typing import Any


def reseed() -> None:
    """Seed anew what was seeded before the fork."""
    random.seed()
    tempfile.tempdir = None  # another environment may have another one
    for name, renew in _RENEWED.items():
        if (module := sys.modules.get(name)) is not None:
            renew(module)


def _renew_uuid(uuid: Any) -> None:
    uuid._node = uuid._last_timestamp = None  # a made-up network address; the clock of `uuid1`


def _renew_multiprocessing(process: Any) -> None:
    process.current_process().authkey = os.urandom(32)


def _renew_numpy(numpy_random: Any) -> None:
    numpy_random.seed()


def _renew_torch(torch: Any) -> None:
    torch.seed()


_RENEWED = {
    "uuid": _renew_uuid,
    "multiprocessing.process": _renew_multiprocessing,
    "numpy.random": _renew_numpy,
    "torch": _renew_torch,
}
