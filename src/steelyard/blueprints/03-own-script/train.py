"""A training of your own: a small network learns the sine. Everything Steelyard needs from it are the calls on `me`.

The same file runs on one worker or on many: `prepare` averages the gradients over all of them.
"""

import argparse

import torch
from torch import nn

from steelyard import worker

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=64)
width = parser.parse_args().width

me = worker()
torch.manual_seed(me.spec.seed)
model = me.prepare(nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

state = me.restore()  # what save_if_due kept, or None on a first start
if state:
    me.unwrap(model).load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])

print(f"rank {me.rank} of {me.world_size} starts after step {me.start_step}")  # read it with: steelyard logs own-script

for step in me.steps():  # to the blueprint's `steps:`, or until the run is asked to stop
    random = torch.Generator().manual_seed(step * me.world_size + me.rank)  # each rank its own data, the same after a resume
    x = (torch.rand((256, 1), generator=random) * 6.28).to(me.device)
    me.mark("data")
    loss = ((model(x) - torch.sin(x)) ** 2).mean()
    loss.backward()
    me.mark_backward()
    optimizer.step()
    optimizer.zero_grad()
    me.mark("optimizer")
    me.report(loss=loss.item(), tokens=len(x), largest_error=(model(x) - torch.sin(x)).abs().max().item())
    me.save_if_due(lambda: {"model": me.unwrap(model).state_dict(), "optimizer": optimizer.state_dict()})

if me.is_first and not me.stopping():
    me.output.mkdir(parents=True, exist_ok=True)
    torch.save(me.unwrap(model).state_dict(), me.output / "sine.pt")
