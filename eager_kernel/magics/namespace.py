"""What a model is told of the notebook's variables, without running any code of theirs.

What is asked of a value is asked of its type, and by what C code has put there: a class may have
properties, a metaclass, `__class__`, `__getattr__` or `__repr__` that do something. Nothing is
imported either: of a library that the notebook has not imported, it has no values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from textwrap import indent
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final, Literal

from eager_kernel.core.text.phrases import counted

Told = Literal["off", "names", "schema", "values"]
"""How much a model is told of variables."""


def describe(
    namespace: Mapping[str, Any],
    told: Told,
    limit: int,
    *,
    hidden: Mapping[str, Any] | None = None,
    show: Callable[[Any], str] | None = None,
) -> str:
    """Describe the variables of a notebook.

    Parameters
    ----------
    namespace
        The variables. It is only read.
    told
        ``names``: what they are called; ``schema``: of which types and shapes they are, too;
        ``values``: what they are, too.
    limit
        Characters that the description may have. Of what was defined first and does not fit, the
        names are told.
    hidden
        What the shell has put there itself.
    show
        Makes text of a value; for ``values`` alone. It may run the value's own code.

    Returns
    -------
    str
        Lines; empty where there is nothing to tell.
    """
    if told == "off":
        return ""
    own = list(_own(namespace, hidden or {}))
    if told == "names":
        return _names([name for name, _ in own], limit)
    imports, variables = [], []
    for name, value in own:
        if (line := _import(name, value)) is not None:
            imports.append(line)
        else:
            text = _describe(name, value)
            if told == "values" and show is not None:
                text += _shown(value, show)
            variables.append((name, text))
    head = "\n".join(sorted(imports))
    left = limit - len(head)
    kept: list[str] = []
    dropped: list[str] = []
    for name, text in reversed(variables):
        left -= len(text) + 1
        if left < 0 or dropped:
            dropped.append(name)
        else:
            kept.append(text)
    before = f"(and {_names(dropped[::-1], 500)})" if dropped else ""
    return "\n".join(part for part in (head, before, *reversed(kept)) if part)


def _own(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The user's variables."""
    for name, value in list(namespace.items()):
        # A key may be of a class of the user's, whose methods are the user's code.
        if type(name) is not str or name.startswith("_") or not name.isidentifier():
            continue
        if name in hidden and hidden[name] is value:
            continue
        yield name, value


def _names(names: list[str], limit: int) -> str:
    text = ", ".join(names)
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def _import(name: str, value: Any) -> str | None:
    """The import that has made a variable, if one has."""
    if type(value) is ModuleType:
        module = _text(_entry(_MODULE_DICT(value), "__name__"))
        if not _is_path(module) or module == name:
            return f"import {name}"
        package, _, last = module.rpartition(".")
        if package and last == name:
            return f"from {package} import {name}"
        return f"import {module} as {name}"
    kind = type(value)
    if kind is FunctionType or kind is BuiltinFunctionType:
        module, own = _text(value.__module__), _text(value.__name__)
    elif _is_a(kind, type):
        module, own = _text(_entry(_DICT(value), "__module__")), _NAME(value)
    else:
        return None
    if not _is_path(module) or not own.isidentifier() or module in ("__main__", "builtins"):
        return None
    return f"from {module} import {own}" + (f" as {name}" if own != name else "")


def _describe(name: str, value: Any) -> str:
    """One variable; a line, and for frames one more for each column."""
    kind = type(value)
    if kind is FunctionType:
        return f"def {name}{_signature(value.__code__, value)}"
    if _is_a(kind, type):
        return f"class {name}{_of_init(value)}"
    for library, classes in _LIBRARIES.items():
        for cls, about in classes.items():
            known = _class(library, cls)
            if known is not None and known is kind:
                return f"{name}: {about(value)}"
    for known, about in _BUILTIN.items():
        if kind is known:
            return f"{name}: {about(value)}"
    array = _class("numpy", "ndarray")
    if array is not None and _is_a(kind, array):
        return f"{name}: {_name_of(kind)}, {_of_array(value)}"
    return f"{name}: {_name_of(kind)}"


# Of types, by what `type` itself has for them ----------------------------------------------------

_NAME: Final[Callable[[Any], str]] = type.__dict__["__name__"].__get__
_MRO: Final[Callable[[Any], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
_DICT: Final[Callable[[Any], Mapping[Any, Any]]] = type.__dict__["__dict__"].__get__
_MODULE_DICT: Final[Callable[[Any], Mapping[Any, Any]]] = vars(ModuleType)["__dict__"].__get__


def _is_a(kind: type, cls: type) -> bool:
    """Whether a type is a class or derives from it: by what they are, as `==` is a metaclass's."""
    return any(base is cls for base in _MRO(kind))


def _name_of(kind: type) -> str:
    name = _NAME(kind)
    return name if name.isidentifier() else "object"


def _entry(entries: Mapping[Any, Any], name: str) -> Any:
    """An entry of a class's or module's dict: no key of the user's is compared with."""
    return next((v for k, v in list(entries.items()) if type(k) is str and k == name), None)


def _is_path(name: str) -> bool:
    """Whether a name is one of a module, and not any other text."""
    return all(part.isidentifier() for part in name.split("."))


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _class(library: str, name: str) -> type | None:
    """A class of a library that is imported."""
    found = _entry_of(library, name)
    # numpy's data types have a metaclass of numpy's; that of a user's class would be the user's.
    return found if found is not None and _is_a(type(found), type) else None


# Functions and classes ---------------------------------------------------------------------------


def _signature(code: CodeType, function: Any, *, skip: int = 0) -> str:
    """The parameters of a function, by its code alone: annotations and defaults are values."""
    names = code.co_varnames
    count, keyword = code.co_argcount, code.co_kwonlyargcount
    defaults = function.__defaults__
    with_default = len(defaults) if type(defaults) is tuple else 0
    keyword_defaults = function.__kwdefaults__
    parameters = []
    for at in range(count):
        default = "=…" if at >= count - with_default else ""
        parameters.append(names[at] + default)
        if at + 1 == code.co_posonlyargcount:
            parameters.append("/")
    parameters = parameters[skip:]
    after = count + keyword
    if code.co_flags & _HAS_VARARGS:
        parameters.append(f"*{names[after]}")
        after += 1
    elif keyword:
        parameters.append("*")
    for at in range(count, count + keyword):
        has = type(keyword_defaults) is dict and names[at] in keyword_defaults
        parameters.append(names[at] + ("=…" if has else ""))
    if code.co_flags & _HAS_KEYWORDS:
        parameters.append(f"**{names[after]}")
    return f"({', '.join(parameters)})"


def _of_init(cls: Any) -> str:
    """How a class is called."""
    for base in _MRO(cls):
        init = _entry(_DICT(base), "__init__")
        if type(init) is FunctionType:
            return _signature(init.__code__, init, skip=1)
        if init is not None:
            return ""
    return ""


# Builtin types -----------------------------------------------------------------------------------


def _plain(value: Any) -> str:
    return _name_of(type(value))


def _of_text(value: Any) -> str:
    unit = "character" if type(value) is str else "byte"
    return f"{_name_of(type(value))}, {counted(len(value), unit)}"


def _of_many(value: Any) -> str:
    size = len(value)
    kinds = _kinds(islice(value, _LOOKED_AT))
    return f"{_name_of(type(value))} of {size:,}" + (f" {kinds}" if size else "")


def _of_dict(value: Any) -> str:
    # A dict can be changed by another thread while it is read.
    items = list(islice(value.copy().items(), _LOOKED_AT))
    kinds = f": {_kinds(k for k, _ in items)} → {_kinds(v for _, v in items)}" if items else ""
    return f"dict of {len(value):,}{kinds}"


def _of_range(value: Any) -> str:
    return f"range of {counted(len(value), 'number')}"


def _kinds(values: Iterable[Any]) -> str:
    names = list(dict.fromkeys(_name_of(type(value)) for value in values))
    more = "…" if len(names) > _MOST_KINDS else ""
    return "|".join([*names[:_MOST_KINDS], *([more] if more else [])])


_BUILTIN: Final[dict[type, Callable[[Any], str]]] = {
    **dict.fromkeys((int, float, bool, complex, type(None)), _plain),
    **dict.fromkeys((str, bytes, bytearray), _of_text),
    **dict.fromkeys((list, tuple, set, frozenset), _of_many),
    dict: _of_dict,
    range: _of_range,
}


# Arrays and frames -------------------------------------------------------------------------------


def _of_array(value: Any) -> str:
    array: Any = _class("numpy", "ndarray")
    shape = array.__dict__["shape"].__get__(value)
    return f"shape {shape}, {_dtype(array.__dict__['dtype'].__get__(value))}"


def _of_ndarray(value: Any) -> str:
    return f"ndarray, {_of_array(value)}"


def _of_frame(value: Any) -> str:
    rows, columns = value.shape
    lines = [f"DataFrame, {counted(rows, 'row')} \u00d7 {counted(columns, 'column')}"]
    labels = list(islice(value.columns, _MOST_COLUMNS))
    for at, label in enumerate(labels):
        column = value.iloc[:, at]
        lines.append(f"    {_label(label)}: {_dtype(column.dtype)}{_missing(column)}")
    if columns > len(labels):
        lines.append(f"    … {counted(columns - len(labels), 'more column')}")
    return "\n".join(lines)


def _of_series(value: Any) -> str:
    return f"Series, {counted(len(value), 'row')}, {_dtype(value.dtype)}{_missing(value)}"


def _label(label: Any) -> str:
    """A column's name; one that is no text may be anything."""
    if type(label) is str:
        short = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
        return short if short.isprintable() else repr(short)
    if type(label) in (int, bool, float):
        return repr(label)
    if type(label) is tuple:
        return f"({', '.join(map(_label, label))})"
    return f"<{_name_of(type(label))}>"


def _dtype(dtype: Any) -> str:
    """A data type's name; one of a library of the user's may compute it."""
    plain = _class("numpy", "dtype")
    if plain is not None and _is_a(type(dtype), plain):
        return str(dtype)
    for name in _PANDAS_DTYPES:
        if type(dtype) is _class("pandas", name):
            return "category" if name == "CategoricalDtype" else str(dtype)
    return _name_of(type(dtype))


def _missing(column: Any) -> str:
    """How many values are missing, where that can be told without asking them."""
    if len(column) > _MOST_ROWS:
        return ""
    dtype = column.dtype
    if _dtype(dtype) == "object":
        absent = (_entry_of("pandas", "NA"), _entry_of("pandas", "NaT"))
        count = sum(
            v is None or (type(v) is float and v != v) or any(v is one for one in absent)  # noqa: PLR0124
            for v in column.array
        )
    elif type(dtype) is _class("pandas", "IntervalDtype") or _dtype(dtype) == _name_of(type(dtype)):
        return ""
    else:
        count = int(column.isna().sum())
    return f", {count:,} missing" if count else ""


def _entry_of(library: str, name: str) -> Any:
    module = sys.modules.get(library)
    return _entry(_MODULE_DICT(module), name) if type(module) is ModuleType else None


_LIBRARIES: Final[dict[str, dict[str, Callable[[Any], str]]]] = {
    "numpy": {"ndarray": _of_ndarray},
    "pandas": {"DataFrame": _of_frame, "Series": _of_series},
}
_PANDAS_DTYPES: Final = (
    *("CategoricalDtype", "StringDtype", "BooleanDtype", "DatetimeTZDtype", "PeriodDtype"),
    *("Int8Dtype", "Int16Dtype", "Int32Dtype", "Int64Dtype", "Float32Dtype", "Float64Dtype"),
    *("UInt8Dtype", "UInt16Dtype", "UInt32Dtype", "UInt64Dtype"),
)


# Values ------------------------------------------------------------------------------------------


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    """A value, where it is asked for. This may run its own code."""
    try:
        text = show(value)
    except Exception:  # noqa: BLE001 - a value's own: what it is, it does not say
        return ""
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}…"
    return "\n" + indent(text.strip("\n"), "    ")


_HAS_VARARGS: Final = 0x04
_HAS_KEYWORDS: Final = 0x08
_LOOKED_AT: Final = 100
_MOST_KINDS: Final = 3
_MOST_COLUMNS: Final = 40
_MOST_ROWS: Final = 100_000
_LONGEST_LABEL: Final = 60
_LONGEST_VALUE: Final = 300
