"""Tools that are described by a JSON schema, as a program in the kernel sees and calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


def described(name: str, schema: Mapping[str, Any], said: str = "") -> str:
    """Write a tool as the head of a function, with its docstring, for the model.

    Parameters
    ----------
    name
        What programs call.
    schema
        Of an object: the tool's arguments.
    said
        What the tool says of itself.
    """
    required = schema.get("required", ())
    properties: Mapping[str, Any] = schema.get("properties", {})
    parameters = ", ".join(
        f"{each}: {_type(of)}" + ("" if each in required else f" = {of.get('default')!r}")
        for each, of in properties.items()
    )
    notes = [
        f"{each}: {of['description']}" for each, of in properties.items() if "description" in of
    ]
    return with_docstring(f"def {name}({parameters}):", "\n".join([said.strip(), *notes]).strip())


def with_docstring(head: str, said: str) -> str:
    """Write the head of a function with a docstring; an empty one is none."""
    return head + '\n    """' + said.replace("\n", "\n    ") + '"""' if said else head


def named(
    name: str, schema: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Give each argument of a call its name.

    Raises
    ------
    TypeError
        The tool takes no such arguments, as of a function.
    """
    properties = list(schema.get("properties", {}))
    if len(args) > len(properties):
        raise TypeError(f"{name}() takes {len(properties)} arguments, but {len(args)} were given")
    given = dict(zip(properties, args, strict=False))
    for each in kwargs:
        if each in given:
            raise TypeError(f"{name}() got multiple values for argument {each!r}")
        if each not in properties:
            raise TypeError(f"{name}() got an unexpected argument {each!r}")
    return {**given, **kwargs}


def _type(of: Mapping[str, Any]) -> str:
    """Name a type of JSON as Python does; ``Any`` where it is none of these alone."""
    kinds = [each.get("type") for each in of.get("anyOf", [of])]
    found = [_TYPES.get(kind, "Any") if isinstance(kind, str) else "Any" for kind in kinds]
    return "Any" if "Any" in found else " | ".join(found)


_TYPES: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "None",
}
