"""Mode ``effect``: the gate holds only what can't be held at the effect itself."""

from __future__ import annotations

import pytest

from tests.core.gate_programs import category, held, judge

TIMING = [
    "time.time()",
    "import time as t\nt.perf_counter()",
    "from time import perf_counter as pc\npc()",
    "from time import *\nmonotonic_ns()",
    "time()",
    "print(f'{time.time():.2f}')",
    "from datetime import datetime\ndatetime.now()",
    "import datetime as dt\ndt.datetime.utcnow()",
    "date.today()",  # of an earlier cell: any date class
    "pd.Timestamp.now()",
    "pd.Timestamp('now')",
    "pd.to_datetime('today')",
    "np.datetime64('now')",
    "import timeit\ntimeit.timeit('1')",
    "from timeit import default_timer as timer\ntimer()",
    "time.strftime('%Y')",
    "time.localtime()",
    "getattr(time, 'time')()",
    "__import__('time').time()",
    "importlib.import_module('time').time()",
    "sys.modules['time'].time()",
    "import time\ngetattr(time, name)()",
    "import time\nclock = time.time\nclock()",
    "def timer(f):\n    def g(*a):\n        t = time.time()\n        return f(*a)\n    return g\n"
    "@timer\ndef work(): pass\nwork()",
    "class Timer:\n    def __enter__(self): self.t = time.time()\n    def __exit__(self, *a): 0\n"
    "with Timer():\n    work()",
    "import threading\nthreading.Thread(target=f).start()",
    "from threading import Thread\nclass W(Thread):\n    def run(self): pass\nW().start()",
    "with ThreadPoolExecutor() as e:\n    e.map(f, xs)",
    "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
    "executor.submit(f)",
    "pool.apply_async(f)",
    "loop.run_in_executor(None, f)",
    "await asyncio.to_thread(f)",
    "import _thread\n_thread.start_new_thread(f, ())",
    "import signal\nsignal.alarm(1)",
    "import sched\nsched.scheduler()",
    "faulthandler.dump_traceback_later(1)",
    "os.times()",
    "import cProfile\nprofiler = cProfile.Profile()\nprofiler.enable()",
    "cProfile.Profile().enable()",
    "from cProfile import Profile as P\np = P(builtins=False)\np.enable()",
    "import tracemalloc\ntracemalloc.start()",
    "from pyinstrument import Profiler\np = Profiler()\np.start()",
    "from tqdm import tqdm\nbar = tqdm(total=3)",
    "import tqdm\nbar = tqdm.tqdm(xs)",
    "import tqdm as t\nbar = t.tqdm(xs, desc='x')",
    "from tqdm.auto import trange\nsteps = trange(3)",
    "from tqdm.notebook import tqdm as bar_of\nbar: object = bar_of(xs)",
    "from tqdm import tqdm_notebook\nbar = tqdm_notebook(xs)",
    "from tqdm import tnrange\nbar = tnrange(3)",
    "bar = tqdm(xs)",
    "bar = tqdm.tqdm(xs)",
    "bars = [tqdm(total=3) for i in range(2)]",
    "pairs = enumerate(tqdm(xs))",
    "def make():\n    return tqdm(total=3)\nbar = make()",
    "from rich.progress import Progress\np = Progress()\np.start()",
    "from rich.live import Live\nl = Live(table)\nl.start()",
    "from rich.console import Console\nc = Console()\ns = c.status('x')\ns.start()",
    "get_ipython().run_line_magic('timeit', '1')",
    "%time f()",
    "x = %timeit -o f()",
    "for i in x:\n    %time f(i)",
]
SILENT = [
    "import multiprocessing as mp\nmp.Pool()",
    "from multiprocessing import Process\nProcess(target=f).start()",
    "from multiprocessing import shared_memory\nshared_memory.SharedMemory()",
    "from joblib import Parallel, delayed\nParallel(2)(delayed(f)(x) for x in xs)",
    "os.mkfifo('f')",
    "from os import sendfile as s\ns(1, 2, 3, 4)",
    "os.write(1, b'x')",
    "os.umask(0)",
    "os._exit(0)",
    "import atexit\n@atexit.register\ndef f(): pass",
    "df.to_parquet('f')",
    "(df.groupby('a').sum().to_parquet)('f')",
    "getattr(df, 'to_parquet')('f')",
    "list(map(pd.DataFrame.to_hdf, frames))",
    "pl.DataFrame(x).write_csv('f')",
    "pd.HDFStore('f')",
    "import h5py\nwith h5py.File('f', 'w') as f:\n    pass",
    "cv2.imwrite('f', a)",
    "import cv2 as cv\ncv.imwrite('f', a)",
    "c = cv2\nc.imwrite('f', a)",
    "from cv2 import VideoWriter\nVideoWriter('f')",
    "torch.save(m, 'f')",
    "import torch as t\nfrom torch import jit\njit.save(m, 'f')",
    "from safetensors.torch import save_file\nsave_file(m, 'f')",
    "import pyarrow.parquet as pq\npq.write_table(t, 'f')",
    "import soundfile as sf\nsf.write('f', x, 1)",
    "import netCDF4\nnetCDF4.Dataset('f', mode='a')",
    "ds.to_netcdf('f')",
    "import rasterio\nrasterio.open('f', 'w', **p)",
    "model.save('m.h5')",
    "adata.write('f.h5ad')",
    "adata.write(path)",
    "x.write('f.h5ad')",
    "import scanpy as sc\na = sc.read_h5ad('f').copy()\na.write(path)",
    "from anndata import AnnData\nAnnData(x).write_h5ad(path)",
    "x.write_h5ad(path)",
    "import cairosvg\ncairosvg.svg2png(url='f', write_to=path)",
    "import yfinance as yf\nyf.download('A')",
    "yf.Ticker('A').info",
    "from curl_cffi import requests\nrequests.get('u')",
    "import apsw\napsw.Connection('f.db')",
    "import ctypes\nctypes.pythonapi.Py_IncRef(x)",
    "from ctypes import pythonapi as api\napi.PyErr_SetInterrupt()",
    "import tensorflow as tf\ntf.keras.models.save_model(m, 'f')",
    "tf.io.gfile.copy('a', 'b')",
    "import xgboost as xgb\nxgb.train(p, d).save_model('f')",
    "import faiss\nfaiss.write_index(i, 'f')",
    "import psycopg2\npsycopg2.connect('x')",
    "import duckdb\nduckdb.connect('f.db')",
    "import duckdb\nduckdb.sql(\"COPY t TO 'f'\")",
    "import zmq\nzmq.Context().socket(zmq.REQ)",
    "from tkinter import *",
    "import tkinter as tk\ntk.Tk()",
    "ffi.dlopen('x')",
    "import shelve\nshelve.open('f')",
    "from lxml import etree\netree.parse('f').write('g')",
    "class A:\n    def __del__(self): os.remove('f')",
    "class A:\n    def close(self): open('f', 'w')\n    def __del__(self): self.close()",
]
# Python-level effects: the barrier's business; and what has none.
RUN = [
    "import os, subprocess\nos.path.join('a', 'b')\nos.remove('f')\nsubprocess.run(['ls'])",
    "open('f', 'w').write('x')\nPath('f').write_text('x')\nshutil.rmtree('d')",
    "df.to_csv('f')\ndf.to_excel('f')\ndf.to_json('f')\ndf.to_pickle('f')",
    "np.save('f', a)\nplt.savefig('f')\nimg.save('f.png')\njoblib.dump(m, 'f')\njson.dump(x, f)",
    "sqlite3.connect('f')\nrequests.get('u')\nsocket.socket()\nos.fork()",
    "exec('import os')\neval('1')\ncompile('1', 'f', 'exec')",
    "time.sleep(1)\ntime.strftime('%Y', t)\ntime.localtime(0)",
    "from datetime import datetime\ndatetime(2020, 1, 1)\ndatetime.strptime(s, f)",
    "df['time'].mean()\ndf.time.mean()\ndf.date.dt.date\nnow = df['now']",
    "pd.to_datetime(df['date'])\npd.Timestamp('2020-01-01')",
    "import threading\nlock = threading.Lock()\nthreading.current_thread()",
    "import h5py\nh5py.File('f')\nh5py.File('f', 'r')",
    "import duckdb\nduckdb.connect()\nduckdb.sql('select 1')",
    "def f(): return time.time()",
    "def f(): return time.time()\ndef f(): return 0\nf()",
    "class A:\n    def __del__(self): print('gone')",
    "getattr(np, name)(x)\ngetattr(torch.optim, name)\ngetattr(obj, name)",
    "x = time\ntime = 5\ntime",
    "signal = np.sin(t)\nsignal.mean()\nplt.plot(signal)",
    "np.interp(x, time, y)",
    "import time\nstart = 0\nprint(time.tzname)",
    "save(x)\nstore.save()\nmodel.save_weights\nbuffer.write('x')",
    "%matplotlib inline",
    "!ls\nx = !ls\nos?\n?os\n%pip install x\n%run f.py",
    "%%bash\nls",
    "import multiprocessing\nmultiprocessing.cpu_count()",
    "os.getpid()\nos.environ['A'] = '1'",
    "list(map(str, df['time']))\nlen(time)",
    # Begun and ended in one statement.
    "import cProfile\nwith cProfile.Profile() as p:\n    f()",
    "import cProfile\np = cProfile.Profile()\np.runcall(f)\ncProfile.run('f()')",
    "import tracemalloc\ntracemalloc.is_tracing()",
    "from tqdm import tqdm\nfor x in tqdm(xs): f(x)",
    "from tqdm import tqdm\nwith tqdm(total=3) as bar:\n    bar.update(3)",
    "from tqdm.auto import tqdm\nx = [f(y) for y in tqdm(xs)]\ny = list(tqdm(xs))",
    "from tqdm.auto import tqdm\nz = sum(tqdm(xs))",
    "from tqdm import tqdm\ntqdm.pandas()\ndf['x'] = df.a.progress_apply(f)",
    "for e in range(3):\n    bar = tqdm(total=2)\n    bar.close()",
    "def main():\n    bar = tqdm(total=3)\n    bar.close()\nmain()",
    "from rich.progress import Progress, track\nfor x in track(xs): f(x)",
    "from rich.progress import Progress\nwith Progress() as p: f(p)",
    # Only the day.
    "import datetime\ndatetime.date.today()",
    "from datetime import date\nprint(date.today())",
    # In memory.
    "import apsw\nc = apsw.Connection(':memory:')\nc.execute('select 1')",
    "import io\nbuffer = io.BytesIO()\ntorch.save(m, buffer)\ndf.to_parquet(buffer)",
    "import cairosvg\ncairosvg.svg2png(url='f')",
    "f.write('text')\nwith open('f.txt', 'w') as f:\n    f.write(text)",
    # Kept for a request, or for the command line.
    "from starlette.routing import Route\ndef f(r): return time.time()\nx = [Route('/', f)]",
    "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef f(): return time.time()",
    "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef f(): return time.time()",
    "import click\n@click.command()\n@click.option('-n')\ndef f(n): return time.time()",
]


@pytest.mark.parametrize("text", TIMING)
def test_clocks_threads_and_signals_are_held(text: str) -> None:
    verdict = judge(text)[-1]
    # An attribute by computed name may be a clock.
    wanted = {"timing", "dynamic"} if "name)" in text else {"timing"}
    assert (verdict.action, verdict.category in wanted) == ("hold", True), verdict
    assert held(text)[-1] == len(judge(text)) - 1


@pytest.mark.parametrize("text", SILENT)
def test_effects_without_an_audit_event_are_held(text: str) -> None:
    assert category(text) == "external-effect"
    assert judge(text)[-1].action == "hold"
    assert judge(text, "static")[-1].action == "hold"


@pytest.mark.parametrize("text", RUN)
def test_the_rest_runs(text: str) -> None:
    assert held(text) == []


def test_earlier_statements_are_not_held_with_the_use() -> None:
    text = "import time\nx = 1\ndef f():\n    return time.time()\ny = 2\nf()\nz = 3\n"
    assert held(text) == [4]
    verdict = judge(text)[4]
    assert verdict.reason == (
        "calls f (line 3), where time.time reads a clock, which would show the model's pace"
    )


def test_function_that_is_kept_is_held_where_it_is_called() -> None:
    text = "import click\n@click.command()\ndef f(): return time.time()\n"
    assert held(text + "f()\n") == [2]


def test_clock_has_a_reason_for_people() -> None:
    verdict = judge("import time\nt = [\n  1,\n  time.perf_counter(),\n]\n")[1]
    assert verdict.line == 4
    assert verdict.reason == ("time.perf_counter reads a clock, which would show the model's pace")
