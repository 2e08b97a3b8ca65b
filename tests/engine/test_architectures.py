"""Parameter counts against the modules that Hugging Face transformers builds, on the meta device: nothing is allocated."""

from collections.abc import Mapping
from typing import Any

import pytest

from steelyard.catalog.known import known_models

pytestmark = pytest.mark.engine

ONE_OF_EACH_FAMILY = {model.config["model_type"]: name for name, model in sorted(known_models().items())}
PASSED_OVER = {
    "kimi_k2": "its modules are those of deepseek_v3, and come with the model's own code",
}


@pytest.mark.parametrize("family", sorted(ONE_OF_EACH_FAMILY.keys() - PASSED_OVER.keys()))
def test_the_catalogue_counts_what_transformers_builds(family: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    model = known_models()[ONE_OF_EACH_FAMILY[family]]
    fields: Mapping[str, Any] = {key: value for key, value in model.config.items() if key not in ("model_type", "max_position_embeddings")}
    config = AutoConfig.for_model(family, max_position_embeddings=model.config["max_position_embeddings"], **fields)
    with torch.device("meta"):
        built = (AutoModel if model.architecture().encoder else AutoModelForCausalLM).from_config(config)
    counted = sum(parameter.numel() for parameter in built.parameters())
    assert model.architecture().parameters == pytest.approx(counted, rel=1e-5)
