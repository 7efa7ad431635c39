"""The OpenAPI description, and what the server does, are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from eager_kernel.server.handlers import HANDLERS, description
from tests.server.conftest import Api, end_runs
from tests.servers import TOKEN, Server

schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def schema(server: Server, kernel: str) -> Iterator[Any]:
    """The description as the server gives it, with a kernel that there is as an example."""
    headers = {"Authorization": f"token {TOKEN}"}
    schema = schemathesis.openapi.from_url(f"{server.url}eager/api/openapi.json", headers=headers)
    message = schema.raw_schema["components"]["schemas"]["Message"]
    wanted = schema.raw_schema["components"]["schemas"]["RunRequest"]["properties"]
    # Kernels that are not there are refused before much else is looked at.
    wanted["kernel_id"] = {"type": "string", "enum": [kernel]}
    wanted["cell"]["enum"] = ["page"]  # what no cell attaches runs nothing
    # That the last one is the user's can't be said there.
    message["properties"]["role"] = {"type": "string", "enum": ["user"]}
    yield schema
    end_runs(Api(server))


def test_every_address_is_described() -> None:
    described = description("/user/ada/")
    assert described["servers"] == [{"url": "/user/ada"}]
    paths = {path.replace("{id}", "0" * 32) for path in described["paths"]}
    import re

    for path in paths:
        assert sum(re.fullmatch(pattern, path) is not None for pattern, _ in HANDLERS) == 1
    assert len(paths) == len(HANDLERS)


OPERATIONS = [
    (method, path)
    for path, item in description("/")["paths"].items()
    for method in item
    if method in ("get", "post", "delete")
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_any_request_is_answered_as_described(schema: Any, method: str, path: str) -> None:
    """With requests that fit the description, and with others."""
    operation = schema[path][method.upper()]
    modes = schemathesis.GenerationMode
    strategy = operation.as_strategy(generation_mode=modes.POSITIVE) | operation.as_strategy(
        generation_mode=modes.NEGATIVE
    )

    @settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=strategy)
    def check(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"token {TOKEN}"}, timeout=60)

    check()
