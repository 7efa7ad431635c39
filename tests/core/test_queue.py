"""The queue: the order of the program, nothing twice, nothing lost, nothing too early."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Action, Verdict
from eager_kernel.core.queue import Pending, PendingQueue


def pending(index: int, action: Action = "run") -> Pending:
    chunk = Chunk(f"x{index}\n", index, index + 1, index + 1)
    return Pending(chunk, Verdict(action, "plain", "", index + 1))


def indexes(batch: list[Pending]) -> list[int]:
    return [item.chunk.index for item in batch]


def filled(*actions: Action) -> PendingQueue:
    queue = PendingQueue()
    for index, action in enumerate(actions):
        queue.put(pending(index, action))
    return queue


def test_everything_that_may_run_is_one_batch() -> None:
    queue = filled("run", "run", "run")
    assert indexes(queue.take()) == [0, 1, 2]
    assert queue.take() == []


def test_deferred_chunk_rides_with_the_next_one_that_runs() -> None:
    queue = filled("run", "defer")
    assert indexes(queue.take()) == [0]
    assert queue.take() == []
    queue.put(pending(2, "defer"))
    assert queue.take() == []
    queue.put(pending(3, "run"))
    assert indexes(queue.take()) == [1, 2, 3]


def test_deferred_chunk_at_the_end_runs_at_the_release() -> None:
    queue = filled("run", "defer")
    queue.take()
    queue.release()
    assert indexes(queue.take()) == [1]


def test_what_is_approved_is_held_no_more_but_deferred_chunks_still_ride() -> None:
    queue = filled("run", "hold", "defer", "run", "defer")
    assert indexes(queue.take()) == [0]
    assert indexes(queue.approve()) == [1]
    assert indexes(queue.take()) == [1, 2, 3]
    assert queue.take() == []
    queue.put(pending(5, "hold"))
    assert indexes(queue.take()) == [4, 5]
    queue.put(pending(6, "defer"))
    assert queue.take() == []
    queue.put(pending(7, "hold"))
    queue.put(pending(8, "defer"))
    assert indexes(queue.take()) == [6, 7]
    queue.flush()
    assert indexes(queue.take()) == [8]


def test_held_chunk_and_all_after_it_wait_for_the_release() -> None:
    queue = filled("run", "hold", "run", "defer")
    assert indexes(queue.take()) == [0]
    assert queue.take() == []
    queue.release()
    assert indexes(queue.take()) == [1, 2, 3]


def test_deferred_chunk_before_a_held_one_waits_with_it() -> None:
    queue = filled("defer", "hold", "run")
    assert queue.take() == []
    queue.release()
    assert indexes(queue.take()) == [0, 1, 2]


def test_after_the_release_nothing_waits() -> None:
    queue = filled("hold")
    queue.release()
    queue.put(pending(1, "hold"))
    queue.put(pending(2, "defer"))
    assert indexes(queue.take()) == [0, 1, 2]


def test_drop_gives_up_everything_that_has_not_been_taken() -> None:
    queue = filled("run", "hold", "run")
    queue.take()
    assert indexes(queue.drop()) == [1, 2]
    assert (len(queue), queue.take(), queue.drop()) == (0, [], [])


def test_first_runnable_is_what_take_would_return_first() -> None:
    queue = filled("defer")
    assert queue.first_runnable is None
    queue.put(pending(1, "run"))
    assert queue.first_runnable == pending(0, "defer")
    queue.take()
    assert queue.first_runnable is None


actions = st.sampled_from(["run", "defer", "hold", "run", "defer"])
steps = st.lists(actions | st.sampled_from(["take", "take", "release"]))


@given(steps)
def test_order_is_kept_and_nothing_is_lost_or_doubled_or_too_early(steps: list[str]) -> None:
    queue = PendingQueue()
    put: list[Action] = []
    batches: list[list[int]] = []
    released = False
    for step in steps:
        if step == "take":
            first, waiting = queue.first_runnable, len(queue)
            batch = queue.take()
            batches.append(indexes(batch))
            assert batch[:1] == ([first] if first is not None else [])
            assert len(queue) == waiting - len(batch)
            taken = sum(map(len, batches))
            # A batch goes as far as it may: what is left has nothing that may run.
            held = put.index("hold") if "hold" in put else len(put)
            assert released or taken <= held
            assert "run" not in (put[taken:] if released else put[taken:held])
            if not released and batch:
                assert put[batch[-1].chunk.index] == "run"
        elif step == "release":
            queue.release()
            released = True
        else:
            queue.put(pending(len(put), step))  # type: ignore[arg-type]
            put.append(step)  # type: ignore[arg-type]
    batches.append(indexes(queue.drop()))
    everything = [index for batch in batches for index in batch]
    assert everything == list(range(len(put)))
    assert all(before < after for before, after in pairwise(everything))


@given(st.lists(actions))
def test_release_lets_everything_run(actions: list[Action]) -> None:
    queue = filled(*actions)
    queue.release()
    assert indexes(queue.take()) == list(range(len(actions)))
    assert len(queue) == 0


def test_flush_lets_deferred_chunks_run_but_nothing_held() -> None:
    queue = filled("run", "defer", "hold", "defer")
    queue.flush()
    assert indexes(queue.take()) == [0, 1]
    queue.flush()
    assert queue.take() == []
    queue.release()
    assert indexes(queue.take()) == [2, 3]


class _AnyUse(RuleBasedStateMachine):
    """A queue next to the plainest description of what it should do."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = PendingQueue()
        self.waiting: list[Pending] = []
        self.out: list[int] = []
        self.count = 0
        self.released = self.flushed = self.dropped = False

    def may_run(self) -> list[Pending]:
        if self.released:
            return list(self.waiting)
        waiting = self.waiting
        held = [at for at, item in enumerate(waiting) if item.verdict.action == "hold"]
        free = waiting[: held[0]] if held else waiting
        if self.flushed:
            return list(free)
        last = max((at for at, i in enumerate(free) if i.verdict.action == "run"), default=-1)
        return free[: last + 1]

    # A program that was given up, or has ended, gets no more.
    @precondition(lambda self: not self.flushed and not self.dropped)
    @rule(action=actions)
    def put(self, action: Action) -> None:
        item = pending(self.count, action)
        self.count += 1
        self.queue.put(item)
        self.waiting.append(item)

    @rule()
    def take(self) -> None:
        expected = self.may_run()
        assert self.queue.take() == expected
        self.out += indexes(expected)
        del self.waiting[: len(expected)]

    @rule()
    def flush(self) -> None:
        self.queue.flush()
        self.flushed = True

    @rule()
    def release(self) -> None:
        self.queue.release()
        self.released = True

    @rule()
    def drop(self) -> None:
        dropped = self.queue.drop()
        assert dropped == self.waiting
        self.out += indexes(dropped)
        self.waiting.clear()
        self.dropped = True

    @invariant()
    def nothing_is_lost_or_doubled_or_moved(self) -> None:
        assert self.out + indexes(self.waiting) == list(range(self.count))
        assert len(self.queue) == len(self.waiting)
        first = self.may_run()[:1]
        assert self.queue.first_runnable == (first[0] if first else None)


TestAnyUse = _AnyUse.TestCase
