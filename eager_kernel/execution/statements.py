"""The statements of a cell that runs while its text is still arriving, and its last value.

Whether an expression is the last of the program, whose value a cell displays, is known only at the
end. So it is evaluated when it is ready, and its value is kept.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final

from eager_kernel.execution.failure import ShellErrors


class Statements:
    """Runs statements one by one, through the shell's own `run_ast_nodes`.

    Parameters
    ----------
    shell
        The IPython shell.
    filename
        What the program's code calls its file.
    result
        Of the cell; the shell enters errors there.
    errors
        Notes what the shell would show of them.
    interactivity
        The shell's ``ast_node_interactivity``.
    """

    def __init__(
        self, shell: Any, filename: str, result: Any, errors: ShellErrors, interactivity: str
    ) -> None:
        self._shell = shell
        self._filename = filename
        self._result = result
        self._errors = errors
        self._interactivity = interactivity
        self._kept: _Kept | None = None
        self.on_await: Callable[[], None] = lambda: None
        """Called when a statement uses top-level `await`."""

    async def run(self, node: ast.stmt) -> bool:
        """Run the next statement. Returns True when it, or what was kept before it, failed."""
        return await self._settle() or await self._run(node)

    async def show_last(self) -> bool:
        """What was kept is the last statement: display it as the shell does."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        if kept.delayed:
            return await self._execute(kept.node, "last")
        assert isinstance(kept.node, ast.Expr)
        marker = ast.copy_location(ast.Constant(_VALUE), kept.node.value)
        shown = ast.copy_location(ast.Expr(marker), kept.node)
        return await self._execute(shown, "last", value=kept.value)

    def forget(self) -> None:
        """Let go of what was kept: nothing of it is shown."""
        self._kept = None

    async def _run(self, node: ast.stmt) -> bool:
        interactivity = self._interactivity
        if interactivity == "last":
            self._kept = _Kept(node, delayed=True)
            return False
        if interactivity != "none" and isinstance(node, ast.Expr):
            # It may be the last one, whose value is shown. A constant has no effect, but if
            # it is a string in the middle, running it sets __doc__: so it waits.
            if isinstance(node.value, ast.Constant):
                self._kept = _Kept(node, delayed=True)
                return False
            return await self._evaluate(node)
        if await self._execute(node):
            return True
        if interactivity == "last_expr_or_assign" and (name := _assigned_name(node)):
            self._kept = _Kept(_load(name), delayed=True, only_if_last=True)
        return False

    async def _evaluate(self, node: ast.Expr) -> bool:
        """Evaluate an expression statement and keep its value."""
        keep = ast.copy_location(ast.Assign([ast.Name(_VALUE, ast.Store())], node.value), node)
        keep.targets[0] = ast.copy_location(keep.targets[0], node.value)
        namespace = self._shell.user_ns
        try:
            failed = await self._execute(keep)
        finally:
            value = namespace.pop(_VALUE, None)
        if not failed and value is not None:
            self._kept = _Kept(node, value)
        return failed

    async def _settle(self) -> bool:
        """What was kept is not the last statement: let go of it."""
        kept, self._kept = self._kept, None
        if kept is None or kept.only_if_last:
            return False
        if kept.delayed:
            return await self._execute(kept.node)
        # The value dies in a frame of the program, at its statement, as it would have done.
        self._shell.user_ns[_VALUE] = kept.value
        forget = ast.copy_location(ast.Delete([ast.Name(_VALUE, ast.Del())]), kept.node)
        ast.copy_location(forget.targets[0], kept.node)
        del kept.value
        return await self._execute(forget)

    async def _execute(
        self, node: ast.stmt, interactivity: str = "none", *, value: object = None
    ) -> bool:
        """Compile and run a statement as the shell does. Returns True when it failed.

        Parameters
        ----------
        node
            The statement.
        interactivity
            ``"last"`` to have what it displays shown.
        value
            What stands in the place of the constant `_VALUE`.
        """
        compiler = _Compiler(self._shell.compile, value)
        try:
            with self._errors.of_statement():
                failed = await self._shell.run_ast_nodes(
                    [node], self._filename, interactivity, compiler=compiler, result=self._result
                )
        finally:
            if compiler.is_async:
                self.on_await()
        return bool(failed)


class _Compiler:
    """The shell's compiler, for one statement.

    Parameters
    ----------
    compiler
        The shell's compiler.
    value
        What takes the place of the constant `_VALUE`.
    """

    def __init__(self, compiler: Any, value: object) -> None:
        self._compiler = compiler
        self._value = value
        self.extra_flags = compiler.extra_flags
        self.is_async = False

    def __call__(self, *arguments: Any) -> CodeType:
        code: CodeType = self._compiler(*arguments)
        self.is_async = bool(code.co_flags & inspect.CO_COROUTINE)
        if self._value is None:
            return code
        value = self._value
        return code.replace(co_consts=tuple(value if c == _VALUE else c for c in code.co_consts))


@dataclass(slots=True)
class _Kept:
    """A statement of which it is not known yet whether it is the last."""

    node: ast.stmt
    value: object = None
    delayed: bool = False
    """It has not run yet."""
    only_if_last: bool = False
    """It is no statement of the program: it is there to be shown, or not at all."""


def _assigned_name(node: ast.stmt) -> str | None:
    """The name that `last_expr_or_assign` shows after `node`."""
    target: ast.expr | None = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        target = node.target
    return target.id if isinstance(target, ast.Name) else None


def _load(name: str) -> ast.Expr:
    node = ast.Expr(ast.Name(name, ast.Load()))
    ast.fix_missing_locations(node)
    return node


# No program can use this name, or write this constant by accident.
_VALUE: Final = "\0eager value\0"
