"""The table of a mode: which uses are held, and by which words their texts are known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from eager_kernel.core.gating import (
    tables_effects,
    tables_native,
    tables_timing,
    tables_unaudited,
)
from eager_kernel.core.gating.argument_checks import SQL_WORDS, URL_WORDS, name_items
from eager_kernel.core.rules import MEMORY, Listed, Policy, Table

EXTERNAL_WHY: Final = "acts on the world outside, as this installation lists it"
TIMING_WHY: Final = "depends on time, as this installation lists it"


@lru_cache(maxsize=8)
def table_for(mode: Literal["effect", "static"], policy: Policy) -> Table:
    """The table of a mode, with what the deployer added."""
    external = Listed("external-effect", EXTERNAL_WHY)
    timing = Listed("timing", TIMING_WHY)
    uses = {**tables_timing.USES, **tables_unaudited.USES, **tables_native.USES}
    modules = {**tables_timing.MODULES, **tables_unaudited.MODULES}
    methods = {**tables_timing.METHODS, **tables_unaudited.METHODS, **tables_native.METHODS}
    # What has an effect in `sys` that no audit event shows is rare, and `sys` is not.
    busy = BUSY if mode == "static" else BUSY | {"sys"}
    stores = dict(tables_unaudited.STORES)
    if mode == "static":
        uses |= {**tables_effects.USES, **tables_effects.DYNAMIC}
        modules |= tables_effects.MODULES
        methods |= tables_effects.METHODS
        stores |= tables_effects.STORES
        # There is more to find in `os` than names that nothing else has.
        busy -= {"os"}
    uses |= dict.fromkeys(policy.names, external) | dict.fromkeys(policy.timing, timing)
    modules |= dict.fromkeys(policy.modules, external)
    methods |= dict.fromkeys(policy.methods, external)
    words, quiet = _triggers(uses, modules, busy)
    words |= tables_native.LIBRARIES - busy
    words |= {path.partition(".")[0] for path in tables_timing.LASTING}
    words |= {alias for alias, path in ALIASES.items() if path.partition(".")[0] in words}
    words |= {"getattr", "importlib", "__builtins__", "builtins", "get_ipython"}
    words |= {"BytesIO", "StringIO", *URL_WORDS, *SQL_WORDS} | {
        path.partition(".")[0] for path in KEEPS
    }
    for name, listed in methods.items():
        words.update(listed.triggers or (name,))
    if mode == "static":
        words |= {name.rpartition(".")[2] for name in tables_effects.DYNAMIC}
        words |= {"open", "environ"}
    else:
        # What a finalizer does is judged by the whole table, see `Follower`. A function that runs
        # text does what the text does that it is given.
        words |= {"__del__", "exec"}
    return Table(
        uses,
        modules,
        methods,
        stores,
        tables_effects.READS | tables_timing.READS | tables_native.READS,
        strict=mode == "static",
        triggers=frozenset(words | quiet | DEFINING),
        quiet=frozenset(quiet - words),
        native=tables_native.LIBRARIES,
        writes=tables_native.WRITES,
        of_native=tables_native.OF_LIBRARIES,
        everywhere=policy.methods,
        lasting=tables_timing.LASTING,
    )


def _triggers(
    uses: Mapping[str, Listed], modules: Mapping[str, Listed], busy: frozenset[str]
) -> tuple[set[str], set[str]]:
    """The words to look for, and the names of busy modules."""
    words: set[str] = set()
    quiet: set[str] = set()
    for path, listed in {**uses, **modules}.items():
        root = path.partition(".")[0].removesuffix("()")
        if root == "builtins":
            continue
        rest = [part for part in _after_alias(path) if part]
        if root in busy and rest:
            # Such a module is named on every other line. One word of what follows is enough,
            # and the longest is the rarest.
            quiet.add(root)
            words.update(listed.triggers or (max(rest, key=len),))
        else:
            words.add(root)
    for alias, path in ALIASES.items():
        root = path.partition(".")[0]
        if root in words:
            words.add(alias)
        elif root in quiet:
            quiet.add(alias)
    return words, quiet


def _after_alias(path: str) -> list[str]:
    """What of a dotted name has to be written even by who uses an alias of its module."""
    for start in sorted(ALIASES.values(), key=len, reverse=True):
        if path.startswith(start + "."):
            path = path[len(start) + 1 :]
            break
    else:
        path = path.partition(".")[2]
    return path.replace("()", "").split(".")


BUSY: Final = frozenset(
    name_items("""
        numpy pandas matplotlib torch tensorflow keras scipy sklearn os xarray
        networkx plotly IPython jax code tables wave resource distributed
    """)
)
"""Modules whose name alone says little: a text that names one is looked at only when it also
holds a listed name, or names the module other than before a dot (an alias, an import)."""

DEFINING: Final = frozenset(("def", "class", "lambda"))
"""Words of texts that are remembered, since what they define may turn out to matter."""

BUSY_PARTS: Final = ("matplotlib.pyplot",)
"""Parts of them that programs have names for."""

ALIASES: Final = {
    # A program may use what earlier cells imported; these are the usual names for it.
    **dict(
        item.split("=")
        for item in name_items("""
        np=numpy pd=pandas plt=matplotlib.pyplot tf=tensorflow mp=multiprocessing
        pl=polars pa=pyarrow pq=pyarrow.parquet xr=xarray gpd=geopandas sf=soundfile
        nx=networkx sitk=SimpleITK lgb=lightgbm xgb=xgboost dt=datetime sa=sqlalchemy
        Path=pathlib.Path perf_counter=time.perf_counter Thread=threading.Thread
        ThreadPoolExecutor=concurrent.futures.ThreadPoolExecutor
        ProcessPoolExecutor=concurrent.futures.ProcessPoolExecutor
        Pool=multiprocessing.Pool Parallel=joblib.Parallel imwrite=cv2.imwrite
        partial=functools.partial get_ipython=IPython.get_ipython __builtins__=builtins
        import_module=importlib.import_module
        tqdm=tqdm.tqdm trange=tqdm.trange
        yf=yfinance ad=anndata sc=scanpy adata=anndata.AnnData()
    """)
    ),
}
"""Names that stand for a library's object where the program has not bound them."""

SAME: Final = {
    "posix": "os",
    "nt": "os",
    "io.open": "builtins.open",
    "_io.open": "builtins.open",
    "codecs.open": "builtins.open",
    "pathlib.PosixPath": "pathlib.Path",
    "pathlib.WindowsPath": "pathlib.Path",
    "pylab": "matplotlib.pyplot",
    "matplotlib.pylab": "matplotlib.pyplot",
    "tensorflow.keras": "keras",
    "tensorflow.python.keras": "keras",
    "multiprocess": "multiprocessing",
    "concurrent.futures.thread.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.process.ProcessPoolExecutor": "concurrent.futures.ProcessPoolExecutor",
    "pathlib.Path.cwd()": "pathlib.Path()",
    "pathlib.Path.home()": "pathlib.Path()",
    "pandas.io.pytables.HDFStore": "pandas.HDFStore",
    "io.BytesIO()": MEMORY,
    "io.StringIO()": MEMORY,
    **{
        f"{name}()": "anndata.AnnData()"
        for name in name_items(
            "anndata.read anndata.read_h5ad anndata.AnnData().copy scanpy.read scanpy.read_h5ad"
            " scanpy.read_10x_h5 scanpy.read_10x_mtx"
        )
    },
    "scanpy.AnnData": "anndata.AnnData",
    **{
        f"duckdb.{name}": "duckdb.connect()"
        for name in name_items(
            "default_connection() begin() execute() executemany() connect().cursor()"
            " connect().begin() connect().execute() connect().executemany() connect().duplicate()"
            " DuckDBPyConnection() connect().__enter__() connect().register()"
        )
    },
    "fitz": "pymupdf",
    "tqdm.trange()": "tqdm.tqdm()",
    "tqdm.tqdm.tqdm": "tqdm.tqdm",  # the module, from an earlier cell
    "tqdm.tqdm.trange": "tqdm.trange",
    **{
        f"tqdm.{place}.{name}": f"tqdm.{name}"
        for place in name_items("asyncio auto autonotebook gui notebook rich std")
        for name in ("tqdm", "trange")
    },
    "tqdm.tqdm_notebook": "tqdm.tqdm",
    "tqdm.notebook.tqdm_notebook": "tqdm.tqdm",
    "tqdm.tnrange": "tqdm.trange",
    "tqdm.notebook.tnrange": "tqdm.trange",
    "zmq.Context.instance()": "zmq.Context()",
    "zmq.asyncio.Context": "zmq.Context",
    "IPython.core.getipython.get_ipython": "IPython.get_ipython",
    **{f"pathlib.Path().{name}": "pathlib.Path()" for name in name_items("parent")},
    **{
        f"pathlib.Path().{name}()": "pathlib.Path()"
        for name in name_items(
            "absolute expanduser joinpath readlink relative_to resolve with_name with_stem"
            " with_suffix"
        )
    },
}
"""Other names of the same thing, and what a call gives where it matters."""

KEEPS: Final = frozenset(
    (
        *name_items("""
            starlette.routing.Route starlette.routing.WebSocketRoute starlette.routing.Mount
            pytest.fixture pytest.fixture() pytest.mark.parametrize()
        """),
        *(
            f"{app}().{method}()"
            for app in name_items("flask.Flask flask.Blueprint fastapi.FastAPI fastapi.APIRouter")
            for method in name_items("route get post put patch delete errorhandler websocket")
        ),
        *(f"click.{name}()" for name in name_items("command group option argument")),
    )
)
"""Calls that only keep a function for later: for a request, for the command line."""
