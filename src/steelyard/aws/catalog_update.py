"""Asks AWS what a region offers and at which price. A call that fails is told, and the others go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from steelyard.aws import catalog_calls as calls
from steelyard.aws.catalog_file import RegionFacts
from steelyard.aws.session import Clients
from steelyard.catalog.prices import Price, Purchase
from steelyard.errors import SteelyardError
from steelyard.findings import Finding

FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
REFUSED = (
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException",
    "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
)  # fmt: skip
THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException")


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS said, and what it did not."""

    facts: RegionFacts
    problems: tuple[Finding, ...]
    answered: frozenset[str]
    """The actions that came to their end: what these did not name is not there any more."""


def fetch(clients: Clients, wanted: Sequence[str], now: datetime) -> Answer:
    """Prices, zones and figures of the `wanted` instance types in the clients' region, and the account's quotas.

    Raises SteelyardError when AWS cannot be reached or refuses the credentials, or when not one call came to an answer.
    """
    gathered: dict[str, dict[Any, list[Any]]] = {}
    problems: list[Finding] = []
    for action, service in ACTIONS.items():
        rows: dict[Any, list[Any]] = {}
        if problem := _gather(action, _rows(action, clients.client(service), clients.region, wanted, now), rows, anything=bool(gathered)):
            problems.append(problem)
        if rows or problem is None:
            gathered[action] = rows
    if not gathered:
        raise SteelyardError("\n".join(problem.message for problem in problems), next_step="aws sts get-caller-identity")
    failed = {problem.object for problem in problems}
    return Answer(facts_of(gathered, now), tuple(problems), frozenset(ACTIONS) - failed)


ACTIONS: Mapping[str, str] = {
    "ec2:DescribeInstanceTypes": "ec2", "ec2:DescribeInstanceTypeOfferings": "ec2", "ec2:DescribeSpotPriceHistory": "ec2",
    "pricing:GetProducts": "pricing", "servicequotas:GetServiceQuota": "service-quotas",
}  # fmt: skip
"""The permission that each call needs, and its service; EC2 of the region first: without it the others are of little use."""


def _rows(action: str, client: Any, region: str, wanted: Sequence[str], now: datetime) -> Iterator[calls.Row]:
    match action:
        case "pricing:GetProducts":
            return calls.on_demand(client, region, frozenset(wanted))
        case "ec2:DescribeSpotPriceHistory":
            return calls.spot(client, wanted, now)
        case "ec2:DescribeInstanceTypes":
            return calls.types(client, wanted)
        case "ec2:DescribeInstanceTypeOfferings":
            return calls.zones(client, wanted)
        case _:
            return calls.quotas(client)


def _gather(action: str, rows: Iterator[calls.Row], into: dict[Any, list[Any]], *, anything: bool) -> Finding | None:
    """All rows of a call, or those before it failed, and why. `anything`: whether an earlier call was answered.

    Raises SteelyardError for what would fail with the next call as well.
    """
    from botocore import exceptions  # noqa: PLC0415  (the extra `aws`)

    try:
        for key, value in rows:
            into.setdefault(key, []).append(value)
    except exceptions.ClientError as error:
        return _of_client_error(action, error, len(into))
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError) as error:
        if not anything and not into:
            raise SteelyardError(f"AWS cannot be reached: {error}", next_step="give prices in a file instead: docs/prices.md") from error
        return _problem(action, f"AWS could not be reached: {error}", len(into))
    except (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError, exceptions.TokenRetrievalError,
            exceptions.UnauthorizedSSOTokenError, exceptions.PartialCredentialsError) as error:  # fmt: skip
        raise SteelyardError(f"no AWS credentials could be had: {error}", next_step="aws sso login, or aws configure") from error
    except exceptions.BotoCoreError as error:
        return _problem(action, str(error), len(into))
    return None


def _of_client_error(action: str, error: Any, rows: int) -> Finding:
    code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code in REFUSED:
        raise SteelyardError(f"AWS refuses the credentials ({code}): {said}", next_step="aws sts get-caller-identity") from error
    if code in FORBIDDEN:
        return _problem(action, "no permission for it", rows, f"allow {action} to this user or role")
    if code in THROTTLED:
        return _problem(action, "AWS was asked too often, and still so after waiting", rows, "steelyard catalog update, in a few minutes")
    return _problem(action, f"{code}: {said}", rows)


def _problem(action: str, why: str, rows: int, next_step: str = "") -> Finding:
    came = f"; {rows} row{'s' if rows > 1 else ''} had come before and {'are' if rows > 1 else 'is'} kept" if rows else ""
    return Finding("catalog-update-incomplete", "warning", action, f"{action} gave no answer: {why}{came}",
                   evidence="what was known of it before stays", next_step=next_step)  # fmt: skip


def facts_of(gathered: Mapping[str, Mapping[Any, Sequence[Any]]], now: datetime) -> RegionFacts:
    """The rows of all calls as what is kept. Of spot, the lowest price of its zones, since one may choose the zone."""
    day = now.astimezone(UTC).date().isoformat()
    prices: dict[tuple[str, Purchase], Price] = {
        (name, "on-demand"): Price(max(micro), "AWS price list", day) for name, micro in gathered.get("pricing:GetProducts", {}).items()
    }
    by_type: dict[str, list[tuple[int, str]]] = {}
    for (name, zone), micro in gathered.get("ec2:DescribeSpotPriceHistory", {}).items():
        by_type.setdefault(name, []).append((micro[0], zone))
    for name, zones in by_type.items():
        micro_hour, zone = min(zones)
        prices[name, "spot"] = Price(micro_hour, f"EC2 spot price history, {zone}, the lowest of {len(zones)} zones", day)
    return RegionFacts(
        updated=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), prices=prices,
        types={name: facts[-1] for name, facts in gathered.get("ec2:DescribeInstanceTypes", {}).items()},
        zones={name: tuple(sorted(set(zones))) for name, zones in gathered.get("ec2:DescribeInstanceTypeOfferings", {}).items()},
        quotas={code: values[-1] for code, values in gathered.get("servicequotas:GetServiceQuota", {}).items()},
    )  # fmt: skip
