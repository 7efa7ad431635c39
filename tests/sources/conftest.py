"""What tests of sources need."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import Options

KEY = "a-key-of-no-known-form-0123456789"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed package that gives sources: `tests/sources/faulty.py`."""
    folder: Path = tmp_path_factory.mktemp("packages")
    shutil.copy(Path(__file__).with_name("faulty.py"), folder)
    info = folder / "faulty_sources-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: faulty-sources\nVersion: 1\n"
    )
    info.joinpath("entry_points.txt").write_text(
        "[eager_kernel.sources]\n"
        "faulty = faulty:make_source\n"
        "broken = faulty_no_such_module:make_source\n"
        "hollow = faulty:HOLLOW\n"
    )
    return folder


class Models:
    """Begins model processes that know the faulty sources."""

    def __init__(self, packages: Path) -> None:
        self.env = {**os.environ, "PYTHONPATH": str(packages), "FAULTY_API_KEY": KEY}
        self.begun: list[ModelProcess] = []

    def __call__(
        self, model_id: str, *, cancel_timeout: float = 20, **options: object
    ) -> ModelProcess:
        given = Options(**options)  # type: ignore[arg-type]
        model = ModelProcess(model_id, given, cancel_timeout=cancel_timeout, env=self.env)
        self.begun.append(model)
        return model


@pytest.fixture
def models(packages: Path) -> Iterator[Models]:
    """Begin model processes; all of them end with the test."""
    models = Models(packages)
    yield models
    for model in models.begun:
        model.close()
    assert all(model.join(60) for model in models.begun)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that the server has signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder: Path = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
