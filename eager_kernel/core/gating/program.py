"""What the gate remembers of a program, and looks at again when it matters."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from eager_kernel.core.gating.argument_checks import SQL_WORDS, begins_sql, name_items
from eager_kernel.core.gating.definitions import defined_name, sole_definition
from eager_kernel.core.gating.follow import Follower
from eager_kernel.core.gating.tables import DEFINING
from eager_kernel.core.gating.values import Hit
from eager_kernel.core.gating.word_search import only_before_dots, words_of
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
        # What does no more than run text that it is given comes to nothing as long as no text has
        # been met that has something listed in it. Until then it is put off, with whatever
        # definition mentions it, and statements that do and bind nothing.
        self._put_off: dict[str, _Unread] = {}
        self._statements_put_off: list[_Unread] = []

    def look(self, source: str) -> list[str] | None:
        """The words of a text that has to be judged; None if it may run and be forgotten."""
        words = words_of(source)
        if self._put_off and self._mentions_put_off(words):
            return words
        if self._follower.watched.isdisjoint(words):
            return None
        if DEFINING.isdisjoint(words) and not self._is_suspicious(words, source):
            return None
        return words

    def judge(self, words: list[str], source: str, parse: Parse, offset: int) -> Hit | None:
        """The first of the listed uses that `hits` finds."""
        # In an expression, what stands on the right may have been met first.
        hits = self.hits(words, source, parse, offset)
        return min(hits, key=lambda hit: hit.line, default=None)

    def hits(self, words: list[str], source: str, parse: Parse, offset: int) -> list[Hit]:
        """The listed uses that happen when these statements run.

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
        mentions = self._mentions_put_off(words)
        alone = sole_definition(source)
        if not self._is_suspicious(words, source):
            if not mentions or alone:
                self._remember(unread)
            if not mentions:
                return []
            if alone:
                self._put_off_too(alone, unread)
                return []
            if self._binds_nothing(unread):
                self._statements_put_off.append(unread)
                return []
        tree = parse()
        if tree is None:
            return []
        if mentions and not alone:
            self._take_up(self._put_off.keys() & set(words))
        hits = self._follower.follow(tree, offset)
        if self._take_up_all():
            hits += self._follower.follow(tree, offset)
        self._forget_harmless(unread, mentions)
        self._reread()
        if self._take_up_all():
            self._reread()
        return hits

    def _is_suspicious(self, words: Sequence[str], source: str) -> bool:
        found = self._follower.watched.intersection(words) - DEFINING
        if not found.isdisjoint(SQL_WORDS) and not begins_sql(source):
            found -= SQL_WORDS  # as in `df.copy()`
        return bool(found) and (
            not found <= self._follower.quiet
            or "import" in words
            or not only_before_dots(found, source)
        )

    def _forget_harmless(self, unread: _Unread, mentions: bool) -> None:
        """Stop watching definitions that come to nothing, as long as nothing changes."""
        follower = self._follower
        for name in follower.defined:
            if not follower.is_harmless(follower.module.names.get(name)):
                continue
            runs_text = mentions or follower.runs_any_text
            if runs_text and (follower.met_code or sole_definition(unread.source) is None):
                continue
            follower.bind(name, None, follower.module)
            self._is_known(name)
            self._remember(unread)
            if runs_text:
                self._put_off_too(name, unread)

    def _remember(self, unread: _Unread) -> None:
        self._unread.append(unread)
        self._unread_words.update(unread.words)

    def _is_known(self, name: str) -> None:
        """Have nothing read again because of what a name is."""
        self._follower.fresh = [other for other in self._follower.fresh if other != name]

    def _reread(self) -> None:
        """Take in the definitions that mention names which have become suspicious."""
        while self._follower.fresh:
            name = self._follower.fresh.pop()
            if name in self._unread_words:
                self._update_index()
                for unread in self._index.pop(name, ()):
                    self._define(unread)

    def _update_index(self) -> None:
        for unread in self._unread[self._indexed :]:
            for word in set(unread.words):
                self._index.setdefault(word, []).append(unread)
            defined = defined_name(unread.source)
            if defined is not None:
                self._latest[defined] = unread
        self._indexed = len(self._unread)

    def _define(self, unread: _Unread) -> None:
        tree = unread.parse()
        if tree is not None:
            self._follower.define(tree, unread.offset, partial(self._is_rebound, unread))

    # What is put off ------------------------------------------------------------------------

    def _mentions_put_off(self, words: Sequence[str]) -> bool:
        return not self._put_off.keys().isdisjoint(words)

    def _binds_nothing(self, unread: _Unread) -> bool:
        if _ASSIGNS.search(unread.source) or not _BINDING.isdisjoint(unread.words):
            return False
        return not any("global" in other.words for other in self._put_off.values())

    def _put_off_too(self, name: str, unread: _Unread) -> None:
        """Put off a definition, and those before it that mention it."""
        todo = [(name, unread)]
        while todo:
            name, unread = todo.pop()
            self._put_off[name] = unread
            if name not in self._unread_words:
                continue
            self._update_index()
            for other in self._index.get(name, ()):
                alone = sole_definition(other.source)
                if alone is None:
                    self._define(other)
                elif alone not in self._put_off and not self._is_rebound(other, alone):
                    todo.append((alone, other))

    def _take_up(self, names: Iterable[str]) -> None:
        """Read what was put off, since a statement mentions it."""
        todo = list(names)
        found: dict[str, _Unread] = {}
        while todo:
            name = todo.pop()
            unread = self._put_off.pop(name, None)
            if unread is not None:
                found[name] = unread
                todo += self._put_off.keys() & set(unread.words)
        self._update_index()
        for name, unread in sorted(found.items(), key=lambda item: item[1].offset):
            self._define(unread)
            self._is_known(name)  # whatever mentions it is put off

    def _take_up_all(self) -> bool:
        """Read all that was put off, once there is text that makes it matter; whether any was."""
        if not self._follower.met_code or not (self._put_off or self._statements_put_off):
            return False
        found, self._put_off = self._put_off, {}
        self._update_index()
        for unread in sorted(found.values(), key=lambda unread: unread.offset):
            self._define(unread)
        self._reread()
        for unread in self._statements_put_off:
            tree = unread.parse()
            if tree is not None:
                self._follower.follow(tree, unread.offset)  # for what it leaves: it has run
        self._statements_put_off = []
        return True

    def _is_rebound(self, unread: _Unread, name: str) -> bool:
        bound = self._follower.module.names.get(name) is not None
        return bound or self._latest.get(name, unread) is not unread


_ASSIGNS = re.compile(r"(?<![=!<>])=(?!=)")
_BINDING = frozenset(name_items("as class def del for import match"))
