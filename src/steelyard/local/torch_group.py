"""How the workers of a private Ray find each other: by a file in the run's folder instead of a port.

Ray Train's own set-up opens a rendezvous port of torch on all interfaces; on one machine a file does the same and
listens on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _set_torch_distributed_env_vars, _setup_torch_process_group, _TorchBackend


@dataclass
class FileTorchConfig(TorchConfig):  # type: ignore[misc]  # Ray has no types for mypy
    """Ray's `TorchConfig` with the rendezvous in `rendezvous`, a file that does not exist yet."""

    rendezvous: str = ""

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        return FileTorchBackend


class FileTorchBackend(_TorchBackend):  # type: ignore[misc]
    """Sets up torch's process group by a file; everything else is Ray's."""

    def on_start(self, worker_group, backend_config):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - Ray's signature
        worker_group.execute(_set_torch_distributed_env_vars)
        gpus = worker_group.get_resources_per_worker().get("GPU", 0)
        ray.get([
            worker_group.execute_single_async(
                rank, _setup_torch_process_group, backend="nccl" if gpus else "gloo", world_rank=rank, world_size=len(worker_group),
                init_method=f"file://{backend_config.rendezvous}", timeout_s=backend_config.timeout_s,
            )
            for rank in range(len(worker_group))
        ])
