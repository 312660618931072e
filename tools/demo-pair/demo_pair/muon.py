"""Muon: momentum whose matrix updates are orthogonalised; learns this task in fewer steps than AdamW."""
import torch


def orthogonalize(update, steps=5):
    """Newton-Schulz iteration towards the nearest (semi-)orthogonal matrix."""
    wide = update.shape[0] > update.shape[1]
    x = update.t() if wide else update
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.t()
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.t() if wide else x


class Muon(torch.optim.Optimizer):
    """For the weight matrices of layers; embeddings, head and norms stay with AdamW."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                state["momentum"].lerp_(gradient, 1 - group["momentum"])
                update = orthogonalize(gradient.lerp(state["momentum"], group["momentum"]))
                rows, columns = update.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)
