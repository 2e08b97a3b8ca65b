"""AWS's answers: from moto where it has the call, else written here in the form of AWS's own (botocore checks it)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import ANY, Stubber
from moto import mock_aws

from steelyard.aws.catalog_calls import QUOTAS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REGION = "eu-west-1"


def product(instance: str, usd: str | None, unit: str = "Hrs") -> str:
    """A product of the price list, as AWS writes it: JSON within JSON."""
    price = {"CNY": "1.0"} if usd is None else {"USD": usd}
    dimension = {"unit": unit, "pricePerUnit": price, "description": f"per On Demand Linux {instance} Instance Hour"}
    return json.dumps({
        "product": {"productFamily": "Compute Instance", "attributes": {"instanceType": instance, "regionCode": REGION}, "sku": "X"},
        "terms": {"OnDemand": {"X.Y": {"priceDimensions": {"X.Y.Z": dimension}, "effectiveDate": "2026-11-01T00:00:00Z"}}},
    })  # fmt: skip


@cache
def session() -> Any:
    """One for all tests: reading the descriptions of AWS's services takes a second."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


def client_of(service: str) -> Any:
    """A client that asks once. It reaches nobody: moto or a stub answers."""
    return session().client(service, region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


class Answering:
    """Stands for `Clients`: EC2 is moto's, prices and quotas, which moto does not have, are stubbed."""

    def __init__(self, pages: Sequence[Sequence[str]] = (), granted: Mapping[str, float] | None = None) -> None:
        self.region = REGION
        self.made = {name: client_of(name) for name in ("ec2", "pricing", "service-quotas")}
        self._stub_prices(pages)
        self._stub_quotas(granted or {})

    def client(self, service: str) -> Any:
        return self.made[service]

    def fail(self, service: str, operation: str, code: str, after: int = 0) -> None:
        """Let every call of `operation` after so many end with an error of AWS."""
        calls = count()

        def answer(model: Any, **_: Any) -> tuple[Any, Any] | None:
            if model.name != operation or next(calls) < after:
                return None
            return SimpleNamespace(status_code=403), {"Error": {"Code": code, "Message": f"said {code}"}, "ResponseMetadata": {}}

        self.made[service].meta.events.register_first("before-call.*.*", answer)

    def _stub_prices(self, pages: Sequence[Sequence[str]]) -> None:
        stub = Stubber(self.made["pricing"])
        for number, page in enumerate(pages):
            more = {"NextToken": f"page-{number + 1}"} if number + 1 < len(pages) else {}
            asked = {"ServiceCode": "AmazonEC2", "Filters": ANY} | ({"NextToken": f"page-{number}"} if number else {})
            stub.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": list(page)} | more, asked)
        if not pages:
            stub.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": []})
        stub.activate()

    def _stub_quotas(self, granted: Mapping[str, float]) -> None:
        stub = Stubber(self.made["service-quotas"])
        for code in QUOTAS:
            asked = {"ServiceCode": "ec2", "QuotaCode": code}
            if code in granted:
                stub.add_response("get_service_quota", {"Quota": {"QuotaCode": code, "Value": granted[code]}}, asked)
                continue
            stub.add_client_error("get_service_quota", "NoSuchResourceException", http_status_code=400, expected_params=asked)
        stub.activate()


@contextmanager
def answering(pages: Sequence[Sequence[str]] = (), granted: Mapping[str, float] | None = None) -> Iterator[Any]:
    """Clients that answer, in place of AWS."""
    with mock_aws():
        yield Answering(pages, granted)
