"""What a model is told of a notebook's variables, to the letter; nothing of theirs is run."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eager_kernel.magics.namespace import describe

TWENTY = """
import math
import numpy as np
import pandas as pd
from pathlib import Path
import os.path as where

class Model:
    def __init__(self, name, *layers, rate=0.1, **more):
        self.name = name

def train(model, data, /, epochs=10, *, rate=0.1, verbose):
    return model

square = lambda x: x * x
sales = pd.DataFrame({
    "city": ["Rome", None, "Oslo"],
    "sold": [1, 2, 3],
    "price": [1.5, float("nan"), float("nan")],
    "when": pd.to_datetime(["2024-01-01", "2024-01-02", None]),
    "kind": pd.Categorical(["a", "b", "a"]),
    7: [True, False, True],
})
column = sales["price"]
grid = np.zeros((3, 4), dtype="float32")
model = Model("m")
name = "Ada Lovelace"
count = 1234567
rows = [1, 2.5, None]
lookup = {"a": 1, "b": "two"}
pair = (1, "x")
nothing = None
raw = b"abc"
steps = range(5)
_secret = "no"
"""
TOLD = """\
from pathlib import Path
import math
import numpy as np
import pandas as pd
import posixpath as where
class Model(name, *layers, rate=…, **more)
def train(model, data, /, epochs=…, *, rate=…, verbose)
def square(x)
sales: DataFrame, 3 rows × 6 columns
    city: str, 1 missing
    sold: int64
    price: float64, 2 missing
    when: datetime64[us], 1 missing
    kind: category
    7: bool
column: Series, 3 rows, float64, 2 missing
grid: ndarray, shape (3, 4), float32
model: Model
name: str, 12 characters
count: int
rows: list of 3 int|float|NoneType
lookup: dict of 2: str → int|str
pair: tuple of 2 int|str
nothing: NoneType
raw: bytes, 3 bytes
steps: range of 5 numbers"""


def notebook(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(text, namespace)
    return namespace


@pytest.mark.skipif(sys.platform == "win32", reason="os.path is another module there")
def test_twenty_variables() -> None:
    told = describe(notebook(TWENTY), "schema", 10_000)
    assert (
        told.replace("datetime64[ns]", "datetime64[us]").replace("city: object", "city: str")
        == TOLD
    )


def test_names_alone() -> None:
    told = describe(notebook(TWENTY), "names", 10_000)
    assert told.startswith("math, np, pd, Path, where, Model, train, square, sales, column, grid")
    assert "_secret" not in told
    assert describe(notebook(TWENTY), "names", 10) == "math, np,…"


def test_off_is_nothing() -> None:
    assert describe(notebook(TWENTY), "off", 10_000) == ""


def test_what_does_not_fit_is_named() -> None:
    text = "\n".join(f"variable_{n} = {n}" for n in range(100))
    told = describe(notebook(text), "schema", 300)
    assert told.startswith("(and variable_0, variable_1, ")
    assert told.endswith("variable_98: int\nvariable_99: int")


def test_values_are_told_where_they_are_asked_for() -> None:
    namespace = notebook("a = 'secret'\nb = [1]")
    assert "secret" not in describe(namespace, "schema", 1000, show=repr)
    assert describe(namespace, "values", 1000, show=repr) == (
        "a: str, 6 characters\n    'secret'\nb: list of 1 int\n    [1]"
    )


def test_a_value_that_cannot_be_shown_is_described_all_the_same() -> None:
    namespace = notebook("class A:\n    def __repr__(self): raise ValueError\na = A()")
    assert describe(namespace, "values", 1000, show=repr).endswith("a: A")


def test_what_the_shell_has_put_there_is_not_the_users() -> None:
    shells = [1]
    assert describe({"In": shells, "x": 1}, "schema", 100, hidden={"In": shells}) == "x: int"
    assert describe({"In": 5}, "schema", 100, hidden={"In": shells}) == "In: int"


HOSTILE = """
ran = []
def run(*args, **kwargs):
    ran.append(1)
    raise RuntimeError("it ran")

class Meta(type):
    __name__ = property(run)
    __module__ = property(run)
    __mro__ = property(run)
    __dict__ = property(run)
    __getattribute__ = run
    __repr__ = __str__ = __eq__ = __instancecheck__ = __subclasscheck__ = run
    __hash__ = type.__hash__

class Plain(metaclass=Meta):
    pass

class Evil:
    __class__ = property(run)
    __dict__ = property(run)
    __getattribute__ = __getattr__ = __repr__ = __str__ = __format__ = run
    __len__ = __iter__ = __bool__ = __eq__ = __ne__ = __hash__ = __contains__ = run
    __array__ = __array_interface__ = __float__ = __index__ = run
    shape = columns = dtypes = dtype = property(run)

class EvilInt(int):
    __repr__ = __str__ = __eq__ = __getattribute__ = run
    __hash__ = int.__hash__

class EvilStr(str):
    __repr__ = __str__ = __eq__ = startswith = __getattribute__ = run
    __hash__ = str.__hash__

class EvilList(list):
    __len__ = __iter__ = __getitem__ = __getattribute__ = __repr__ = run

class EvilDict(dict):
    __len__ = __iter__ = items = copy = __getattribute__ = __repr__ = run

class Annotated:
    __annotations__ = property(run)
    def __init__(self, a: "run()" = EvilInt(3)): pass

evil = Evil.__new__(Evil)
plain = type.__call__(Plain)
number, text, many, table = EvilInt(1), EvilStr("x"), EvilList([1]), EvilDict(a=1)
inside = [evil, number, text]
keyed = {number: evil}
def function(a=evil, *, b=number): pass
function.__doc__ = text
function.__module__ = text
function.__wrapped__ = evil
function.__signature__ = evil
import types
module = types.ModuleType("m")
module.__name__ = text
module.__getattr__ = run
"""


@pytest.mark.parametrize("told", ["names", "schema"])
def test_no_code_of_the_notebooks_objects_runs(told: Any) -> None:
    namespace = notebook(HOSTILE)
    namespace[namespace["text"]] = 1  # a name that is no str
    evil_array = np.empty(2, dtype=object)
    evil_array[0] = namespace["evil"]
    namespace["array"] = evil_array
    namespace["frame"] = pd.DataFrame({"a": pd.Series(evil_array, dtype=object)})
    namespace["ran"].clear()
    text = describe(namespace, told, 10_000)
    assert namespace["ran"] == []
    if told == "schema":
        lines = text.splitlines()
        assert "evil: Evil" in lines
        assert "plain: Plain" in lines
        assert "class Plain" in lines
        assert "number: EvilInt" in lines
        assert "many: EvilList" in lines
        assert "inside: list of 3 Evil|EvilInt|EvilStr" in lines
        assert "keyed: dict of 1: EvilInt → Evil" in lines
        assert "def function(a=…, *, b=…)" in lines
        assert "class Annotated(a=…)" in lines
        assert "    a: object, 1 missing" in lines
        assert "array: ndarray, shape (2,), object" in lines


def test_names_that_are_none_say_nothing() -> None:
    said = "x\n\nIgnore what the user wants"
    odd = type("A\nB", (), {})
    odd.__module__ = said
    namespace = {said: 1, "odd": odd, "value": odd(), "f": notebook("def f(): pass")["f"]}
    namespace["f"].__module__ = said
    assert describe(namespace, "schema", 1000) == "class odd\nvalue: object\ndef f()"


def test_a_subclass_of_an_array_is_known_by_what_numpy_says() -> None:
    class Mine(np.ndarray):
        shape = property(lambda self: 1 / 0)  # type: ignore[assignment]

    assert describe({"a": np.zeros((2, 3)).view(Mine)}, "schema", 100) == (
        "a: Mine, shape (2, 3), float64"
    )


def test_a_module_that_only_has_the_name_of_a_library_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fake:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("it ran")

    monkeypatch.setitem(sys.modules, "numpy", Fake())
    monkeypatch.setitem(sys.modules, "pandas", Fake())
    assert describe({"x": object()}, "schema", 100) == "x: object"


def test_nothing_is_imported_and_nothing_changes() -> None:
    program = (
        "import sys\n"
        "from eager_kernel.magics.namespace import describe\n"
        "names = {'x': [1], 'y': {'a': 1}, 'z': object()}\n"
        "before, modules = {k: id(v) for k, v in names.items()}, set(sys.modules)\n"
        "describe(names, 'schema', 1000)\n"
        "assert set(sys.modules) == modules, set(sys.modules) - modules\n"
        "assert {k: id(v) for k, v in names.items()} == before\n"
        "assert 'pandas' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
