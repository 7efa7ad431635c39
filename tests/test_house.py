"""The rules of the house that a machine can hold: lint, format, types, direction of imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eager_kernel

ROOT = Path(__file__).parents[1]
CHECKS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_check(check: str) -> None:
    program, *arguments = CHECKS[check]
    command = Path(sys.executable).with_name(program)
    if not command.exists():
        pytest.skip(f"{program} is not installed: pip install -e '.[dev]'")
    done = subprocess.run(
        [command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_public_names() -> None:
    assert sorted(eager_kernel.__all__) == [
        "AsyncEagerClient",
        "AsyncEagerPool",
        "Chunk",
        "Chunker",
        "EagerClient",
        "EagerError",
        "EagerPool",
        "Gate",
        "RunResult",
        "__version__",
    ]
    for name in eager_kernel.__all__:
        assert getattr(eager_kernel, name) is not None
    assert set(dir(eager_kernel)) == set(eager_kernel.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Chunkers'"):
        eager_kernel.Chunkers  # noqa: B018


def test_names_of_the_client() -> None:
    from eager_kernel import client

    assert set(client.__all__) == {
        "AsyncEagerClient",
        "AsyncEagerPool",
        "AsyncEagerRun",
        "AsyncEagerSession",
        "CellOptions",
        "EagerClient",
        "EagerPool",
        "EagerRun",
        "EagerSession",
        "Image",
        "Mode",
        "OnError",
        "RunError",
        "RunOptions",
        "RunResult",
        "SessionOptions",
        "SessionResult",
        "SessionStep",
    }
    assert all(hasattr(client, name) for name in client.__all__)


def test_the_core_is_light() -> None:
    """Using the chunker imports no Jupyter."""
    code = (
        "import sys, eager_kernel; eager_kernel.Chunker().feed('x\\n')\n"
        "heavy = {'IPython', 'zmq', 'traitlets', 'jupyter_client', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_it_is_typed() -> None:
    assert (Path(eager_kernel.__file__).parent / "py.typed").exists()


def test_the_extension_of_jupyterlab_is_of_this_version() -> None:
    for name in ("package.json", "package-lock.json"):
        package = json.loads(ROOT.joinpath("labextension", name).read_text("utf-8"))
        assert package["version"] == eager_kernel.__version__


def test_a_lock_file_names_no_server() -> None:
    locked = json.loads(ROOT.joinpath("labextension", "package-lock.json").read_text("utf-8"))
    packages = [package for path, package in locked["packages"].items() if path]
    assert packages
    assert all("integrity" in package for package in packages)
    assert not any("resolved" in package for package in packages)


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("configuration.md", "configuration()"),
        ("protocol.md", "with_limits(open('protocol.md', encoding='utf-8').read())"),
    ],
)
def test_what_is_made_of_traits_is_up_to_date(page: str, made: str) -> None:
    code = f"import make_configuration as made; print(made.{made}, end='')"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=ROOT / "docs",
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    text = ROOT.joinpath("docs", page).read_text("utf-8")
    assert done.stdout == text, "run python docs/make_configuration.py"


def test_the_page_of_security_names_tests_that_are_there() -> None:
    page = ROOT.joinpath("docs", "security.md").read_text("utf-8")
    files = [*ROOT.joinpath("tests").rglob("*.py")]
    names = {path.name for path in files}
    texts = [path.read_text("utf-8") for path in files]
    named = set(re.findall(r"`(?:tests/[\w/]*)?(test_\w+(?:\.py)?)`", page))
    assert len(named) > 60
    for name in named:
        if name.endswith(".py"):
            assert name in names, name
        else:
            assert any(f"def {name}(" in text for text in texts), name
    for path in re.findall(r"`(tests/[\w/.]+)`", page):
        assert ROOT.joinpath(path).exists(), path
