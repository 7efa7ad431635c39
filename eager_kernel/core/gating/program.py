"""What the gate remembers of a program, and looks at again when it matters."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from eager_kernel.core.gating.checks import SQL_WORDS, begins_sql
from eager_kernel.core.gating.definitions import defined_name
from eager_kernel.core.gating.follow import Follower
from eager_kernel.core.gating.tables import DEFINING
from eager_kernel.core.gating.values import Hit
from eager_kernel.core.gating.words import only_before_dots, words_of
from eager_kernel.core.rules import Table

Parse = Callable[[], ast.Module | None]


@dataclass(eq=False, slots=True)
class _Unread:
    """A text with definitions that held nothing suspicious when it came."""

    words: list[str]
    source: str
    parse: Parse
    offset: int


class Program:
    """Judges a program's statements by what they use.

    Most are cleared by their words alone. What is parsed is what has a suspicious word: one of
    the table's, or a name of the program that something suspicious was bound to.

    Parameters
    ----------
    table
        What is looked for.
    finalizers
        What is looked for in ``__del__``, which may run at any moment after the definition.
    """

    def __init__(self, table: Table, finalizers: Table) -> None:
        self._follower = Follower(table, finalizers)
        # A function may call one that is defined later, and only then turns out suspicious.
        self._unread: list[_Unread] = []
        self._unread_words: set[str] = set()
        self._indexed = 0  # how many of them are in what follows
        self._index: dict[str, list[_Unread]] = {}
        self._latest: dict[str, _Unread] = {}

    def look(self, source: str) -> list[str] | None:
        """The words of a text that has to be judged; None if it may run and be forgotten."""
        words = words_of(source)
        if self._follower.watched.isdisjoint(words):
            return None
        if DEFINING.isdisjoint(words) and not self._is_suspicious(words, source):
            return None
        return words

    def judge(self, words: list[str], source: str, parse: Parse, offset: int) -> Hit | None:
        """The first listed use that happens when these statements run.

        Parameters
        ----------
        words
            What `look` gave for the text.
        source
            The text.
        parse
            Gives the statements, or None.
        offset
            What is added to their line numbers.
        """
        unread = _Unread(words, source, parse, offset)
        self._follower.allowance += 20 * len(words)
        if not self._is_suspicious(words, source):
            self._remember(unread)
            return None
        tree = parse()
        if tree is None:
            return None
        hits = self._follower.follow(tree, offset)
        self._forget_harmless(unread)
        while self._follower.fresh:
            self._reread(self._follower.fresh.pop())
        # In an expression, what stands on the right may have been met first.
        return min(hits, key=lambda hit: hit.line, default=None)

    def _is_suspicious(self, words: Sequence[str], source: str) -> bool:
        found = self._follower.watched.intersection(words) - DEFINING
        if not found.isdisjoint(SQL_WORDS) and not begins_sql(source):
            found -= SQL_WORDS  # as in `df.copy()`
        return bool(found) and (
            not found <= self._follower.quiet
            or "import" in words
            or not only_before_dots(found, source)
        )

    def _forget_harmless(self, unread: _Unread) -> None:
        """Stop watching definitions that come to nothing, as long as nothing changes."""
        follower = self._follower
        for name in follower.defined:
            if follower.is_harmless(follower.module.names.get(name)):
                follower.bind(name, None, follower.module)
                follower.fresh = [other for other in follower.fresh if other != name]
                self._remember(unread)

    def _remember(self, unread: _Unread) -> None:
        self._unread.append(unread)
        self._unread_words.update(unread.words)

    def _reread(self, name: str) -> None:
        """Take in the definitions that mention a name which has become suspicious."""
        if name not in self._unread_words:
            return
        for unread in self._unread[self._indexed :]:
            for word in set(unread.words):
                self._index.setdefault(word, []).append(unread)
            defined = defined_name(unread.source)
            if defined is not None:
                self._latest[defined] = unread
        self._indexed = len(self._unread)
        for unread in self._index.pop(name, ()):
            tree = unread.parse()
            if tree is not None:
                skip = partial(self._is_rebound, unread)
                self._follower.define(tree, unread.offset, skip)

    def _is_rebound(self, unread: _Unread, name: str) -> bool:
        bound = self._follower.module.names.get(name) is not None
        return bound or self._latest.get(name, unread) is not unread
