"""A process whose environment others of its user can't read."""

from __future__ import annotations

import ctypes
import os
import sys
import traceback
from pathlib import Path

import pytest

from eager_kernel.sources.private import hide_memory

NOBODY = 65534


def in_a_child(check: object) -> None:
    """Run `check` in a forked child, as an ordinary user; what it raises fails the test."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if os.geteuid() == 0:  # who may read everything
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                # A process that changes its user is hidden by that alone.
                ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
            check()  # type: ignore[operator]
            code = 0
        except BaseException:  # noqa: BLE001 - it goes no further
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_another_process_of_the_user_can_not_read_it() -> None:
    def check() -> None:
        me = os.getpid()

        def reads() -> None:
            assert Path(f"/proc/{me}/environ").read_bytes()

        def can_not_read() -> None:
            for name in ("environ", "mem", "maps"):
                with pytest.raises(PermissionError):
                    Path(f"/proc/{me}/{name}").open("rb").close()

        in_a_child(reads)
        assert hide_memory()
        in_a_child(can_not_read)
        assert list(Path("/proc/self/fd").iterdir())  # of itself it sees what it needs

    in_a_child(check)
