"""Names that others rely on: a change here is a change for every user."""

import json
import subprocess
import sys

import pytest

import steelyard

NAMES = {
    "Batch", "BlueprintError", "InfeasibleError", "LedgerError", "MissingExtraError", "NotFoundError", "Notebook", "Platform", "Rag",
    "RunFailedError", "Serve", "StateError", "SteelyardError", "Team", "Train", "__version__", "plan", "read", "worker",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(steelyard.__all__) == set(dir(steelyard)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_public_name_can_be_used(name: str) -> None:
    assert getattr(steelyard, name)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rehearse'"):
        getattr(steelyard, "rehearse")  # noqa: B009  (the name is the point)


def test_an_error_is_had_without_pydantic() -> None:
    code = "import json, sys; from steelyard import SteelyardError; print(json.dumps('pydantic' in sys.modules))"
    assert json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) is False
