"""All five calls together: what is gathered, and what is told when some of them fail."""

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from steelyard.aws import catalog_calls
from steelyard.aws.catalog_update import ACTIONS, facts_of, fetch
from steelyard.aws.session import ATTEMPTS, Clients
from steelyard.catalog.prices import Price
from steelyard.errors import SteelyardError
from tests.aws.answers import NOW, REGION, answering, product, session

WANTED = ["g5.xlarge", "m7i.large"]
PAGES = [[product("g5.xlarge", "1.12")], [product("m7i.large", "0.11")]]
EC2 = ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory")


def test_everything_is_gathered_with_stubbed_prices_and_quotas() -> None:
    with answering(PAGES, {"L-DB2E81BA": 64}) as clients:
        answer = fetch(clients, WANTED, NOW)
    facts = answer.facts
    assert answer.problems == ()
    assert answer.answered == set(ACTIONS)
    assert facts.updated == "2026-11-24T12:00:00Z"
    assert facts.prices["g5.xlarge", "on-demand"] == Price(1_120_000, "AWS price list", "2026-11-24")
    assert facts.prices["g5.xlarge", "spot"] == Price(10, "EC2 spot price history, eu-west-1a, the lowest of 3 zones", "2026-11-24")
    assert facts.zones["m7i.large"] == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert facts.types["g5.xlarge"]["gpus"] == 1
    assert facts.quotas == {"L-DB2E81BA": 64.0}


def test_of_spot_the_lowest_zone_counts_and_is_named() -> None:
    rows = {("g5.xlarge", "a"): [500_000], ("g5.xlarge", "b"): [400_000], ("g5.xlarge", "c"): [450_000]}
    price = facts_of({"ec2:DescribeSpotPriceHistory": rows}, NOW).prices["g5.xlarge", "spot"]
    assert (price.micro_hour, price.interruption) == (400_000, None)
    assert price.source == "EC2 spot price history, b, the lowest of 3 zones"


def test_of_two_prices_of_one_type_the_higher_counts() -> None:
    facts = facts_of({"pricing:GetProducts": {"g5.xlarge": [1_200_000, 1_000_000]}}, NOW)
    assert facts.prices["g5.xlarge", "on-demand"].micro_hour == 1_200_000


@pytest.mark.parametrize(
    ("action", "service", "operation"),
    [("ec2:DescribeInstanceTypes", "ec2", "DescribeInstanceTypes"),
     ("ec2:DescribeInstanceTypeOfferings", "ec2", "DescribeInstanceTypeOfferings"),
     ("ec2:DescribeSpotPriceHistory", "ec2", "DescribeSpotPriceHistory"), ("pricing:GetProducts", "pricing", "GetProducts"),
     ("servicequotas:GetServiceQuota", "service-quotas", "GetServiceQuota")],
)  # fmt: skip
def test_one_call_may_fail_and_the_others_go_on(action: str, service: str, operation: str) -> None:
    with answering(PAGES, {"L-DB2E81BA": 64}) as clients:
        clients.fail(service, operation, "AccessDeniedException")
        answer = fetch(clients, WANTED, NOW)
    (problem,) = answer.problems
    assert (problem.rule, problem.object) == ("catalog-update-incomplete", action)
    assert problem.message == f"{action} gave no answer: no permission for it"
    assert problem.next_step == f"allow {action} to this user or role"
    assert answer.answered == set(ACTIONS) - {action}
    facts = answer.facts
    there = [bool(facts.types), bool(facts.zones), any(key[1] == "spot" for key in facts.prices),
             any(key[1] == "on-demand" for key in facts.prices), bool(facts.quotas)]  # fmt: skip
    assert there == [name != action for name in ACTIONS]


@pytest.mark.parametrize(
    ("code", "why"),
    [("UnauthorizedOperation", "no permission for it"), ("ThrottlingException", "asked too often"),
     ("InternalError", "InternalError: said InternalError")],
)  # fmt: skip
def test_why_a_call_failed_is_told(code: str, why: str) -> None:
    with answering(PAGES) as clients:
        clients.fail("pricing", "GetProducts", code)
        answer = fetch(clients, WANTED, NOW)
    assert why in answer.problems[0].message


def test_what_came_before_a_page_failed_is_kept_and_counted() -> None:
    with answering([PAGES[0], PAGES[1]]) as clients:
        clients.fail("pricing", "GetProducts", "AccessDeniedException", after=1)
        answer = fetch(clients, WANTED, NOW)
    assert ("g5.xlarge", "on-demand") in answer.facts.prices
    assert ("m7i.large", "on-demand") not in answer.facts.prices
    assert "1 row had come before and is kept" in answer.problems[0].message
    assert "pricing:GetProducts" not in answer.answered


def test_when_no_call_is_allowed_nothing_is_answered() -> None:
    with answering() as clients:
        for operation in EC2:
            clients.fail("ec2", operation, "UnauthorizedOperation")
        clients.fail("pricing", "GetProducts", "AccessDeniedException")
        clients.fail("service-quotas", "GetServiceQuota", "AccessDeniedException")
        with pytest.raises(SteelyardError) as raised:
            fetch(clients, WANTED, NOW)
    assert str(raised.value).count("no permission") == len(ACTIONS)


@pytest.mark.parametrize("code", ["AuthFailure", "ExpiredToken", "UnrecognizedClientException"])
def test_refused_credentials_end_it_at_once(code: str) -> None:
    with answering() as clients:
        clients.fail("ec2", "DescribeInstanceTypes", code)
        with pytest.raises(SteelyardError, match=f"AWS refuses the credentials \\({code}\\)"):
            fetch(clients, WANTED, NOW)


@pytest.mark.parametrize(("error", "told"), [(EndpointConnectionError(endpoint_url="https://ec2.example"), "AWS cannot be reached"),
                                             (NoCredentialsError(), "no AWS credentials could be had")])  # fmt: skip
def test_without_network_or_credentials_the_first_call_ends_it(monkeypatch: pytest.MonkeyPatch, error: Exception, told: str) -> None:
    asked = []

    def offline(*_: Any) -> Any:
        asked.append(1)
        raise error
        yield

    for name in ("types", "zones", "spot", "on_demand", "quotas"):
        monkeypatch.setattr(catalog_calls, name, offline)
    with answering() as clients, pytest.raises(SteelyardError, match=told):
        fetch(clients, WANTED, NOW)
    assert len(asked) == 1


def test_a_call_that_aws_throttles_is_tried_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    sent = []

    def throttled(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        body = b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slower</Message></Error></Errors></Response>"
        response = AWSResponse(request.url, 503, {}, None)
        response._content = body
        return response

    with mock_aws():
        client = Clients(session(), REGION).client("ec2")
        client.meta.events.register_first("before-send.ec2", throttled)
        with answering(PAGES) as clients:
            clients.made["ec2"] = client
            answer = fetch(clients, WANTED, NOW)
    assert len(sent) == 3 * ATTEMPTS
    assert [problem.next_step for problem in answer.problems] == ["steelyard catalog update, in a few minutes"] * 3
