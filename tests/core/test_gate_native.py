"""Writers and connections in native code, and what else no audit event shows."""

from __future__ import annotations

import pytest

from tests.core.gate_programs import category, held, judge

DUCKDB = "import duckdb\n"
HELD = {
    "a database in memory": [
        "c = sqlite3.connect(':memory:')\nc.execute(\"attach 'f' as x\")",
        "c.execute(f\"ATTACH DATABASE '{path}' AS x\")",
        'c.execute("attach database \'" + path + "\' as x")',
        "c.execute(\"attach '{}' as x\".format(path))",
        "c.execute(\"attach '%s' as x\" % path)",
        "c.execute('attach ? as x', (path,))",
        "c.executescript(\"create table t (a);\\n-- now\\nvacuum into 'f'\")",
        "QUERY = \"vacuum main into 'f'\"\nc.cursor().execute(QUERY)",
        "def save(c):\n    c.execute(\"VACUUM INTO 'f'\")\n\nsave(c)",
        "c.set_authorizer(None)",
    ],
    "duckdb": [
        DUCKDB + "duckdb.sql('select 1').to_csv('f')",
        DUCKDB + "duckdb.sql('select 1').write_parquet('f')",
        DUCKDB + "duckdb.connect().sql('select 1').filter('a').to_parquet('f')",
        DUCKDB + "c = duckdb.connect()\nc.executemany(\"copy t to 'f'\", [])",
        DUCKDB + "c = duckdb.connect()\nc.cursor().execute(\"export database 'd'\")",
        DUCKDB + "with duckdb.connect() as c:\n    c.execute(query)",
        DUCKDB + "duckdb.read_csv('a.csv').to_csv('f')",
        DUCKDB + "duckdb.sql(\"select * from 'https://x.org/a.parquet'\")",
        "connection_of_an_earlier_cell.execute(\"COPY t TO 'f' (FORMAT parquet)\")",
    ],
    "polars": [
        "pl.read_csv('https://x.org/a.csv')",
        "pl.scan_parquet('s3://bucket/a')",
        "import polars\npolars.scan_csv(f'https://{host}/a.csv').collect()",
        "pl.DataFrame(x).write_ipc_stream('f')",
        "pl.DataFrame(x).lazy().serialize('f')",
        "pl.read_csv('a.csv').filter(pl.col('a') > 1).write_excel('f')",
        "frame.sink_ndjson('f')",
    ],
    "pyarrow": [
        "import pyarrow as pa\npa.output_stream('f')",
        "import pyarrow as pa\npa.RecordBatchFileWriter('f', schema)",
        "import pyarrow as pa\nwith pa.ipc.new_stream('f', schema) as w:\n    pass",
        "from pyarrow import fs\nfs.LocalFileSystem().open_output_stream('f')",
        "from pyarrow.fs import LocalFileSystem as L\nd = L()\nd.create_dir('d')",
        "import pyarrow.fs\npyarrow.fs.S3FileSystem()",
        "import pyarrow.dataset as ds\nds.dataset('s3://bucket/a')",
        "import pyarrow.dataset as ds\nds.write_dataset(t, 'd')",
    ],
    "documents and images": [
        "import fitz\nfitz.open('a.pdf').save('f')",
        "import pymupdf\ndoc = pymupdf.open()\ndoc.ez_save('f')",
        "import fitz\nfor page in fitz.open('a.pdf'):\n    page.get_pixmap().save('f')",
        "import fitz\nfitz.open('a.pdf')[0].get_pixmap().save(path)",
        "import cv2\ncv2.imwritemulti('f', a)",
        "from lxml import etree\netree.ElementTree(root).write('f')",
    ],
    "arrays": [
        "import tables\ntables.File('f', 'w')",
        "import h5py\nh5py.h5f.create(b'f')",
        "import blosc2\nblosc2.asarray(a, urlpath='f')",
        "import blosc2\nblosc2.save_array(a, 'f')",
        "from deltalake import write_deltalake\nwrite_deltalake('d', df)",
    ],
    "text that is run": [
        "exec(\"import torch\\ntorch.save(x, 'f')\")",
        "eval(\"torch.save(x, 'f')\")",
        "code = \"import cv2; cv2.imwrite('f', a)\"\nexec(code)",
        "exec(compile(\"df.to_parquet('f')\", 'x', 'exec'))",
        "import textwrap\nexec(textwrap.dedent('''\n    torch.save(x, 'f')\n'''))",
        "def run(text):\n    exec(text)\n\nrun(\"torch.save(x, 'f')\")",
        "exec('import torch\\n' + 'torch.save(x, 1)')",
        "class C:\n    def run(self, text): exec(text)\n\nC().run(\"torch.save(x, 'f')\")",
        "get_ipython().run_cell(\"torch.save(x, 'f')\")",
        "exec(\"exec('torch.save(x, 1)')\")",
    ],
    "processes": [
        "import _posixsubprocess\n_posixsubprocess.fork_exec()",
        "import subprocess\nsubprocess._fork_exec()",
        "from multiprocessing import util\nutil.spawnv_passfds(b'x', [], [])",
        "import signal\nsignal.pidfd_send_signal(f, 9)",
        "os.setpriority(os.PRIO_PROCESS, 1, 5)",
        "os.sched_setaffinity(1, {0})",
        "import psutil\npsutil.Process(1).nice(5)",
        "import psutil\np = psutil.Process(1)\np.rlimit(7, (1, 1))",
    ],
    "interpreters and native code": [
        "import _xxsubinterpreters as s\ns.create()",
        "from concurrent import interpreters\ninterpreters.create()",
        "import _testcapi\n_testcapi.run_in_subinterp('x')",
        "import _cffi_backend\n_cffi_backend.load_library('x')",
        "from cffi import FFI\nFFI().dlopen('x')",
    ],
    "the system": [
        "import _posixshmem\n_posixshmem.shm_open('/x', 0)",
        "from multiprocessing.shared_memory import SharedMemory\nSharedMemory('x', True, 1)",
        "import socket\ns = socket.socket()\ns.listen()",
        "import socket\nwith socket.socket() as s:\n    s.listen(1)",
    ],
    "what stays": [
        "import gc\ngc.callbacks.append(f)",
        "import sys\nsys.addaudithook(f)",
        "import atexit\natexit.register(f)",
    ],
}
RUN = {
    "databases": [
        "c = sqlite3.connect(':memory:')\nc.execute('create table t (a)')\nc.execute('vacuum')",
        "text = 'Attach the plot, and copy it to a folder'\nprint(text)",
        "d = df.copy()\nexport = d\nattach = 1",
        DUCKDB + "duckdb.sql('select 1').fetchall()\nduckdb.sql('select 1').df()",
        DUCKDB
        + "c = duckdb.connect()\nc.execute('create table t (a int)')\nc.sql('from t').show()",
    ],
    "polars and pyarrow": [
        "pl.read_csv('a.csv').group_by('a').len()",
        "pl.DataFrame(x).write_csv()\npl.DataFrame(x).write_json()",
        "import pyarrow as pa\nt = pa.table({'a': [1]})\nt.to_pandas()",
        "import pyarrow.parquet as pq\npq.read_table('a.parquet')",
        "import io, polars as pl\npl.DataFrame(x).write_parquet(io.BytesIO())",
    ],
    "documents and arrays": [
        "import fitz\nfitz.open('a.pdf')[0].get_text()",
        "import cv2\ncv2.imread('a.png')\ncv2.resize(a, (1, 1))",
        "import h5py\nwith h5py.File('a', 'r') as f:\n    x = f['a'][:]",
        "import tables\ntables.open_file('a')",
        "import blosc2\nblosc2.asarray(a)",
    ],
    "text that is run": [
        "exec('x = 1')\ny = eval('x + 1')",
        "exec(code)",
        "df.eval('a = b + c')\npd.eval('a + b')",
        "print(\"torch.save(x, 'f')\")",
    ],
    "processes": [
        "import psutil\npsutil.Process().nice()\npsutil.Process().cpu_affinity()",
        "import multiprocessing as mp\nmp.set_start_method('spawn')\nc = mp.get_context('spawn')",
    ],
    "classes of the program": [
        "class Clock:\n    def now(self): return 1\n\nClock().now()",
        "class Form:\n    def submit(self): return 1\n\nfor f in [Form(), Form()]:\n    f.submit()",
        "class Report:\n    def write_csv(self, name): return name\n\nReport().write_csv('f')",
    ],
}


def cases(table: dict[str, list[str]]) -> list[object]:
    return [pytest.param(text, id=f"{k}-{n}") for k in table for n, text in enumerate(table[k])]


@pytest.mark.parametrize("text", cases(HELD))
def test_it_is_held(text: str) -> None:
    verdict = judge(text)[-1]
    assert (verdict.action, verdict.category) == ("hold", "external-effect"), verdict
    assert category(text, "static") in ("external-effect", "dynamic")


@pytest.mark.parametrize("text", cases(RUN))
def test_it_runs(text: str) -> None:
    assert held(text) == []
