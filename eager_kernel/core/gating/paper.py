"""The gate as published: names alone decide, wherever they occur in a chunk."""

from __future__ import annotations

import ast
from typing import Final

from eager_kernel.core.gating.values import Hit
from eager_kernel.core.rules import Category

LISTED: Final[dict[str, tuple[Category, str]]] = {
    **dict.fromkeys(
        ("os", "subprocess", "shutil", "socket", "multiprocessing"),
        ("external-effect", "is a module with external effects"),
    ),
    **dict.fromkeys(
        ("time", "signal", "threading"), ("timing", "is a module that depends on time")
    ),
    **dict.fromkeys(
        ("eval", "exec", "compile", "__import__"), ("dynamic", "runs code that the gate can't see")
    ),
}


class NameGate:
    """Holds a chunk that imports or names something listed.

    Parameters
    ----------
    modules
        Further modules with external effects.
    """

    def __init__(self, modules: frozenset[str]) -> None:
        why: tuple[Category, str] = ("external-effect", "is listed by this installation")
        self._listed = LISTED | dict.fromkeys(modules, why)
        self.watched = frozenset(name.partition(".")[0] for name in self._listed)

    def find(self, tree: ast.Module, offset: int) -> Hit | None:
        """The first listed name in `tree`, to whose line numbers `offset` is added."""
        found: list[tuple[int, str]] = []
        for node in ast.walk(tree):
            match node:
                case ast.Name():
                    found += self._match(node.id, node.lineno)
                case ast.Import():
                    for alias in node.names:
                        found += self._match(alias.name, node.lineno)
                case ast.ImportFrom(module=str(module), level=0):
                    for alias in node.names:
                        found += self._match(f"{module}.{alias.name}", node.lineno)
                case ast.Attribute():
                    found += self._match(_dotted(node), node.lineno)
        if not found:
            return None
        line, name = min(found)
        category, why = self._listed[name]
        use = f"{name} {why}"
        return Hit(category, use, line + offset, use)

    def _match(self, dotted: str, line: int) -> list[tuple[int, str]]:
        while dotted:
            if dotted in self._listed:
                return [(line, dotted)]
            dotted = dotted.rpartition(".")[0]
        return []


def _dotted(node: ast.expr) -> str:
    """The name of a short chain of attributes, "" for anything else."""
    parts = []
    for _ in range(4):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((node.id, *reversed(parts)))
