"""The learning rate by step, so that a run which is stopped, slowed or moved goes on as if it had not been."""


def rate(peak, step, steps, warmup=200, floor=0.02):
    """Warm-up, a plateau, and a linear decay over the last two thirds."""
    left = max(0.0, 1 - step / steps)
    return peak * min(1.0, (step + 1) / warmup) * (floor + (1 - floor) * min(1.0, left / 0.67))
