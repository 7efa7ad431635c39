"""Sources that tell which environment their process has; installed as a package by the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator

from eager_kernel.sources.needs import Needs, declares
from eager_kernel.sources.source import Event, Finish, Options, Request

LOOK = "import json, os; print(json.dumps(dict(os.environ)))"


class Tells:
    def __init__(self, name: str, options: Options) -> None:
        pass

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        child = subprocess.run(
            [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True
        )
        yield json.dumps({"own": dict(os.environ), "child": json.loads(child.stdout)})
        yield Finish("stop")

    async def aclose(self) -> None:
        pass


@declares(Needs(keys=("TELLS_TOKEN", "TELLS_CERTIFICATE"), settings=("TELLS_*", "TELL_ME")))
def make_source(name: str, options: Options) -> Tells:
    return Tells(name, options)


def make_silent(name: str, options: Options) -> Tells:
    """Make a source that declares nothing."""
    return Tells(name, options)
