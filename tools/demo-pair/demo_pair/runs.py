"""Checkpoints and schedules that survive being killed."""
import os
import time

import torch


def save(path, state):
    """Writes a checkpoint atomically."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def load(path):
    return torch.load(path, map_location="cpu") if os.path.exists(path) else None


class Clock:
    """Minutes of training already spent; the learning rate follows it, because the machine is shared."""

    def __init__(self, minutes, spent=0.0):
        self.total, self.before, self.started = minutes, spent, time.time()

    @property
    def spent(self):
        return self.before + (time.time() - self.started) / 60

    @property
    def finished(self):
        return self.spent >= self.total

    def rate(self, peak, step, warmup=200, floor=0.02):
        """Warm-up by step, then linear decay by time."""
        left = max(0.0, 1 - self.spent / self.total)
        return peak * min(1.0, (step + 1) / warmup) * (floor + (1 - floor) * min(1.0, left / 0.7))
