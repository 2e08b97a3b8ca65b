"""`kind: Platform`: where everything runs, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from steelyard.blueprint.fields import Bytes, CountFromZero, HourlyPrice, Name, PriceAnHour, Text, Texts, one_line, scalar
from steelyard.blueprint.part import Conflict, Document, Part, at_least_one, at_most_one


class Storage(Part):
    """One storage of the Platform: an S3 address, or the size of a file system."""

    s3: Text | None = Field(None, description="A bucket, with a prefix if you like.", examples=["s3://acme-models"])
    fsx: Bytes | None = Field(None, description="An FSx for Lustre file system of this size.", examples=["4.8TB"])
    efs: Bytes | None = Field(None, description="An EFS file system, expected to hold this much.", examples=["1TB"])

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        yield from at_most_one(given, "s3", "fsx", "efs")
        yield from at_least_one(given, "s3", "fsx", "efs")


class Limits(Part):
    """What no autoscaler goes beyond."""

    gpu: CountFromZero | None = Field(None, description="Devices of all kinds together.", examples=[64])
    price: PriceAnHour | None = Field(None, description="Price of all nodes together.", examples=["$400/h"])


class Monitoring(Part):
    """Where metrics go."""

    prometheus: Literal["amp", "cluster"] = Field(
        "cluster", description="Amazon Managed Prometheus, or one in the cluster.", examples=["amp"]
    )


class PriceHere(Part):
    """The price of this machine."""

    hour: HourlyPrice = Field(description="What one hour of this machine costs you, all in; micro-dollars in Python.", examples=["$0.35"])


def _prices(value: object) -> PriceHere | str:
    """A mapping is the price of this machine, a text is the path of a price list."""
    if isinstance(value, PriceHere):
        return value
    return PriceHere.model_validate(value) if isinstance(value, Mapping) else one_line(scalar(value))


Prices = Annotated[PriceHere | str, BeforeValidator(_prices)]


class Platform(Document):
    """Where everything runs. At most one; without it `run` means this machine."""

    kind: Literal["Platform"] = "Platform"
    name: Name = Field(description="The cluster's name, unless `cluster` says another.", examples=["research"])
    cluster: Name | None = Field(None, description="The cluster's name where it differs from `name`.", examples=["research-eu"])
    target: Literal["eks", "kubernetes", "here"] = Field(
        "eks", description="EKS, any Kubernetes cluster, or this machine.", examples=["here"]
    )
    region: Text = Field("us-east-1", description="The AWS region.", examples=["us-east-1"])
    zones: Texts = Field(
        (), description="Availability zones that may be used; all of the region when left out.", examples=[["us-east-1a", "us-east-1b"]]
    )
    nodes: Literal["karpenter", "fixed"] = Field(
        "karpenter", description="Nodes come and go with Karpenter, or are a fixed set.", examples=["fixed"]
    )
    devices: Literal["plugin", "dra"] = Field(
        "plugin", description="How GPUs are handed out: device plugin, or dynamic resource allocation.", examples=["dra"]
    )
    instances: Texts = Field(
        (), description="Instance families or types that may be used; all when left out.", examples=[["g6", "p5", "m7i"]]
    )
    spot: Literal["auto", "never", "only"] = Field(
        "auto", description="Whether spot capacity may be used; a workload can narrow it.", examples=["never"]
    )
    reservations: Texts = Field((), description="Capacity reservations to use first.", examples=[["cr-0123456789abcdef0"]])
    limits: Limits = Field(default_factory=Limits, description="What no autoscaler goes beyond.", examples=[{"gpu": 64, "price": "$400/h"}])
    storage: Mapping[Name, Storage] = Field(
        {},
        description="Storage, named once here and mounted by name in workloads.",
        examples=[{"models": {"s3": "s3://acme-models"}, "datasets": {"fsx": "4.8TB"}}],
    )
    monitoring: Monitoring = Field(default_factory=Monitoring, description="Where metrics go.", examples=[{"prometheus": "amp"}])
    registry: Text | None = Field(
        None, description="Where images are pushed and pulled.", examples=["123456789012.dkr.ecr.us-east-1.amazonaws.com/steelyard"]
    )
    outputs: Text | None = Field(None, description="File of ids that the cluster's Terraform gave.", examples=["terraform-outputs.json"])
    prices: Prices | None = Field(
        None, description="Your own price list, or the price of an hour of this machine.", examples=[{"hour": "$0.35"}, "prices.csv"]
    )
