"""Looking through what a library has been given asks no object anything."""

from __future__ import annotations

import sys
import weakref
from types import FunctionType, MemberDescriptorType
from typing import Any

import pytest

from eager_kernel.execution.callers import hands_on_code
from eager_kernel.execution.leftovers import _is_of_library

NAMESPACE: dict[str, Any] = {"__name__": "__main__"}


def dead_proxy() -> object:
    return weakref.proxy(set())


class Lazy:
    """Does its work when it is asked for its class, as proxies of libraries do."""

    @property
    def __class__(self) -> Any:
        raise LookupError("asked")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


class Meta(type):
    """Has classes that say nothing."""

    def __getattribute__(cls, name: str) -> Any:
        raise LookupError("asked")


def dead_callable_proxy() -> object:
    return weakref.proxy(lambda: None)


VALUES = {
    "dead proxy": dead_proxy,
    "dead proxy of a function": dead_callable_proxy,
    "lazy object": Lazy,
    "class of a silent metaclass": lambda: Meta("C", (), {}),
}


@pytest.mark.parametrize("name", VALUES)
def test_it_asks_nothing(name: str) -> None:
    value = VALUES[name]()
    assert not given([value])
    assert given([value, type("C", (), {"__module__": "__main__"})])


@pytest.mark.parametrize("name", ["dead proxy", "dead proxy of a function", "lazy object"])
def test_what_is_left_in_hooks_is_asked_nothing(name: str) -> None:
    assert isinstance(_is_of_library(VALUES[name]()), bool)


def test_a_class_that_hides_its_module_is_the_users() -> None:
    assert given(type("C", (), {"__module__": property()}))


def test_a_class_in_c_whose_objects_have_modules_of_their_own_is_a_librarys() -> None:
    assert type(vars(Compiled)["__module__"]) is MemberDescriptorType
    assert not given([Compiled()])


class Slotted:
    """Has what the module of an object in C may lie in."""

    __slots__ = ("module",)


Compiled = type("Compiled", (), {"__module__": vars(Slotted)["module"]})


def test_what_the_barrier_holds_is_not_looked_at() -> None:
    def look(namespace: dict[str, Any]) -> bool:
        mine = type("C", (), {"__module__": "__main__"})
        return mine is not None and hands_on_code(sys._getframe(), namespace)

    inner: dict[str, Any] = {"__name__": "eager_kernel.execution.hook"}
    hook = FunctionType(look.__code__, inner | {"hands_on_code": hands_on_code, "sys": sys})
    namespace: dict[str, Any] = {"__name__": "__main__", "hook": hook}
    exec("found = hook(globals())", namespace)
    assert namespace["found"] is False


def given(value: object) -> bool:
    """Whether a function that has been given `value` has code of the user's."""
    namespace: dict[str, Any] = {"__name__": "__main__", "hands_on_code": hands_on_code}
    library = {"__name__": "library", "hands_on_code": hands_on_code, "sys": sys}
    text = "def work(value, namespace):\n    return hands_on_code(sys._getframe(), namespace)\n"
    exec(compile(text, sys.modules["weakref"].__file__ or "", "exec"), library)
    namespace["work"], namespace["value"] = library["work"], value
    exec("found = work(value, globals())", namespace)
    return bool(namespace["found"])
