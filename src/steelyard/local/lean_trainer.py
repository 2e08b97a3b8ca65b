"""Ray Train on a private Ray, without the helpers that only a shared cluster needs."""

from __future__ import annotations

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback


class LeanTrainer(TorchTrainer):  # type: ignore[misc]  # Ray's type is not known to mypy
    """A `TorchTrainer` that starts two processes fewer.

    One gives back what a killed controller held: a private Ray ends with its driver and holds nothing. The other hands
    out Ray datasets, of which there are none. Each took half a per cent of a core or more, besides its 100 MB and its
    second of start-up (Ray 2.60; tests/engine counts the processes, since the method is Ray's own and may change).
    """

    def _create_default_callbacks(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - its type is Ray's own
        needless = (PlacementGroupCleanerCallback, DatasetsCallback)
        return [callback for callback in super()._create_default_callbacks() if not isinstance(callback, needless)]
