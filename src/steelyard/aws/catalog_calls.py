"""The five calls that tell what can be had in a region, as rows: one call to AWS each, paged by botocore, with nothing decided.

They raise what botocore raises, also between two rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice
from typing import Any

Row = tuple[Any, Any]
FILTER_VALUES = 100
"""Names in one filter: EC2 takes 200 at most."""
PRODUCT = {
    "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand",
}  # fmt: skip
"""What is bought: a running Linux machine beside others, without licences, on demand (attributes of AmazonEC2 in the price list)."""
QUOTAS: Mapping[str, str] = {
    "L-417A185B": "P, on demand", "L-DB2E81BA": "G and VT, on demand", "L-1945791B": "Inf, on demand", "L-2C3B7624": "Trn, on demand",
    "L-1216C47A": "standard, on demand", "L-C4BD4855": "P5, spot", "L-7212CCBC": "P4, P3 and P2, spot", "L-3819A6DF": "G and VT, spot",
    "L-B5D1601B": "Inf, spot", "L-6B0D517C": "Trn, spot", "L-34B43A08": "standard, spot",
}  # fmt: skip
"""vCPUs that may run at once (Amazon EC2 User Guide, service quotas)."""


def on_demand(pricing: Any, region: str, wanted: Collection[str]) -> Iterator[Row]:
    """Instance type, and micro-dollars an hour. A price of 0 in the list is no price."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in (PRODUCT | {"regionCode": region}).items()]
    for page in pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters):
        for text in page["PriceList"]:
            product = json.loads(text)
            name = product["product"]["attributes"].get("instanceType")
            micro = _hourly(product)
            if name in wanted and micro:
                yield name, micro


def _hourly(product: Mapping[str, Any]) -> int | None:
    """The price of an hour in the only term of a product that is sold on demand; None where there is none in dollars."""
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    hours = [dimension["pricePerUnit"].get("USD") for term in terms for dimension in term["priceDimensions"].values()
             if dimension.get("unit") == "Hrs"]  # fmt: skip
    return micro_dollars(hours[0]) if len(hours) == 1 and hours[0] else None


def spot(ec2: Any, wanted: Sequence[str], now: datetime) -> Iterator[Row]:
    """Instance type and zone, and micro-dollars an hour at `now`."""
    pages = ec2.get_paginator("describe_spot_price_history")
    for names in _chunks(wanted):
        for page in pages.paginate(StartTime=now, EndTime=now, ProductDescriptions=["Linux/UNIX"], Filters=_names("instance-type", names)):
            for one in page["SpotPriceHistory"]:
                yield (one["InstanceType"], one["AvailabilityZone"]), micro_dollars(one["SpotPrice"])


def types(ec2: Any, wanted: Sequence[str]) -> Iterator[Row]:
    """Instance type, and what EC2 says of it: vCPUs, MiB of memory, and of its GPUs how many and MiB of each."""
    pages = ec2.get_paginator("describe_instance_types")
    for names in _chunks(wanted):
        for page in pages.paginate(Filters=_names("instance-type", names)):
            for one in page["InstanceTypes"]:
                gpus = (one.get("GpuInfo") or {}).get("Gpus", [])
                yield one["InstanceType"], {
                    "cpus": one["VCpuInfo"]["DefaultVCpus"], "memory_mib": one["MemoryInfo"]["SizeInMiB"],
                    "gpus": sum(gpu.get("Count", 0) for gpu in gpus),
                    "gpu_memory_mib": gpus[0]["MemoryInfo"]["SizeInMiB"] if gpus else None,
                }  # fmt: skip


def zones(ec2: Any, wanted: Sequence[str]) -> Iterator[Row]:
    """Instance type, and a zone where it is offered."""
    pages = ec2.get_paginator("describe_instance_type_offerings")
    for names in _chunks(wanted):
        for page in pages.paginate(LocationType="availability-zone", Filters=_names("instance-type", names)):
            for one in page["InstanceTypeOfferings"]:
                yield one["InstanceType"], one["Location"]


def quotas(service_quotas: Any) -> Iterator[Row]:
    """Code, and vCPUs; a quota that the region does not have has no row."""
    for code in QUOTAS:
        try:
            quota = service_quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        except service_quotas.exceptions.NoSuchResourceException:
            continue
        yield code, float(quota["Value"])


def micro_dollars(usd: str) -> int:
    """AWS's decimal dollars as micro-dollars, rounded to the even one."""
    return int((Decimal(usd) * 10**6).to_integral_value(ROUND_HALF_EVEN))


def _names(field: str, names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Name": field, "Values": list(names)}]


def _chunks(names: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while chunk := list(islice(rest, FILTER_VALUES)):
        yield chunk
