"""Keys: where they come from, and that they do not get out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eager_kernel.errors import SourceError
from eager_kernel.sources import credentials
from eager_kernel.sources.credentials import find_key, known_keys, need_key
from eager_kernel.sources.redact import Fingerprint, redact, secrets_in

KEY = "plain-key-0123456789"


def test_the_usual_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USUAL", f" {KEY}\n")
    assert find_key(None, "USUAL") == KEY
    assert KEY in known_keys()
    monkeypatch.delenv("USUAL")
    assert find_key(None, "USUAL") is None
    with pytest.raises(SourceError, match="no key for Acme: set the environment variable USUAL"):
        need_key(None, "USUAL", "Acme")


def test_a_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USUAL", "another")
    monkeypatch.setenv("WORK_KEY", KEY)
    assert find_key("WORK_KEY", "USUAL") == KEY


def test_listeners_hear_of_a_key_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_listeners", [])
    heard: list[str] = []
    credentials.on_key(heard.append)
    monkeypatch.setenv("WORK_KEY", KEY + "-new")
    for _ in range(2):
        find_key("WORK_KEY", "USUAL")
    assert heard == [KEY + "-new"]


@pytest.fixture
def keyring_file(tmp_path: Path) -> Iterator[None]:
    """A keyring of the simplest kind: files in a folder of the test's."""
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class InFolder(backend.KeyringBackend):  # type: ignore[misc,name-defined]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            file = tmp_path / f"{service}-{username}"
            return file.read_text() if file.exists() else None

        def set_password(self, service: str, username: str, password: str) -> None:
            tmp_path.joinpath(f"{service}-{username}").write_text(password)

    before = keyring.get_keyring()
    keyring.set_keyring(InFolder())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("keyring_file")
def test_an_entry_of_the_keyring() -> None:
    import keyring

    keyring.set_password(credentials.SERVICE, "work", KEY)
    assert find_key("work", "USUAL") == KEY
    with pytest.raises(SourceError, match=r"'home' is neither .* keyring set eager-kernel NAME"):
        find_key("home", "USUAL")


def test_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SourceError, match=r"pip install 'eager-kernel\[keyring\]'"):
        find_key("work", "USUAL")


@pytest.mark.parametrize("key", ["sk-proj-abcdefgh12345678", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"])
def test_a_key_in_the_place_of_its_name_is_not_repeated(key: str) -> None:
    with pytest.raises(SourceError) as caught:
        find_key(key, "USUAL")
    assert key not in str(caught.value)


def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_KEY", "schlüssel-0123456789")
    with pytest.raises(SourceError, match="holds characters that no key has") as caught:
        find_key("WORK_KEY", "USUAL")
    assert "schl" not in str(caught.value)


# Redaction ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("nothing secret, and no task-list-item", "nothing secret, and no task-list-item"),
        (f"a {KEY} b", "a [key] b"),
        ("key sk-ant-api03-abc_DEF-123 end", "key [key] end"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer [key]"),
        ("{'x-api-key': 'abcdefghijkl'}", "{'x-api-key': '[key]'}"),
        ("hf_abcdefghijklmnopqr", "[key]"),
    ],
)
def test_redact(text: str, redacted: str) -> None:
    assert redact(text, {KEY}) == redacted


def test_longer_keys_go_first() -> None:
    assert redact("abcdefgh-ijkl", {"abcdefgh", "abcdefgh-ijkl"}) == "[key]"


def test_secrets_of_an_environment() -> None:
    environment = {
        "A_API_KEY": KEY,
        "HF_TOKEN": "0123456789",
        "PIN_KEY": "1234",
        "HOME": "/home/me/long",
        "KEYBOARD": "querty-querty",
    }
    assert secrets_in(environment) == {KEY, "0123456789"}


def test_fingerprints() -> None:
    fingerprint = Fingerprint.of("é" + KEY)
    assert fingerprint.redact(f"a é{KEY}é{KEY} b") == "a [key][key] b"
    assert fingerprint.redact(KEY) == KEY
    assert KEY not in repr(fingerprint)
    assert Fingerprint.of(KEY).digest != Fingerprint.of(KEY).digest
