"""The nearest right word: what people type who come from other tools, and the field or kind that is meant."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection
from difflib import get_close_matches

_NEIGHBOURS = 100

# fmt: off
FOREIGN_FIELDS: dict[str, tuple[str, ...]] = {right: tuple(words.split()) for right, words in {
    "gpu": "gpus accelerator accelerators num_gpus gpu_count n_gpus gpu_type device devices resources nvidia_com_gpu",
    "workers": "num_workers num_nodes nodes nnodes n_workers world_size worker_count nproc nproc_per_node replicas parallelism",
    "replicas": "num_replicas min_replicas max_replicas instances workers autoscaling scale",
    "spot": "use_spot spot_instances preemptible interruptible capacity_type job_recovery",
    "max_duration": "timeout time_limit walltime wall_time max_runtime max_time active_deadline_seconds ttl max_run_duration",
    "max_price": "budget max_cost price_limit cost_limit max_budget",
    "learning_rate": "lr rate step_size",
    "epochs": "num_epochs num_train_epochs n_epochs epoch max_epochs",
    "steps": "max_steps num_steps train_steps iterations max_iters total_steps",
    "tokens": "max_tokens num_tokens total_tokens token_budget",
    "sequence": "seq_len seq_length sequence_length max_seq_len max_seq_length max_length block_size context context_length context_window",
    "context": "max_model_len context_length context_window max_seq_len max_length sequence sequence_length",
    "batch": "batch_size global_batch_size train_batch_size per_device_train_batch_size micro_batch_size",
    "precision": "dtype mixed_precision bf16 fp16 torch_dtype",
    "data": "dataset datasets train_data training_data train_dataset data_path files",
    "input": "inputs data dataset input_data source",
    "output": "output_dir output_path out save_dir destination results outputs",
    "checkpoint": "checkpoints ckpt checkpointing save_steps save_every checkpoint_dir",
    "every": "interval frequency period each",
    "keep": "keep_last max_to_keep num_to_keep save_total_limit retain",
    "model": "base_model model_name model_id model_name_or_path pretrained checkpoint_path model_uri llm",
    "recipe": "method strategy mode finetune fine_tune algorithm peft task",
    "script": "command run entrypoint entry_point cmd setup program main file",
    "args": "arguments argv parameters params",
    "framework": "backend launcher runtime engine trainer",
    "engine": "backend runtime framework server inference_engine",
    "quantization": "quantize quant precision load_in_4bit load_in_8bit",
    "env": "envs environment env_vars environment_variables variables",
    "secrets": "secret secret_refs env_from image_pull_secrets",
    "storage": "volumes mounts volume_mounts file_mounts volume mount pvc",
    "image": "docker_image container container_image docker base_image",
    "cpu": "cpus num_cpus cores vcpu vcpus ncpus",
    "memory": "mem ram memory_gb memory_limit",
    "labels": "tags annotations metadata",
    "priority": "priority_class priority_class_name importance",
    "team": "namespace project group owner tenant queue account",
    "members": "users people member user subjects",
    "quota": "quotas limits resource_quota gpus allocation",
    "borrow": "borrowing borrow_limit borrowing_limit can_borrow",
    "lend": "lending lending_limit lend_limit",
    "share": "weight fair_share shares fair_weight",
    "budget": "cost spend max_spend monthly_budget money",
    "work": "workload workload_type class tier",
    "isolation": "isolate tenancy network_policy",
    "target": "cloud provider platform infra where",
    "region": "regions location aws_region",
    "zones": "zone availability_zones availability_zone azs az",
    "instances": "instance_types instance_type instance families machine_types",
    "nodes": "node_provisioner provisioner autoscaler karpenter",
    "limits": "limit quota max caps",
    "reservations": "reservation capacity_reservations capacity_blocks reserved",
    "monitoring": "metrics prometheus observability grafana",
    "registry": "image_registry ecr container_registry repository",
    "prices": "price pricing price_list cost costs",
    "traffic": "load requests qps rps request_rate",
    "slo": "sla objectives latency targets",
    "access": "expose visibility ingress public",
    "adapters": "lora loras lora_adapters adapter lora_modules",
    "documents": "docs data corpus source sources files",
    "embedder": "embedding embeddings embedding_model embed encoder",
    "store": "vector_store vector_db vectorstore database db index",
    "chunk": "chunks chunking chunk_size splitter chunker",
    "search": "retriever retrieval query top_k",
    "answer": "llm generator serve generation chat model",
    "refresh": "schedule reindex interval update sync",
    "idle": "idle_timeout autostop idle_minutes cull auto_stop",
    "deadline": "due finish_by until complete_by",
    "prompt": "template prompt_template system_prompt instruction",
    "kind": "type api_version apiversion",
    "name": "id title job_name display_name",
    "top": "top_k k limit n_results",
    "rerank": "reranker rerank_model",
    "overlap": "chunk_overlap stride",
    "size": "chunk_size length",
    "rate": "qps rps requests_per_second request_rate",
    "peak": "burst peak_factor spike",
    "warn": "alert warning alert_at",
    "amount": "limit value total max",
}.items()}
"""Right word: the words of other tools for it. One word may stand for several; what the kind has decides."""
# fmt: on

FOREIGN_KINDS = {
    "Platform": "Cluster Infrastructure Infra Environment Config",
    "Team": "Project Namespace Tenant Group Queue LocalQueue User",
    "Train": "Training Job Trainer TrainJob Finetune FineTune Finetuning RayJob PyTorchJob Task Trainjob Experiment",
    "Serve": "Service Serving Deployment InferenceService Inference Endpoint Server RayService Model",
    "Rag": "RAG Retrieval Search KnowledgeBase Index",
    "Batch": "BatchJob BatchInference OfflineInference Predict Score",
    "Notebook": "Jupyter Workspace Dev DevEnvironment Lab Jupyterlab",
}

DERIVED = {
    "instance_type": "the plan chooses instance types; narrow them with 'instances' of the Platform",
    "tensor_parallel_size": "the plan chooses the parallelism",
    "tensor_parallel": "the plan chooses the parallelism",
    "pipeline_parallel_size": "the plan chooses the parallelism",
    "node_selector": "the plan chooses the nodes; say what is needed with 'gpu'",
    "tolerations": "the plan chooses the nodes; say what is needed with 'gpu'",
    "port": "ports are derived",
    "ports": "ports are derived",
    "spec": "fields stand at the top, beside kind and name",
    "metadata": "fields stand at the top, beside kind and name",
}
"""Words that need no field here, and why."""


def snake(word: str) -> str:
    """maxDuration, max-duration, GPU and NumGPUs in the spelling of fields."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", word)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def nearest_field(word: str, fields: Collection[str]) -> str | None:
    """The field of `fields` that `word` most likely means, or None."""
    short = word[:80]
    spelled = snake(short)
    if spelled in fields:
        return spelled
    for right, words in FOREIGN_FIELDS.items():
        if right in fields and spelled in words:
            return right
    return nearest(spelled, fields)


def nearest_kind(word: str, kinds: Collection[str]) -> str | None:
    """The kind that `word` most likely means, or None."""
    short = word[:80].strip()
    for kind, words in FOREIGN_KINDS.items():
        if kind in kinds and short.lower() in (kind.lower(), f"{kind.lower()}s", *words.lower().split()):
            return kind
    return nearest(short.capitalize(), kinds)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The one of `known` that is spelled most alike, or None. Of very many, only those that begin alike are looked at."""
    ordered = sorted(known)
    at = bisect(ordered, word)
    return next(iter(get_close_matches(word[:80], ordered[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS], n=1, cutoff=0.6)), None)
