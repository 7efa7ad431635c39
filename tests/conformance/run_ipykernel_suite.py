"""Run ipykernel's own test-suite with stock ipykernel and with EAGER, and compare the failures.

    python -m tests.conformance.run_ipykernel_suite [--record] [--again N] [--ways W]

The suite is not in ipykernel's wheel, so the sdist of the installed version is fetched with pip.
It runs in a fresh environment with the installed versions of ipykernel and IPython, this checkout
and what the suite needs; the environment that runs this script is not touched. It runs in five
ways, or in those that `--ways` names:

stock
    as it is.
by kernel
    a kernelspec *named* ``python3``, which the suite asks for, starts ``python -m eager_kernel``.
    Concerns the tests that start a kernel.
warm, sandbox
    the same, with kernels that are forked from a template, or locked in with bubblewrap.
by class
    a pytest plugin (`swap_kernel_class`) puts `EagerKernel` where the suite finds
    `ipykernel.ipkernel.IPythonKernel`. Concerns the tests that make a kernel object.

One check is relaxed: the version of a kernel's implementation may be below IPython's first.

Any test that did not end alike is run again alone, in both ways, several times: a loaded machine
makes some of them fail now and then. What still differs is a difference, and the script's exit
status is 1. The whole takes some ten minutes, so it is no part of the normal tests. With
``--record`` it writes ``tests/conformance/RESULT.md``.
"""

# ruff: noqa: T201 - a script that prints
from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RESULT = HERE / "RESULT.md"
PINNED = ("ipykernel", "ipython", "jupyter_client", "tornado", "pyzmq")
NEEDED = ("pytest", "pytest-asyncio", "pytest-timeout", "flaky", "pytest-cov", "ipyparallel")
# Used by some tests, which are skipped where these are missing.
OPTIONAL = ("matplotlib", "psutil", "trio")

# Where this script runs is not where the suite runs. IPython warns of another VIRTUAL_ENV than its
# own, and the suite makes warnings errors.
NOT_INHERITED = ("JPY_PARENT_PID", "JUPYTER_PATH", "MPLBACKEND", "PYTHONPATH", "VIRTUAL_ENV")

# The only line of the suite that is changed, for all ways alike.
OWN_VERSION = 'implementation_version = Version(min="2.1")'

# Ways in which the suite's kernels are ours, and what starts them.
BY_KERNEL = {
    "by kernel": "",
    "warm": "eager-warm-provisioner",
    "sandbox": "eager-sandbox-provisioner",
}

WHO = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
print(client.kernel_info(reply=True, timeout=60)["content"]["implementation"])
client.stop_channels()
manager.shutdown_kernel(now=True)
"""


@dataclass
class Way:
    """A way to run the suite."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


@dataclass
class Ran:
    """What came of a run of the suite: of each test, how it ended."""

    outcomes: dict[str, str]
    seconds: float

    @property
    def failures(self) -> set[str]:
        """The tests that failed, or whose set-up did."""
        return {test for test, outcome in self.outcomes.items() if outcome in ("failed", "error")}

    def counts(self) -> str:
        """How many tests ended how."""
        counted = Counter(self.outcomes.values())
        return ", ".join(f"{counted[outcome]} {outcome}" for outcome in sorted(counted))


def call(*command: str | Path, **options: object) -> None:
    """Run a command that must succeed."""
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)  # type: ignore[call-overload]


def fetch_suite(folder: Path) -> Path:
    """Unpack the sdist of the installed ipykernel."""
    # --no-binary names only ipykernel, or pip would build the build tools too.
    wanted = f"ipykernel=={version('ipykernel')}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
    call(*pip, "--no-binary", "ipykernel", "-d", folder, wanted)
    (archive,) = folder.glob("ipykernel-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    suite = folder / archive.name.removesuffix(".tar.gz")
    assert (suite / "tests" / "conftest.py").exists(), "the sdist holds no tests"
    # A kernel's implementation_version must be at least IPython's 2.1: EAGER says its own.
    spec = suite / "tests" / "test_message_spec.py"
    text = spec.read_text("utf-8")
    assert OWN_VERSION in text
    spec.write_text(text.replace(OWN_VERSION, OWN_VERSION.replace("2.1", "0.0")), "utf-8")
    return suite


def make_environment(folder: Path) -> Path:
    """Make a virtual environment for the suite. Returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pinned = [f"{name}=={version(name)}" for name in PINNED]
    call(python, "-m", "pip", "install", "-q", ROOT, *pinned, *NEEDED, *OPTIONAL)
    return python


def make_kernelspec(folder: Path, python: Path, provisioner: str = "") -> Path:
    """Make a kernelspec named python3 that starts EAGER. Returns the folder for JUPYTER_PATH."""
    spec = json.loads((ROOT / "eager_kernel/kernel/resources/kernel.json").read_text("utf-8"))
    spec["argv"][0] = str(python)
    if provisioner:
        spec["metadata"]["kernel_provisioner"] = {"provisioner_name": provisioner}
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec), "utf-8")
    return folder


def environment_of(way: Way, home: Path) -> dict[str, str]:
    """The environment variables to run a way in: nothing of the user's own Jupyter or Python."""
    mine = {"IPYTHONDIR": home / "ipython", "JUPYTER_CONFIG_DIR": home / "config"}
    mine |= {"JUPYTER_DATA_DIR": home / "data", "JUPYTER_RUNTIME_DIR": home / "runtime"}
    for place in mine.values():
        place.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return {**kept, **{name: str(place) for name, place in mine.items()}, **way.environment}


def run_suite(python: Path, suite: Path, home: Path, way: Way, *tests: str) -> Ran:
    """Run the suite, or some of its tests."""
    report = home / "report.xml"
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "--color=no", "--no-header", "--tb=short"]
    command += ["-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    # Newer pytest-asyncio warns where this is not set, and the suite makes warnings errors.
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    command += [*way.options, *tests]
    start = time.monotonic()
    with (home / "log.txt").open("a") as log:
        subprocess.run(
            command,
            cwd=suite,
            env=environment_of(way, home),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=1800,
        )
    outcomes = {}
    for case in ET.parse(report).iter("testcase"):
        test = f"{case.get('file')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = next((k for k in ("error", "failure", "skipped") if k in kinds), "passed")
        outcomes[test] = "failed" if outcome == "failure" else outcome
    return Ran(outcomes, time.monotonic() - start)


def who_answers(python: Path, home: Path, way: Way) -> str:
    """The implementation of the kernel that a test starts."""
    environment = environment_of(way, home)
    command = [str(python), "-c", WHO]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def markdown(stock: Ran, others: dict[str, Ran], settled: dict[str, list[str]]) -> str:
    """The record."""
    ways = {"stock": stock, **others}
    packages = ", ".join(f"{name} {version(name)}" for name in (*PINNED, "pytest"))
    lines = [
        "# ipykernel's own test-suite",
        "",
        "Written by `python -m tests.conformance.run_ipykernel_suite --record`, which says what",
        "the ways are.",
        "",
        f"Python {platform.python_version()} on {platform.system()}; {packages}.",
        "",
        "| way | tests | ended | seconds |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {len(ran.outcomes)} | {ran.counts()} | {ran.seconds:.0f} |"
        for name, ran in ways.items()
    ]
    for name, ran in ways.items():
        lines += ["", f"## Failures, {name}", ""]
        lines += [f"- `{test}`" for test in sorted(ran.failures)] or ["None."]
    lines += ["", "## Differences from stock", ""]
    for name, notes in settled.items():
        lines += [f"- {name}: {note}" for note in notes] or [f"- {name}: none."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run everything. Returns 1 if a difference remains."""
    parser = argparse.ArgumentParser(description="Compare EAGER with stock by ipykernel's tests.")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("--again", type=int, default=3, help="repeats of what differed")
    parser.add_argument("--keep", type=Path, help="an empty folder to work in, and to keep")
    parser.add_argument("--ways", default="", help="only these, with commas, besides stock")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        suite = fetch_suite(folder)
        python = make_environment(folder / "venv")
        specs = {
            way: str(make_kernelspec(folder / f"specs-{number}", python, provisioner))
            for number, (way, provisioner) in enumerate(BY_KERNEL.items())
        }
        ways = [
            Way("stock"),
            *(Way(name, {"JUPYTER_PATH": path}) for name, path in specs.items()),
            # The plugin lies alone in its folder, or this checkout's "tests" would hide theirs.
            Way("by class", {"PYTHONPATH": str(HERE / "plugin")}, ("-p", "swap_kernel_class")),
        ]
        if arguments.ways:
            ways = [w for w in ways if w.name in ("stock", *arguments.ways.split(","))]
        homes = {way.name: folder / way.name.replace(" ", "-") for way in ways}
        ran: dict[str, Ran] = {}
        for way in ways:
            answers = who_answers(python, homes[way.name], way)
            assert answers == ("eager_python" if way.name in BY_KERNEL else "ipython"), answers
            ran[way.name] = run_suite(python, suite, homes[way.name], way)
            print(f"{way.name}: {ran[way.name].counts()} in {ran[way.name].seconds:.0f} s")
            for test in sorted(ran[way.name].failures):
                print("   ", test)
        stock, settled, remain = ran.pop("stock"), {}, False
        for way in ways[1:]:
            settled[way.name] = []
            mine = ran[way.name].outcomes
            for test in sorted(stock.outcomes.keys() | mine.keys()):
                before, now = stock.outcomes.get(test, "missing"), mine.get(test, "missing")
                if before == now:
                    continue
                ends: dict[str, list[str]] = {}
                for which in (ways[0], way):
                    ends[which.name] = [
                        run_suite(python, suite, homes[which.name], which, test).outcomes.get(
                            test, "missing"
                        )
                        for _ in range(arguments.again)
                    ]
                differs = not set(ends["stock"]) & set(ends[way.name])
                remain |= differs
                again = "; ".join(f"{name}: {', '.join(e)}" for name, e in ends.items())
                word = "**differs**" if differs else "not always the same"
                note = f"`{test}` {before} → {now}, {word}. Alone, repeated: {again}."
                settled[way.name].append(note)
                print(f"{way.name}: {note}")
        if arguments.record:
            RESULT.write_text(markdown(stock, ran, settled), "utf-8")
        return int(remain)


if __name__ == "__main__":
    sys.exit(main())
