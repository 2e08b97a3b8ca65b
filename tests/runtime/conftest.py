import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Models of these sizes are slower on several threads, and other tests run beside these."""
    torch.set_num_threads(1)
