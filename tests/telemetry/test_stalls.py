"""A stall is named while it happens; a healthy run gives nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.findings import Finding
from steelyard.telemetry.events import Event
from steelyard.telemetry.stalls import best_interval, in_words, stalls
from tests.telemetry.made_up import PARTS, step_fields


def steps(ranks: int = 2, count: int = 30, first: int = 1, *, start: float = 0.0, attempt: int = 1, data_bytes: int = 400,
          by_rank: dict[int, dict[str, int]] | None = None, every: int = 0, **parts: int) -> list[Event]:
    """`count` steps of each rank; `by_rank` gives parts of one rank, `every` how often `checkpoint` happens."""
    events: list[Event] = []
    for step in range(first, first + count):
        for rank in range(ranks):
            spent = PARTS | parts | (by_rank or {}).get(rank, {})
            if every and step % every:
                spent["checkpoint"] = 0
            fields = step_fields(step, spent, data_bytes)
            start += fields["duration_us"] / 1e6 if rank == 0 else 0
            events.append({"t": start, "kind": "step", "run": "demo-1", "writer": f"rank-{rank}.{attempt}", "attempt": attempt, **fields})
    return events


def rules(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule for finding in findings]


def event(kind: str, t: float, **fields: object) -> Event:
    return {"t": t, "kind": kind, "run": "demo-1", "writer": "driver", "attempt": 1, **fields}


@given(st.integers(1, 4), st.lists(st.floats(0.8, 1.25), min_size=10, max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_healthy_run_gives_nothing(ranks: int, wobble: list[float]) -> None:
    events = [one for index, factor in enumerate(wobble) for one in steps(
        ranks, 1, index + 1, start=float(index), compute=round(700_000 * factor), communication=round(150_000 / factor))]
    assert stalls(events, now=len(wobble) + 20.0) == ()


def test_nothing_is_said_of_a_run_that_has_hardly_begun() -> None:
    assert stalls([]) == ()
    assert stalls(steps(count=9, data=9_000_000)) == ()
    assert rules(stalls(steps(count=10, data=9_000_000))) == ["data-wait"]


def test_data_wait_is_told_with_its_share_and_the_rate_of_reading() -> None:
    [finding] = stalls(steps(data=1_600_000, data_bytes=32_000_000))
    assert finding.message == "63% of the step is data wait: 2 workers read 40 MB/s"
    assert finding.evidence == "steps 11 to 30: rank 0 waits 1600 ms of 2550 ms a step for 32 MB"
    assert finding.severity == "warning"
    assert "local disk" in finding.next_step


def test_data_wait_without_a_known_size_says_nothing_of_a_rate() -> None:
    [finding] = stalls(steps(ranks=1, data=1_600_000, data_bytes=0))
    assert finding.message == "63% of the step is data wait of rank 0"
    assert "MB" not in finding.evidence


def test_one_rank_that_waits_for_data_is_named_and_the_others_wait_for_it_in_vain() -> None:
    found = stalls(steps(by_rank={0: {"data": 0, "communication": 1_000_000}, 1: {"data": 950_000}}))
    assert rules(found) == ["data-wait"]
    assert "rank 1" in found[0].message


def test_communication_that_every_rank_pays_is_told() -> None:
    [finding] = stalls(steps(communication=900_000))
    assert finding.rule == "communication-dominant"
    assert finding.message.startswith("50% of the step")
    assert stalls(steps(ranks=1, communication=900_000)) == ()


def test_a_straggler_is_named_and_the_network_is_not_blamed() -> None:
    found = stalls(steps(ranks=4, by_rank={rank: {"communication": 1_500_000} for rank in (0, 1, 3)} | {
        2: {"compute": 1_500_000, "communication": 1_700_000}}))
    assert rules(found) == ["straggler-rank"]
    assert found[0].object == "demo-1 rank 2"
    assert found[0].message == "rank 2 computes 2.1 times as long as the others, which wait for it"


def test_a_rank_that_is_slower_by_nothing_that_matters_is_left_alone() -> None:
    assert stalls(steps(compute=10_000, by_rank={1: {"compute": 20_000}}, optimizer=800_000)) == ()


def test_slow_steps_are_told_with_the_part_that_grew() -> None:
    found = stalls(steps(count=30) + steps(count=5, first=31, start=30.0, compute=1_900_000))
    assert rules(found) == ["slow-steps"]
    assert found[0].message == "steps take 2.2 times as long as before, mostly in compute"


def test_one_slow_step_and_a_checkpoint_are_weather() -> None:
    assert stalls(steps(count=30) + steps(count=1, first=31, start=30.0, compute=5_000_000)) == ()
    assert stalls(steps(count=30) + steps(count=5, first=31, start=30.0, checkpoint=1_000_000)[:2]) == ()


def test_checkpoints_that_are_too_frequent_come_with_a_better_interval() -> None:
    hosts = [event("worker.start", 0.0, host="a"), event("worker.start", 0.0, host="a")]
    [finding] = stalls(hosts + steps(count=40, checkpoint=1_000_000, every=5))
    assert finding.rule == "checkpoint-too-frequent"
    assert finding.message == "17% of the time goes to checkpoints"
    assert "1 node fail" in finding.evidence
    assert "{every: 2h}" in finding.next_step  # sqrt(2 x 1 s x 264 days)


def test_a_run_that_loses_workers_is_told_an_interval_from_its_own_losses() -> None:
    lost = [event("attempt.lost", 1.0), event("attempt.lost", 2.0)]
    [finding] = stalls(lost + steps(count=40, start=2.0, checkpoint=1_000_000, every=5))
    assert "workers were lost every 24s" in finding.evidence
    assert "{every: 7s}" in finding.next_step  # sqrt(2 x 1 s x 24 s)


def test_only_the_present_attempt_is_judged() -> None:
    bad = steps(count=30, data=1_600_000)
    good = steps(count=30, start=80.0, attempt=2)
    assert stalls(bad + good[:2 * 9]) == ()
    assert stalls(bad + good) == ()


def test_silence_is_noticed_with_the_rank_that_is_behind() -> None:
    events = steps(count=30)[:-1]  # rank 1 did not end step 30
    assert stalls(events, now=89.0) == ()
    [finding] = stalls(events, now=95.0)
    assert finding.rule == "no-progress"
    assert finding.message == "no step has ended for 65 s; a step used to take 1 s"
    assert "rank 1 ended step 29 last" in finding.evidence


@pytest.mark.parametrize("kind", ["attempt.lost", "run.end", "run.start"])
def test_silence_after_a_loss_or_the_end_is_no_stall(kind: str) -> None:
    assert stalls([*steps(), event(kind, 31.0)], now=500.0) == ()


def test_the_best_interval_is_that_of_young_and_daly() -> None:
    assert best_interval(2.0, 10_000.0) == 200.0


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1s"), (45, "45s"), (600, "10m"), (7200, "2h")])
def test_intervals_are_told_as_a_blueprint_writes_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
