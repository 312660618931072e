"""InternViT, pixel shuffle and projector in PyTorch, with the hub's parameter names."""
import torch
from torch import nn
from torch.nn import functional as F


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def _norm(config):
    kind = RmsNorm if config["norm_type"] == "rms_norm" else nn.LayerNorm
    return kind(config["hidden_size"], eps=config["layer_norm_eps"])


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.qkv = nn.Linear(width, 3 * width, bias=config["qkv_bias"])
        self.proj = nn.Linear(width, width)
        self.watch, self.watched = False, None      # training may ask for the first head's weights [T, L, L]
        self.normalize = config["qk_normalization"]
        if self.normalize:
            self.q_norm = RmsNorm(width, config["layer_norm_eps"])
            self.k_norm = RmsNorm(width, config["layer_norm_eps"])

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).chunk(3, -1)
        if self.normalize:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (t.view(batch, length, self.heads, -1).transpose(1, 2) for t in (q, k, v))
        weights = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        if self.watch:
            self.watched = weights[:, 0]
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1 = nn.Linear(config["hidden_size"], config["intermediate_size"])
        self.fc2 = nn.Linear(config["intermediate_size"], config["hidden_size"])

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm1, self.norm2 = _norm(config), _norm(config)
        self.attn, self.mlp = Attention(config), Mlp(config)
        self.ls1 = nn.Parameter(torch.ones(config["hidden_size"]))
        self.ls2 = nn.Parameter(torch.ones(config["hidden_size"]))

    def forward(self, x):
        x = x + self.attn(self.norm1(x)) * self.ls1
        return x + self.mlp(self.norm2(x)) * self.ls2


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, patch = config["hidden_size"], config["patch_size"]
        patches = (config["image_size"] // patch) ** 2
        self.class_embedding = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.position_embedding = nn.Parameter(torch.randn(1, patches + 1, width) * 0.02)
        self.patch_embedding = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels):
        batch, _, height, width = pixels.shape
        patch = self.patch_embedding.kernel_size[0]
        # The convolution as one matrix product: patches do not overlap.
        patches = pixels.view(batch, 3, height // patch, patch, width // patch, patch).permute(0, 2, 4, 1, 3, 5)
        patches = patches.reshape(batch, -1, 3 * patch * patch)
        x = F.linear(patches, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)
        return torch.cat([self.class_embedding.expand(batch, -1, -1), x], 1) + self.position_embedding


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList(Block(config) for _ in range(config["num_hidden_layers"]))


class VisionModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)

    def forward(self, pixels):
        x = self.embeddings(pixels)
        for layer in self.encoder.layers:
            x = layer(x)
        return x


class VisionTower(nn.Module):
    """vision_model + mlp1: float [T, 3, 112, 112] -> visual tokens [T, 16, hidden of the language model]."""

    def __init__(self, config):
        super().__init__()
        vision, hidden = config["vision_config"], config["llm_config"]["hidden_size"]
        self.vision_model = VisionModel(vision)
        wide = 4 * vision["hidden_size"]
        self.mlp1 = nn.Sequential(nn.LayerNorm(wide), nn.Linear(wide, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.7 * parameter.shape[1] ** -0.5)
            if name.endswith(("attn.proj.weight", "fc2.weight")):
                parameter.data.mul_((2 * vision["num_hidden_layers"]) ** -0.5)

    def forward(self, pixels):
        x = self.vision_model(pixels)[:, 1:]
        tiles, patches, width = x.shape
        side = int(patches ** 0.5)
        x = x.view(tiles, side // 2, 2, side // 2, 2, width).transpose(2, 3)     # pixel shuffle "v2"
        return self.mlp1(x.reshape(tiles, patches // 4, 4 * width))
