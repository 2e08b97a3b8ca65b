"""Price lists: what is known, what is not, and what a person may write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.catalog.nodes import read_nodes
from steelyard.catalog.prices import Key, Price, PriceList, listed_prices, read_price_list, shipped_prices
from steelyard.catalog.rows import read_rows
from steelyard.findings import Place

HEADER = "instance_type,region,purchase,usd_hour,date,interruption_per_hour\n"
prices = st.builds(Price, st.integers(0, 10**9), st.just("x"), st.just("2026-11-01"))
keys: st.SearchStrategy[Key] = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["r", "s"]), st.sampled_from(["on-demand", "spot"]))
lists = st.builds(PriceList, st.dictionaries(keys, prices), st.dictionaries(st.tuples(st.just("a"), st.just("r")), st.floats(0, 1)))


def told(text: str) -> list[str]:
    """Place and message of each finding."""
    return [f"{one.place}: {one.message}" for one in read_price_list(HEADER + text, "p.csv")[1]]


def test_what_ships_is_on_demand_in_one_region_with_its_date() -> None:
    price = shipped_prices().of("p5.48xlarge", "us-east-1", "on-demand")
    assert price is not None
    assert (price.micro_hour, price.date, price.interruption) == (55_040_000, "2026-07-20", None)
    assert "pricing" in price.source
    assert {key[1:] for key in shipped_prices().rows} == {("us-east-1", "on-demand")}


@pytest.mark.parametrize(
    ("instance", "region", "purchase"),
    [("p5e.48xlarge", "us-east-1", "on-demand"), ("p5.48xlarge", "us-east-1", "spot"), ("p5.48xlarge", "eu-west-1", "on-demand"),
     ("none.large", "us-east-1", "on-demand")],
)  # fmt: skip
def test_every_other_price_is_unknown(instance: str, region: str, purchase: str) -> None:
    assert shipped_prices().of(instance, region, "spot" if purchase == "spot" else "on-demand") is None


@given(lists, lists)
def test_the_later_list_knows_better_and_replaces_nothing_by_nothing(first: PriceList, later: PriceList) -> None:
    both = first.with_rows(later)
    for instance, region, purchase in {*first.rows, *later.rows}:
        old, new, now = (one.of(instance, region, purchase) for one in (first, later, both))
        expected = new or old
        assert now is not None
        assert expected is not None
        assert now.micro_hour == expected.micro_hour
        if old is not None and old.interruption is not None:
            assert now.interruption is not None
    assert set(both.rows) == {*first.rows, *later.rows}


def test_a_row_is_read_to_the_micro_dollar_and_knows_its_line() -> None:
    header = "usd_hour,Instance_Type,purchase,interruption_per_hour,date,region\n"
    text = header + "# spot\n19.512345,p5.48xlarge,Spot,0.02,2026-11-01,eu-west-1\n"
    mine, findings = read_price_list(text, "p.csv")
    assert findings == ()
    assert mine.of("p5.48xlarge", "eu-west-1", "spot") == Price(19_512_345, "p.csv:3", "2026-11-01", 0.02)


def test_two_columns_are_enough() -> None:
    mine, findings = read_price_list("instance_type,usd_hour\r\ng5.xlarge,$1.10\r\n", "p.csv")
    assert findings == ()
    assert mine.of("g5.xlarge", "us-east-1", "on-demand") == Price(1_100_000, "p.csv:2", "")


def test_a_blank_price_is_unknown_and_a_written_nought_is_nothing_to_pay() -> None:
    mine, findings = read_price_list(HEADER + "g5.xlarge,,,,,\ng6.xlarge,,,0,,\n", "p.csv")
    assert findings == ()
    assert mine.of("g5.xlarge", "us-east-1", "on-demand") is None
    assert mine.of("g6.xlarge", "us-east-1", "on-demand") == Price(0, "p.csv:3", "")
    key: Key = ("g5.xlarge", "us-east-1", "on-demand")
    assert shipped_prices().with_rows(mine).of(*key) == shipped_prices().of(*key)


def test_a_rate_without_a_price_completes_a_price_of_another_list() -> None:
    mine, findings = read_price_list(HEADER + "g5.xlarge,,spot,,,0.05\n", "p.csv")
    assert findings == ()
    assert mine.of("g5.xlarge", "us-east-1", "spot") is None
    updated = PriceList({("g5.xlarge", "us-east-1", "spot"): Price(400_000, "AWS", "2026-11-24")})
    for both in (updated.with_rows(mine), mine.with_rows(updated)):
        assert both.of("g5.xlarge", "us-east-1", "spot") == Price(400_000, "AWS", "2026-11-24", 0.05)


@pytest.mark.parametrize(
    ("row", "finding"),
    [('g5.xlarge,,,"1,000",,', "p.csv:2:13: usd_hour: '1,000' is not a price of an hour in dollars; for example 19.50"),
     ("g5.xlarge,,,-1,,", "p.csv:2:13: usd_hour: '-1' is not a price of an hour in dollars; for example 19.50"),
     ("g5.xlarge,,,nan,,", "p.csv:2:13: usd_hour: 'nan' is not a price of an hour in dollars; for example 19.50"),
     ("g5.xlarge,,,0.0000001,,", "p.csv:2:13: usd_hour: '$0.0000001' is finer than one micro-dollar"),
     ("g5.xlarge,,,10/month,,", "p.csv:2:13: usd_hour: '10/month' is not a price of an hour; for example 19.50"),
     ("g5.xlarge,,reserved,1,,", "p.csv:2:12: purchase: 'reserved' is not on-demand or spot; for example spot"),
     ("g5.xlarge,,,1,2026-02-30,", "p.csv:2:15: date: '2026-02-30' is not a date of the calendar; for example 2026-11-01"),
     ("g5.xlarge,,,1,24.11.2026,", "p.csv:2:15: date: '24.11.2026' is not a date; for example 2026-11-01"),
     ("g5.xlarge,,spot,1,,5%", "p.csv:2:20: interruption_per_hour: '5%' is not a number of interruptions an hour;"),
     ("g5.xlarge,,,1,,0.1", "p.csv:2:16: interruption_per_hour: only spot is interrupted: write spot in the column purchase,"),
     (",,,1,,", "p.csv:2:1: instance_type: which one is it?"),
     ("g5.xlarge,,,1,000,,,", "p.csv:2:20: 8 cells, but 6 columns: a comma within a number?"),
     ('g5.xlarge,,,"1,,', "p.csv:2:1: a quote that is not closed, or text after it"),
     ("g5.xlarge,,,1,,\n  g5.xlarge,us-east-1,on-demand,2", "p.csv:3:3: instance_type: g5.xlarge in us-east-1, on-demand, stands twice"),
     ("m9.huge,,,1,,", "p.csv:2:1: prices of instance types that the catalogue does not have: m9.huge")],
)  # fmt: skip
def test_a_bad_row_says_where_what_and_what_would_do(row: str, finding: str) -> None:
    (message,) = told(row)
    assert message.startswith(finding)


def test_a_price_of_ones_own_node_is_nothing_strange() -> None:
    assert told("rack-a,on-premises,,2,,") == []


def test_the_other_rows_of_a_list_with_a_bad_one_count() -> None:
    mine, findings = read_price_list(HEADER + "g5.xlarge,,,x,,\ng6.xlarge,,,1,,\n", "p.csv")
    assert [one.severity for one in findings] == ["error"]
    assert set(mine.rows) == {("g6.xlarge", "us-east-1", "on-demand")}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file is empty: its first line must name the columns"),
     ("# only this\n\n", "the file is empty: its first line must name the columns"),
     ("instance_type;usd_hour\n", "columns are separated by semicolons; separate them by commas"),
     ("instance_type\tusd_hour\n", "columns are separated by tabs; separate them by commas"),
     ("instance_type,usd_hours\n", "'usd_hours' is not a column; did you mean usd_hour?"),
     ("instance_type,usd_hour,usd_hour\n", "the column usd_hour stands twice"), ("usd_hour\n", "the column instance_type is missing")],
)  # fmt: skip
def test_a_header_that_cannot_be_used_is_told_once_and_no_row_is_read(text: str, message: str) -> None:
    mine, findings = read_price_list(text + "x,y,z\n" * 3 if "," in text else text, "p.csv")
    assert message in [one.message for one in findings]
    assert mine.rows == {}
    assert all("for example: instance_type," in one.next_step for one in findings if "separate" not in one.message)


@given(st.text())
def test_no_text_makes_it_raise_and_each_place_is_in_the_file(text: str) -> None:
    for written in (text, HEADER + text):
        _, findings = read_price_list(written, "p.csv")
        lines = written.split("\n")
        for one in findings:
            assert one.place is not None
            assert 1 <= one.place.line <= len(lines)
            assert 1 <= one.place.column <= len(lines[one.place.line - 1]) + 1


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs", "Z"])), min_size=2, max_size=2))
def test_a_quoted_cell_is_read_as_it_was_meant(cells: list[str]) -> None:
    line = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    (row,) = read_rows(f"a,b\n{line}\n", "f", columns=("a", "b"), needed=("a", "b"), rule="x-x", example="").rows
    assert [row.text("a"), row.text("b")] == [cell.strip() for cell in cells]
    assert row.place("a") == Place("f", 2, 1)


def test_ones_own_nodes_have_their_price_in_their_own_region() -> None:
    nodes, _ = read_nodes("name,cpus,memory,usd_hour\nrack,4,1GiB,2\nfree,4,1GiB,0\ndark,4,1GiB,\n", "n.csv")
    mine = listed_prices(nodes)
    assert mine.of("rack", "on-premises", "on-demand") == Price(2_000_000, "n.csv:2", "")
    assert mine.of("free", "on-premises", "on-demand") == Price(0, "n.csv:3", "")
    assert mine.of("dark", "on-premises", "on-demand") is None
    assert mine.of("rack", "us-east-1", "on-demand") is None
