"""The journal's bookkeeping, on a file system that is only thought of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.effects.undo import (
    ABSENT,
    JOURNALLED,
    TRANSITIONS,
    Attributes,
    Entry,
    Identity,
    Kind,
    Record,
    Verb,
    followed,
    new_in,
    paths_in,
    places_of,
    restored_by_itself,
    steps,
    wanted,
)


@dataclass
class Node:
    """A file, a folder or a link."""

    number: int
    kind: Kind
    contents: str = ""
    mode: int = 0o644


@dataclass
class Disk:
    """Names of one folder, and a journal of what is done to them."""

    names: dict[str, Node] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    kept: dict[str, Node | str] = field(default_factory=dict)
    born: dict[Identity, Identity] = field(default_factory=dict)

    def add(self, path: str, kind: Kind) -> None:
        """Add something, with the first number that is free, as file systems give them."""
        kept = (node for node in self.kept.values() if isinstance(node, Node))
        used = {node.number for node in (*self.names.values(), *kept)}
        number = next(number for number in count(1) if number not in used)
        self.names[path] = Node(number, kind)

    def look(self, path: str) -> Entry:
        node = self.names.get(path)
        if node is None:
            return ABSENT
        attributes = Attributes(node.mode, 0, 0)
        target = node.contents if node.kind == "link" else ""
        return Entry(node.kind, (1, node.number), 0, 1, attributes, target)

    def do(self, verb: Verb, path: str, other: str, text: str, *, fails: bool) -> None:
        """Record an effect, and have it happen, if it does."""
        if verb == "rename":
            wants = wanted(verb, path, self.look(path), other, self.look(other))
        else:
            wants = wanted(verb, path, self.look(path))
        if wants is None:
            return  # it waits
        for want in wants:
            name = f"kept {len(self.kept)}" if want.keep else ""
            node = self.names.get(want.record.path)
            if want.keep and node is not None:
                self.kept[name] = node if want.keep == "name" else node.contents
            self.records.append(replace(want.record, kept=name))
        if not fails:
            self.happen(verb, path, other, text)

    def happen(self, verb: Verb, path: str, other: str, text: str) -> None:
        node = self.names.get(path)
        match verb:
            case "write":
                if node is None:
                    self.add(path, "file")
                    node = self.names[path]
                if node.kind == "file":
                    node.contents += text
            case "make":
                if node is None:
                    self.add(path, "folder" if text else "link")
                    self.names[path].contents = text
            case "remove":
                self.names.pop(path, None)
            case "rename":
                if node is not None and self.names.get(other) is not node:
                    self.names[other] = self.names.pop(path)
            case "change":
                if node is not None:
                    node.mode = 0o600

    def undo(self) -> None:
        for record in reversed(self.records):
            for step in steps(record, self.look, self.born):
                was = record.was
                match step.do:
                    case "unlink" | "remove folder":
                        del self.names[step.path]
                    case "move":
                        self.names[step.path] = self.names.pop(record.other)
                    case "put back":
                        node = self.kept[record.kept]
                        assert isinstance(node, Node)
                        self.names[step.path] = node
                    case "make folder" | "make link":
                        self.add(step.path, was.kind)
                        self.names[step.path].contents = was.target
                        now = self.look(step.path).identity
                        assert was.identity is not None
                        assert now is not None
                        self.born[was.identity] = now
                    case "contents":
                        contents = self.kept[record.kept]
                        assert isinstance(contents, str)
                        self.names[step.path].contents = contents
                if was.attributes is not None and step.path in self.names:
                    self.names[step.path].mode = was.attributes.mode

    def state(self) -> dict[str, tuple[str, str, int]]:
        return {path: (n.kind, n.contents, n.mode) for path, n in self.names.items()}


NAMES = "abcde"
EFFECTS = st.tuples(
    st.sampled_from(("write", "make", "remove", "rename", "change")),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(("", "x")),
    st.booleans(),
)
KINDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("file", "folder", "link")))


@given(KINDS, st.lists(EFFECTS, max_size=20))
def test_all_is_as_it_was(kinds, effects) -> None:
    disk = Disk()
    for path, kind in kinds.items():
        disk.add(path, kind)
    before = disk.state()
    for verb, path, other, text, fails in effects:
        disk.do(verb, path, other, text, fails=fails)
    disk.undo()
    assert disk.state() == before


def test_folders_that_have_changed_numbers_are_told_apart() -> None:
    """Two were removed and made anew, and each has got the number that the other one had."""
    born = {(1, 1): (1, 2), (1, 2): (1, 1)}
    record = Record("renamed", "d", Entry("folder", (1, 1)), other="e")
    now = {"e": Entry("folder", (1, 2))}
    (step,) = steps(record, lambda path: now.get(path, ABSENT), born)
    assert (step.do, step.path) == ("move", "d")


def test_what_was_put_back_twice_is_followed() -> None:
    first = {(1, 1): (1, 5), (1, 2): (1, 6)}
    later = {(1, 5): (1, 7), (1, 1): (1, 8), (1, 3): (1, 9)}
    # The first number was given to another file by then.
    assert followed(first, later) == {
        (1, 1): (1, 7),
        (1, 2): (1, 6),
        (1, 3): (1, 9),
        (1, 5): (1, 7),
    }


@given(KINDS, st.lists(EFFECTS, max_size=20))
def test_nothing_is_there_where_nothing_was(kinds, effects) -> None:
    disk = Disk()
    for path, kind in kinds.items():
        disk.add(path, kind)
    before = set(disk.names)
    for verb, path, other, text, fails in effects:
        disk.do(verb, path, other, text, fails=fails)
    assert {record.path for record in new_in(disk.records)}.isdisjoint(before)
    assert set(disk.names) - before <= set(paths_in(disk.records))


def test_what_is_no_file_waits() -> None:
    pipe = Entry("other", (1, 1))
    assert wanted("write", "p", pipe) is None
    assert wanted("remove", "p", pipe) is None
    assert wanted("rename", "f", Entry("file", (1, 2)), "p", pipe) is None
    assert wanted("write", "d", Entry("folder", (1, 3))) is None


def test_two_names_of_one_file_change_nothing() -> None:
    file = Entry("file", (1, 1))
    assert wanted("rename", "a", file, "b", file) == []


def test_each_event_tells_its_places() -> None:
    arguments = ("a", "b", 3, 4)
    for event in JOURNALLED:
        places, _ = places_of(event, arguments)
        assert len(places) == (2 if event == "os.rename" else 1)
    assert places_of("os.rename", ("a", "b", -1, 7)) == ([("a", None), ("b", 7)], True)
    assert places_of("os.remove", ("a", 7)) == ([("a", 7)], True)


def test_only_what_is_not_known_is_restored_by_itself() -> None:
    assert [state for state in TRANSITIONS if restored_by_itself(state)] == ["open"]
