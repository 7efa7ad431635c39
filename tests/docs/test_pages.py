"""Links lead somewhere, blocks of code are code, and those that can be run give what they say.

A block is run if the comment ``<!-- run -->`` stands right before it. More lines in the comment run
first, for what the page does not show. If the next block has ``<!-- prints -->`` before it, it must
be what the block prints.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from traitlets import HasTraits

from eager_kernel import errors
from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.kernel import EagerKernel
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.server.app import EagerServer
from eager_kernel.warm.provisioner import WarmProvisioner
from eager_kernel.warm.sandboxed import SandboxProvisioner
from tests.docs.pages import ROOT, Block, anchors, blocks, pages, targets

PAGES = pages()
BLOCKS = [block for page in PAGES for block in blocks(page)]
CONFIGURABLE: list[type[HasTraits]] = [
    EagerGate,
    EagerKernel,
    EagerModel,
    EagerRun,
    EagerServer,
    SandboxProvisioner,
    WarmProvisioner,
]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in targets(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = ROOT.joinpath(page).parent.joinpath(path).resolve() if path else ROOT / page
        assert there.is_relative_to(ROOT), target
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there.relative_to(ROOT).as_posix()), target


def test_there_are_pages_with_links_and_blocks() -> None:
    assert len(PAGES) > 40
    assert sum(len(list(targets(page))) for page in PAGES) > 200
    assert len(BLOCKS) > 80
    assert "kernel--client" in anchors("docs/protocol.md")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_is_what_it_says(block: Block) -> None:
    match block.language:
        case "python":
            tree = parse(block.text)
            if _is_configuration(tree):
                _check_configuration(tree)
        case "json":
            try:
                json.loads(block.text)
            except ValueError:  # JSON lines
                assert [json.loads(line) for line in block.text.splitlines()]
        case "toml":
            tomllib.loads(block.text)
        case "bash":
            if shutil.which("bash"):
                done = subprocess.run(
                    ["bash", "-n"],
                    input=block.text,
                    text=True,
                    capture_output=True,
                    check=False,
                    timeout=60,
                )
                assert done.returncode == 0, done.stderr
        case "yaml":
            assert list(yaml.safe_load_all(block.text))
        case "text" | "console" | "dockerfile":
            pass
        case language:
            assert re.fullmatch(r"\{[\w-]+\}( html)?", language), f"what is {language!r}?"


def parse(text: str) -> ast.Module:
    """Parse a block as a cell: with `await` at its top level."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(text, "<page>", "exec", flags)
    assert isinstance(tree, ast.Module)
    return tree


def _is_configuration(tree: ast.Module) -> bool:
    return all(
        isinstance(line, ast.Assign) and ast.unparse(line.targets[0]).startswith("c.")
        for line in tree.body
    )


def _check_configuration(tree: ast.Module) -> None:
    """See that traits are there, and take what they are given."""
    known = {cls.__name__: cls for cls in CONFIGURABLE}
    for line in tree.body:
        assert isinstance(line, ast.Assign)
        _, owner, name = ast.unparse(line.targets[0]).split(".")
        traits = known[owner].class_traits(config=True)
        assert name in traits, f"{owner} has no {name}"
        traits[name].validate(known[owner].__new__(known[owner]), ast.literal_eval(line.value))


RUN = [
    (block, after)
    for block, after in zip(BLOCKS, [*BLOCKS[1:], None], strict=True)
    if re.match(r"\s*run(\n|\s*$)", block.comment)
]


@pytest.mark.parametrize(("block", "after"), RUN, ids=[block.name for block, _ in RUN])
def test_a_block_that_can_run_runs(block: Block, after: Block | None, tmp_path: Path) -> None:
    before = block.comment.strip().removeprefix("run").strip("\n")
    file = tmp_path / "block.py"
    file.write_text(f"{before}\n{block.text}" if before else block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", str(file)],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    if after is not None and after.page == block.page and after.comment.strip() == "prints":
        assert done.stdout == after.text


def test_some_blocks_run() -> None:
    assert len(RUN) >= 10


MESSAGES = "docs/reference/messages.md"


def test_messages_are_those_of_the_package() -> None:
    """Each text between two `…` of a message on the page is in the package, word for word."""
    said = "\n".join(_strings())
    rows = re.findall(r"^\| `(.+?)` \|", ROOT.joinpath(MESSAGES).read_text("utf-8"), re.M)
    assert len(rows) > 30
    for row in rows:
        for part in row.split("…"):
            assert part in said, row


def test_each_error_has_its_messages() -> None:
    page = ROOT.joinpath(MESSAGES).read_text("utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, BaseException) and name != "EagerError":
            assert f"## `{name}`\n" in page, name


def _strings() -> list[str]:
    """Every string of the package; of an f-string, what is between its fields."""
    found: list[str] = []
    for path in ROOT.joinpath("eager_kernel").rglob("*.py"):
        constants = (
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        )
        found += [value for value in constants if isinstance(value, str)]
    return found


def test_nothing_names_the_machine_it_was_written_on() -> None:
    for page in PAGES:
        text = ROOT.joinpath(page).read_text(encoding="utf-8")
        assert str(ROOT) not in text, page
        assert not re.search(rf"(?<!\w){re.escape(str(Path.home()))}\b", text), page
