"""`python -m steelyard.local.convert_gguf FILE.gguf FOLDER`: a quantised GGUF file to a Hugging Face folder of safetensors.

Run in a process of its own, since the conversion takes over a gigabyte of memory for a minute.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def convert(source: Path, target: Path) -> None:
    """Read `source`, write weights (BF16), configuration, tokenizer and chat template to `target`."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch  # noqa: PLC0415 - after the environment is set
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    folder, file = str(source.parent), source.name
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are not quantised any more, and readers would believe it
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(loaded.state_dict())
    plain.to(torch.bfloat16).save_pretrained(target)
    AutoTokenizer.from_pretrained(folder, gguf_file=file).save_pretrained(target)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
