"""The file of updates: what is written is read again, and a known thing is never replaced by nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.aws.catalog_file import RegionFacts, catalog_file, offerings, quotas, read_facts, updated_prices, write_facts
from steelyard.catalog.prices import Price
from steelyard.errors import StateError
from steelyard.home import Home

FACTS = RegionFacts(
    "2026-11-24T12:00:00Z", {("g5.xlarge", "spot"): Price(400_000, "EC2 spot price history, b, the lowest of 3 zones", "2026-11-24")},
    {"g5.xlarge": {"cpus": 4, "gpu_memory_mib": None}}, {"g5.xlarge": ("eu-west-1a", "eu-west-1b")}, {"L-DB2E81BA": 64.0},
)  # fmt: skip
names = st.sampled_from(["a", "b", "c"])
facts = st.builds(
    RegionFacts, st.just("2026-11-24T12:00:00Z"),
    st.dictionaries(st.tuples(names, st.sampled_from(["on-demand", "spot"])),
                    st.builds(Price, st.integers(0, 10**12), st.text(), st.just(""))),
    st.dictionaries(names, st.dictionaries(st.just("cpus"), st.none() | st.integers())), st.dictionaries(names, st.tuples(st.text())),
    st.dictionaries(names, st.floats(0, 1e6)),
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


def test_before_the_first_update_nothing_is_known(home: Home) -> None:
    assert read_facts(home) == {}
    assert updated_prices(home).rows == {}
    assert quotas(home, "eu-west-1") == {}
    assert offerings(home, "eu-west-1") == {}


def test_what_is_written_is_read_again(home: Home) -> None:
    path = write_facts(home, {"eu-west-1": FACTS})
    assert read_facts(home) == {"eu-west-1": FACTS}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert updated_prices(home).of("g5.xlarge", "eu-west-1", "spot") == FACTS.prices["g5.xlarge", "spot"]
    assert updated_prices(home).of("g5.xlarge", "us-east-1", "spot") is None
    assert quotas(home, "eu-west-1") == {"L-DB2E81BA": 64.0}
    assert offerings(home, "eu-west-1") == {"g5.xlarge": ("eu-west-1a", "eu-west-1b")}


@given(facts, facts)
def test_later_facts_win_and_replace_nothing_by_nothing(first: RegionFacts, later: RegionFacts) -> None:
    both = first.with_facts(later)
    for name in ("prices", "types", "zones", "quotas"):
        old, new, now = (getattr(one, name) for one in (first, later, both))
        assert now == {**old, **new}
        assert set(now) == {*old, *new}


@given(st.dictionaries(names, facts))
def test_any_facts_survive_the_file(given_facts: dict[str, RegionFacts]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "state", Path(folder) / "cache")
        write_facts(home, given_facts)
        assert read_facts(home) == given_facts


def test_the_file_before_is_kept(home: Home) -> None:
    write_facts(home, {"eu-west-1": FACTS})
    before = catalog_file(home).read_text()
    write_facts(home, {})
    assert catalog_file(home).with_name("catalog.previous.json").read_text() == before
    assert sorted(path.name for path in catalog_file(home).parent.iterdir()) == ["catalog.json", "catalog.previous.json"]


def test_a_write_that_fails_leaves_the_file_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_facts(home, {"eu-west-1": FACTS})
    before = path.read_text()
    monkeypatch.setattr("steelyard.aws.catalog_file.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StateError, match="No space left on device"):
        write_facts(home, {})
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == ["catalog.json"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 1}', '{"version": 1, "regions": {"x": {}}}', '{"version": "1", "regions": {}}']
)
def test_a_file_that_is_none_of_ours_says_what_to_do(home: Home, content: str) -> None:
    write_facts(home, {})
    catalog_file(home).write_text(content)
    with pytest.raises(StateError, match="cannot be understood") as raised:
        read_facts(home)
    assert raised.value.next_step.endswith("then steelyard catalog update")


def test_a_file_of_a_later_version_is_left_alone(home: Home) -> None:
    write_facts(home, {})
    catalog_file(home).write_text(json.dumps({"version": 2, "regions": {}}))
    with pytest.raises(StateError, match="written by a later version"):
        read_facts(home)
