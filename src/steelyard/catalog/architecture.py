"""From a Hugging Face `config.json` to exact parameter counts and what the KV cache holds. Pure.

    architecture = read_architecture("my-model", json.loads(text))
    architecture.parameters, architecture.active, architecture.kv_elements(8192)

Every family's counts are those of its modules in Hugging Face transformers; tests compare them with the published ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from steelyard.errors import NotFoundError

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A transformer in numbers. Widths and counts are elements, not bytes."""

    name: str
    family: str
    """The `model_type` of its configuration."""
    layers: int
    width: int
    vocabulary: int
    context: int
    """The longest sequence, in tokens."""
    heads: int
    kv_heads: int
    head_dim: int
    windows: tuple[int | None, ...]
    """Of each layer, how many last tokens it attends to; None is all of them."""
    latent: int | None
    """Elements that a layer caches for a token where attention is latent (MLA: DeepSeek-V2, arXiv 2405.04434, section 2.1)."""
    parts: Mapping[str, int]
    """Parameters by part: embeddings, attention, mlp, experts, norms, head. They sum to `parameters`."""
    active: int
    """Parameters that one token passes through; all of them but for the experts that it does not choose."""
    experts: int
    """Routed experts of a layer; 0 where there are none."""
    experts_per_token: int

    @property
    def parameters(self) -> int:
        return sum(self.parts.values())

    @property
    def encoder(self) -> bool:
        """Whether it reads its whole input at once, writes nothing and caches nothing."""
        return self.family in ENCODERS

    @property
    def attention(self) -> Literal["MHA", "GQA", "MQA", "MLA"]:
        """How keys and values are shared among the heads."""
        if self.latent is not None:
            return "MLA"
        if self.kv_heads == self.heads:
            return "MHA"
        return "MQA" if self.kv_heads == 1 else "GQA"

    def kv_elements(self, tokens: int) -> int:
        """Elements that the KV cache holds for one sequence of so many tokens, over all layers."""
        each = self.latent if self.latent is not None else 2 * self.kv_heads * self.head_dim
        return each * sum(count * (tokens if window is None else min(tokens, window)) for window, count in Counter(self.windows).items())


@dataclass(frozen=True, slots=True)
class Family:
    """What the modules of a `model_type` have besides their matrices, and the names that its configuration gives to things."""

    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: Literal["none", "head", "all"] = "none"
    """A norm of queries and keys: of one head's width, or of all heads together."""
    layer_norms: int = 2
    norm_bias: bool = False
    gated: bool = True
    """Whether the feed-forward block has a gate: three matrices, not two."""
    mlp_bias: bool = False
    tied: bool = False
    """Whether the embedding is the head too where the configuration does not say."""
    sinks: bool = False
    """One more weight a head, and biases in router and experts (gpt-oss)."""
    window: Literal["none", "all", "alternate", "five-of-six"] = "none"
    """Which layers attend to `sliding_window` tokens only, where the configuration does not list them."""
    head_bias: bool = False


_LLAMA = Family()
FAMILIES: Mapping[str, Family] = MappingProxyType({
    "llama": _LLAMA, "mistral": Family(window="all"), "mixtral": Family(window="all"), "granite": Family(tied=True),
    "qwen2": Family(qkv_bias=True), "qwen3": Family(qk_norm="head"), "qwen3_moe": Family(qk_norm="head"),
    "gemma2": Family(layer_norms=4, tied=True, window="alternate"),
    "gemma3_text": Family(layer_norms=4, tied=True, qk_norm="head", window="five-of-six"),
    "phi": Family(qkv_bias=True, out_bias=True, layer_norms=1, norm_bias=True, gated=False, mlp_bias=True, head_bias=True),
    "phi3": _LLAMA, "falcon": Family(layer_norms=1, norm_bias=True, gated=False, tied=True),
    "deepseek_v2": _LLAMA, "deepseek_v3": _LLAMA, "kimi_k2": _LLAMA,
    "minimax_m2": Family(qk_norm="all"), "gpt_oss": Family(qkv_bias=True, out_bias=True, sinks=True, window="alternate"),
    "bert": Family(qkv_bias=True, out_bias=True, norm_bias=True, gated=False, mlp_bias=True),
    "xlm-roberta": Family(qkv_bias=True, out_bias=True, norm_bias=True, gated=False, mlp_bias=True),
})  # fmt: skip
ENCODERS = ("bert", "xlm-roberta")
NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "falcon": {"num_key_value_heads": "num_kv_heads"},
})
"""Where a family calls a thing by another name than most."""


def read_architecture(name: str, config: Config) -> Architecture:
    """The architecture that `config` describes. Raises NotFoundError for a family that is not known, and for fields that are missing
    or beyond `LIMITS`."""
    inner = config.get("text_config")
    config = inner if inner and isinstance(inner, Mapping) else config
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None:
        raise unknown(name, config)
    return _Reader(name, config, family).architecture()


def unknown(name: str, config: Config) -> NotFoundError:
    """For an architecture that nobody taught this reader: which of its fields say something that is not understood."""
    kind = str(config.get("model_type"))
    near = get_close_matches(kind, FAMILIES, n=1)
    strange = [field for field, value in config.items() if isinstance(value, int | list) and not isinstance(value, bool)
               and field not in UNDERSTOOD and not field.endswith(("_token_id", "_index"))]  # fmt: skip
    fields = f"; fields that are not understood: {', '.join(strange)}" if strange else ""
    return NotFoundError(f"{name}: an architecture of model_type {kind} is not known{fields}",
                         next_step=f"known are {', '.join(near or FAMILIES)}")


UNDERSTOOD = frozenset({
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "num_kv_heads", "head_dim",
    "intermediate_size", "max_position_embeddings", "sliding_window", "layer_types", "num_local_experts", "num_experts",
    "num_experts_per_tok", "experts_per_token", "moe_intermediate_size", "n_routed_experts", "n_shared_experts", "first_k_dense_replace",
    "kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "type_vocab_size", "architectures",
})

LIMITS: Mapping[str, tuple[int, int, int]] = MappingProxyType({
    "num_hidden_layers": (1, 1_000, 32), "hidden_size": (1, 131_072, 4096), "vocab_size": (1, 10_000_000, 128_256),
    "num_attention_heads": (1, 4_096, 32), "num_key_value_heads": (0, 4_096, 8), "num_kv_heads": (0, 4_096, 8),
    "head_dim": (0, 65_536, 128), "intermediate_size": (1, 4_194_304, 14_336), "max_position_embeddings": (1, 1_000_000_000, 131_072),
    "sliding_window": (0, 1_000_000_000, 4_096), "n_routed_experts": (0, 10_000, 256), "num_local_experts": (0, 10_000, 8),
    "num_experts": (0, 10_000, 128),
})  # fmt: skip
"""The least and the most of a field, and an example. The most is about eight times what any published model has, or more."""
MOST = 1_000_000
"""Of any other number."""


class _Reader:
    """One configuration being read."""

    def __init__(self, name: str, config: Config, family: Family) -> None:
        self.name, self.config, self.family = name, config, family
        self.kind = str(config["model_type"])
        self.width = self.number("hidden_size")
        self.layers = self.number("num_hidden_layers")
        self.heads = self.number("num_attention_heads")
        self.kv_heads = self._kv_heads()
        self.head_dim = self._head_dim()
        self.experts = next((count for field in ("n_routed_experts", "num_local_experts", "num_experts")
                             if (count := self.optional(field))), 0)  # fmt: skip
        self.chosen = self.optional("num_experts_per_tok") or self.optional("experts_per_token")
        self._agree()

    def number(self, field: str) -> int:
        named = NAMES.get(self.kind, {}).get(field, field)
        value = self.config.get(named)
        least, most, example = LIMITS.get(named, (0, MOST, 32))
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(f"its configuration has no number `{named}`", named, example)
        if value < least:
            raise self.wrong(f"`{named}` is {value}: it must be at least {least}", named, example)
        if value > most:
            raise self.wrong(f"`{named}` is {value:,}: more than {most:,}, which no model comes near", named, example)
        return value

    def optional(self, field: str) -> int:
        """A number that may be missing, null or false: 0 then."""
        return self.number(field) if self.config.get(NAMES.get(self.kind, {}).get(field, field)) else 0

    def wrong(self, what: str, field: str, example: int) -> NotFoundError:
        return NotFoundError(f"{self.name}: {what}", next_step=f'"{field}": {example}')

    def _agree(self) -> None:
        """Raises NotFoundError where two numbers cannot both be right."""
        if self._latent() is None and self.heads % self.kv_heads:
            possible = [count for count in range(1, self.heads + 1) if self.heads % count == 0]
            near = min(possible, key=lambda count: abs(count - self.kv_heads))
            field = NAMES.get(self.kind, {}).get("num_key_value_heads", "num_key_value_heads")
            raise self.wrong(f"{self.heads} attention heads cannot be shared equally by {self.kv_heads} KV heads", field, near)
        if self.head_dim == 0:
            raise self.wrong(f"{self.heads} attention heads are more than `hidden_size` {self.width}", "num_attention_heads", 1)
        if self.chosen > self.experts > 0:
            field = "num_experts_per_tok" if self.config.get("num_experts_per_tok") else "experts_per_token"
            raise self.wrong(f"a token cannot choose {self.chosen} of {self.experts} experts", field, self.experts)
        if self._dense_layers() > self.layers:
            raise self.wrong(f"`first_k_dense_replace` is more than its {self.layers} layers", "first_k_dense_replace", self.layers)

    def _head_dim(self) -> int:
        if self._latent() is not None:
            return self.number("qk_nope_head_dim") + self.number("qk_rope_head_dim")
        return self.optional("head_dim") or self.width // self.heads

    def _kv_heads(self) -> int:
        if self.kind == "falcon" and not self.config.get("new_decoder_architecture"):
            return 1 if self.config.get("multi_query") else self.heads
        return self.optional("num_key_value_heads") or self.heads

    def architecture(self) -> Architecture:
        dense, routed = self._dense_layers(), 0
        expert = self._expert()
        if self.experts:
            routed = self.layers - dense
        parts = {
            "embeddings": self._embeddings(),
            "attention": self.layers * self._attention(),
            "mlp": dense * self._mlp(self.number("intermediate_size")) + routed * (self._router() + self._shared()),
            "experts": routed * self.experts * expert,
            "norms": self._norms(),
            "head": self._head(),
        }
        active = sum(parts.values()) - routed * (self.experts - self.chosen) * expert
        return Architecture(
            name=self.name, family=self.kind, layers=self.layers, width=self.width, vocabulary=self.number("vocab_size"),
            context=self.number("max_position_embeddings"), heads=self.heads, kv_heads=self.kv_heads, head_dim=self.head_dim,
            windows=self._windows(), latent=self._latent(), parts=MappingProxyType(parts), active=active,
            experts=self.experts, experts_per_token=self.chosen,
        )

    # Parameters ------------------------------------------------------------------------------------------------------

    def _embeddings(self) -> int:
        count = self.number("vocab_size") * self.width
        if self.kind in ENCODERS:
            count += (self.number("max_position_embeddings") + self.number("type_vocab_size")) * self.width
        return count

    def _attention(self) -> int:
        """Of one layer."""
        if self._latent() is not None:
            return self._latent_attention()
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        count = self.width * (2 * queries + 2 * keys)
        count += (queries + 2 * keys) * (self.family.qkv_bias or bool(self.config.get("attention_bias")))
        count += self.width * (self.family.out_bias or bool(self.config.get("attention_bias")))
        count += {"none": 0, "head": 2 * self.head_dim, "all": queries + keys}[self.family.qk_norm]
        return count + self.heads * self.family.sinks

    def _latent_attention(self) -> int:
        """Of one layer: the projections down to the latents, their norms, and the projections up (arXiv 2405.04434, section 2.1)."""
        rank, rope, nope, value = (self.number(field) for field in ("kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"))
        head, query_rank = nope + rope, self.optional("q_lora_rank")
        queries = self.heads * head
        query = self.width * queries if not query_rank else query_rank * (self.width + 1 + queries)
        keys = self.width * (rank + rope) + rank + rank * self.heads * (nope + value)
        return query + keys + self.heads * value * self.width

    def _latent(self) -> int | None:
        rank = self.optional("kv_lora_rank")
        return rank + self.number("qk_rope_head_dim") if rank else None

    def _dense_layers(self) -> int:
        return self.optional("first_k_dense_replace") if self.experts else self.layers

    def _mlp(self, inner: int) -> int:
        count = (3 if self.family.gated else 2) * self.width * inner
        return count + (inner + self.width) * (self.family.mlp_bias or bool(self.config.get("mlp_bias")))

    def _expert(self) -> int:
        inner = self.optional("moe_intermediate_size") or self.optional("intermediate_size")
        return 3 * self.width * inner + (2 * inner + self.width) * self.family.sinks

    def _router(self) -> int:
        biased = self.family.sinks or self.kind in ("deepseek_v3", "kimi_k2", "minimax_m2")  # the last three: to balance the experts
        return self.experts * (self.width + biased)

    def _shared(self) -> int:
        """Experts of one layer that every token passes through."""
        return 3 * self.width * self.optional("n_shared_experts") * self.optional("moe_intermediate_size")

    def _norms(self) -> int:
        """Of all layers, and the last one (an encoder has it before its layers, over the embeddings)."""
        of_layer = self.family.layer_norms
        if self.kind == "falcon" and self.config.get("new_decoder_architecture"):
            of_layer = 2
        return self.width * (1 + self.family.norm_bias) * (of_layer * self.layers + 1)

    def _head(self) -> int:
        """The projection to the vocabulary; of an encoder, the pooler."""
        if self.kind in ENCODERS:
            return self.width * (self.width + 1)
        vocabulary = self.number("vocab_size")
        tied = self.config.get("tie_word_embeddings", self.family.tied)
        return (0 if tied else vocabulary * self.width) + vocabulary * self.family.head_bias

    # Attention -------------------------------------------------------------------------------------------------------

    def _windows(self) -> tuple[int | None, ...]:
        """What the configuration lists, else what the family does."""
        size = self.optional("sliding_window")
        if not size or self.config.get("use_sliding_window") is False:
            return (None,) * self.layers
        listed = self.config.get("layer_types")
        if isinstance(listed, Sequence) and len(listed) == self.layers:
            return tuple(size if kind == "sliding_attention" else None for kind in listed)
        return tuple(size if self._slides(layer) else None for layer in range(self.layers))

    def _slides(self, layer: int) -> bool:
        every = self.optional("sliding_window_pattern") or 6
        return {"none": False, "all": True, "alternate": layer % 2 == 0, "five-of-six": (layer + 1) % every != 0}[self.family.window]
