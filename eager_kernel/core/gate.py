"""The gate decides when a chunk may run.

A verdict is a value, never an exception. The gate decides *when* code runs. It is no sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gating.definitions import is_definition, is_idle_definition
from eager_kernel.core.gating.ipython import judge_ipython
from eager_kernel.core.gating.paper import NameGate
from eager_kernel.core.gating.program import Program
from eager_kernel.core.gating.tables import table_for
from eager_kernel.core.gating.values import Hit
from eager_kernel.core.gating.word_search import words_of
from eager_kernel.core.rules import Category, Policy
from eager_kernel.core.text.positions import parse_at
from eager_kernel.core.text.quiet_parsing import parse_quietly

Action = Literal["run", "defer", "hold"]
Mode = Literal["effect", "journal", "wait", "static", "paper", "serial", "off"]

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
"""``effect`` holds what can't be held at the effect itself: clocks, threads, signals, writers
in native code. ``journal`` is another name of it; ``wait`` is the same here, but what the barrier
holds differs.
``static`` holds external effects and dynamic code too, for a kernel that does not hold them at the
effect. ``paper`` goes by names alone, as published. ``serial`` holds everything until the program
is known, which is the baseline to compare with; ``off`` nothing."""

BARRED: Final[tuple[Mode, ...]] = ("effect", "journal", "wait")
"""The modes in which effects are held at the effect itself."""

UNDONE: Final[tuple[Mode, ...]] = ("effect", "journal")
"""Those of them in which effects on files happen at once, and are undone if need be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided about a chunk.

    Parameters
    ----------
    action
        ``run``: as soon as the pump is free. ``defer``: together with the next chunk that
        runs. ``hold``: this chunk and all after it, once generation has ended.
    category
        Why, as a word that programs may test.
    reason
        Why, for a person; empty for ``run``.
    line
        1-based line of the program that decided.
    """

    action: Action
    category: Category
    reason: str
    line: int


Rule = Callable[[Chunk], Verdict | None]
"""A deployer's own rule; None: no opinion."""


class Gate:
    r"""Judges the chunks of one program, in its order.

    Parameters
    ----------
    mode
        One of `MODES`.
    policy
        What the deployer adds to the tables.
    rules
        The deployer's own rules, by name. The first that has an opinion on a chunk decides.
        They are asked in the modes ``effect``, ``static`` and ``paper``.

    Raises
    ------
    ValueError
        For a mode that does not exist.

    Examples
    --------
    >>> gate = Gate()
    >>> gate.judge(Chunk("import time as t\n", 0, 1, 1)).action
    'run'
    >>> gate.judge(Chunk("t.time()\n", 1, 2, 2)).reason
    "time.time reads a clock, which would show the model's pace"
    """

    def __init__(
        self,
        mode: Mode = "effect",
        policy: Policy = Policy(),  # noqa: B008
        rules: Mapping[str, Rule] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"gate mode must be one of {', '.join(MODES)}, not {mode!r}")
        self.mode: Mode = mode
        self._defer = policy.defer
        self._rules = dict(rules or {})
        self._policy = policy
        self._begin()

    def _begin(self) -> None:
        mode, policy = self.mode, self._policy
        self._names = NameGate(policy.modules) if mode == "paper" else None
        self._program: Program | None = None
        if mode in BARRED:
            self._program = Program(table_for("effect", policy), table_for("static", policy))
        elif mode == "static":
            self._program = Program(table_for("static", policy), table_for("static", policy))

    def cut_back(self, executed: Iterable[Chunk]) -> None:
        """Forget all of the program but its first chunks; what comes next follows these."""
        if self.mode in ("off", "serial"):
            return
        self._begin()
        for chunk in executed:
            self._judge(chunk)

    def judge(self, chunk: Chunk) -> Verdict:
        """Decide when `chunk` may run; it is the program's next one."""
        if self.mode == "off":
            return Verdict("run", "plain", "", chunk.first_line)
        if self.mode == "serial":
            reason = "the gate is in serial mode: nothing runs before generation has ended"
            return Verdict("hold", "plain", reason, chunk.first_line)
        verdict = self._judge(chunk)  # always, since it also learns the program's names
        for name, rule in self._rules.items():
            opinion = _ask(name, rule, chunk)
            if opinion is not None:
                return opinion
        return verdict

    def uses(self, chunk: Chunk) -> list[Hit]:
        """Every listed use of a program's next chunk; in place of `judge`.

        Only the modes ``effect``, ``journal``, ``wait`` and ``static`` know more than the first.
        """
        if self.mode in ("off", "serial"):
            return []
        text = _Text(chunk)
        hit = self._ipython(text, chunk)
        hits = [] if hit is None else [hit]
        try:
            words = self._program.look(text.source) if self._program is not None else None
            if self._program is not None and words is not None:
                hits += self._program.hits(words, text.source, text.parse, text.offset)
            elif self._program is None and (found := self._find_name(text)) is not None:
                hits.append(found)
        except RecursionError:
            why = "it is nested too deep to be judged"
            hits.append(Hit("dynamic", why, chunk.first_line, why))
        return hits

    def _ipython(self, text: _Text, chunk: Chunk) -> Hit | None:
        """Judge IPython's syntax, and take it out of the text."""
        if not chunk.ipython:
            return None
        mode = "effect" if self.mode in BARRED else self.mode
        hit, text.source = judge_ipython(chunk.source, chunk.first_line, mode)  # type: ignore[arg-type]
        return hit

    def _judge(self, chunk: Chunk) -> Verdict:
        if self._program is not None and not chunk.ipython:
            words = self._program.look(chunk.source)
            if words is None:  # the short way, for most of what is written
                return Verdict("run", "plain", "", chunk.first_line)
        text = _Text(chunk)
        hit = self._ipython(text, chunk)
        if chunk.ipython:
            words = self._program.look(text.source) if self._program is not None else None
        try:
            if self._program is None:
                found = self._find_name(text)
            elif words is not None:
                found = self._program.judge(words, text.source, text.parse, text.offset)
            else:
                found = None
        except RecursionError:
            why = "it is nested too deep to be judged"
            found = Hit("dynamic", why, chunk.first_line, why)
        hit = hit or found
        if hit is not None:
            line = min(max(hit.line, chunk.first_line), chunk.last_line)
            return Verdict("hold", hit.category, hit.reason, line)
        if self._defer and chunk.has_statement and self._is_idle(text):
            reason = "a definition: runs with the next statement"
            return Verdict("defer", "low-yield", reason, chunk.first_line)
        return Verdict("run", "plain", "", chunk.first_line)

    def _find_name(self, text: _Text) -> Hit | None:
        if self._names is None or self._names.watched.isdisjoint(words_of(text.source)):
            return None
        tree = text.parse()
        return self._names.find(tree, text.offset) if tree is not None else None

    def _is_idle(self, text: _Text) -> bool:
        # The published gate defers every definition, with whatever decorators and defaults.
        is_idle = is_definition if self.mode == "paper" else is_idle_definition
        return is_idle(text.source, text.parse)


class _Text:
    """The text of a chunk, parsed at most once."""

    def __init__(self, chunk: Chunk) -> None:
        self.source = chunk.source
        # After a ";" a line comes first that the parser's positions may need.
        self._line = 2 if chunk.column else 1
        self._column = chunk.column
        self.offset = chunk.first_line - self._line
        self._tree: ast.Module | None = None
        self._tried = False

    def parse(self) -> ast.Module | None:
        """The statements; None where the text is no Python."""
        if not self._tried:
            self._tried = True
            try:
                self._tree = parse_at(
                    self.source, line=self._line, column=self._column, parse=parse_quietly
                )
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
                # Whoever runs it shows the error; nothing of it runs.
                self._tree = None
        return self._tree


def _ask(name: str, rule: Rule, chunk: Chunk) -> Verdict | None:
    """The opinion of a deployer's rule. One that fails holds: it may have meant to."""
    try:
        opinion: object = rule(chunk)
    except Exception as error:  # noqa: BLE001
        wrong = f"raised {type(error).__name__}: {_one_line(error)}"
    else:
        if opinion is None:
            return None
        if _is_verdict(opinion):
            assert isinstance(opinion, Verdict)
            line = min(max(opinion.line, chunk.first_line), chunk.last_line)
            reason = opinion.reason or f"the gate's rule {name!r} says so"
            return replace(opinion, line=line, reason="" if opinion.action == "run" else reason)
        wrong = f"returned {type(opinion).__name__}, which is no verdict or None"
    return Verdict("hold", "dynamic", f"the gate's rule {name!r} {wrong}", chunk.first_line)


def _is_verdict(opinion: object) -> bool:
    return (
        isinstance(opinion, Verdict)
        and opinion.action in get_args(Action)
        and opinion.category in get_args(Category)
        and isinstance(opinion.reason, str)
        and isinstance(opinion.line, int)
    )


def _one_line(error: Exception) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001
        return "?"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_SHOWN: Final = 120
