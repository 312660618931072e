"""PyTorch at the shapes that bench/gpu.sh measures, with random weights: torch_shapes.py OUT.json [--dry-run]

The decoder as the model's own code runs it (RMSNorm, rotary embedding, grouped-query attention, SwiGLU) with scaled_dot_product_attention and a cache of fixed size; decoding one token
after another, as it is and as a CUDA graph. The tower: pre-norm blocks over 1,025 rows a tile. Every result is written at once.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

DRY = "--dry-run" in sys.argv
DEVICE = "cpu" if DRY else "cuda"
TYPE = torch.float32 if DRY else torch.bfloat16
ROUNDS = 1 if DRY else 5
NEW_TOKENS = 3 if DRY else 64
# layers, hidden, heads, key heads, head size, inner, vocabulary, rows of the prompt
DECODERS = {"2b": (24, 2048, 16, 8, 128, 8192, 92553, 1872), "26b": (8, 6144, 48, 8, 128, 16384, 92553, 3408)}
# layers, hidden, heads, inner
TOWERS = {"2b": (24, 1024, 16, 4096), "26b": (45, 3200, 25, 12800)}
if DRY:
    DECODERS = {"tiny": (2, 64, 4, 2, 16, 128, 100, 40)}
    TOWERS = {"tiny": (2, 64, 4, 128)}

out = sys.argv[1]
results = {"step": "pytorch", "torch": torch.__version__, "device": "cpu" if DRY else torch.cuda.get_device_name(), "complete": False, "results": []}


def add(**row):
    results["results"].append(row)
    print(row, flush=True)
    with open(out, "w") as file:
        json.dump(results, file, indent=1)


def wait():
    if not DRY:
        torch.cuda.synchronize()


def median_ms(run, rounds=ROUNDS):
    run()
    wait()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        wait()
        times.append((time.perf_counter() - begin) * 1000)
    return round(statistics.median(times), 3)


def matrix(outputs, inputs):
    return torch.randn(outputs, inputs, device=DEVICE, dtype=TYPE) * inputs**-0.5


def rms(x):
    return F.rms_norm(x, x.shape[-1:], eps=1e-5)


class Decoder:
    def __init__(self, layers, hidden, heads, key_heads, size, inner, vocabulary, batch, capacity):
        self.heads, self.key_heads, self.size = heads, key_heads, size
        self.layers = [
            {"qkv": matrix((heads + 2 * key_heads) * size, hidden), "o": matrix(hidden, heads * size), "gate_up": matrix(2 * inner, hidden), "down": matrix(hidden, inner)}
            for _ in range(layers)
        ]
        self.head = matrix(vocabulary, hidden)
        self.keys = torch.zeros(layers, batch, key_heads, capacity, size, device=DEVICE, dtype=TYPE)
        self.values = torch.zeros_like(self.keys)
        angles = torch.arange(capacity, device=DEVICE).float()[:, None] * (10000.0 ** (-torch.arange(0, size, 2, device=DEVICE).float() / size))[None]
        self.cos, self.sin = angles.cos().to(TYPE), angles.sin().to(TYPE)

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def run(self, x, at, mask=None, span=None):
        """x [batch, rows, hidden] at positions at [rows]; the cache's first span entries count."""
        batch, rows, _ = x.shape
        cos, sin = self.cos[at], self.sin[at]
        for i, layer in enumerate(self.layers):
            q, k, v = F.linear(rms(x), layer["qkv"]).view(batch, rows, -1, self.size).transpose(1, 2).split([self.heads, self.key_heads, self.key_heads], 1)
            q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
            self.keys[i].index_copy_(2, at, k)
            self.values[i].index_copy_(2, at, v)
            keys, values = self.keys[i][:, :, :span], self.values[i][:, :, :span]
            attended = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
            x = x + F.linear(attended.transpose(1, 2).reshape(batch, rows, -1), layer["o"])
            gate, up = F.linear(rms(x), layer["gate_up"]).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer["down"])
        return F.linear(rms(x[:, -1]), self.head).float().argmax(-1)


def decoder(name, layers, hidden, heads, key_heads, size, inner, vocabulary, rows):
    for batch in (1,) if DRY else (1, 8):
        capacity = rows + NEW_TOKENS
        model = Decoder(layers, hidden, heads, key_heads, size, inner, vocabulary, batch, capacity)
        prompt = torch.randn(batch, rows, hidden, device=DEVICE, dtype=TYPE)
        positions = torch.arange(rows, device=DEVICE)
        add(what="prefill", shape=name, batch=batch, rows=rows, ms=median_ms(lambda: model.run(prompt, positions, span=rows)))
        step = torch.randn(batch, 1, hidden, device=DEVICE, dtype=TYPE)
        at = torch.tensor([rows], device=DEVICE)
        mask = (torch.arange(capacity, device=DEVICE) <= rows)[None, None, None]

        def decode():
            for _ in range(NEW_TOKENS):
                model.run(step, at, mask)

        add(what="decode", shape=name, batch=batch, ms_per_step=round(median_ms(decode) / NEW_TOKENS, 3))
        if DRY:
            continue
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            model.run(step, at, mask)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph):
            model.run(step, at, mask)

        def replay():
            for _ in range(NEW_TOKENS):
                graph.replay()

        add(what="decode as a graph", shape=name, batch=batch, ms_per_step=round(median_ms(replay) / NEW_TOKENS, 3))
        del model, graph
        torch.cuda.empty_cache()


def tower(name, layers, hidden, heads, inner):
    blocks = [(matrix(3 * hidden, hidden), matrix(hidden, hidden), matrix(inner, hidden), matrix(hidden, inner)) for _ in range(layers)]
    for tiles in (1,) if DRY else (1, 4, 13):
        start = torch.randn(tiles, 1025, hidden, device=DEVICE, dtype=TYPE)

        def run():
            x = start
            for qkv, output, first, second in blocks:
                q, k, v = F.linear(rms(x), qkv).view(tiles, 1025, 3, heads, -1).permute(2, 0, 3, 1, 4)
                x = x + F.linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(tiles, 1025, hidden), output)
                x = x + F.linear(F.gelu(F.linear(rms(x), first)), second)
            return x

        add(what="tower", shape=name, tiles=tiles, ms=median_ms(run))


with torch.inference_mode():
    for name, shape in DECODERS.items():
        decoder(name, *shape)
    for name, shape in TOWERS.items():
        tower(name, *shape)
results["complete"] = True
add(what="end")
