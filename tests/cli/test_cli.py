"""`jupyter eager`, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eager_kernel.cli.pace import at_rate, live
from eager_kernel.core.text.tokens import tokens
from eager_kernel.errors import EagerError


def eager(
    *arguments: str, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eager_kernel.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=os.environ | environment,
    )


def test_run_reads_a_pipe() -> None:
    done = eager("run", "-", stdin="import math\nprint(math.pi)\n1+1")
    assert done.stdout == "3.141592653589793\n2\n"
    assert (done.stderr, done.returncode) == ("", 0)


def test_run_reads_a_pipe_live() -> None:
    command = [sys.executable, "-m", "eager_kernel.cli", "run", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"print('first')\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"first\n"  # while the pipe is open
        process.stdin.write(b"print('second')\n")
        process.stdin.close()
        assert process.stdout.read() == b"second\n"
    assert process.returncode == 0


def test_run_of_a_file(work: Path) -> None:
    Path("program.py").write_text("name = input('who? ')\nprint('hi', name)\n")
    done = eager("run", "program.py", "--rate", "200", "--report", "--json", "r.json", stdin="Bo\n")
    assert done.stdout == "who? hi Bo\n"
    assert "end to end" in done.stderr
    result = json.loads(Path("r.json").read_text())
    assert result["status"] == "ok"
    assert result["report"]["chunks"][1]["lines"] == [2, 2]


def test_run_of_an_answer_without_code(work: Path) -> None:
    Path("answer.md").write_text("Sorry, no.\n\n```bash\nls\n```\n")
    done = eager("run", "answer.md", "--json=r.json")
    assert done.stderr == 'no Python found; left out: 1 block of "bash", 1 line of prose\n'
    assert (done.stdout, done.returncode) == ("", 1)
    result = json.loads(Path("r.json").read_text())
    assert result["status"] == "no_code"
    assert result["left_out"]["blocks"] == [["bash", 1]]


def test_run_says_what_it_left_out(work: Path) -> None:
    Path("answer.md").write_text("```bash\nls\n```\n```python\nprint(1)\n```\n")
    done = eager("run", "answer.md")
    assert done.stderr == 'left out: 1 block of "bash"\n'
    assert (done.stdout, done.returncode) == ("1\n", 0)


@pytest.mark.parametrize("text_format", ["yaml", "json:", "tags:a b"])
def test_a_format_that_there_is_not(text_format: str) -> None:
    done = eager("run", "-", "--format", text_format, stdin="1")
    assert done.returncode == 1
    assert f"--format: unknown format {text_format!r}: choose one of auto" in done.stderr


def test_run_serial(work: Path) -> None:
    Path("p.py").write_text("x = 1\nprint(x)\n")
    done = eager("run", "p.py", "--rate=100", "--serial", "--json=r.json")
    assert done.stdout == "1\n"
    chunks = json.loads(Path("r.json").read_text())["report"]["chunks"]
    assert {chunk["action"] for chunk in chunks} == {"hold"}


def test_a_program_that_fails(work: Path) -> None:
    Path("p.py").write_text("print('ran')\n1 / 0\n")
    done = eager("run", "p.py")
    assert done.stdout == "ran\n"
    assert "ZeroDivisionError" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "give one FILE"),
        (("run", "no-such-file.py"), "no-such-file.py"),
        (("run", "-", "--kernel=no_such_kernel"), "no kernel 'no_such_kernel'"),
        (("run", "-", "--gate=ajar"), "gate"),
        ((), "choose a subcommand"),
    ],
    ids=["no file", "missing file", "missing kernel", "bad gate", "nothing"],
)
def test_wrong_uses_say_so(arguments: tuple[str, ...], says: str) -> None:
    done = eager(*arguments, stdin="1")
    assert done.returncode not in (0, None)
    assert says in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr


def test_bytes_that_are_no_text(work: Path) -> None:
    Path("p.py").write_bytes(b"x = 1\n\xff\n")
    done = eager("run", "p.py")
    assert "utf-8" in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["ascii", "C"],
)
def test_what_the_terminal_can_not_show_is_replaced(
    work: Path, environment: dict[str, str]
) -> None:
    text = "import sys\nprint('π = 3')\nprint('é', file=sys.stderr)\n'ü'\nraise ValueError('ß')\n"
    Path("program.py").write_text(text, encoding="utf-8")
    done = eager("run", "program.py", "--report", **environment)
    assert done.returncode == 1
    assert done.stdout == "\\u03c0 = 3\n"
    assert "\\xe9\n" in done.stderr
    assert "ValueError" in done.stderr
    assert "\\xdf" in done.stderr
    assert "UnicodeEncodeError" not in done.stderr
    assert "end to end" in done.stderr


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("# -*- coding: latin-1 -*-\nprint('é')\n".encode("latin-1"), "é\n"),
        (
            "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nprint('€')\n".encode("cp1252"),
            "€\n",
        ),
        ("# coding: utf-8\nprint('é')\n".encode("utf-8-sig"), "é\n"),
        ("print('é')\n".encode("utf-8-sig"), "é\n"),
        ("# coding: utf-8\r\nprint('é')\r\n".encode(), "é\n"),
    ],
    ids=["latin-1", "cp1252", "both", "mark", "utf-8"],
)
def test_files_say_their_encoding(work: Path, content: bytes, shown: str) -> None:
    Path("program.py").write_bytes(content)
    done = eager("run", "program.py", PYTHONIOENCODING="utf-8", PYTHONUTF8="1")
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.encode("utf-8", "surrogateescape").decode() == shown


def test_an_encoding_that_there_is_not(work: Path) -> None:
    Path("program.py").write_bytes(b"# coding: klingon\nprint(1)\n")
    done = eager("run", "program.py")
    assert done.returncode == 1
    assert "unknown encoding" in done.stderr
    assert "klingon" in done.stderr
    assert "Traceback" not in done.stderr


def test_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eager_kernel", "install", f"--prefix={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    folder = tmp_path / "share/jupyter/kernels/eager_python"
    assert str(folder) in done.stdout
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["argv"] == [sys.executable, "-m", "eager_kernel", "-f", "{connection_file}"]
    assert spec["display_name"] == "EAGER Python"
    assert spec["interrupt_mode"] == "message"
    logos = {path.name for path in folder.iterdir()} - {"kernel.json"}
    assert logos == {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}


def test_install_warm_and_sandbox(tmp_path: Path) -> None:
    """Both are there afterwards, in a home that was empty, and what is locked in is forked, too."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("JUPYTER", "XDG_"))}
    # What is in the environment of these tests would go before what is in the home.
    environment |= {"HOME": str(tmp_path), "JUPYTER_PREFER_ENV_PATH": "0"}

    def jupyter(*arguments: str) -> str:
        command = [sys.executable, "-m", "jupyter", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=100, check=True
        ).stdout

    jupyter("eager", "install", "--user", "--warm", "--sandbox")
    specs = json.loads(jupyter("kernelspec", "list", "--json"))["kernelspecs"]
    found = {
        name: (
            spec["spec"]["display_name"],
            spec["spec"]["metadata"]["kernel_provisioner"]["provisioner_name"],
            spec["spec"]["metadata"]["kernel_provisioner"].get("config", {}),
        )
        for name, spec in specs.items()
        if str(tmp_path) in spec["resource_dir"]
    }
    assert found == {
        "eager_python_warm": ("EAGER Python (warm)", "eager-warm-provisioner", {}),
        "eager_python_sandbox": (
            "EAGER Python (warm, sandbox)",
            "eager-sandbox-provisioner",
            {"warm": True},
        ),
    }


def test_install_wants_one_place(tmp_path: Path) -> None:
    done = eager("install", "--user", f"--prefix={tmp_path}")
    assert "choose one of" in done.stderr
    assert done.returncode != 0


def test_help_lists_every_trait() -> None:
    done = eager("--help-all")
    assert "--RunApp.rate" in done.stdout
    assert "--EagerRun.delta_timeout" in done.stdout
    assert "jupyter eager demo" in done.stdout
    kernel = subprocess.run(
        [sys.executable, "-m", "eager_kernel", "--help-all"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--EagerRun.delta_timeout" in kernel.stdout


def test_demo() -> None:
    done = eager("demo", *(["--warm"] if sys.platform == "linux" else []))
    assert done.returncode == 0, done.stderr
    assert ("forked from a process" in done.stdout) is (sys.platform == "linux")
    for row in ("generation", "execution", "end to end", "share of execution hidden", "saved"):
        assert row in done.stdout
    assert "the outputs are the same" in done.stdout
    assert "line 1 executed" in done.stdout


def test_rates() -> None:
    text = "def f(x):\n    return 'Überraschung' * x\n\n\tprint(f(2))  # done\r\n"
    assert "".join(tokens(text)) == text
    assert list(at_rate(text, 0)) == [text]
    start = time.monotonic()
    assert "".join(at_rate("a b c d e f", 100, ttft=0.05)) == "a b c d e f"
    assert time.monotonic() - start >= 0.1


def test_characters_cut_between_bytes() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "wb", buffering=0) as pipe:
        texts = live(reader)
        pipe.write("é".encode()[:1])
        pipe.write("é".encode()[1:])
        pipe.close()
        assert "".join(texts) == "é"


def test_bytes_of_another_encoding() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "wb", buffering=0) as pipe:
        pipe.write(b"x = '\xe9'")
        pipe.close()
        with pytest.raises(EagerError, match="not UTF-8: byte 0xe9"):
            list(live(reader))


def test_ctrl_c_interrupts_the_program(work: Path) -> None:
    # It says so from within the statement that is to be interrupted, not from the one before.
    Path("p.py").write_text(
        "while True: go = globals().get('go') or print('go', flush=True) or 1\n"
    )
    command = [sys.executable, "-m", "eager_kernel.cli", "run", "p.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert process.returncode == 130
