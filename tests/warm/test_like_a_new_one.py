"""A forked kernel is as one that was started: what a program can see of it is the same."""

from __future__ import annotations

import ast
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import EagerClient
from tests.warm.conftest import template_of, value

Start = Callable[..., EagerClient]

SEEN = r"""
import gc, inspect, json, locale, os, resource, signal, sys, threading
def deep():
    try:
        return 1 + deep()
    except RecursionError:
        return 0
def hide(words):
    return [w if "kernel-" not in w else "FILE" for w in words]
umask = os.umask(0)
os.umask(umask)
print(json.dumps({
    "argv": hide(sys.argv), "orig_argv": hide(sys.orig_argv), "path": sys.path,
    "executable": sys.executable, "flags": str(sys.flags), "prefix": sys.prefix,
    "folder": os.getcwd(), "env": dict(os.environ), "umask": umask,
    "limits": [resource.getrlimit(n) for n in range(resource.RLIM_NLIMITS)]
    if hasattr(resource, "RLIM_NLIMITS") else [resource.getrlimit(n) for n in range(16)],
    "affinity": sorted(os.sched_getaffinity(0)), "nice": os.nice(0),
    "threads": sorted(t.name for t in threading.enumerate()),
    "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "masks": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty()]
                for s in (sys.__stdin__, sys.__stdout__, sys.__stderr__)],
    "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "inherited": [fd for fd in range(3, 200)
                  if os.path.exists(f"/proc/self/fd/{fd}") and os.get_inheritable(fd)],
    "depth": deep(), "frames": len(inspect.stack()),
    "collector": [gc.isenabled(), gc.get_threshold()],
    "names": sorted(n for n in globals() if not n.startswith("_")),
    "main": sorted(n for n in vars(sys.modules["__main__"]) if not n.startswith("_")),
    "locale": locale.setlocale(locale.LC_ALL),
    "encoding": [sys.getfilesystemencoding(), locale.getencoding()],
    "debugger": sorted(f for f in get_ipython().kernel._kernel_modules
                       if "eager_kernel" not in f and "/resource." not in f),
    "parent": get_ipython().parent.parent.parent_handle,
    "title": get_ipython().kernel.implementation, "files": sorted(os.listdir(".")),
}))
"""


def seen(client: EagerClient) -> dict[str, Any]:
    shown = client.execute(SEEN, store_history=False)
    assert shown.status == "ok", shown.error
    found: dict[str, Any] = ast.literal_eval(
        shown.outputs[0]["text"]
        .replace("true", "True")
        .replace("false", "False")
        .replace("null", "None")
    )
    return found


def test_what_a_program_sees(warm: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "of this test")
    quiet = ["--log-level=ERROR"]
    with EagerClient.start(cwd=str(tmp_path), extra_arguments=quiet) as cold:
        before = seen(cold)
        modules = set(value(cold, "sorted(__import__('sys').modules)"))
    client = warm(cwd=str(tmp_path))
    now = seen(client)
    for what, expected in before.items():
        assert now[what] == expected, what
    assert modules <= set(value(client, "sorted(__import__('sys').modules)"))
    assert before["env"]["SOMETHING"] == "of this test"
    assert before["folder"] == str(tmp_path)


def test_modules_are_there_but_no_names(warm: Start) -> None:
    client = warm()
    loaded = (
        "[name in __import__('sys').modules for name in ('numpy', 'pandas', 'matplotlib.pyplot')]"
    )
    assert value(client, loaded) == [True, True, True]
    for name in ("np", "numpy", "pd", "pandas", "plt", "matplotlib"):
        failed = client.execute(f"({name})")  # else a magic
        assert failed.error is not None
        assert failed.error.ename == "NameError"


RANDOM = """(
    __import__('random').random(), float(__import__('numpy').random.rand()),
    __import__('uuid').uuid4().hex, __import__('uuid').uuid1().hex[:8],
    __import__('tempfile').mktemp(), __import__('multiprocessing').current_process().authkey,
    __import__('secrets').token_hex(), __import__('ssl').RAND_bytes(8),
    float(__import__('numpy').random.default_rng().random()), __import__('os').urandom(8),
)"""


def test_random_numbers_are_its_own(warm: Start) -> None:
    first, second = (value(warm(), RANDOM.replace("\n", " ")) for _ in range(2))
    same = [one for one, other in zip(first, second, strict=True) if one == other]
    assert not same


def test_hashes_of_strings(warm: Start, configured: Callable[..., None]) -> None:
    """Their seed is the template's; who sets one has a template of that."""
    configured(modules=[], exercise="")
    plain = [value(warm(), "hash('text')") for _ in range(2)]
    assert plain[0] == plain[1]
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    with EagerClient.start(env=env, extra_arguments=["--log-level=ERROR"]) as cold:
        expected = value(cold, "hash('text')")
    assert value(warm(env=env), "hash('text')") == expected


def test_limits_and_rights_of_whoever_asks(warm: Start) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    try:
        client = warm()
        asked = "__import__('resource').getrlimit(__import__('resource').RLIMIT_NOFILE)"
        assert value(client, asked) == (soft - 1, hard)
        umask = "(lambda os, u: (os.umask(u), u)[1])(__import__('os'), __import__('os').umask(0))"
        assert value(client, umask) == 0o027
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.umask(before)


def test_a_figure_is_shown_once(warm: Start) -> None:
    program = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(plt.gcf().number)\n"
    shown = warm().run(program).outputs
    kinds = [o["output_type"] for o in shown]
    assert kinds == ["stream", "display_data"]
    assert shown[0]["text"] == "1\n"
    assert "image/png" in shown[1]["data"]


def test_a_secret_of_one_kernel_is_in_no_other(warm: Start) -> None:
    """Neither in its environment nor anywhere in its memory, nor in the template's environment."""
    secret = "s3cret-" + os.urandom(8).hex()
    first = warm(env={**os.environ, "MY_API_KEY": secret, "OMP_TOKEN": secret})
    assert value(first, "__import__('os').environ['MY_API_KEY']") == secret
    second = warm()
    assert template_of(first) == template_of(second)
    look = f"""
import re
def holds(half, other):
    needle, found = (half + other).encode(), 0
    for line in open("/proc/self/maps"):
        first, last = (int(x, 16) for x in line.split()[0].split("-"))
        if line.split()[1].startswith("rw"):
            with open("/proc/self/mem", "rb", 0) as memory:
                memory.seek(first)
                try:
                    data = memory.read(last - first)
                except OSError:
                    continue
            found += data.count(needle)
    return found
needle = {secret[:9]!r}, {secret[9:]!r}
"""
    for client, expected in ((first, True), (second, False)):
        assert client.execute(look, store_history=False).status == "ok"
        # The needle itself is made in the kernel that looks: in a list, so that it lies apart.
        found = value(client, "holds(*needle)")
        own = 3  # the needle, and copies of it on the way
        assert (found > own) is expected, found
    for process in (template_of(second), value(second, "__import__('os').getpid()")):
        assert secret.encode() not in Path(f"/proc/{process}/environ").read_bytes()
