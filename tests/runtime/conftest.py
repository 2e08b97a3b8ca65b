import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _torch_is_ready() -> None:
    """One thread, since models of these sizes are slower on several; and an optimizer, whose first one imports for seconds."""
    torch.set_num_threads(1)
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)]).step()
