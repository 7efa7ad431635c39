"""What a user sees who works in a terminal: on a real one, and where there is none."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.cli.tables import print_markdown
from eager_kernel.sources.recorded import recordings_folder
from eager_kernel.sources.recording import (
    RecordedAnswer,
    TimedDelta,
    format_answer,
    read_recording,
)
from eager_kernel.terminal.console import make_console
from eager_kernel.terminal.listing import Listing
from tests.server.conftest import Echo

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.timeout(180)

EAGER = [sys.executable, "-m", "eager_kernel.cli"]
COMMANDS = ("demo", "ask", "run", "record", "bench", "install")
PROGRAM = "print('first' + ' output')\nx = 6 * 7\nprint('part', end='')\nprint(' and rest')\nx\n"
COLOUR = re.compile(r"\x1b\[[\d;]*m")
CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


@pytest.fixture
def slow() -> str:
    """A model that writes `PROGRAM`, and takes its time over the last line."""
    lines = PROGRAM.splitlines(keepends=True)
    deltas = [TimedDelta(0.4 * i, line) for i, line in enumerate(lines)]
    deltas[-1] = TimedDelta(3.0, lines[-1])
    folder = recordings_folder()
    folder.mkdir(parents=True, exist_ok=True)
    text = format_answer(RecordedAnswer(tuple(deltas), "stop"))
    folder.joinpath("slow.jsonl").write_text(text)
    return "recorded/slow"


def spawn(*command: str, **environment: str) -> Any:
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    return pexpect.spawn(
        command[0], list(command[1:]), env=env, dimensions=(40, 100), encoding="utf-8", timeout=60
    )


def piped(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EAGER, *arguments], capture_output=True, text=True, timeout=120, check=False, **more
    )


def type_cell(terminal: Any, text: str) -> None:
    """Type a cell of several lines into IPython's prompt, and run it."""
    first, second = text.split("\n")
    terminal.send(f"{first}\r")
    terminal.expect(r"\.\.\.:")
    terminal.send(second)
    terminal.expect(second)
    terminal.send("\x1b\r")


@pytest.fixture(params=["ipython", "console", "console of a stock kernel"])
def shell(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A terminal at IPython's prompt, in which ``%%eager`` is known."""
    if request.param == "ipython":
        terminal = spawn(sys.executable, "-m", "IPython", "--no-banner", "--no-confirm-exit")
    else:
        pytest.importorskip("jupyter_console")
        kernel = "eager_python" if request.param == "console" else "python3"
        terminal = spawn(sys.executable, "-m", "jupyter_console", "--kernel", kernel)
    terminal.expect(r"In \[")
    if request.param != "console":
        terminal.send("%load_ext eager_kernel\r")
        terminal.expect(r"In \[.*2")
    yield terminal
    terminal.close(force=True)


def test_a_shell_shows_the_program_as_it_is_written_and_its_end(shell: Any, slow: str) -> None:
    type_cell(shell, f"%%eager --model {slow}\nGo.")
    shell.expect("1 │ [^\n]*print[^\n]*first")
    shell.expect(r"first output")  # it runs while the rest is written
    shell.expect(r"3 │ ")
    shell.expect(r"part")
    shell.expect(r" and rest\r\n")  # nothing of the program's output is taken back
    shell.expect(r"5 │ ")
    shell.expect(r"42")
    shell.expect(r"✓ recorded/slow: done, 5 of 5 lines executed")
    shell.expect(r"In \[")


def test_a_shell_shows_a_failure_once(shell: Any, slow: str) -> None:
    type_cell(shell, "%%eager --model recorded/there-is-none\nGo.")
    shell.expect(r"RecordingError: no recording 'there-is-none'")
    shell.expect(r"In \[")
    assert shell.before.count("no recording") == 0
    assert "Traceback" not in shell.before


def test_a_shell_without_a_terminal_shows_outputs_alone(slow: str) -> None:
    cell = f"get_ipython().run_cell('%%eager --model {slow}\\nGo.')"
    command = [sys.executable, "-m", "IPython", "--no-banner", "--ext=eager_kernel", "-c", cell]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "first output\npart and rest\n" in done.stdout
    assert "│" not in done.stdout
    assert "\x1b" not in done.stdout


# Commands -------------------------------------------------------------------------------------


def test_run_shows_the_program_on_a_terminal_alone(work: Path) -> None:
    Path("p.py").write_text(PROGRAM)
    terminal = spawn(*EAGER, "run", "p.py", "--rate=30")
    terminal.expect(r"1 │ ")
    terminal.expect(r"first output")
    terminal.expect(r"✓ p.py: done, 5 of 5 lines executed")
    terminal.expect(pexpect.EOF)
    quiet = spawn(*EAGER, "run", "p.py", "--rate=300", "--quiet")
    quiet.expect(pexpect.EOF)
    assert quiet.before == "first output\r\npart and rest\r\n42\r\n"
    done = piped("run", "p.py", "--rate=300")
    assert (done.stdout, done.stderr) == ("first output\npart and rest\n42\n", "")


def test_run_asks_for_input_on_a_terminal(work: Path) -> None:
    Path("p.py").write_text("name = input('who? ')\nprint('hi', name)\nx = 1\nprint(x + 1)\n")
    terminal = spawn(*EAGER, "run", "p.py", "--rate=30")
    terminal.expect(r"who\? ")
    terminal.send("Bo\r")
    terminal.expect(r"hi Bo")
    terminal.expect(r"✓ p.py: done, 4 of 4 lines executed")


def test_ask(slow: str, work: Path) -> None:
    terminal = spawn(*EAGER, "ask", slow, "Do it")
    terminal.expect(r"recorded/slow: waiting for the model")
    terminal.expect(r"1 │ ")
    terminal.expect(r"first output")
    terminal.expect(r"✓ recorded/slow: done, 5 of 5 lines executed")
    terminal.expect(pexpect.EOF)
    done = piped("ask", slow, "-", "--extra=speed=0", "--json=r.json", input="Do it")
    assert (done.stdout, done.stderr) == ("first output\npart and rest\n42\n", "")
    assert done.returncode == 0
    assert Path("r.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("recorded/demo",), "give a MODEL and a PROMPT"),
        (("nobody/x", "Go"), "no provider 'nobody'"),
        (("recorded/demo", " "), "the prompt is empty"),
        (("recorded/no-such", "Go"), "RecordingError: no recording 'no-such'"),
        (("openai/x", "Go"), "set the environment variable OPENAI_API_KEY"),
    ],
)
def test_ask_says_what_is_wrong(arguments: tuple[str, ...], says: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = piped("ask", *arguments, env=env)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_asking_keeps_the_key_out_of_the_kernel() -> None:
    echo = Echo()
    try:
        where = ["--api-base", f"{echo.url}/v1", "--credential=A_KEY_OF_MINE", "--format=python"]
        prompt = (
            "import os\nprint([n for n in os.environ if n in ('A_KEY_OF_MINE','OPENAI_API_KEY')])"
        )
        env = {
            **os.environ,
            "A_KEY_OF_MINE": "a-key-123456789",
            "OPENAI_API_KEY": "another-key-1234",
        }
        done = piped("ask", "openai/echo", *where, prompt, env=env)
        assert (done.stdout, done.stderr) == ("[]\n", "")
        assert echo.asked[-1].headers["authorization"] == "Bearer a-key-123456789"
    finally:
        echo.close()


def test_a_program_is_asked_about(shell: Any, slow: str) -> None:
    type_cell(shell, f"%%eager --ask --model {slow}\nGo")
    shell.expect("It touches no files, hosts or processes")
    shell.expect("Run it\\? Type y to run it")
    assert "first output" not in shell.before
    shell.send("y\r")
    shell.expect("first output")
    shell.expect("part and rest")


def test_the_examples_of_record_work(work: Path) -> None:
    text = piped("record", "--help").stdout
    example = next(line for line in text.splitlines() if "--api-base" in line and " < " in line)
    words, _, source = example.strip().removeprefix("jupyter eager ").partition(" < ")
    echo = Echo()
    try:
        arguments = [
            f"{echo.url}/v1" if word.startswith("http://") else word for word in words.split()
        ]
        Path(source).write_text("x = 1\n")
        with Path(source).open() as prompt:
            done = piped(*arguments, stdin=prompt)
        assert done.returncode == 0, done.stderr
        assert read_recording(Path("sine.jsonl"))[0].text == "x = 1\n"
    finally:
        echo.close()


def test_a_prompt_may_stand_anywhere(work: Path) -> None:
    for number, words in enumerate(
        (
            ["--force", "recorded/demo", "--extra", "speed=0", "Go on"],
            ["recorded/demo", "--force", "Go on", "--extra=speed=0"],
            ["recorded/demo", "--extra=speed=0", "--force", "-"],
            ["--extra=speed=0", "--", "recorded/demo", "- not an option"],
        )
    ):
        done = piped("record", "-o", f"{number}.jsonl", *words, input="Go on")
        assert done.returncode == 0, (words, done.stderr)
        assert Path(f"{number}.jsonl").exists()


@pytest.mark.parametrize("command", ["demo", "ask", "--help"])
def test_a_reader_may_leave(command: str, slow: str) -> None:
    recording = str(recordings_folder() / "slow.jsonl")
    more = {"demo": ["--recording", recording], "ask": [slow, "Go"], "--help": []}[command]
    with subprocess.Popen(
        [*EAGER, command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        _, errors = process.communicate(timeout=60)
    assert errors == b""


def test_ctrl_c_while_the_kernel_starts_is_one_line(work: Path) -> None:
    Path("p.py").write_text("print(1)\n")
    terminal = spawn(*EAGER, "run", "p.py", "--rate=10")
    terminal.expect("waiting for the model")  # the kernel has not been started
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    after = CONTROL.sub("", terminal.before).split("^C")[-1].strip().split("\n")
    assert [line for line in after if "waiting for the model" not in line] == ["interrupted"]
    terminal.close()
    assert terminal.exitstatus == 130


def test_no_colours_where_there_is_no_terminal(work: Path) -> None:
    Path("p.py").write_text("print('fine')\n1 / 0\n")
    done = piped("run", "p.py", "--report", "--rate=300")
    assert "ZeroDivisionError" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        terminal = spawn(*EAGER, "run", "p.py", "--report", "--rate=300", **environment)
        terminal.expect(pexpect.EOF)
        assert "ZeroDivisionError" in terminal.before
        assert "✗ p.py: failed, 1 of 2 lines executed" in terminal.before
        assert COLOUR.search(terminal.before) is None
    terminal = spawn(*EAGER, "run", "p.py", "--rate=300")
    terminal.expect(pexpect.EOF)
    assert COLOUR.search(terminal.before)


@pytest.mark.parametrize("command", COMMANDS)
def test_our_options_come_first(command: str) -> None:
    text = piped(command, "--help").stdout
    ours, _, jupyters = text.partition("Options of every Jupyter command")
    assert "--log-level" in jupyters
    assert "--config" in jupyters
    for generic in ("--log-level", "--debug", "--show-config", "--generate-config", "--config="):
        assert generic not in ours
    assert re.search(r"^--(json|kernel|name|prefix|svg)\b", ours, re.MULTILINE)
    assert not re.search(r"^--(json|kernel|name|prefix|svg)\b", jupyters, re.MULTILINE)


# Parts ----------------------------------------------------------------------------------------


def listing(**options: Any) -> tuple[Listing, io.StringIO]:
    file = io.StringIO()
    console = make_console(file=file, width=60, **options)
    return Listing("a model", console, lively=False), file


def test_hostile_text_commands_no_terminal() -> None:
    shown, file = listing(force_terminal=True)
    shown.hear({"type": "delta", "text": "x = '\x1b[2J\u202e[bold]'\n\ud800 = 1\n"})
    shown.flush()
    assert "⟨U+001B⟩[2J⟨U+202E⟩[bold]" in COLOUR.sub("", file.getvalue())
    assert "\x1b[2J" not in file.getvalue()


def test_lines_stay_where_output_comes_between() -> None:
    shown, file = listing()
    shown.hear({"type": "delta", "text": "a = 1\nb = '''\nfoo\n'''"})
    shown.flush()
    with shown.aside():
        shown.was_written("half a line")
    shown.hear({"type": "delta", "text": "\nc"})
    shown.hear({"type": "end"})
    shown.flush()
    assert file.getvalue() == ("   1 │ a = 1\n   2 │ b = '''\n   3 │ foo\n\n   4 │ '''\n   5 │ c\n")


def test_a_repair_is_told_and_lines_are_written_anew() -> None:
    shown, file = listing()
    shown.hear({"type": "delta", "text": "a = 1\nmissing\n"})
    shown.flush()
    shown.hear({"type": "repair", "attempt": 1, "from_line": 2, "message": "NameError: missing"})
    shown.hear({"type": "delta", "text": "b = 2\n"})
    shown.flush()
    assert file.getvalue().splitlines()[2:] == [
        "line 2 failed, and is written anew: NameError: missing",
        "   2 │ b = 2",
    ]


def test_what_a_run_has_cost_is_said_at_its_end() -> None:
    shown, file = listing()
    shown.hear({"type": "delta", "text": "a = 1\n"})
    step = {"type": "step", "number": 1, "status": "ok", "told": ""}
    shown.hear({**step, "seconds": 1.2, "cost": "3 tokens in, 5 out"})
    last = {"last": "4 tokens in, 2 out", "seconds": 2.5}
    shown.hear({"type": "cost", "text": "7 tokens in, 7 out", **last})
    shown.hear({"type": "result", "status": "ok", "executed_lines": 0, "program": ""})
    shown.close()
    said = file.getvalue()
    assert "Step 1: done, 1 line, 1.2 s; 3 tokens in, 5 out\n" in said
    assert "\nIn all: 2.5 s; 7 tokens in, 7 out\n" in said
    assert "; 4 tokens in, 2 out\n" in said


def test_tables_are_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    print_markdown(
        "### A title\n\nSee [the docs](docs/x.md), `here`.\n\n"
        "| program | saved |\n| --- | --- |\n| a \\| b | **12.5 %** |\n"
    )
    shown = capsys.readouterr().out
    assert "A title" in shown
    assert "See the docs, here." in shown
    assert re.search(r"a \| b +12\.5 %", shown)
    for sign in ("###", "| ---", "**", "`", "docs/x.md"):
        assert sign not in shown
