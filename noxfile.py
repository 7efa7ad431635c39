"""Sessions that need an environment of their own: ``nox -l`` lists them.

``nox -s part`` tests a part of the project on each supported Python that this machine has, and
says which it lacks; ``python .ci/other_pythons.py`` finds those of pyenv, too.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [
    name.rpartition(" :: ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)
]
PART = [f"tests/{name}" for name in ("core", "execution", "kernel", "client", "magics")]
# What takes long and differs between Pythons in nothing of ours: real servers, linear time,
# processes that are killed, hundreds of runs in a row. The whole suite has it, on one Python.
PART += [
    f"--ignore=tests/{name}.py"
    for name in (
        "client/test_remote",
        "client/test_kills",
        "client/test_pool",
        "client/test_forgery",
        "core/extract/test_formats",
        "kernel/test_broken",
        "kernel/test_harmless",
        "kernel/test_left_behind",
        "kernel/test_soak",
        "magics/test_processes",
    )
]
PART += ["--deselect=tests/core/test_chunker.py::test_standard_library_is_cut_into_its_statements"]
# What says most in a minute; CI runs it on each Python but the one that runs the whole suite.
CHOSEN = [
    *(f"tests/{name}" for name in ("core", "execution")),
    *(
        f"tests/{name}.py"
        for name in (
            "client/test_client",
            "client/test_hosting",
            "client/test_ordinary",
            "kernel/test_conformance",
            "kernel/test_gate_modes",
            "kernel/test_interrupt",
            "kernel/test_lifecycle",
            "kernel/test_resume",
            "kernel/test_stream",
            "kernel/test_undo",
            "magics/test_cells",
            "magics/test_steps",
        )
    ),
    "--ignore=tests/core/extract/test_formats.py",
    "--ignore=tests/core/test_fuzz_bytes.py",
    "--deselect=tests/core/test_chunker.py::test_standard_library_is_cut_into_its_statements",
]

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests, with what they need besides PyTorch."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session(python=PYTHONS)
def part(session: nox.Session) -> None:
    """Run the tests of what differs between Pythons: core, execution, kernel, client, magics."""
    session.install("-e", ".[test-part]")
    _test_part(session, PART)


@nox.session(python=PYTHONS)
def chosen(session: nox.Session) -> None:
    """Run those of them that say most in a minute; ``.ci/other_pythons.py`` runs it."""
    session.install("-e", ".[test-part]")
    _test_part(session, CHOSEN)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the same tests with the lowest version of each dependency that we allow."""
    file = Path(session.create_tmp()) / "lowest.txt"
    file.write_text("\n".join(lowest_versions()) + "\n", encoding="utf-8")
    session.install("--constraint", str(file), "-e", ".[test-part]")
    session.run("python", "-m", "pip", "freeze", "--exclude-editable")
    _test_part(session, PART)


@nox.session(python=PYTHONS[0])
@nox.parametrize("framework", ["smolagents", "pydantic-ai", "openai-agents", "langchain"])
def agents(session: nox.Session, framework: str) -> None:
    """Run the tests of an adapter with the lowest version of its framework that we allow."""
    (lowest,) = PROJECT["optional-dependencies"][framework]
    session.install("-e", f".[test-part,{framework}]", lowest.replace(">=", "=="))
    file = f"tests/agents/test_{framework.replace('-', '_')}.py"
    session.run("pytest", "-q", "-p", "no:cacheprovider", file, *session.posargs)


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Build the site in this environment; what it needs: ``pip install -e '.[docs]'``."""
    session.run("python", "-m", "docs", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Make wheel and source archive, and see that each installs and works, without Node.js."""
    session.install("build", "twine")
    folder = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder))
    made = sorted(folder.iterdir())
    session.run("twine", "check", "--strict", *map(str, made))
    session.run("python", ".ci/smoke.py", *map(str, made), *session.posargs)


def lowest_versions() -> list[str]:
    """Give the constraints that take each dependency at its lower bound."""
    found = [re.match(r"([\w.-]+)>=([\d.]+)", text) for text in PROJECT["dependencies"]]
    assert all(found), "each dependency has a lower bound"
    return [f"{match[1]}=={match[2]}" for match in found if match]


def _test_part(session: nox.Session, part: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        # Other environments' kernelspecs and settings are not to be found.
        env = {"JUPYTER_DATA_DIR": home, "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "")}
        arguments = session.posargs or ["-n", "3", "--dist", "loadfile"]
        session.run("pytest", "-q", "-p", "no:cacheprovider", *arguments, *part, env=env)
