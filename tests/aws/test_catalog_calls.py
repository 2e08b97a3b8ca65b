"""The five calls, each as rows. moto has those of EC2; where it has not, botocore's stub answers, which a name says."""

from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from steelyard.aws import catalog_calls as calls
from tests.aws.answers import NOW, REGION, answering, client_of, product


def test_stubbed_prices_of_all_pages_are_read_and_only_those_wanted() -> None:
    pages = [[product("g5.xlarge", "1.1230000000"), product("x9.large", "7.0")], [product("p5.48xlarge", "60.5400000001")]]
    with answering(pages) as clients:
        rows = list(calls.on_demand(clients.client("pricing"), REGION, {"g5.xlarge", "p5.48xlarge"}))
    assert rows == [("g5.xlarge", 1_123_000), ("p5.48xlarge", 60_540_000)]


def test_stubbed_prices_are_asked_for_of_one_region_and_of_linux_on_demand() -> None:
    client = client_of("pricing")
    with Stubber(client) as stub:
        fields = calls.PRODUCT | {"regionCode": "eu-west-1"}
        asked = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
        stub.add_response("get_products", {"PriceList": []}, {"ServiceCode": "AmazonEC2", "Filters": asked})
        assert list(calls.on_demand(client, "eu-west-1", {"g5.xlarge"})) == []
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    "written",
    [product("g5.xlarge", "0.0000000000"), product("g5.xlarge", None), product("g5.xlarge", "1", "Quantity"),
     '{"product": {"attributes": {}}, "terms": {}}'],
)  # fmt: skip
def test_a_stubbed_product_without_a_price_in_dollars_has_no_row(written: str) -> None:
    with answering([[written]]) as clients:
        assert list(calls.on_demand(clients.client("pricing"), REGION, {"g5.xlarge"})) == []


def test_spot_has_a_row_for_each_zone() -> None:
    with answering() as clients:
        rows = dict(calls.spot(clients.client("ec2"), ["g5.xlarge", "p5.48xlarge"], NOW))
    assert rows == {("g5.xlarge", f"eu-west-1{zone}"): 10 for zone in "abc"}


def test_zones_are_those_that_offer_a_type() -> None:
    with answering() as clients:
        rows = list(calls.zones(clients.client("ec2"), ["g5.xlarge"]))
    assert sorted(rows) == [("g5.xlarge", f"eu-west-1{zone}") for zone in "abc"]


def test_a_type_has_its_figures_with_gpus_or_without() -> None:
    with answering() as clients:
        rows = dict(calls.types(clients.client("ec2"), ["p5.48xlarge", "m7i.large"]))
    assert rows["p5.48xlarge"] == {"cpus": 192, "memory_mib": 2_097_152, "gpus": 8, "gpu_memory_mib": 81_920}
    assert rows["m7i.large"] == {"cpus": 2, "memory_mib": 8192, "gpus": 0, "gpu_memory_mib": None}


def test_stubbed_pages_of_ec2_are_all_read() -> None:
    client = client_of("ec2")
    with Stubber(client) as stub:
        for number in range(3):
            spot = {"InstanceType": "g5.xlarge", "AvailabilityZone": f"eu-west-1{'abc'[number]}", "SpotPrice": "0.5"}
            page: dict[str, Any] = {"SpotPriceHistory": [spot]}
            asked = {"StartTime": NOW, "EndTime": NOW, "ProductDescriptions": ["Linux/UNIX"], "Filters": ANY}
            stub.add_response("describe_spot_price_history", page | ({"NextToken": f"page-{number + 1}"} if number < 2 else {}),
                              asked | ({"NextToken": f"page-{number}"} if number else {}))  # fmt: skip
        assert [key[1][-1] for key, _ in calls.spot(client, ["g5.xlarge"], NOW)] == ["a", "b", "c"]


def test_many_names_are_asked_in_filters_that_ec2_takes() -> None:
    client = client_of("ec2")
    names = [f"t{number}.large" for number in range(2 * calls.FILTER_VALUES + 1)]
    with Stubber(client) as stub:
        for start in range(0, len(names), calls.FILTER_VALUES):
            values = names[start : start + calls.FILTER_VALUES]
            asked = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": values}]}
            stub.add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": []}, asked)
        assert list(calls.zones(client, names)) == []
        stub.assert_no_pending_responses()


def test_a_stubbed_quota_that_a_region_does_not_have_is_unknown() -> None:
    client = client_of("service-quotas")
    with Stubber(client) as stub:
        for number, code in enumerate(calls.QUOTAS):
            if number < 2:
                stub.add_response("get_service_quota", {"Quota": {"QuotaCode": code, "Value": 192.0 * (1 - number)}})
            else:
                stub.add_client_error("get_service_quota", "NoSuchResourceException", http_status_code=400)
        assert dict(calls.quotas(client)) == {"L-417A185B": 192.0, "L-DB2E81BA": 0.0}


def test_the_quotas_of_gpus_are_asked_for_bought_either_way() -> None:
    assert {"L-417A185B", "L-DB2E81BA", "L-1945791B", "L-2C3B7624"} <= set(calls.QUOTAS)
    assert {"L-C4BD4855", "L-7212CCBC", "L-3819A6DF"} <= set(calls.QUOTAS)


@pytest.mark.parametrize(("usd", "micro"), [("55.0400000000", 55_040_000), ("0.0000005", 0), ("0.0000015", 2), ("0.00001", 10)])
def test_dollars_of_aws_become_micro_dollars(usd: str, micro: int) -> None:
    assert calls.micro_dollars(usd) == micro
