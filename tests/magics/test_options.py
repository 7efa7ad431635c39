"""The line of a cell."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

from eager_kernel.errors import PromptError
from eager_kernel.magics.options import (
    PromptOptions,
    is_eager_cell,
    make_parser,
    parse_options,
    split_cell,
)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", PromptOptions()),
        ("--model openai/gpt-5", PromptOptions(model="openai/gpt-5")),
        ("--gate=static --repair 2", PromptOptions(gate="static", repair=2)),
        ("--from 'my file.md'", PromptOptions(from_file="my file.md")),
        ("--from a.txt --fresh", PromptOptions(from_file="a.txt", fresh=True)),
        ("--replay --dry", PromptOptions(replay=True, dry=True)),
        (
            "--api-base http://x/v1 --credential KEY --max-tokens 5 --temperature 0.5",
            PromptOptions(api_base="http://x/v1", credential="KEY", max_tokens=5, temperature=0.5),
        ),
    ],
)
def test_options_are_read(line: str, options: PromptOptions) -> None:
    assert parse_options(line) == options


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--nothing", "unrecognized arguments: --nothing; see %%eager\\?"),
        ("--mod x/y", "unrecognized arguments"),
        ("prompt on the line", "unrecognized arguments: prompt on the line"),
        ("--help", "unrecognized arguments: --help"),
        ("--model", "--model: expected one argument"),
        ("--gate fast", "'fast' is none of effect"),
        ("--repair -1", "--repair"),
        ("--repair=-1", "'-1' is no number of 0 or more"),
        ("--repair x", "'x' is no number"),
        ("--repair 1.5", "'1.5' is no number"),
        ("--max-tokens 0x", "'0x' is no number"),
        ("--temperature hot", "'hot' is no number"),
        ("--temperature nan", "'nan' is no number"),
        ("--from 'a", "No closing quotation"),
        ("--replay --from a.txt", "--replay and --from name two programs"),
    ],
)
def test_a_wrong_option_is_named(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_options(line)


def test_every_option_has_help() -> None:
    for action in make_parser()._actions:
        assert action.help


@pytest.mark.parametrize(
    ("cell", "line", "prompt"),
    [
        ("%%eager", "", ""),
        ("%%eager\n", "", ""),
        ("%%eager --fresh\ndo it\n", "--fresh", "do it\n"),
        ("\n  \n%%eager\r\ndo\r\nit", "", "do\r\nit"),
        ("%%eager\t--fresh  \n\ndo it", "--fresh", "\ndo it"),
        ("%%eager\n%%eager\n", "", "%%eager\n"),
    ],
)
def test_a_cell_is_taken_apart(cell: str, line: str, prompt: str) -> None:
    assert is_eager_cell(cell)
    assert split_cell(cell) == (line, prompt)


@pytest.mark.parametrize(
    "cell", ["", "%eager", "%%eager?", "%%eagerly\nx", "x\n%%eager\n", "# %%eager\n", None, 3]
)
def test_other_cells_are_left_alone(cell: object) -> None:
    assert not is_eager_cell(cell)


def test_a_file_is_a_recording_by_its_name(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(work))
    Path("text.md").write_text("\ufeffx = 1\n", encoding="utf-8")
    options = PromptOptions(from_file="text.md")
    assert (options.recording, options.from_text) == (None, "x = 1\n")
    options = PromptOptions(from_file="~/take.jsonl")
    assert (options.recording, options.from_text) == (f"recorded/{work}/take.jsonl", None)
    assert PromptOptions().from_text is None


def test_a_file_that_can_not_be_read_is_named(work: Path) -> None:
    Path("binary").write_bytes(b"\xff\xfe")
    Path("folder").mkdir()
    for name, said in (
        ("binary", "not UTF-8"),
        ("missing", "No such file"),
        ("folder", "Is a dir"),
    ):
        with pytest.raises(PromptError, match=f"--from {name}: .*{said}"):
            _ = PromptOptions(from_file=name).from_text
