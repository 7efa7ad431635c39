"""What a program will touch, as the static gate sees it."""

from __future__ import annotations

import pytest

from eager_kernel.core.gate import Gate
from eager_kernel.core.touches import touches_of


def seen(program: str) -> list[tuple[str, int, str]]:
    return [(t.kind, t.line, t.what) for t in touches_of(program, Gate("static"))]


@pytest.mark.parametrize(
    ("program", "kinds"),
    [
        ("x = 1\nprint(x)\n", []),
        ("open('a.csv').read()\n", []),
        ("open('a.csv', 'w').write('x')\n", ["files"]),
        ("import pathlib as p\np.Path('x').write_text('')\n", ["files"]),
        ("import requests\nrequests.get('http://a.b')\n", ["network"]),
        ("import subprocess\nsubprocess.run(['ls'])\n", ["processes"]),
        ("!ls\n", ["processes"]),
        ("import sqlite3\nsqlite3.connect('a.db')\n", ["databases"]),
        ("df.to_parquet('x')\n", ["files"]),
        ("import time\ntime.time()\n", []),  # a clock is not touched
        ("eval(text)\n", ["other"]),
    ],
)
def test_kinds(program: str, kinds: list[str]) -> None:
    assert [kind for kind, _, _ in seen(program)] == kinds


def test_all_of_them_are_listed_also_those_of_one_statement_and_of_functions() -> None:
    program = (
        "import os, requests\n"
        "def save(rows):\n"
        "    os.makedirs('out')\n"
        "    with open('out/rows.txt', 'w') as f:\n"
        "        f.write(rows)\n"
        "for name in ['a', 'b']:\n"
        "    print(requests.get(f'http://h/{name}').text)\n"
        "    os.remove(name)\n"
        "    save('x')\n"
    )
    assert seen(program) == [
        ("network", 7, "requests.get uses the network"),
        ("files", 8, "os.remove changes files"),
        ("files", 9, "calls save (line 2), where os.makedirs changes files"),
        ("files", 9, "calls save (line 2), where open changes files"),
    ]
    first = touches_of(program, Gate("static"))[0]
    assert str(first) == (
        "line 7: requests.get uses the network: print(requests.get(f'http://h/{name}').text)"
    )


def test_what_does_not_parse_or_is_hostile_is_shown_as_text() -> None:
    assert seen("open('a', 'w')\nx = = 1\n") == [("files", 1, "open changes files")]
    (touch,) = touches_of("open('\x1b[31m\u202ea" + "x" * 500 + "', 'w')\n", Gate("static"))
    assert "\x1b" not in str(touch)
    assert len(touch.code) <= 160
    many = "".join(f"open('{n}', 'w')\n" for n in range(1000))
    assert len(seen(many)) == 100
