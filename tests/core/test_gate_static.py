"""Mode ``static``: what is used counts, not what is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.gate_programs import held, judge

CASES = json.loads((Path(__file__).parents[1] / "data" / "chunks.json").read_text("utf-8"))["gate"]
EXCEPTIONS: dict[int, str] = {}
"""Cases that are judged otherwise, and why: none."""


@pytest.mark.parametrize("index", range(len(CASES)))
def test_case(index: int) -> None:
    case = CASES[index]
    if index not in EXCEPTIONS:
        assert held(case["source"], "static") == case["held_statements"]


HELD = {
    # By any name.
    "import os.path\nos.remove('f')\n": [1],
    "from os import path, remove as r, sep\nr('f')\n": [1],
    "import posix\nposix.remove('f')\n": [1],
    "from pathlib import PosixPath as P\nP('f').unlink()\n": [1],
    "import os, sys\na, b = os.remove, sys.path\na('f')\n": [2],
    "import os\n(r := os.remove)('f')\n": [1],
    "import os\nfor r in (os.remove, os.rmdir): r('f')\n": [1],
    "import os\nd = {'rm': os.remove}\nd['rm']('f')\n": [2],
    "import os\n[f('x') for f in [os.remove]]\n": [1],
    "import os\nvars(os)['remove']('f')\n": [1],
    "import os\nos.__dict__['remove']('f')\n": [1],
    "import os\nglobals()['os'].remove('f')\n": [1],
    "import os\nr = getattr(os, 'remove', None)\nr('f')\n": [2],
    "import os\nr = os.remove if x else print\nr('f')\n": [2],
    "import os\nif x:\n    r = os.remove\nelse:\n    r = print\nr('f')\n": [2],
    "import os\ntry:\n    from x import rm\nexcept ImportError:\n    rm = os.remove\nrm('f')\n": [
        2
    ],
    "os.remove('f')\n": [0],
    "np.save('f', a)\n": [0],
    "plt.imsave('f', a)\n": [0],
    # Handed on.
    "import os\nlist(map(os.remove, xs))\n": [1],
    "import os\nsorted(xs, key=os.remove)\n": [1],
    "import os\nfrom functools import partial\np = partial(os.remove, 'f')\np()\n": [3],
    "from functools import partial\np = partial(open, mode='w')\np('f')\n": [2],
    "f = lambda p: open(p, 'w')\nlist(map(f, xs))\n": [1],
    "def f(p):\n    open(p, 'w')\nbutton.on_click(f)\n": [1],
    "def f(p):\n    open(p, 'w')\nbutton.callback = f\n": [1],
    "(lambda: open('f', 'w'))()\n": [0],
    "def f(p):\n    open(p, 'w')\n@f\ndef g(): pass\n": [1],
    "@app.route('/')\ndef f():\n    open('x', 'w')\n": [0],
    # Functions that are found out later.
    "def g(): f()\ndef f(): pass\ng()\ndef f(): open('x', 'w')\ng()\n": [4],
    "def h(): g()\ndef g(): f()\ndef f(): open('x', 'w')\nh()\n": [3],
    "f = lambda: g()\ndef g(): open('x', 'w')\nf()\n": [2],
    "def make():\n    def inner(): open('x', 'w')\n    return inner\nf = make()\nf()\n": [2],
    "def run(f): f('x')\nimport os\nrun(os.remove)\n": [2],
    "def f(rm=__import__):\n    rm('os')\nf()\n": [1],
    "def f():\n    global r\n    r = os.remove\nf()\nr('x')\n": [2],
    "def f():\n    g = print\n    def h():\n        nonlocal g\n        g = open\n    h()\n"
    "    g('x', 'w')\nf()\n": [1],
    "async def f(): open('x', 'w')\nawait f()\n": [1],
    "def even(n): return n == 0 or odd(n - 1)\ndef odd(n):\n    open('f', 'w')\n"
    "    return even(n - 1)\neven(3)\n": [2],
    # Classes.
    "class A:\n    def __init__(self): open('x', 'w')\nA()\n": [1],
    "class A:\n    def run(self): self.go()\n    def go(self): open('x', 'w')\nA().run()\n": [1],
    "class A:\n    def go(self): open('x', 'w')\nclass B(A): pass\nB().go()\n": [2],
    "class A:\n    @property\n    def p(self): return open('x', 'w')\na = A()\na.p\n": [2],
    "class A:\n    @staticmethod\n    def go(): open('x', 'w')\nA.go()\n": [1],
    "class A:\n    def __enter__(self): open('x', 'w')\n    def __exit__(self, *a): 0\n"
    "with A() as a:\n    pass\n": [1],
    "class A:\n    def __str__(self): open('x', 'w'); return ''\na = A()\nprint(f'{1}', a)\n": [],
    "class A:\n    def __call__(self): open('x', 'w')\na = A()\na()\n": [2],
    "class A:\n    def __init__(self, f): self.f = f\n    def go(self): self.f('x')\n"
    "a = A(os.remove)\na.go()\n": [1],
    "class A:\n    def go(self): open('x', 'w')\nthings[0].go()\n": [1],
    "class A(open('x', 'w').__class__): pass\n": [0],
    "class A:\n    x = open('x', 'w')\n": [0],
    "def f(x: open('x', 'w')): pass\n": [0],
    # All that runs at once.
    "with open('x', 'w') as f:\n    f.write('1')\n": [0],
    'print(f\'{open("x", "w")}\')\n': [0],
    "x = [open(n, 'w') for n in names]\n": [0],
    "match x:\n    case 1 if os.remove('f'):\n        pass\n": [0],
    "match x:\n    case _:\n        os.remove('f')\n": [0],
    "try:\n    1\nfinally:\n    os.remove('f')\n": [0],
    "while os.remove('f'): pass\n": [0],
    "if a:\n    1\nelif b:\n    os.remove('f')\n": [0],
    "assert os.remove('f')\n": [0],
    "del os.environ['A']\n": [0],
    "os.environ.update(A='1')\n": [0],
    "x: int = os.remove('f')\n": [0],
    "async with a:\n    os.remove('f')\n": [0],
    # Modes, and other arguments that matter.
    "open('f', 'r+')\n": [0],
    "open('f', *a)\n": [0],
    "open('f', **k)\n": [0],
    "zipfile.ZipFile('f', 'a')\n": [0],
    "import gzip\ngzip.open('f', 'wt')\n": [1],
    "Path('a', 'b').open('w')\n": [0],
    "(Path('a') / 'b').rename('c')\n": [0],
    "p = Path('a').parent / 'b'\np.mkdir()\n": [1],
    "df.to_json('f')\n": [0],
    "img.save('f.png')\n": [0],
    "sqlite3.connect('f.db')\n": [0],
    "logging.basicConfig(filename='f')\n": [0],
    "logging.FileHandler('f')\n": [0],
    "import urllib.request as u\nu.urlopen('http://x')\n": [1],
    "import subprocess as s\ns.run(['ls'])\n": [1],
    "get_ipython().system('ls')\n": [0],
    # The network by a URL, a server, a library that nobody sees through.
    "pd.read_csv('https://x.org/a.csv')\n": [0],
    "url = 'https://x.org/a.csv'\ndf = pd.read_csv(url)\n": [1],
    "base = 'https://x.org/'\npd.read_json(base + name)\npd.read_csv('a.csv')\n": [1],
    "pd.read_html(f'https://x.org/{page}')\n": [0],
    "url = f'https://x.org/{page}'\npd.read_excel(url)\n": [1],
    "from pandas import read_csv as r\nr(sep='\\t')\nr(filepath_or_buffer='s3://b')\n": [2],
    "import numpy as np\nnp.genfromtxt('http://x.org/a')\n": [1],
    "def load(url):\n    return pd.read_csv(url)\nload('a.csv')\n"
    "url = 'https://x.org'\nload(url)\n": [3],
    "import uvicorn\nuvicorn.run(app)\n": [1],
    "from flask import Flask\napp = Flask(__name__)\napp.run(debug=True)\n": [2],
    "server.serve_forever()\n": [0],
    "import seaborn as sns\nsns.load_dataset('tips')\n": [1],
    "from sklearn.datasets import fetch_openml\nfetch_openml('iris')\n": [1],
    "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate()\n": [1],
    "with sync_playwright() as p:\n    p.chromium.launch()\n": [0],
    # Not in memory after all.
    "import io\nb = io.BytesIO()\nb = 'f.zip'\nzipfile.ZipFile(b, 'w')\n": [3],
    "import io\nb = io.BytesIO()\nrequests.post(u, data=b)\n": [2],
    "c = sqlite3.connect('f')\nc.commit()\n": [0, 1],
    # What can't be followed.
    "from shutil import *\n": [0],
    "getattr(os, name)('f')\n": [0],
    "sys.modules[name].remove('f')\n": [0],
    "eval('1')\n": [0],
    "import importlib as i\ni.import_module('x')\n": [1],
    "import builtins as b\nb.open('f', 'w')\n": [1],
    # Where the text is odd.
    "ｏｐｅｎ('f', 'w')\n": [0],
    "x = 1; os.remove('f'); y = 2\n": [1],
    "x = 1; \\\n  os.remove('f')\n": [1],
    "# os\n\n\nos.\\\n  remove('f')\n": [0],
    "np\\\n  .save('f', a)\n": [0],
}

RUN = [
    "import os, subprocess, shutil\nos.path.join('a', os.getcwd())\nos.listdir('.')\n",
    "import os\nos.environ.get('A')\nos.environ['A']\nos.sep\n",
    "remove = 'x'\nprint('os.remove', remove)  # os.remove('f')\n",
    "open('f').read()\nopen('f', 'rb')\nopen('f', mode='r', encoding='utf-8')\n",
    "with open('f') as f:\n    data = f.read()\n",
    "list(map(open, names))\n",
    "def load(p):\n    with open(p) as f:\n        return json.load(f)\nload('x')\n",
    "def save(p):\n    open(p, 'w')\n",
    "def save(p):\n    open(p, 'w')\ndef save(p): pass\nsave('x')\n",
    "def save(p):\n    open(p, 'w')\nsave = print\nsave('x')\n",
    "def open(p, m): pass\nopen('f', 'w')\n",
    "os = Namespace()\nos.remove('f')\n",
    "from mylib import open\nopen('f', 'w')\n",
    "import myos as os\nos.remove('f')\n",
    "def f(open):\n    open('f', 'w')\nf(print)\n",
    "for open in xs:\n    open('f', 'w')\n",
    "[open('f', 'w') for open in xs]\n",
    "class A:\n    def open(self, p, m): pass\na = A()\na.open('f', 'w')\n",
    "class A:\n    def go(self): open('x', 'w')\na = A()\nprint(a)\nlen(dir(a))\n",
    "class A:\n    def go(self): open('x', 'w')\nclass B(A):\n    def go(self): pass\nB().go()\n",
    "df['open'].plot()\ndf.open.mean()\ndf.remove('x')\nxs.remove(1)\ns.replace('a', 'b')\n",
    "df.to_csv()\ndf.to_json()\ndf.to_dict()\n",
    "x = io.StringIO()\nx.write('a')\n",
    "import re\nre.compile('a')\nmodel.compile(loss='mse')\n",
    "Path('a').exists()\nPath('a').read_text()\nsorted(Path('.').glob('*'))\n",
    "import time\ntime.sleep(1)\ntime.strftime('%Y', t)\n",
    "from datetime import datetime\ndatetime(2020, 1, 1)\ndatetime.strptime('1', '%d')\n",
    "def f():\n    from os import remove\nf()\n",
    "f = os.remove\nf = len\nf('x')\n",
    "f = lambda p: os.remove(p)\ng = [1]\n",
    "print(os.remove)\nhelp(os.remove)\ncallable(os.remove)\n",
    "sqlite3.connect(':memory:')\n",
    "from sqlite3 import connect\nc = connect(':memory:')\nc.commit()\ndf.to_sql('t', c)\n",
    "import io\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w') as z:\n    z.writestr('a', 'b')\n",
    "import io\nzipfile.ZipFile(io.BytesIO(data), mode='w')\n",
    "from io import StringIO\ndf.to_csv(StringIO())\nout = StringIO()\ndf.to_json(out)\n",
    "import io\nb = io.BytesIO()\nplt.savefig(b, format='png')\nimg.save(b)\nnp.save(b, a)\n",
    "pd.read_csv('https.csv')\npd.read_csv(path)\nurl = 'https://x.org'\nprint(url)\n",
    "requests.codes\nexcept_ = requests.exceptions.HTTPError\n",
    "import socket, ctypes\nctypes.c_int(5)\nsocket.gethostname()\n",
    "try:\n    import requests\nexcept ImportError:\n    requests = None\n",
    "import numpy as np\nnp.load('f')\ngetattr(np, name)(a)\n",
    "from numpy import *\nzeros(3)\n",
    "logging.basicConfig(level=10)\n",
    "x: 'os.remove(1)' = 1\n",
    "type(os.environ)\n",
    "@dataclass\nclass A:\n    x: int = 0\n",
    "def f(): return f()\nf()\n",
    "time = df['time']\ntime()\n",
    "import multiprocessing\nmultiprocessing.cpu_count()\n",
]


@pytest.mark.parametrize("text", HELD)
def test_what_is_held(text: str) -> None:
    assert held(text, "static") == HELD[text]


@pytest.mark.parametrize("text", RUN)
def test_what_runs(text: str) -> None:
    assert held(text, "static") == []


def test_reasons_name_the_thing_and_the_line() -> None:
    text = "import torch\n\ndef save(m):\n    torch.save(m, 'f')\n\n# now\nsave(model)\n"
    verdict = judge(text, "static")[-1]
    assert (verdict.category, verdict.line) == ("external-effect", 7)
    assert verdict.reason == (
        "calls save (line 3), where torch.save writes in native code, "
        "where nothing can hold it at the effect"
    )
    long = f"def {'f' * 500}(): open('x', 'w')\n{'f' * 500}()\n"
    assert len(judge(long, "static")[-1].reason) < 150
