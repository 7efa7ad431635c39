"""What a deployer configures of the gate and of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from traitlets import TraitError
from traitlets.config import Config

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import BARRED
from eager_kernel.execution import plain_files
from eager_kernel.kernel.config import EagerGate, rule_points
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import Heard, WireStream, run

RULES = """
from eager_kernel.core.gate import Verdict

def no_deploys(chunk):
    if "deploy" in chunk.source:
        return Verdict("hold", "external-effect", "deploys wait", chunk.first_line)

def raises(chunk):
    if "trouble" in chunk.source:
        raise RuntimeError("the rule is broken")

def returns_nonsense(chunk):
    return "hold" if "nonsense" in chunk.source else None

number = 5
"""
METADATA = "Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n"
ENTRY_POINT = "[eager_kernel.rules]\nacme = acme_rules:no_deploys\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules, with a package that gives a rule by an entry point."""
    folder = tmp_path_factory.mktemp("site")
    folder.joinpath("acme_rules.py").write_text(RULES)
    information = folder / "acme_rules-1.0.dist-info"
    information.mkdir()
    information.joinpath("METADATA").write_text(METADATA)
    information.joinpath("entry_points.txt").write_text(ENTRY_POINT)
    return folder


@pytest.fixture(scope="module")
def configured(installed: Path) -> Iterator[BlockingKernelClient]:
    """A client of a kernel that a deployer has configured."""
    options = [
        "--log-level=ERROR",
        '--EagerGate.rules=["acme_rules:raises", "acme_rules:returns_nonsense"]',
        '--EagerGate.names=["tools.publish"]',
        '--EagerGate.methods=["launch"]',
        '--EagerGate.events=["acme.sent"]',
        f'--EagerGate.folders=["{installed}"]',
        "--EagerRun.on_error=drain",
    ]
    env = {**os.environ, "PYTHONPATH": str(installed)}
    manager, client = start_kernel("eager_python", extra_arguments=options, env=env)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_host_to_which_connecting_need_not_wait() -> None:
    gate = EagerGate(config=Config({"EagerGate": {"hosts": ["Data.test:443", "::1"]}}))
    for mode in BARRED:
        barrier = gate.make_barrier(mode)
        assert barrier is not None
        assert barrier._reaches_host("socket.getaddrinfo", ("data.test", 443))
    assert EagerGate().make_barrier("effect")._hosts is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("mode", "loads"), [("wait", False), ("effect", True)])
def test_what_keeps_files_is_loaded_where_files_are_kept(
    tmp_path: Path, mode: str, loads: bool
) -> None:
    tmp_path.joinpath("eager", "undo").mkdir(parents=True)  # as a kernel has left it
    program = (
        "import sys\nimport eager_kernel.kernel.kernel\nimport eager_kernel.magics.extension\n"
        "from eager_kernel.kernel.config import EagerGate\n"
        f"gate = EagerGate()\nassert gate.restore_left() == []\ngate.make_barrier({mode!r})\n"
        "own = {name.rpartition('.')[2] for name in sys.modules if 'eager_kernel.' in name}\n"
        "print(own & {'undo', 'undoing', 'journals', 'journal_file', 'plain_files'})\n"
    )
    env = {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    assert ("journals" in done.stdout) is (loads and plain_files.can_journal())
    assert loads or done.stdout == "set()\n"


def first_hold(client: BlockingKernelClient, text: str) -> dict[str, Any]:
    """The `held` message of a program that is held; its text has not ended by then."""
    stream = WireStream(client).open().attach().delta("start = 1\n" + text + "after = 1\n")

    def held(heard: Heard) -> list[dict[str, Any]]:
        return [data for data in heard.comm if data.get("state") == "held"]

    stream.listen(until=held)
    message = held(stream.heard)[0]
    stream.delta("print('end')\n").end().finish()
    assert stream.heard.text() == "end\n"
    return message


HOLDS = {
    "a method": ("class C:\n    def launch(self): pass\n\nC().launch()\n", "launch"),
    "an audit event": ("import sys\nsys.audit('acme.sent', 1)\n", "acme.sent"),
    "a rule that raises": ("x = 'trouble'\n", "raises"),
    "a rule that returns nonsense": ("x = 'nonsense'\n", "returns_nonsense"),
    "a rule of an installed package": ("x = 'deploy'\n", "deploys wait"),
}


@pytest.mark.parametrize("what", HOLDS)
def test_what_is_added_is_held_with_its_reason(configured: BlockingKernelClient, what: str) -> None:
    text, reason = HOLDS[what]
    message = first_hold(configured, text)
    assert reason in message["reason"]
    lines = 1 + text.count("\n")
    assert 2 <= message["lines"][0] <= lines


def test_a_name_that_is_added_is_held(configured: BlockingKernelClient) -> None:
    text = "import sys, types\nsys.modules['tools'] = types.ModuleType('tools')\n"
    configured.execute_interactive(text + "sys.modules['tools'].publish = print", timeout=60)
    message = first_hold(configured, "import tools\ntools.publish(end='')\n")
    assert "tools.publish" in message["reason"]
    assert message["category"] == "external-effect"


def test_a_rule_that_fails_says_how(configured: BlockingKernelClient) -> None:
    message = first_hold(configured, "x = 'trouble'\n")
    assert message["category"] == "dynamic"
    assert "the rule is broken" in message["reason"]


def test_a_folder_in_which_writing_need_not_wait(
    configured: BlockingKernelClient, installed: Path
) -> None:
    stream = WireStream(configured).open(gate="wait").attach()
    stream.delta(
        f"import os\nos.chdir({str(installed)!r})\nopen('f', 'w').close()\nprint('done')\n"
    )
    stream.listen(until=lambda heard: heard.text() == "done\n")
    assert installed.joinpath("f").exists()
    stream.delta("open('../g', 'w').close()\nprint('too')\n").listen(0.3)
    assert not installed.parent.joinpath("g").exists()
    assert stream.end().finish().text() == "done\ntoo\n"


def test_what_an_error_does_to_generation(configured: BlockingKernelClient) -> None:
    heard = run(configured, "1 / 0\n", "x = 1\n", pause=0.1)
    assert heard.stops == []
    assert heard.result["program"] == "1 / 0\nx = 1\n"


MISTAKES = {
    "mode": ("ajar", "mode"),
    "modules": (["sbprocess"], "there is no module 'sbprocess'"),
    "names": (["publish"], "'publish' is no dotted name"),
    "timing": (["a b.c"], "'a b.c' is no dotted name"),
    "methods": (["a.b"], "'a.b' is no method's name"),
    "events": ([" "], "is no audit event's name"),
    "folders": (["here"], "'here' is relative"),
    "hosts": (["http://a.com"], "'http://a.com' is no host"),
    "rules": (["acme"], "write module:function"),
}


@pytest.mark.parametrize("trait", MISTAKES)
def test_a_mistake_is_named(trait: str) -> None:
    value, problem = MISTAKES[trait]
    with pytest.raises(TraitError, match=problem.replace("(", r"\(")) as caught:
        EagerGate(config=Config({"EagerGate": {trait: value}}))
    assert trait in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("no_such_module:rule", "No module named 'no_such_module'"),
        ("acme_rules:no_such_rule", "no_such_rule"),
        ("acme_rules:number", "is no function but a int"),
    ],
)
def test_a_rule_that_is_none(
    installed: Path, monkeypatch: pytest.MonkeyPatch, rule: str, problem: str
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    with pytest.raises(TraitError, match=problem):
        EagerGate(config=Config({"EagerGate": {"rules": [rule]}}))


def test_a_rule_of_an_installed_package_that_can_not_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "broken-1.0.dist-info"
    information.mkdir()
    information.joinpath("METADATA").write_text(METADATA)
    information.joinpath("entry_points.txt").write_text(ENTRY_POINT.replace("acme_", "no_such_"))
    monkeypatch.syspath_prepend(str(tmp_path))
    rule_points.cache_clear()  # a process looks once
    try:
        with pytest.raises(TraitError, match=r"entry point 'acme' .* can't be loaded"):
            EagerGate()
    finally:
        rule_points.cache_clear()


def test_the_kernel_does_not_start_with_a_mistake(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eager_kernel", "-f", str(tmp_path / "connection.json")]
    done = subprocess.run(
        [*command, "--EagerGate.modules=sbprocess"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "EagerGate.modules: there is no module 'sbprocess'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["eager_kernel"], ["eager_kernel.cli"]])
def test_every_trait_is_listed(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help-all"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for trait in ("EagerGate.mode", "EagerGate.rules", "EagerRun.on_error", "EagerRun.max_streams"):
        assert f"--{trait}" in done.stdout


def test_the_policy_of_one_gate_is_not_anothers() -> None:
    held = EagerGate(config=Config({"EagerGate": {"methods": ["launch"]}})).make_gate("effect")
    free = EagerGate().make_gate("effect")
    chunk = Chunk("a.launch()\n", 0, 1, 1)
    assert (held.judge(chunk).action, free.judge(chunk).action) == ("hold", "run")
