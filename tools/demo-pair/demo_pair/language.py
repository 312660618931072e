"""InternLM2 in PyTorch, with the hub's parameter names, for one image and many questions about it.

The questions of a page share the keys and values of the tokens up to the last visual token and do not see each
other; the positions of each restart behind the image. So each is exactly what the model sees when asked alone.
"""
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional as F

from .vision import RmsNorm


class Rope:
    def __init__(self, theta, width, length):
        inverse = theta ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.arange(length).float()[:, None] * inverse
        angles = torch.cat([angles, angles], -1)
        self.cos, self.sin = angles.cos(), angles.sin()

    def __call__(self, x, start):
        """Rotates the halves of x [..., T, d] at positions start, start + 1, ..., or [B, kv, n, T, d] at positions [B, T]."""
        length, half = x.shape[-2], x.shape[-1] // 2
        if isinstance(start, int):
            cos, sin = self.cos[start:start + length], self.sin[start:start + length]
        else:
            cos, sin = self.cos[start][:, None, None], self.sin[start][:, None, None]
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


@lru_cache(maxsize=64)
def _causal(rows, repeat):
    """Additive causal mask [repeat * rows, rows] for `repeat` query heads stacked over one key head."""
    return torch.full((rows, rows), float("-inf")).triu(1).repeat(repeat, 1)


class Attention(nn.Module):
    def __init__(self, config, rope):
        super().__init__()
        self.kv = config["num_key_value_heads"]
        self.group = config["num_attention_heads"] // self.kv
        self.width = config["hidden_size"] // config["num_attention_heads"]
        hidden = config["hidden_size"]
        self.wqkv = nn.Linear(hidden, self.kv * (self.group + 2) * self.width, bias=False)
        self.wo = nn.Linear(hidden, hidden, bias=False)
        self.rope = rope
        self.watch, self.watched = False, []    # training may ask for weights [B, kv, Q, L, P + L]
        self._start_alike()

    @torch.no_grad()
    def _start_alike(self):
        """Queries start as copies of their keys and outputs as transposes of their values.

        Tokens then attend to tokens like themselves and copy them: a start from which looking up an object by
        its colour is learned much sooner than from independent matrices.
        """
        hidden = self.wqkv.weight.shape[1]
        rows = self.wqkv.weight.view(self.kv, self.group + 2, self.width, hidden)
        rows.normal_(std=0.25 * hidden ** -0.5)
        columns = self.wo.weight.view(hidden, self.kv, self.group, self.width)
        columns.normal_(std=0.1 * hidden ** -0.5)
        for j in range(self.kv):
            rows[j, :-1] += 0.85 * hidden ** -0.5 * torch.randn(self.width, hidden)
            value = torch.linalg.qr(torch.randn(hidden, self.width))[0]
            rows[j, -1] += value.t()
            columns[:, j] += 0.3 * value[:, None, :]

    def _split(self, x, start):
        """x [N, T, hidden] -> q [N, kv, group, T, d], k and v [N, kv, T, d], rotated."""
        n, length, _ = x.shape
        y = self.wqkv(x).view(n, length, self.kv, self.group + 2, self.width).permute(0, 2, 3, 1, 4)
        q, k, v = y.split((self.group, 1, 1), 2)
        return self.rope(q * self.width ** -0.5, start), self.rope(k, start).squeeze(2), v.squeeze(2)

    def _join(self, x):
        """[N, kv, group, T, d] -> wo([N, T, hidden])."""
        return self.wo(x.permute(0, 3, 1, 2, 4).flatten(2))

    def page(self, x, positions=0):
        """x [B, P, hidden] -> output and the keys and values [B, kv, P, d]; positions [B, P] where some were dropped."""
        q, k, v = self._split(x, positions)
        length = x.shape[1]
        scores = q.flatten(2, 3) @ k.transpose(-1, -2) + _causal(length, self.group)
        out = (scores.softmax(-1) @ v).view(q.shape)
        return self._join(out), (k, v)

    def questions(self, x, cache, first=None):
        """x [B, Q, L, hidden] behind a page's cache -> output of the same shape. first: position of the first id, if not
        the number of the page's tokens."""
        b, q_count, length, hidden = x.shape
        page_k, page_v = cache
        start = page_k.shape[2]
        q, k, v = self._split(x.view(b * q_count, length, hidden), start if first is None else first)
        rows = self.group * length
        q = q.flatten(2, 3)                                                     # [B*Q, kv, rows, d]
        by_page = q.view(b, q_count, self.kv, rows, -1).transpose(1, 2).reshape(b, self.kv, q_count * rows, -1)
        to_page = (by_page @ page_k.transpose(-1, -2)).view(b, self.kv, q_count, rows, start)
        own = (q @ k.transpose(-1, -2) + _causal(length, self.group)).view(b, q_count, self.kv, rows, length)
        weights = torch.cat([to_page, own.transpose(1, 2)], -1).softmax(-1)
        if self.watch:
            self.watched.append(weights.view(b, self.kv, q_count, self.group, length, -1)[:, :, :, 0])
        out = (weights[..., :start].reshape(b, self.kv, q_count * rows, start) @ page_v)
        out = out.view(b, self.kv, q_count, rows, -1).transpose(1, 2).reshape(b * q_count, self.kv, rows, -1)
        own = weights[..., start:].transpose(1, 2).reshape(b * q_count, self.kv, rows, length) @ v
        out = (out + own).view(b * q_count, self.kv, self.group, length, -1)
        return self._join(out).view(b, q_count, length, hidden)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.w1, self.w3 = nn.Linear(hidden, inner, bias=False), nn.Linear(hidden, inner, bias=False)
        self.w2 = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Layer(nn.Module):
    def __init__(self, config, rope):
        super().__init__()
        self.attention, self.feed_forward = Attention(config, rope), FeedForward(config)
        self.attention_norm = RmsNorm(config["hidden_size"], config["rms_norm_eps"])
        self.ffn_norm = RmsNorm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, page, groups, positions=0, first=None):
        """Page tokens [B, P, hidden] and question groups [B, Q, L, hidden], each Q and L its own."""
        attended, cache = self.attention.page(self.attention_norm(page), positions)
        page = page + attended
        page = page + self.feed_forward(self.ffn_norm(page))
        return page, [self._question(x, cache, first) for x in groups]

    def _question(self, x, cache, first):
        x = x + self.attention.questions(self.attention_norm(x), cache, first)
        return x + self.feed_forward(self.ffn_norm(x))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        rope = Rope(float(config["rope_theta"]), config["hidden_size"] // config["num_attention_heads"],
                    config["max_position_embeddings"])
        self.tok_embeddings = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config, rope) for _ in range(config["num_hidden_layers"]))
        self.norm = RmsNorm(config["hidden_size"], config["rms_norm_eps"])


class LanguageModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = Model(config)
        self.output = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        for name, parameter in self.named_parameters():
            if "feed_forward" in name:
                nn.init.normal_(parameter, std=0.7 * parameter.shape[1] ** -0.5)
            if name.endswith("w2.weight"):
                parameter.data.mul_((2 * config["num_hidden_layers"]) ** -0.5)
        nn.init.normal_(self.model.tok_embeddings.weight, std=0.5)
        nn.init.normal_(self.output.weight, std=0.02)

    def forward(self, prefix, visual, groups):
        """prefix ids [p], visual tokens [B, N, hidden], groups of ids [B, Q, L] -> final hidden states per group."""
        embed = self.model.tok_embeddings
        page = torch.cat([embed(prefix).expand(visual.shape[0], -1, -1), visual], 1)
        groups = [embed(ids) for ids in groups]
        for layer in self.model.layers:
            page, groups = layer(page, groups)
        return [self.model.norm(x) for x in groups]
