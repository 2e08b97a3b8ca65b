"""A file of one's own nodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.catalog.instances import ON_PREMISES
from steelyard.catalog.nodes import read_nodes

HEADER = "name,gpu,gpu_count,cpus,memory,usd_hour,network_gbit_s,count\n"


def test_a_row_is_a_kind_of_node_that_is_had_in_one_place_only() -> None:
    (one,), findings = read_nodes(HEADER + "rack-a,h100,8,192,2TiB,31.50,400,4\n", "n.csv")
    assert findings == ()
    assert one.accelerator is not None
    assert (one.name, one.family, one.region, one.nodes, one.source) == ("rack-a", ON_PREMISES, ON_PREMISES, 4, "n.csv:2")
    assert (one.accelerator.name, one.accelerator_count, one.cpus, one.memory) == ("H100", 8, 192, 2 * 1024**4)
    assert (one.price_micro_hour, one.network_gbit_s, one.never_chosen) == (31_500_000, 400, "")


def test_three_columns_are_enough_for_a_node_without_gpu() -> None:
    (one,), findings = read_nodes("memory,name,cpus\n64GiB,box,16\n", "n.csv")
    assert findings == ()
    assert (one.accelerator, one.accelerator_count, one.network_gbit_s, one.nodes) == (None, 0, None, 1)
    assert one.price_micro_hour is None
    assert one.never_chosen == "price unknown"


def test_a_node_that_costs_nothing_may_be_chosen() -> None:
    (one,), _ = read_nodes(HEADER + "box,,,16,64GiB,0,,\n", "n.csv")
    assert (one.price_micro_hour, one.never_chosen) == (0, "")


@pytest.mark.parametrize(
    ("row", "finding"),
    [("r,A100,8,4,2TiB,,,", "n.csv:2:3: gpu: 'A100' may be A100-40GB or A100-80GB; say which"),
     ("r,H1000,8,4,2TiB,,,", "n.csv:2:3: gpu: 'H1000' is not a GPU of the catalogue; known are T4,"),
     ("r,L4,,4,2TiB,,,", "n.csv:2:6: gpu_count: how many L4 has a node?"),
     ("r,L4,0,4,2TiB,,,", "n.csv:2:6: gpu_count: 0: leave the column gpu blank where there is none"),
     ("r,,2,4,2TiB,,,", "n.csv:2:3: gpu: which GPU? known are T4,"),
     ("r,L4,1.5,4,2TiB,,,", "n.csv:2:6: gpu_count: '1.5' is not a whole number; for example 8"),
     ("r,,,0,2TiB,,,", "n.csv:2:5: cpus: '0' is not a whole number from 1 on; for example 4"),
     ("r,,,4,64,,,", "n.csv:2:7: memory: '64' is not a size with its unit; for example 512GiB"),
     ("r,,,4,0GiB,,,", "n.csv:2:7: memory: '0GiB' is not a size; for example 512GiB"),
     ("r,,,4,,,,", "n.csv:2:7: memory: it is blank"),
     ("r b,,,4,1GiB,,,", "n.csv:2:1: name: 'r b' is not a name of letters, digits, dots and dashes, 63 at most; for example rack-a"),
     ("r,,,4,1GiB,,0,", "n.csv:2:13: network_gbit_s: '0' is not a rate in Gbit/s; for example 400; blank where it is not known"),
     ("r,,,4,1GiB,,,0", "n.csv:2:14: count: '0' is not a whole number from 1 on; for example 4"),
     ("r,,,4,1GiB,,,\nr,,,4,1GiB,,,", "n.csv:3:1: name: r stands twice")],
)  # fmt: skip
def test_a_bad_row_says_where_what_and_what_would_do(row: str, finding: str) -> None:
    _, (one,) = read_nodes(HEADER + row, "n.csv")
    assert f"{one.place}: {one.message}".startswith(finding)
    assert one.rule == "node-list-invalid"


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    nodes, findings = read_nodes(HEADER + text, "n.csv")
    assert all(one.region == ON_PREMISES for one in nodes)
    assert all(one.severity == "error" and one.place for one in findings)
