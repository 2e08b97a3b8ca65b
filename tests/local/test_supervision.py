"""Limits, and the ledger's account of a run. The ledger's writer is played by the test."""

import time
from pathlib import Path
from typing import Any, cast

import pytest

from steelyard.errors import StateError
from steelyard.ledger.store import LedgerWriter, read_usages
from steelyard.ledger.usage import Holding
from steelyard.local import supervision
from steelyard.local.attempts import Ending
from steelyard.local.supervision import Account, Spending, Supervisor, Unkept, holding_of
from steelyard.runtime.control import request_stop, stop_reason
from steelyard.telemetry.events import Event, EventWriter, read_events
from tests.runtime.specs import make_spec

HOLDING = Holding("demo-1", "demo", None, "demo.yaml", "here", 2.0, 4.0, 1, 2, (), (), None, "unknown")


class Book:
    """Stands for a `LedgerWriter`: keeps what was written."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def start(self, _holding: Holding, start_us: int, attempt: int) -> str:
        self.lines.append(("start", start_us, attempt))
        return f"usage-{attempt}"

    def beat(self, usage: str, now_us: int, used: float | None, at_risk: int) -> None:
        self.lines.append(("beat", usage, now_us, used, at_risk))

    def end(self, usage: str, end_us: int, reason: str, used: float | None, wasted: int) -> None:
        self.lines.append(("end", usage, end_us, reason, used, wasted))

    def close(self) -> None:
        self.lines.append(("close",))


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def account(book: Book) -> Account:
    return Account(cast("LedgerWriter", book), HOLDING)


def event(t: float, kind: str, attempt: int = 1, writer: str = "rank-0.1", **fields: Any) -> Event:
    return {"t": t, "kind": kind, "attempt": attempt, "writer": writer} | fields


def step(t: float, number: int, attempt: int = 1, rank: int = 0) -> Event:
    return event(t, "step", attempt, f"rank-{rank}.{attempt}", step=number, duration_us=1_000_000)


# --- limits ----------------------------------------------------------------------------------------------------------


def spending(past: list[Event], now: float = 100.0, **limits: Any) -> Spending:
    spent = Spending(make_spec(**limits))
    spent.begin(past, now)
    return spent


STARTED = [event(100.0, "run.start")]


def test_a_run_without_limits_has_none_to_reach() -> None:
    assert spending(STARTED).limit_reached(1e9) is None


def test_the_longest_duration_is_reached_when_the_run_has_lived_that_long() -> None:
    spent = spending(STARTED, max_duration=60.0)
    assert spent.limit_reached(159.9) is None
    assert spent.limit_reached(160.0) == "max_duration of 1m00s reached"


def test_the_highest_price_is_reached_when_life_times_price_is_that_much() -> None:
    spent = spending(STARTED, max_price=10_000, price_micro_hour=360_000)  # a hundredth of a dollar, 100 micro-dollars a second
    assert spent.limit_reached(199.9) is None
    assert spent.limit_reached(200.0) == "max_price of $0.01 reached"


def test_a_highest_price_without_a_price_is_never_reached() -> None:
    assert spending(STARTED, max_price=1).limit_reached(1e9) is None


def test_the_lives_of_a_resumed_run_add_up_without_the_time_between() -> None:
    past = [event(100.0, "run.start"), step(140.0, 1), event(1000.0, "run.start")]
    spent = spending(past, max_duration=60.0)
    assert spent.limit_reached(1019.9) is None
    assert spent.limit_reached(1020.0) is not None


# --- the account -----------------------------------------------------------------------------------------------------


def test_a_run_that_ends_well_is_one_usage(account: Account, book: Book) -> None:
    account.open(100.0, 1)
    account.follow([step(101.0, 1)])
    account.close(110.0, "done")
    assert book.lines == [("start", 100_000_000, 1), ("end", "usage-1", 110_000_000, "done", None, 0), ("close",)]


def test_the_next_attempt_begins_at_the_moment_at_which_the_one_before_was_lost(account: Account, book: Book) -> None:
    account.open(100.0, 1)
    seen = [step(102.0, 1), event(105.0, "attempt.lost", cause="rank 1 died", step=5)]
    account.follow(seen)
    assert len(book.lines) == 1
    account.follow([event(105.1, "attempt.start", attempt=2)])
    assert book.lines[1:] == [("end", "usage-1", 105_000_000, "worker lost: rank 1 died", None, 1_000_000), ("start", 105_000_000, 2)]


def test_a_last_attempt_that_is_lost_is_one_usage_and_its_unkept_steps_are_wasted(account: Account, book: Book) -> None:
    account.open(100.0, 1)
    seen = [event(100.0, "attempt.start"), step(102.0, 1), event(105.0, "attempt.lost", cause="rank 0: ValueError", step=1)]
    account.follow(seen)
    account.close(106.0, "failed")
    assert book.lines[1:] == [("end", "usage-1", 106_000_000, "failed", None, 1_000_000), ("close",)]


def test_losses_of_an_earlier_life_are_not_told_again(account: Account, book: Book) -> None:
    account.open(100.0, 3)
    account.follow([event(50.0, "attempt.lost", attempt=2, cause="x", step=1), event(60.0, "attempt.start", attempt=3)])
    assert book.lines == [("start", 100_000_000, 3)]


def test_a_life_whose_driver_was_killed_is_settled_with_what_its_workers_told_after_the_last_sign_of_life(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path)
    first = Account(writer, HOLDING)
    first.open(100.0, 1)
    first.beat(102.0)
    writer.close()
    (lost,) = read_usages(tmp_path)
    assert (lost.reason, lost.end_us, lost.wasted_us) == ("lost", 102_000_000, 0)
    seen = [event(101.0, "checkpoint", step=1), step(103.0, 2), event(103.5, "sample", writer="rank-1.1", cpu_seconds=1.0)]
    seen.append(event(200.0, "run.start", writer="driver"))
    second = Account(LedgerWriter(tmp_path), HOLDING)
    for _ in range(2):  # a run may be lost and resumed again
        second.settle(read_usages(tmp_path), seen)
        (settled,) = read_usages(tmp_path)
        assert (settled.reason, settled.end_us, settled.wasted_us) == ("lost", 103_500_000, 1_000_000)


def test_what_was_used_is_the_cpu_time_of_the_workers_over_what_was_held(account: Account, book: Book) -> None:
    account.open(100.0, 1)
    samples = [
        event(90.0, "sample", writer="rank-0.0", cpu_seconds=99.0), event(104.0, "sample", cpu_seconds=3.0),
        event(108.0, "sample", cpu_seconds=6.0), event(108.0, "sample", writer="rank-1.1", cpu_seconds=4.0),
    ]  # fmt: skip
    account.follow(samples)
    account.beat(110.0)
    assert book.lines[-1] == ("beat", "usage-1", 110_000_000, (6.0 + 4.0) / (10.0 * 2.0), 0)


def test_what_was_not_sampled_is_unknown_and_nothing_is_used_more_than_whole(account: Account, book: Book) -> None:
    account.open(100.0, 1)
    account.beat(110.0)
    account.follow([event(100.2, "sample", cpu_seconds=50.0)])
    account.beat(100.5)
    assert [line[3] for line in book.lines if line[0] == "beat"] == [None, 1.0]


@pytest.mark.parametrize(
    ("kept", "wasted"),
    [([], 4_000_000), ([event(0, "checkpoint", step=2)], 2_000_000), ([event(0, "restore", step=3)], 1_000_000)],
)  # fmt: skip
def test_wasted_are_the_steps_of_the_lost_attempt_that_no_checkpoint_kept(kept: list[Event], wasted: int) -> None:
    steps = [step(100.0 + number, number, rank=rank) for number in (1, 2, 3, 4) for rank in (0, 1)]
    unkept = Unkept()
    for told in steps + kept:
        unkept.add(told)
    assert unkept.time_us == wasted


# --- the whole -------------------------------------------------------------------------------------------------------


@pytest.fixture
def driver(tmp_path: Path) -> EventWriter:
    return EventWriter(tmp_path / "run" / "events", "demo-1", "driver")


def supervised(folder: Path, driver: EventWriter, ending: Ending | Exception, **changes: Any) -> None:
    driver.write("run.start")

    def work() -> Ending:
        time.sleep(0.05)  # several looks
        if isinstance(ending, Exception):
            raise ending
        return ending

    with Supervisor(make_spec(**changes), folder / "run", driver, folder / "ledger") as supervisor:
        supervisor.watch(work)


def reason(folder: Path) -> str:
    (usage,) = read_usages(folder / "ledger")
    assert not usage.open
    return usage.reason


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "LOOK_EVERY", 0.01)


def test_the_ledger_says_that_a_run_was_done(tmp_path: Path, driver: EventWriter) -> None:
    supervised(tmp_path, driver, Ending(10))
    assert reason(tmp_path) == "done"


def test_the_ledger_says_that_a_run_failed(tmp_path: Path, driver: EventWriter) -> None:
    supervised(tmp_path, driver, Ending(10, "rank 0: ValueError: x"))
    assert reason(tmp_path) == "failed"


def test_an_error_of_the_work_is_raised_in_the_main_thread_and_the_usage_is_closed(tmp_path: Path, driver: EventWriter) -> None:
    with pytest.raises(StateError, match="no Ray"):
        supervised(tmp_path, driver, StateError("no Ray"))
    assert reason(tmp_path) == "failed"


def test_a_stop_is_told_once_as_an_event_and_as_the_reason_in_the_ledger(tmp_path: Path, driver: EventWriter) -> None:
    request_stop(tmp_path / "run", "Ctrl-C")
    supervised(tmp_path, driver, Ending(10))
    assert reason(tmp_path) == "stopped: Ctrl-C"
    assert [event["reason"] for event in read_events(tmp_path / "run") if event["kind"] == "stop.request"] == ["Ctrl-C"]


def test_a_limit_that_is_reached_asks_the_run_to_stop(tmp_path: Path, driver: EventWriter) -> None:
    supervised(tmp_path, driver, Ending(10), max_duration=0.0)
    assert stop_reason(tmp_path / "run") == "max_duration of 0 ms reached"


def test_a_run_holds_its_cores_of_the_machine_and_no_more_than_there_are() -> None:
    held = holding_of(make_spec(workers=1, cpus_per_worker=1, price_micro_hour=350_000, price_source="here", team="nlp"))
    assert (held.run, held.team, held.cpus, held.devices, held.price_micro_hour) == ("demo-1", "nlp", 1.0, (), 350_000)
    assert holding_of(make_spec(workers=1000)).cpus == held.node_cpus
