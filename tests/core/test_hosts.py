"""How hosts are written."""

from __future__ import annotations

import pytest

from eager_kernel.core.effects.hosts import Host, parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost", Host("localhost")),
        ("localhost:8000", Host("localhost", 8000)),
        ("API.Example.com.:443", Host("api.example.com", 443)),
        ("127.0.0.1", Host("127.0.0.1")),
        ("127.0.0.1:80", Host("127.0.0.1", 80)),
        ("::1", Host("::1")),
        ("0:0:0:0:0:0:0:1", Host("::1")),
        ("[::1]", Host("::1")),
        ("[::1]:8000", Host("::1", 8000)),
        ("::ffff:10.0.0.1", Host("10.0.0.1")),
        ("my_host-1", Host("my_host-1")),
    ],
)
def test_it_is_read(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "http://a.com", "a.com/path", "a:0", "a:65536", "a:b", "a:", ":80", "*.a.com"),
        *("a b", "[a]:80", "[]", "[::1", "-a", "a..b", "user@a.com", "a:1:2", "a.com:80\n"),
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|IPv6|written"):
        parse_host(text)
