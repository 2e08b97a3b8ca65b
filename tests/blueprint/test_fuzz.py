"""Whatever is read, what comes back is a valid blueprint or problems that each have a place."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steelyard.blueprint import Blueprint, read_bytes, read_text
from steelyard.blueprint.writing import to_yaml
from steelyard.errors import BlueprintError
from tests.blueprint.written import mutated

COUNT = int(os.environ.get("STEELYARD_FUZZ", "200"))
"""Inputs of each kind; `make prove` sets 10,000."""

fuzz = settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))


def judged(content: str | bytes) -> Blueprint | None:
    """The blueprint, or None after checking that every problem has a place inside the text."""
    try:
        return read_text(content, "f.yaml") if isinstance(content, str) else read_bytes(content, "f.yaml")
    except BlueprintError as error:
        findings = error.findings
    assert findings
    for finding in findings:
        assert finding.place is not None, finding
        assert finding.place.file == "f.yaml"
        assert 1 <= finding.place.line <= len(content) + 1
        assert finding.place.column >= 1
        assert finding.message
        assert finding.rule
    return None


@fuzz
@given(st.binary(max_size=400))
def test_random_bytes_never_give_a_traceback(content: bytes) -> None:
    assert judged(content) is None, "no such luck: random bytes are no blueprint"


@fuzz
@given(mutated())
def test_mutated_blueprints_are_valid_or_their_problems_have_places(text: str) -> None:
    blueprint = judged(text)
    if blueprint is not None:
        assert read_text(to_yaml(blueprint)) == blueprint
