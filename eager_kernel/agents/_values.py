"""Values as text, which may come from a program that a model wrote: read without running any of it.

JSON, with an object ``{"__type__": ...}`` for what JSON lacks. Used on both sides, so it imports
the standard library alone.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final


def dumps(value: Any) -> str:
    """Write a value; what can't be, as the text that `print` would show of it."""
    return json.dumps(_plain(value))


def loads(text: str) -> Any:
    """Read a value that `dumps` wrote.

    Raises
    ------
    ValueError
        It did not write this.
    """
    return _value(json.loads(text))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return _simple(value)
    if type(value) in (list, tuple, set, frozenset):
        items = [_plain(item) for item in value]
        return items if type(value) is list else _marked(type(value).__name__, items)
    if isinstance(value, dict):
        if all(type(key) is str for key in value) and "__type__" not in value:
            return {key: _plain(item) for key, item in value.items()}
        return _marked("dict", [[_plain(key), _plain(item)] for key, item in value.items()])
    if type(value) in _FROM_TEXT and type(value) is not timedelta:
        text = value.isoformat() if hasattr(value, "isoformat") else str(value)
        return _marked(type(value).__name__, text)
    if type(value) is timedelta:
        return _marked("timedelta", value.total_seconds())
    if isinstance(value, bytes | bytearray):
        return _marked("bytes", base64.b64encode(value).decode())
    return _of_libraries(value)


def _simple(value: Any) -> Any:
    """Give a value of a subclass, such as an enumeration's, as its own kind."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value) if type(value) is not kind else value
    return None


def _of_libraries(value: Any) -> Any:
    """Write values of NumPy and pictures of Pillow, where a program has imported these."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist())
    if module == "PIL" and hasattr(value, "save"):
        file = io.BytesIO()
        value.save(file, format="PNG")
        return _marked("image", base64.b64encode(file.getvalue()).decode())
    return str(value)


def _marked(name: str, data: Any) -> dict[str, Any]:
    return {"__type__": name, "data": data}


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "__type__" not in plain:
        return {key: _value(item) for key, item in plain.items()}
    read = _READERS.get(plain["__type__"])
    if read is None:
        raise ValueError(f"a value of the unknown type {plain['__type__']!r}")
    return read(plain.get("data"))


def _image(text: str) -> Any:
    import PIL.Image  # noqa: PLC0415 - only where a picture came

    image = PIL.Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"])
    image.load()
    return image


_FROM_TEXT: Final = (date, datetime, time, timedelta, Decimal)
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "tuple": lambda items: tuple(map(_value, items)),
    "set": lambda items: set(map(_value, items)),
    "frozenset": lambda items: frozenset(map(_value, items)),
    "dict": lambda items: {_value(key): _value(item) for key, item in items},
    "bytes": base64.b64decode,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda seconds: timedelta(seconds=seconds),
    "Decimal": Decimal,
    "image": _image,
}
