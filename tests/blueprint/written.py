"""Blueprints that tests read: one with every field, and the strategy of made-up ones."""

from hypothesis import strategies as st

from steelyard.blueprint import KINDS
from steelyard.blueprint.explaining import explain

EVERYTHING = """\
kind: Platform
name: research
target: eks
region: us-east-1
zones: [us-east-1a, us-east-1b]
nodes: karpenter
devices: plugin
instances: [g6, g6e, p5, m7i]
spot: auto
reservations: [cr-0123456789abcdef0]
limits: {gpu: 64, price: $400/h}
storage:
  models: {s3: s3://acme-models}
  datasets: {fsx: 4.8TB}
  homes: {efs: 1TB}
monitoring: {prometheus: amp}
registry: 123456789012.dkr.ecr.us-east-1.amazonaws.com/steelyard
outputs: terraform-outputs.json
prices: prices.csv
---
kind: Team
name: nlp
quota: {gpu: 16, H100: 8}
borrow: true
lend: {gpu: 8}
share: 2
budget: $20k/month
work: research
members: [group:nlp-engineers, user:ana]
isolation: strict
---
kind: Train
name: llama2-7b-lora
team: nlp
model: meta-llama/Llama-2-7b-hf
recipe: lora
data: s3://acme-corpus/sft/*.jsonl
epochs: 3
sequence: 4096
batch: 128
framework: ray
gpu: auto
workers: auto
precision: bf16
checkpoint: {every: 15m, keep: 3}
deadline: 2 days
max_duration: 3 days
max_price: $500
output: models/llama2-7b-lora
---
kind: Serve
name: chat
team: nlp
model: meta-llama/Llama-2-70b-chat-hf
adapters: {support: models/llama2-7b-lora}
engine: vllm
quantization: auto
context: 4096
traffic: {rate: 4/s, prompt: 1200, output: 300, peak: 3x}
slo: {ttft: 800ms, tpot: 60ms, percentile: 95}
replicas: 1..6
access: team
---
kind: Rag
name: handbook
team: nlp
documents: s3://acme-docs/**/*.md
embedder: sentence-transformers/all-MiniLM-L6-v2
store: qdrant
chunk: {size: 800, overlap: 100}
search: {kind: hybrid, top: 8, rerank: none}
answer: chat
refresh: 1h
---
kind: Batch
name: nightly-labels
team: nlp
model: Qwen/Qwen2.5-7B-Instruct
input: datasets/tickets/*.parquet
prompt: "Classify: {text}"
output: datasets/labels
deadline: 6h
---
kind: Notebook
name: ana
team: nlp
gpu: L4:1/4
idle: 1h
storage: {/home: homes, /data: datasets}
"""

FIELDS = [field.path for kind in KINDS for field in explain(kind).fields]

_WORDS = st.sampled_from([path.rpartition(".")[2] for path in FIELDS])
_ODD = st.sampled_from(
    ["\t", "&a ", "*a", "<<: ", "!!python/object:os.system ", "{", "}", "[", "]", ": ", "\n", "  ", "- ", "'", '"', "|", "#", "%", "---\n",
     "on", "no", "~", "null", "1e309", "-1", "0x1f", "1:30", "$", "999999999999999999999", "\x00", "\ufeff", "é", "\u2028",
     "true", "kind: "]
)  # fmt: skip
_PIECE = st.one_of(_WORDS, _ODD, st.text(max_size=6))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """`EVERYTHING`, or one document of it, with a few pieces cut, doubled or put in."""
    text = draw(st.sampled_from([EVERYTHING, *EVERYTHING.split("---\n")]))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.sampled_from(["", text[start:end] * 2])) + draw(_PIECE) + text[end:]
    return text
