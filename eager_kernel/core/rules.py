"""What the gate looks for: the tables, as data that a deployer may add to.

A use is listed by the dotted name of what is used (``time.time``), by its module when every
call into it counts (``subprocess``), or by the name of a method on any object (``to_parquet``).
The names themselves are in `rules_timing`, `rules_silent` and `rules_effects`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Final, Literal

from eager_kernel.core import rules_effects, rules_silent, rules_timing
from eager_kernel.core.rules_checks import Listed, name_items

EXTERNAL_WHY: Final = "acts on the world outside, as this installation lists it"
TIMING_WHY: Final = "depends on time, as this installation lists it"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployer adds to the tables.

    Parameters
    ----------
    modules
        Dotted names of modules every call into which is an external effect, as ``"boto3"``.
    names
        Dotted names whose call is an external effect, as ``"pkg.func"``.
    methods
        Names of methods whose call is an external effect, on any object.
    timing
        Dotted names that read clocks, or work with threads or signals.
    defer
        Whether definitions wait for the next statement.

    Raises
    ------
    ValueError
        For what is no name.
    """

    modules: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    timing: frozenset[str] = frozenset()
    defer: bool = True

    def __post_init__(self) -> None:
        for what in fields(self):
            given = getattr(self, what.name)
            if what.name == "defer":
                continue
            if isinstance(given, str):
                raise ValueError(f"{what.name} of the gate's policy must be a set of names")
            object.__setattr__(self, what.name, frozenset(given))
            shape = _NAME if what.name == "methods" else _DOTTED
            for name in given:
                if not isinstance(name, str) or not shape.fullmatch(name):
                    raise ValueError(f"{what.name} of the gate's policy: {name!r} is no name")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What one gate looks for.

    Parameters
    ----------
    uses
        Dotted names whose call is held. ``()`` stands for what a call returned, so
        ``pathlib.Path().unlink`` is a method of a path.
    modules
        Modules every call into which is held.
    methods
        Methods whose call is held on any object.
    stores
        Dotted names of containers into which nothing may be written.
    strict
        Whether what can't be followed is held: a star import, an attribute by computed name.
    triggers
        Words one of which occurs in every text that may hold a listed use, or a definition.
    quiet
        Those of them that are names of `BUSY` modules: in ``np.mean`` they mean nothing.
    """

    uses: Mapping[str, Listed]
    modules: Mapping[str, Listed]
    methods: Mapping[str, Listed]
    stores: Mapping[str, Listed] = field(default_factory=dict)
    strict: bool = False
    triggers: frozenset[str] = frozenset()
    quiet: frozenset[str] = frozenset()

    def find(self, path: str) -> Listed | None:
        """What is known of a call of `path`, a dotted name or ``?.method``."""
        if path.startswith("?."):
            return self.methods.get(path[2:])
        listed = self.uses.get(path)
        if listed is not None or path in rules_effects.READS:
            return listed
        while path:
            listed = self.modules.get(path)
            if listed is not None:
                return listed
            path = path.rpartition(".")[0]
        return None


@lru_cache(maxsize=8)
def table_for(mode: Literal["effect", "static"], policy: Policy) -> Table:
    """The table of a mode, with what the deployer added."""
    external = Listed("external-effect", EXTERNAL_WHY)
    timing = Listed("timing", TIMING_WHY)
    uses = {**rules_timing.USES, **rules_silent.USES}
    modules = {**rules_timing.MODULES, **rules_silent.MODULES}
    methods = {**rules_timing.METHODS, **rules_silent.METHODS}
    busy = BUSY
    stores: dict[str, Listed] = {}
    if mode == "static":
        uses |= {**rules_effects.USES, **rules_effects.DYNAMIC}
        modules |= rules_effects.MODULES
        methods |= rules_effects.METHODS
        stores |= rules_effects.STORES
        # There is more to find in `os` than names that nothing else has.
        busy -= {"os"}
    uses |= dict.fromkeys(policy.names, external) | dict.fromkeys(policy.timing, timing)
    modules |= dict.fromkeys(policy.modules, external)
    methods |= dict.fromkeys(policy.methods, external)
    words, quiet = _triggers(uses, modules, busy)
    words |= {"getattr", "importlib", "__builtins__", "builtins", "get_ipython", *methods}
    if mode == "static":
        words |= {name.rpartition(".")[2] for name in rules_effects.DYNAMIC}
        words |= {"open", "environ"}
    else:
        # What a finalizer does is judged by the whole table, see `Follower`.
        words.add("__del__")
    return Table(
        uses,
        modules,
        methods,
        stores,
        strict=mode == "static",
        triggers=frozenset(words | quiet | DEFINING),
        quiet=frozenset(quiet - words),
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
        numpy pandas matplotlib torch tensorflow keras scipy sklearn os xarray polars pyarrow cv2
        networkx plotly IPython jax code tables wave resource distributed
    """)
)
"""Modules whose name alone says little: a text that names one is looked at only when it also
holds a listed name, or names the module other than before a dot (an alias, an import)."""

DEFINING: Final = frozenset(("def", "class", "lambda"))
"""Words of texts that are remembered, since what they define may turn out to matter."""

BUSY_PARTS: Final = ("matplotlib.pyplot", "pyarrow.parquet")
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

_NAME: Final = re.compile(r"[^\W\d]\w*")
_DOTTED: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
