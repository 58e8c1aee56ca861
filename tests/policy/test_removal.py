"""The order of the one way out, and what a failure holds back (SPEC B3, B4)."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.model import Step
from loreli_ray.policy import removal

COURTESIES = {Step.STOP_WORK, Step.SNAPSHOT}
FIRST = {  # what must have been done before a step may be tried
    Step.RESCUE: {Step.STOP_PROGRAM},
    Step.WORKSPACE: {Step.STOP_PROGRAM, Step.RESCUE},
    Step.CLAIM: {Step.STOP_PROGRAM},
    Step.IDENTITY: {Step.STOP_PROGRAM, Step.WORKSPACE, Step.CLAIM},
    Step.LEDGER: {Step.IDENTITY},
    Step.EVENT: {Step.LEDGER},
}
failures = st.dictionaries(st.sampled_from(Step), st.integers(1, 5))


def leave(fails: dict[Step, int], *, rounds: int = 100) -> tuple[list[Step], list[set[Step]]]:
    """Removes an agent whose steps fail so many times: what was done in order, and what was tried in each round."""
    left, done, tried = dict(fails), list[Step](), list[set[Step]]()
    for _ in range(rounds):
        failed = set[Step]()
        tried.append(set())
        while (step := removal.next_step(done=done, failed=failed)) is not None:
            tried[-1].add(step)
            if left.get(step, 0):
                left[step] -= 1
                failed.add(step)
            else:
                done.append(step)
        if removal.finished(done):
            break
    return done, tried


def test_without_failures_each_step_is_done_once_in_order() -> None:
    done, tried = leave({})
    assert done == list(Step)
    assert len(tried) == 1


@given(failures)
def test_it_always_ends(fails: dict[Step, int]) -> None:
    done, _ = leave(fails)
    assert removal.finished(done)
    assert set(done) >= set(Step) - COURTESIES


@given(failures)
def test_what_can_not_be_had_back_is_safe_first(fails: dict[Step, int]) -> None:
    done, _ = leave(fails)
    assert done.index(Step.RESCUE) < done.index(Step.WORKSPACE)
    for step in (Step.RESCUE, Step.CLAIM, Step.IDENTITY):
        assert done.index(Step.STOP_PROGRAM) < done.index(step)
    assert done.index(Step.CLAIM) < done.index(Step.IDENTITY) < done.index(Step.LEDGER) < done.index(Step.EVENT)


@given(failures)
def test_a_failure_holds_back_only_what_needs_it(fails: dict[Step, int]) -> None:
    _, tried = leave(fails)
    assert {Step.STOP_WORK, Step.SNAPSHOT, Step.STOP_PROGRAM} <= tried[0]
    if Step.STOP_PROGRAM not in fails:
        assert {Step.RESCUE, Step.CLAIM} <= tried[0]


def test_a_courtesy_is_tried_again_while_the_rest_takes_and_never_keeps_the_name() -> None:
    done, tried = leave({Step.SNAPSHOT: 1, Step.STOP_PROGRAM: 1})
    assert Step.SNAPSHOT in done
    done, tried = leave({Step.SNAPSHOT: 1000})
    assert Step.EVENT in done
    assert len(tried) == 1


def test_a_program_that_can_not_be_stopped_keeps_its_name() -> None:
    done, tried = leave({Step.STOP_PROGRAM: 1000})
    assert set(done) == COURTESIES
    assert len(tried) == 100


def test_in_every_situation() -> None:
    """Each step open, done or failed, in all combinations: also those that only a restart half-way could lead to."""
    for states in product(("open", "done", "failed"), repeat=len(Step)):
        done = {step for step, state in zip(Step, states, strict=True) if state == "done"}
        failed = {step for step, state in zip(Step, states, strict=True) if state == "failed"}
        step = removal.next_step(done=done, failed=failed)
        if step is not None:
            assert step not in done | failed
            assert done >= FIRST.get(step, set())
        if not failed and len(done) < len(Step):
            assert step is not None, "a round without a failure ends only when all is done"
        if step is None:
            assert all(not done >= FIRST.get(left, set()) for left in set(Step) - done - failed)


@given(outcomes=st.lists(st.booleans(), max_size=60), restarts=st.sets(st.integers(0, 60), max_size=3))
def test_however_often_and_in_whatever_order_steps_fail(outcomes: list[bool], restarts: set[int]) -> None:
    """Each try succeeds or fails by the list; when it is used up, all succeed. A restart forgets what was done."""
    tries, done, ever = iter(outcomes), set[Step](), list[Step]()
    for turn in range(len(outcomes) + len(restarts) + 2):
        if turn in restarts:
            done.clear()
        failed = set[Step]()
        while (step := removal.next_step(done=done, failed=failed)) is not None:
            if next(tries, True):
                done.add(step)
                ever.append(step)
            else:
                failed.add(step)
        if removal.finished(done):
            break
    assert removal.finished(done)
    assert ever.index(Step.RESCUE) < ever.index(Step.WORKSPACE)
    assert ever.index(Step.STOP_PROGRAM) < ever.index(Step.IDENTITY)
    assert set(done) >= set(Step) - COURTESIES


@given(st.integers(0, 100_000))
def test_the_pause_doubles_and_is_capped(attempt: int) -> None:
    assert 0.25 <= removal.pause(attempt) <= removal.pause(attempt + 1) <= 30
    assert [removal.pause(n) for n in range(3)] == [0.25, 0.5, 1.0]
