"""What is known, and what an update changes: shown row by row, never to nothing, never of the past."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from steelyard.aws.catalog_file import RegionFacts, catalog_file, read_facts, updated_prices, write_facts
from steelyard.catalog.instances import all_types
from steelyard.catalog.prices import Price, shipped_prices
from steelyard.errors import SteelyardError
from steelyard.home import Home
from steelyard.ledger.charges import bill
from steelyard.ledger.store import LedgerWriter, read_ledger
from steelyard.ledger.weights import weights_named
from steelyard.verbs.catalog import Change, Update, catalog, changes, update
from tests.aws.answers import NOW, REGION, answering, product
from tests.ledger.examples import HOUR, holding

PAGES = [[product("g5.xlarge", "1.12")], [product("p5.48xlarge", "60.54")]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


@pytest.fixture(autouse=True)
def few_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto takes a second for all of them."""
    few = tuple(one for one in all_types() if one.name in ("g5.xlarge", "p5.48xlarge", "m7i.large", "p5e.48xlarge"))
    monkeypatch.setattr("steelyard.verbs.catalog.all_types", lambda: few)


def updated(home: Home, pages: Any = PAGES, granted: dict[str, float] | None = None, *, dry_run: bool = False, later: int = 0,
            spoil: Callable[[Any], None] = lambda _: None) -> Update:  # fmt: skip
    with answering(pages, granted or {"L-DB2E81BA": 64}) as answers:
        spoil(answers)
        return update(home, NOW + timedelta(days=later), REGION, dry_run=dry_run, clients=lambda _: answers)


def test_before_any_update_what_ships_is_known(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.verbs.catalog.all_types", all_types)
    page = catalog(home)
    known = {one.what: one for one in page.rows}
    assert (page.updated, page.updated_region) == (None, None)
    assert (known["on-demand prices"].known, known["on-demand prices"].of) == (len(shipped_prices().rows), len(all_types()))
    assert known["on-demand prices"].known < len(all_types())
    assert known["on-demand prices"].date == "2026-07-20"
    assert known["models"].known >= 60


def test_the_first_update_tells_each_price_as_new_and_keeps_it(home: Home) -> None:
    found = updated(home)
    told = {(one.what, one.name): (one.old, one.new) for one in found.changes}
    assert told["on-demand", "p5.48xlarge"] == (None, 60_540_000)
    assert told["spot", "g5.xlarge"] == (None, 10)
    assert told["quota", "L-DB2E81BA"] == (None, 64.0)
    assert told["zones", "g5.xlarge"] == (None, ("eu-west-1a", "eu-west-1b", "eu-west-1c"))
    assert (found.problems, found.stay, found.file) == ((), (), catalog_file(home))
    assert updated_prices(home).of("p5.48xlarge", REGION, "on-demand") == Price(60_540_000, "AWS price list", "2026-11-24")


def test_an_update_that_finds_nothing_new_says_so_and_renews_the_date(home: Home) -> None:
    first = updated(home)
    again = updated(home, later=3)
    assert [one for one in again.changes if one.what != "type"] == []
    assert again.same == len([one for one in first.changes if one.what != "type"])
    price = updated_prices(home).of("g5.xlarge", REGION, "on-demand")
    assert price is not None
    assert price.date == "2026-11-27"


def test_a_price_that_changed_is_shown_old_and_new(home: Home) -> None:
    updated(home)
    found = updated(home, [[product("g5.xlarge", "0.98"), product("p5.48xlarge", "60.54")]], {"L-DB2E81BA": 128})
    assert [one for one in found.changes if one.what != "type"] == [
        Change("on-demand", "g5.xlarge", 1_120_000, 980_000), Change("quota", "L-DB2E81BA", 64.0, 128.0),
    ]  # fmt: skip


def test_what_aws_does_not_name_any_more_stays_known_and_is_told(home: Home) -> None:
    updated(home)
    found = updated(home, [[product("g5.xlarge", "1.12")]])
    assert found.stay == ("on-demand of p5.48xlarge",)
    price = updated_prices(home).of("p5.48xlarge", REGION, "on-demand")
    assert price is not None
    assert price.micro_hour == 60_540_000


def test_what_a_failed_call_did_not_tell_stays_known_and_is_no_change(home: Home) -> None:
    updated(home)
    before = read_facts(home)[REGION]
    found = updated(home, later=1, spoil=lambda answers: answers.fail("ec2", "DescribeSpotPriceHistory", "UnauthorizedOperation"))
    after = read_facts(home)[REGION]
    assert [problem.object for problem in found.problems] == ["ec2:DescribeSpotPriceHistory"]
    assert [one for one in found.changes if one.what != "type"] == []
    assert found.stay == ()
    assert after.prices["g5.xlarge", "spot"] == before.prices["g5.xlarge", "spot"]


def test_an_update_that_gets_no_answer_changes_no_file(home: Home) -> None:
    updated(home)
    before = catalog_file(home).read_bytes()
    with pytest.raises(SteelyardError):
        updated(home, spoil=lambda answers: answers.fail("ec2", "DescribeInstanceTypes", "AuthFailure"))
    assert catalog_file(home).read_bytes() == before


def test_a_dry_run_shows_the_same_and_keeps_nothing(home: Home) -> None:
    dry = updated(home, dry_run=True)
    assert dry.file is None
    assert not home.state.exists()
    assert dry.changes == updated(home).changes


def test_against_moto_alone_all_is_learned_but_prices_which_moto_does_not_have(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        found = update(home, NOW, REGION)
    assert [problem.object for problem in found.problems] == ["pricing:GetProducts"]
    assert {change.what for change in found.changes} == {"spot", "zones"}
    assert found.file == catalog_file(home)


def test_each_region_is_kept_beside_the_others(home: Home) -> None:
    other = RegionFacts("2026-11-01T00:00:00Z", {("g5.xlarge", "spot"): Price(1, "x", "2026-11-01")})
    write_facts(home, {"us-west-2": other})
    updated(home)
    assert read_facts(home)["us-west-2"] == other
    page = catalog(home)
    assert (page.updated, page.updated_region) == ("2026-11-24T12:00:00Z", REGION)
    assert {(one.what, one.region) for one in page.rows} >= {("spot prices", "us-west-2"), ("spot prices", REGION), ("quotas", REGION)}


def test_in_the_region_that_ships_the_shipped_price_is_the_old_one(home: Home) -> None:
    with answering([[product("g5.xlarge", "1.50")]]) as answers:
        answers.region = "us-east-1"
        found = update(home, NOW, "us-east-1", clients=lambda _: answers)
    assert Change("on-demand", "g5.xlarge", 1_006_000, 1_500_000) in found.changes
    merged = shipped_prices().with_rows(updated_prices(home))
    price = merged.of("g5.xlarge", "us-east-1", "on-demand")
    assert price is not None
    assert price.micro_hour == 1_500_000
    assert len(merged.rows) >= len(shipped_prices().rows)


def test_a_type_whose_figures_differ_from_the_tables_is_told() -> None:
    facts = RegionFacts(types={"g5.xlarge": {"cpus": 4, "memory_mib": 16_384, "gpus": 2, "gpu_memory_mib": 1}, "zz.large": {"cpus": 1}})
    assert list(changes(RegionFacts(), facts)) == [Change("type", "g5.xlarge", {"gpus": 1}, {"gpus": 2})]


def test_the_table_agrees_with_what_moto_has_of_ec2(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.verbs.catalog.all_types", all_types)
    told = [one.old for one in updated(home).changes if one.what == "type"]
    assert all(isinstance(old, dict) and set(old.values()) == {None} for old in told)


def test_the_price_of_past_usage_is_never_changed(home: Home) -> None:
    writer = LedgerWriter(home.ledger)
    usage = writer.start(replace(holding(), node="g5.xlarge", price_micro_hour=900_000), 0, 1)
    writer.end(usage, HOUR, "done", 0.5, 0)
    writer.close()
    files = {path: path.read_bytes() for path in home.ledger.rglob("*") if path.is_file()}
    before = bill(read_ledger(home.ledger).usages, weights_named("market"), None, None).charges
    updated(home)
    assert {path: path.read_bytes() for path in home.ledger.rglob("*") if path.is_file()} == files
    assert bill(read_ledger(home.ledger).usages, weights_named("market"), None, None).charges == before
    assert sum(charge.allocated_micro or 0 for charge in before) == 900_000
