"""Mode ``paper``: names decide, as published."""

from __future__ import annotations

import pytest

from eager_kernel.core.gate import Policy
from tests.core.gate_programs import category, held, judge


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os\n", "external-effect"),
        ("import os.path as p\n", "external-effect"),
        ("from shutil import rmtree\n", "external-effect"),
        ("x = subprocess\n", "external-effect"),
        ("def f():\n    import socket\n", "external-effect"),
        ("import multiprocessing\n", "external-effect"),
        ("import time\n", "timing"),
        ("from threading import Lock\n", "timing"),
        ("signal.SIGINT\n", "timing"),
        ("eval('1')\n", "dynamic"),
        ("f = exec\n", "dynamic"),
        ("__import__('x')\n", "dynamic"),
        ("!ls\n", "external-effect"),
        ("%pip install x\n", "external-effect"),
        ("%%bash\nls\n", "external-effect"),
        ("%timeit x\n", "timing"),
    ],
)
def test_names_are_held(text: str, why: str) -> None:
    assert held(text, "paper") == [0]
    assert category(text, "paper") == why


@pytest.mark.parametrize(
    "text",
    ["df.to_csv('f')\n", "open('f', 'w')\n", "from . import os\n", "x = 'os'  # os\n", "a.os.b\n"],
)
def test_what_it_misses_or_lets_pass(text: str) -> None:
    assert held(text, "paper") == []


def test_import_that_is_only_used_for_paths() -> None:
    text = "import os, subprocess\nos.path.join('a')\n"
    assert held(text, "paper") == [0, 1]
    assert held(text, "effect") == []


def test_every_definition_is_deferred() -> None:
    text = "@app.get(1)\ndef f(x=g()): pass\n"
    assert judge(text, "paper", Policy())[0].action == "defer"
    assert judge(text, "paper", Policy(defer=False))[0].action == "run"
    assert judge("def f():\n    os.remove(1)\n", "paper", Policy())[0].action == "hold"


def test_policy_adds_modules() -> None:
    policy = Policy(modules=frozenset({"boto3", "google.cloud"}))
    assert held("import boto3\n", "paper", policy) == [0]
    assert held("import google.cloud.storage\nimport google\n", "paper", policy) == [0]
    assert held("from google import cloud\ngoogle.cloud.x()\n", "paper", policy) == [0, 1]
