"""Several processes share a step: each draws its own pages, gradients are averaged, so that all keep the same weights."""
import os
import signal
import tempfile

import torch
from torch import distributed


class Workers:
    """The processes of one training run; `first` is true in the one that logs and saves."""

    def __init__(self, count):
        self.count, self.rank = count, 0
        if count == 1:
            return
        meeting = os.path.join(tempfile.mkdtemp(), "meeting")
        for rank in range(1, count):
            if os.fork() == 0:
                self.rank = rank
                signal.signal(signal.SIGTERM, signal.SIG_IGN)   # the first process tells when to stop
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                break
        distributed.init_process_group("gloo", init_method="file://" + meeting, rank=self.rank, world_size=count)

    @property
    def first(self):
        return self.rank == 0

    def agree(self, parameters, stop):
        """Averages the gradients over the processes. -> whether the first one wants to stop."""
        if self.count == 1:
            return stop
        parameters = list(parameters)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([float(stop and self.first)])])
        distributed.all_reduce(flat)
        pieces = flat[:-1].div_(self.count).split([g.numel() for g in gradients])
        for parameter, gradient, piece in zip(parameters, gradients, pieces):
            parameter.grad = piece.view_as(gradient)
        return bool(flat[-1] > 0)
