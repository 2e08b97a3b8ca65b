"""The verb `plan`: weigh a blueprint before anything is rented or started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from steelyard.aws.catalog_file import offerings, quotas, updated_prices
from steelyard.blueprint import NANO_GPT, Batch, Blueprint, Document, Serve, Train, Workload, read
from steelyard.catalog.architecture import Architecture
from steelyard.catalog.instances import InstanceType, all_types
from steelyard.catalog.nodes import read_nodes
from steelyard.catalog.prices import listed_prices, read_price_list, shipped_prices
from steelyard.errors import InfeasibleError, NotFoundError
from steelyard.findings import Finding
from steelyard.home import Home
from steelyard.planning.cluster import REGION, ClusterPlan, Market, ModelFacts, plan_cluster, says_itself
from steelyard.runtime.corpus import DataError, find_files
from steelyard.runtime.dimensions import NanoGPTConfig
from steelyard.sizing.serving import Quantization
from steelyard.verbs.language import resolve
from steelyard.verbs.models import model

BYTES_PER_TOKEN = 4
"""Of English text, roughly, with the vocabularies of today's models; stated as assumed wherever it is used."""


def plan(*files: str | Path, home: Home | None = None) -> ClusterPlan:
    """Weigh the blueprint of `files` on rented nodes. Raises BlueprintError; what cannot be placed is a finding of the plan.

        plan("chat.yaml").price_micro_hour

    `home`: where the prices of `catalog update` are; without it only those that are shipped and the blueprint's own count.
    """
    return weighed(read(*resolve([str(file) for file in files])), home)


def weighed(blueprint: Blueprint, home: Home | None = None) -> ClusterPlan:
    """The plan of a blueprint. Nothing is fetched, nothing is kept."""
    models: dict[str, ModelFacts] = {}
    problems: list[Finding] = []
    for workload in blueprint.workloads:
        try:
            facts = facts_of(workload, blueprint)
        except NotFoundError as error:
            problems.append(Finding(rule="unknown-model", severity="error", object=workload.name, place=blueprint.place(workload, "model"),
                                    excerpt=blueprint.excerpt(workload, "model"), message=str(error), next_step=error.next_step))
            continue
        if facts is None:
            problems += [] if says_itself(workload) else [not_weighed(workload, blueprint)]
        elif found := contradiction(workload, facts.architecture, blueprint):
            problems.append(found)
        else:
            models[workload.name] = facts
    market, unreadable = market_of(blueprint, home)
    found_plan = plan_cluster(blueprint, models, market)
    return replace(found_plan, findings=(*problems, *unreadable, *found_plan.findings))


def facts_of(workload: Workload, blueprint: Blueprint) -> ModelFacts | None:
    """The model of a workload, and how long its data are; None for what is not weighed yet. Raises NotFoundError."""
    folder = folder_of(workload, blueprint)
    if in_shares(workload):
        return None
    if isinstance(workload, Batch) or (isinstance(workload, Serve) and workload.model):
        trained = [one for one in blueprint.workloads if isinstance(one, Train) and one.output == workload.model]
        return facts_of(trained[0], blueprint) if trained else ModelFacts(*architecture(workload.model or "", folder))
    if isinstance(workload, Train) and workload.script is None:
        data = data_bytes(workload, folder)
        if workload.model in (None, NANO_GPT):
            return ModelFacts(nano_gpt(NanoGPTConfig()), None, data)
        return ModelFacts(*architecture(workload.model or "", folder), None if data is None else data // BYTES_PER_TOKEN)
    return None


def in_shares(workload: Workload) -> bool:
    """Whether a part of a device is asked for."""
    return any(device.share or device.profile for device in workload.gpu.alternatives)


def folder_of(document: Document, blueprint: Blueprint) -> Path:
    """Where the relative paths of a document start."""
    place = blueprint.place(document)
    return Path(place.file).resolve().parent if place else Path.cwd()


def architecture(name: str, folder: Path) -> tuple[Architecture, Quantization | None]:
    """A model by its name, or a path beside the blueprint, and the format of its published weights where that is not 16 bits."""
    beside = folder / Path(name).expanduser()
    page = model(str(beside) if beside.exists() else name)
    return page.architecture, page.native


def nano_gpt(config: NanoGPTConfig) -> Architecture:
    """The dimensions of the byte-level GPT that `pretrain` builds."""
    width, layers = config.width, config.layers
    parts = {
        "embeddings": (config.vocabulary + config.context) * width, "attention": 4 * layers * width**2, "mlp": 8 * layers * width**2,
        "experts": 0, "norms": 4 * layers * width + 2 * width, "head": 0,
    }
    return Architecture(
        name=NANO_GPT, family=NANO_GPT, layers=layers, width=width, vocabulary=config.vocabulary, context=config.context,
        heads=config.heads, kv_heads=config.heads, head_dim=width // config.heads, windows=(None,) * layers, latent=None, parts=parts,
        active=sum(parts.values()), experts=0, experts_per_token=0,
    )


def data_bytes(workload: Train, folder: Path) -> int | None:
    """Bytes of a training's data, where they are on this machine."""
    try:
        return sum(file.stat().st_size for file in find_files(workload.data, folder)) if workload.data else None
    except (DataError, OSError):
        return None


def contradiction(workload: Workload, architecture: Architecture, blueprint: Blueprint) -> Finding | None:
    """What cannot be, whatever it runs on."""
    if architecture.family == NANO_GPT and isinstance(workload, Serve | Batch):
        return replace(not_weighed(workload, blueprint), severity="error", message=f"{NANO_GPT} is not served: it is there to learn with")
    if architecture.encoder:
        return Finding(rule="not-weighed", severity="error", object=workload.name, place=blueprint.place(workload, "model"),
                       excerpt=blueprint.excerpt(workload, "model"), message=f"{architecture.name} is an encoder: it writes no tokens",
                       next_step="a model that writes, such as meta-llama/Llama-3.1-8B-Instruct")  # fmt: skip
    found = beyond_context(workload, architecture, blueprint) or long_requests(workload, architecture, blueprint)
    return found or at_odds(workload, blueprint)


def long_requests(workload: Workload, architecture: Architecture, blueprint: Blueprint) -> Finding | None:
    """Usual requests that are longer than the context: vLLM would refuse each of them."""
    if not isinstance(workload, Serve) or workload.traffic is None:
        return None
    limit = architecture.context if workload.context == "auto" else workload.context
    tokens = (workload.traffic.prompt or 0) + (workload.traffic.output or 0)
    if tokens <= limit:
        return None
    return Finding(rule="sequence-too-long", severity="error", object=workload.name, place=blueprint.place(workload, "traffic"),
                   excerpt=blueprint.excerpt(workload, "traffic"), next_step=f"traffic: shorter, or context: up to {architecture.context}",
                   message=f"requests of {tokens:,} tokens, prompt and answer, are longer than the {limit:,} that are allowed")  # fmt: skip


def at_odds(workload: Workload, blueprint: Blueprint) -> Finding | None:
    """On GPUs there is one worker for each device."""
    if not isinstance(workload, Train) or workload.workers == "auto":
        return None
    counts = [device.count for device in workload.gpu.alternatives if device.counted]
    if not counts or any(count.low <= workload.workers <= count.high for count in counts):
        return None
    message = f"workers: {workload.workers} and gpu: {workload.gpu} say different things: each worker has one device"
    return Finding(rule="fields-conflict", severity="error", object=workload.name, place=blueprint.place(workload, "workers"),
                   excerpt=blueprint.excerpt(workload, "workers"), next_step="leave workers: out", message=message)


def beyond_context(workload: Workload, architecture: Architecture, blueprint: Blueprint) -> Finding | None:
    """More tokens than the model can read."""
    field = "context" if isinstance(workload, Serve) else "sequence"
    length = workload.context if isinstance(workload, Serve) else workload.sequence if isinstance(workload, Train) else "auto"
    if architecture.family == NANO_GPT or length == "auto" or length <= architecture.context:
        return None
    return Finding(rule="sequence-too-long", severity="error", object=workload.name, place=blueprint.place(workload, field),
                   excerpt=blueprint.excerpt(workload, field), next_step=f"{field}: {architecture.context}",
                   message=f"{field}: {length:,} tokens are more than the {architecture.context:,} that {architecture.name} can read")


def not_weighed(workload: Workload, blueprint: Blueprint) -> Finding:
    """For a kind of workload that has no figures yet: said, never passed over."""
    several = isinstance(workload, Serve) and workload.models
    what = "a model on a share of a device" if in_shares(workload) else "several models in one server" if several else f"a {workload.kind}"
    return Finding(rule="not-weighed", severity="warning", object=workload.name, place=blueprint.place(workload),
                   message=f"{workload.name}: {what} is not weighed yet: it is in none of the figures",
                   next_step="say what it needs with gpu:, cpu: and memory:")  # fmt: skip


def market_of(blueprint: Blueprint, home: Home | None) -> tuple[Market, list[Finding]]:
    """What can be rented: the catalogue, the last update, and the Platform's own files, each better than the one before."""
    platform = blueprint.platform
    region = platform.region if platform else REGION
    known = Market(all_types(), shipped_prices())
    if home is not None:
        known = Market(all_types(), shipped_prices().with_rows(updated_prices(home)), quotas(home, region), offerings(home, region))
    if platform is None:
        return known, []
    folder = folder_of(platform, blueprint)
    findings: list[Finding] = []
    own: tuple[InstanceType, ...] = ()
    for name in platform.instances:
        if name.endswith(".csv"):
            nodes, found = read_nodes(text_of(folder / name, blueprint, "instances"), name)
            own, findings = (*own, *nodes), [*findings, *found]
    prices = known.prices.with_rows(listed_prices(own))
    if isinstance(platform.prices, str):
        listed, found = read_price_list(text_of(folder / platform.prices, blueprint, "prices"), platform.prices)
        prices, findings = prices.with_rows(listed), [*findings, *found]
    return replace(known, instances=(*known.instances, *own), prices=prices), findings


def text_of(file: Path, blueprint: Blueprint, field: str) -> str:
    """The text of a file that the Platform names. Raises InfeasibleError with the place of the field."""
    platform = blueprint.platform
    assert platform is not None  # noqa: S101
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InfeasibleError([Finding(rule="no-such-file", severity="error", object=platform.name, place=blueprint.place(platform, field),
                                       excerpt=blueprint.excerpt(platform, field), message=f"{field}: {file.name} cannot be read: {reason}",
                                       next_step="relative paths start from the blueprint's folder")]) from error
