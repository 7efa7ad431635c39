"""What a person is told when a local model can't be had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.errors import MissingExtraError, SourceError, UnknownModelError
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Message, Options, Request
from eager_kernel.sources.transformers.explain import explain
from tests.sources.hub import Hub
from tests.tiny_model import CONTEXT, COUNTING

ROOT = Path(__file__).parents[2]
QUESTION = Request((Message("user", COUNTING[0][-1]["content"]),))


async def answer(folder: str | Path, request: Request = QUESTION, **extra: Any) -> str:
    source = open_source(f"transformers/{folder}", Options(extra=extra))
    try:
        return "".join(
            [event async for event in source.generate(request) if isinstance(event, str)]
        )
    finally:
        await source.aclose()


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "copy")


@pytest.fixture
def configured(copy: Path) -> Callable[..., Path]:
    """A copy with some fields of its configuration changed; None takes one away."""

    def change(**fields: Any) -> Path:
        file = copy / "config.json"
        config = json.loads(file.read_text()) | fields
        config = {name: value for name, value in config.items() if value is not None}
        file.write_text(json.dumps(config))
        return copy

    return change


# Names and options --------------------------------------------------------------------------


def test_a_name_is_needed() -> None:
    with pytest.raises(UnknownModelError, match="transformers/ORG/REPO"):
        open_source("transformers/ ")


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(SourceError, match=r"no option 'dytpe'.*dtype"):
        open_source("transformers/some/model", Options(extra={"dytpe": "auto"}))


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({"dtype": "int32"}, "bfloat16.*'int32'"),
        ({"dtype": 3}, "bfloat16.*3"),
        ({"device": "toaster"}, "device 'toaster' can't be used.*Give auto, cpu"),
        ({"chat_template": "/nowhere.jinja"}, "chat template '/nowhere.jinja' can't be read"),
    ],
)
async def test_an_option_that_can_not_be(
    tiny_model: Path, extra: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SourceError, match=problem):
        await answer(tiny_model, **extra)


@pytest.mark.parametrize("name", ["./nowhere", "../nowhere", "~/nowhere", "/nowhere"])
async def test_a_folder_that_is_not_there(model_environment: object, name: str) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(SourceError, match=r"no folder /.*nowhere$"):
        await answer(name)


async def test_a_folder_below_this_one(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_model.parent)
    monkeypatch.setenv("HOME", str(tiny_model.parent))
    assert await answer("./tiny") == COUNTING[1]
    assert await answer("~/tiny") == COUNTING[1]


def test_without_the_extra() -> None:
    code = (
        "import sys, asyncio\n"
        "sys.modules['torch'] = None\n"
        "from tests.sources.ask_models import ask\n"
        "print(asyncio.run(ask('some/model', {}))['error'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert MissingExtraError.__name__ in done.stdout
    assert "pip install 'eager-kernel[transformers]'" in done.stdout


# The hub ------------------------------------------------------------------------------------


def test_the_hub(tiny_model: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, str], str]] = [
        ("no/such", {}, "no model no/such.*hf auth login"),
        ("some/gated", {}, "some/gated is gated.*https://huggingface.co/some/gated"),
        ("some/broken", {}, "answers 501 for some/broken"),
        ("one/two/three", {}, "'one/two/three' is no name of a repository"),
        ("tiny/model", {"revision": "no-such"}, "no such revision"),
        ("tiny/model", {}, ""),
    ]
    refused = {
        "some/gated": (HTTPStatus.FORBIDDEN, "GatedRepo"),
        "some/broken": (HTTPStatus.NOT_IMPLEMENTED, ""),
    }
    with Hub({"tiny/model": tiny_model}, refused) as hub:
        lines = ask_models(
            [(name, extra) for name, extra, _ in asked],
            HF_ENDPOINT=hub.endpoint,
            HF_HUB_OFFLINE="0",
            HF_HOME=str(tmp_path),
        )
    for (_, _, problem), line in zip(asked[:-1], lines, strict=False):
        with pytest.raises(SourceError, match=problem):
            raise SourceError(line["error"])
    assert lines[-1]["error"] is None
    assert lines[-1]["text"] == COUNTING[1]
    assert ["downloading tiny/model", 1.0] in lines[-1]["progress"]


def test_a_model_that_is_not_here_without_the_hub() -> None:
    pytest.importorskip("transformers")
    # In a process of its own: the hub's client reads the variable once, when it is imported.
    [line] = ask_models([("other/model", {})], HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in line["error"]
    assert "`hf download other/model`" in line["error"]


def ask_models(asked: list[tuple[str, dict[str, str]]], **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.ask_models"],
        input=json.dumps(asked),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# What is in the folder ----------------------------------------------------------------------


async def test_an_empty_folder(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no model: it has no config\.json"):
        await answer(tmp_path)


async def test_an_architecture_that_is_not_known(configured: Callable[..., Path]) -> None:
    folder = configured(model_type="of-the-future", architectures=["OfTheFuture"])
    with pytest.raises(SourceError, match=r"does not know models like .*upgrade it"):
        await answer(folder)


async def test_a_model_that_translates(configured: Callable[..., Path]) -> None:
    folder = configured(model_type="t5", architectures=["T5ForConditionalGeneration"])
    with pytest.raises(SourceError, match="no causal language model"):
        await answer(folder)


async def test_a_model_that_fills_gaps(configured: Callable[..., Path]) -> None:
    folder = configured(model_type="bert", architectures=["BertForMaskedLM"])
    with pytest.raises(SourceError, match="BertForMaskedLM, which fills gaps"):
        await answer(folder)


async def test_weights_that_are_missing(configured: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match=r"lacks weights .*layers\.1\..* more\)"):
        await answer(configured(num_hidden_layers=2))


async def test_weights_that_are_damaged(copy: Path) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SourceError, match=r"can't be read .*download them again"):
        await answer(copy)


async def test_code_of_others_is_not_run(configured: Callable[..., Path], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    folder = configured(
        model_type="mine",
        architectures=["Mine"],
        auto_map={"AutoConfig": "mine.MyConfig", "AutoModelForCausalLM": "mine.Mine"},
    )
    (folder / "mine.py").write_text(
        f"open({str(ran)!r}, 'w').close()\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n\n\n"
        "class MyConfig(LlamaConfig):\n    model_type = 'mine'\n\n\n"
        "class Mine(LlamaForCausalLM):\n    config_class = MyConfig\n"
    )
    with pytest.raises(SourceError, match=r"its own Python code.*trust_remote_code=true"):
        await answer(folder)
    with pytest.raises(SourceError, match="its own Python code"):
        await answer(folder, trust_remote_code="yes")  # it must be said plainly
    assert not ran.exists()
    assert await answer(folder, trust_remote_code=True) == COUNTING[1]
    assert ran.exists()


async def test_reasoning_that_the_template_opens_is_opened_in_the_answer(copy: Path) -> None:
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text() + "<think>\n")
    text = await answer(copy)
    assert text.startswith("<think>\n")
    extractor = make_extractor("auto")
    assert list(extractor.feed(text + "\n</think>\nx = 1\n"))[-1] == Code("x = 1\n")


async def test_no_chat_template(copy: Path, tmp_path: Path) -> None:
    template = shutil.move(copy / "chat_template.jinja", tmp_path / "mine.jinja")
    with pytest.raises(SourceError, match=r"has no chat template.*-Instruct.*chat_template"):
        await answer(copy)
    assert await answer(copy, chat_template=str(template)) == COUNTING[1]


async def test_a_template_that_takes_no_system_message(copy: Path) -> None:
    (copy / "chat_template.jinja").write_text(
        "{% for message in messages %}"
        "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate, beginning with user') }}"
        "{% endif %}{% endfor %}"
        "{{ '<|user|>' + messages[-1].content[-21:] + '<|end|><|assistant|>' }}"
    )
    messages = (Message("system", "Write Python."), Message("user", "Hello"), *QUESTION.messages)
    assert await answer(copy, Request(messages)) == COUNTING[1]
    starts = Request((Message("assistant", "x = 1"), *QUESTION.messages))
    with pytest.raises(SourceError, match=r"roles must alternate.*chat_template"):
        await answer(copy, starts)


async def test_options_of_the_template(copy: Path) -> None:
    template = copy / "chat_template.jinja"
    template.write_text("{% if wise %}" + template.read_text() + "{% endif %}")
    assert await answer(copy, chat_template_kwargs={"wise": True}) == COUNTING[1]


async def test_a_conversation_that_is_too_long(tiny_model: Path) -> None:
    request = Request((Message("user", "Count slowly to five. " * CONTEXT),))
    with pytest.raises(SourceError, match=rf"has \d+ tokens, and .* takes {CONTEXT}.*fewer"):
        await answer(tiny_model, request)


async def test_no_tokens_are_wanted(tiny_model: Path) -> None:
    with pytest.raises(SourceError, match="max_tokens must be at least 1, not 0"):
        await answer(tiny_model, Request(QUESTION.messages, max_tokens=0))


def test_no_memory(tiny_model: Path) -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert "needs more memory than is free" in str(explain(caught.value, "x", "failed"))
    assert "needs more memory" in str(explain(MemoryError(), "x", "failed"))


def test_what_is_not_known_is_told_in_short(tiny_model: Path) -> None:
    error = RuntimeError("the first line\nand much more")
    assert str(explain(error, "some/model", "failed")) == (
        "some/model failed: RuntimeError: the first line"
    )
