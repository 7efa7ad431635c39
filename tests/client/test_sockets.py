"""What kernels of ours are spoken to over: sockets of the file system, or encrypted ones."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psutil
import pytest
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import EagerClient
from eager_kernel.places import connection_traits, socket_folder
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kernels have ports here")


def test_a_kernel_of_ours_listens_on_no_port(capfd: pytest.CaptureFixture[str]) -> None:
    runtime = Path(jupyter_runtime_dir())
    before = set(runtime.glob("kernel-*"))  # of kernels of other tests
    with EagerClient.start() as client:
        pid = int(client.execute("import os; os.getpid()").outputs[0]["data"]["text/plain"])
        listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == "LISTEN"]
        # What ipykernel has of its own, for the debugger, is not ours to change.
        assert len(listening) <= 1, listening
        sockets = list(set(runtime.glob("kernel-*-ipc-*")) - before)
        assert len(sockets) == 5
        assert all(stat.S_ISSOCK(socket.stat().st_mode) for socket in sockets)
        assert stat.S_IMODE(sockets[0].parent.stat().st_mode) & 0o077 == 0
        text = client.execute("%connect_info").outputs[0]["text"]
        assert '"transport": "ipc"' in text
    assert "encryption" not in "".join(capfd.readouterr())
    assert not set(runtime.glob("kernel-*")) - before


def test_a_runtime_folder_whose_path_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / ("x" * 90)))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path.parents[-2]))
    with EagerClient.start() as client:
        assert client.run("6 * 7").outputs[0]["data"]["text/plain"] == "42"


def test_a_folder_of_somebody_else_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/" + "x" * 200)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    ours = tmp_path / f"eager-{os.getuid()}"
    ours.symlink_to(elsewhere)
    assert socket_folder("s").parent == tmp_path
    assert socket_folder("s") != ours
    ours.unlink()
    assert socket_folder("s") == ours
    ours.chmod(0o777)  # anybody could have put something into it
    assert socket_folder("s") == ours
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700


@pytest.mark.parametrize("kernel", ["python3", "eager_python"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_encrypted(kernel: str, transport: str) -> None:
    traits = connection_traits() if transport == "ipc" else {}
    manager, client = start_kernel(
        kernel,
        traits={"transport_encryption": "required", **traits},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        assert manager.curve_publickey
        assert "curve_publickey" in Path(manager.connection_file).read_text("utf-8")
        shown: list[str] = []
        client.execute_interactive(
            "print(6 * 7)",
            timeout=60,
            output_hook=lambda m: shown.append(m["content"].get("text", "")),
        )
        assert "".join(shown) == "42\n"
        if kernel == "eager_python":
            assert run(client, "6 *", " 7").displayed() == ["42"]
            with EagerClient.connect(manager.connection_file) as other:
                assert other.run("6 * 7").outputs[0]["data"]["text/plain"] == "42"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
