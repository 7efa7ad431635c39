"""From a model's id to its source."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eager_kernel.errors import UnknownModelError
from eager_kernel.sources.recorded import RecordedSource
from eager_kernel.sources.registry import open_source, providers, split_model_id


def test_the_providers_of_this_package_are_there() -> None:
    assert {"anthropic", "litellm", "openai", "recorded", "transformers"} <= set(providers())


def test_an_id_is_split_at_its_first_slash() -> None:
    assert split_model_id("litellm/groq/x") == ("litellm", "groq/x")
    assert split_model_id("transformers//a/folder") == ("transformers", "/a/folder")
    assert isinstance(open_source("recorded/demo"), RecordedSource)


@pytest.mark.parametrize("model_id", ["", "gpt", "/gpt", "openai/"])
def test_what_is_no_id(model_id: str) -> None:
    with pytest.raises(UnknownModelError, match=r"write PROVIDER/NAME.*recorded"):
        open_source(model_id)


def test_unknown_providers() -> None:
    with pytest.raises(UnknownModelError, match=r"no provider 'nobody'.*there are: anthropic"):
        open_source("nobody/x")


def test_packages_of_others(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(packages)
    assert {"faulty", "broken", "hollow"} <= set(providers())
    source = open_source("faulty/words")
    assert source.name == "words"  # type: ignore[attr-defined]
    del sys.modules["faulty"]
    with pytest.raises(UnknownModelError, match="Install or repair faulty-sources"):
        open_source("broken/x")
    with pytest.raises(UnknownModelError, match="'faulty:HOLLOW' of faulty-sources"):
        open_source("hollow/x")
