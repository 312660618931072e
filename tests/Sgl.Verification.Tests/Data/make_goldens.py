"""Makes the golden cases of this folder. Needs numpy and the full golden sets: python3 make_goldens.py SHARED

Some cases are copied, small model only: an InternLM2 model run by the authors' own code, and the Qwen2-VL, Qwen2.5-VL, Qwen3-VL and
LLaVA-OneVision models run by transformers. Two pairs (Qwen2 with Llama, Phi-3 with InternLM2) are random checkpoints small enough for a repository,
run by the golden set's own numpy implementation, which reproduces every golden case of the authors' code.
"""
import json, os, shutil, sys
import numpy as np

SHARED = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, 'goldens')
sys.path.insert(0, os.path.join(SHARED, 'goldens'))
os.environ['GOLDENS'] = OUT
import st, check_numpy as port  # noqa: E402

COPIES = [('goldens', 'internlm2', 'tiles4'), ('goldens-families', 'qwen2vl', 'tiny_upscaled'), ('goldens-families', 'llavaov', 'small_upscaled'),
          ('goldens-families-2', 'qwen25vl', 'tiny_upscaled'), ('goldens-families-2', 'qwen3vl', 'tiny_upscaled')]
KEPT = ('vision_last_hidden', 'vision_features', 'inputs_embeds', 'generated_ids', 'step_logits', 'step_logprob', 'A_prefill', 'A_decode', 'A',
        'A_step_layer', 'A_unused_helper', 'deepstack_features.0', 'deepstack_features.1', 'deepstack_features.2', 'kept_r', 'consistency_position_ids_r', 'consistency_step_prob_r', 'consistency_step_logits_r')


def copy(folder, pair, case):
    source, target = f'{SHARED}/{folder}/cases/{pair}/{case}', f'{OUT}/cases/{pair}/{case}'
    os.makedirs(target)
    manifest = json.load(open(f'{source}/manifest.json'))
    manifest['large_checkpoint'] = None
    manifest.pop('large', None)
    json.dump(manifest, open(f'{target}/manifest.json', 'w'), indent=1)
    tensors = {k: v for k, v in st.load(f'{source}/inputs.safetensors').items() if k != 'input_ids_large'}
    st.save(f'{target}/inputs.safetensors', tensors)
    tensors = st.load(f'{source}/small.safetensors')
    st.save(f'{target}/small.safetensors', {k: v for k, v in tensors.items() if k in KEPT or k.startswith(tuple(n for n in KEPT if n.endswith('_r')))})
    name = manifest['small_checkpoint']
    shutil.copytree(f'{SHARED}/{folder}/checkpoints/{name}', f'{OUT}/checkpoints/{name}')


def checkpoint(name, kind, layers, hidden, heads, kv, inner, tower, tower_heads, big, seed, vocab=64):
    """A random InternVL2 checkpoint; big towers are InternViT-6B's style."""
    rng, t = np.random.default_rng(seed), {}
    d = hidden // heads
    normal = lambda *s, scale=None, mean=0.0: (rng.standard_normal(s) * (scale if scale is not None else s[-1] ** -0.5) + mean).astype(np.float32)
    norm = lambda n: normal(n, scale=0.15, mean=1.0)
    e = 'vision_model.embeddings.'
    t[e + 'class_embedding'] = normal(1, 1, tower, scale=1.0)
    t[e + 'patch_embedding.weight'] = normal(tower, 3, 14, 14, scale=0.05)
    t[e + 'patch_embedding.bias'] = normal(tower, scale=0.1)
    t[e + 'position_embedding'] = normal(1, 17, tower, scale=0.5)
    for i in range(2):
        p = f'vision_model.encoder.layers.{i}.'
        for n in ('norm1', 'norm2'):
            t[p + n + '.weight'] = norm(tower)
            if not big:
                t[p + n + '.bias'] = normal(tower, scale=0.1)
        t[p + 'attn.qkv.weight'] = normal(3 * tower, tower)
        if big:
            t[p + 'attn.q_norm.weight'], t[p + 'attn.k_norm.weight'] = norm(tower), norm(tower)
        else:
            t[p + 'attn.qkv.bias'] = normal(3 * tower, scale=0.1)
        for n, o, k in (('attn.proj', tower, tower), ('mlp.fc1', 2 * tower, tower), ('mlp.fc2', tower, 2 * tower)):
            t[p + n + '.weight'], t[p + n + '.bias'] = normal(o, k), normal(o, scale=0.1)
        t[p + 'ls1'], t[p + 'ls2'] = normal(tower, scale=0.1, mean=0.6), normal(tower, scale=0.1, mean=0.6)
    t['mlp1.0.weight'], t['mlp1.0.bias'] = norm(4 * tower), normal(4 * tower, scale=0.1)
    t['mlp1.1.weight'], t['mlp1.1.bias'] = normal(hidden, 4 * tower), normal(hidden, scale=0.1)
    t['mlp1.3.weight'], t['mlp1.3.bias'] = normal(hidden, hidden), normal(hidden, scale=0.1)
    lm, i2 = 'language_model.model.', kind == 'internlm2'
    t[lm + ('tok_embeddings' if i2 else 'embed_tokens') + '.weight'] = normal(vocab, hidden, scale=0.7)
    for i in range(layers):
        p = f'{lm}layers.{i}.'
        for n in ('attention_norm', 'ffn_norm') if i2 else ('input_layernorm', 'post_attention_layernorm'):
            t[p + n + '.weight'] = norm(hidden)
        packed = (heads + 2 * kv) * d
        sharp = 1.6 * hidden ** -0.5
        if i2:
            t[p + 'attention.wqkv.weight'], t[p + 'attention.wo.weight'] = normal(packed, hidden, scale=sharp), normal(hidden, hidden)
            for n, o, k in (('w1', inner, hidden), ('w2', hidden, inner), ('w3', inner, hidden)):
                t[p + f'feed_forward.{n}.weight'] = normal(o, k)
            continue
        t[p + 'self_attn.o_proj.weight'], t[p + 'mlp.down_proj.weight'] = normal(hidden, hidden), normal(hidden, inner)
        if kind == 'phi3':
            t[p + 'self_attn.qkv_proj.weight'], t[p + 'mlp.gate_up_proj.weight'] = normal(packed, hidden, scale=sharp), normal(2 * inner, hidden)
            continue
        for n, o in (('q', hidden), ('k', kv * d), ('v', kv * d)):
            t[p + f'self_attn.{n}_proj.weight'] = normal(o, hidden, scale=sharp)
            if kind == 'qwen2':
                t[p + f'self_attn.{n}_proj.bias'] = normal(o, scale=0.1)
        t[p + 'mlp.gate_proj.weight'], t[p + 'mlp.up_proj.weight'] = normal(inner, hidden), normal(inner, hidden)
    t[lm + 'norm.weight'] = norm(hidden)
    t['language_model.' + ('output' if i2 else 'lm_head') + '.weight'] = normal(vocab, hidden, scale=2 * hidden ** -0.5)
    names = {'internlm2': 'InternLM2', 'qwen2': 'Qwen2', 'llama': 'Llama', 'phi3': 'Phi3'}
    text = {'architectures': [names[kind] + 'ForCausalLM'], 'model_type': kind, 'bias': False, 'eos_token_id': 2, 'hidden_act': 'silu', 'hidden_size': hidden,
            'intermediate_size': inner, 'max_position_embeddings': 2048, 'num_attention_heads': heads, 'num_hidden_layers': layers, 'num_key_value_heads': kv,
            'rms_norm_eps': 1e-5, 'rope_theta': 1000000.0, 'vocab_size': vocab}
    if kind == 'phi3':
        text['original_max_position_embeddings'] = 16
        text['rope_scaling'] = {'type': 'su', 'short_factor': [1.0] * (d // 2), 'long_factor': [1.0 + 0.4 * k for k in range(d // 2)]}
    config = {'architectures': ['InternVLChatModel'], 'model_type': 'internvl_chat', 'downsample_ratio': 0.5, 'dynamic_image_size': True, 'force_image_size': 56,
              'max_dynamic_patch': 12, 'min_dynamic_patch': 1, 'ps_version': 'v2', 'select_layer': -1, 'template': 'internlm2-chat', 'use_thumbnail': True,
              'torch_dtype': 'float32', 'llm_config': text,
              'vision_config': {'hidden_act': 'gelu', 'hidden_size': tower, 'image_size': 56, 'intermediate_size': 2 * tower, 'layer_norm_eps': 1e-6,
                                'norm_type': 'rms_norm' if big else 'layer_norm', 'num_attention_heads': tower_heads, 'num_channels': 3, 'num_hidden_layers': 2,
                                'patch_size': 14, 'qk_normalization': big, 'qkv_bias': not big}}
    folder = f'{OUT}/checkpoints/{name}'
    os.makedirs(folder)
    json.dump(config, open(f'{folder}/config.json', 'w'), indent=1)
    st.save(f'{folder}/model.safetensors', t)


def logprob(raw, ids, eos):
    z = raw.astype(np.float64).copy()
    z[0, eos] = -np.inf
    z -= z.max(-1, keepdims=True)
    return (z - np.log(np.exp(z).sum(-1, keepdims=True)))[range(len(ids)), ids].astype(np.float32)


def margin(raw, eos):
    z = raw.copy()
    z[0, eos] = -np.inf
    top = np.sort(z, -1)
    return float((top[:, -1] - top[:, -2]).min())


def gap(a, count):
    s = np.sort(a)[::-1]
    return float(s[count - 1] - s[count]) if 0 < count < len(s) else 1.0


def pair(name, case, small_name, large_name, tiles, runs, ratios, seed, eos=63, image=60, most=8):
    """Computes one case with the numpy implementation."""
    small, large = port.Model(small_name), port.Model(large_name)
    rng = np.random.default_rng(seed)
    n = 4 * tiles
    prompt = lambda before, after: np.concatenate([rng.integers(3, 55, before), np.full(n, image), rng.integers(3, 55, after)]).astype(np.int64)
    ids_small, ids_large = prompt(6, 9), prompt(4, 9)
    pixels = rng.standard_normal((tiles, 3, 56, 56)).astype(np.float32)
    margins, gaps = [], []

    def side(model, ids):
        features = model.vision(pixels)
        x = model.emb[ids].copy()
        x[ids == image] = features.reshape(-1, x.shape[1])
        start = int(np.argmax(ids == image))
        return x, start, start + n - 1, {'vision_last_hidden': model.vl, 'vision_features': features, 'inputs_embeds': x}

    x, vs, ve, out = side(small, ids_small)
    ids, raw, parts = small.greedy(x, vs, ve, eos, most)
    margins.append(margin(raw, eos))
    a = sum(parts)
    out.update(generated_ids=np.array(ids), step_logits=raw, step_logprob=logprob(raw, ids, eos), A_prefill=parts[0], A=a,
               A_decode=sum(parts[1:]) if len(parts) > 1 else np.zeros(n, np.float32))
    consistency, kept_counts = {}, {}
    for r in ratios:
        kept = port.top(a, port.count(n, r))
        gaps.append(gap(a, len(kept)))
        s = len(x) + len(ids)
        logits, _, _ = small.forward(np.concatenate([x, small.emb[ids]]), np.arange(s), [None] * small.L, vs, ve, 0, kept)
        step = logits[-len(ids) - 1:-1]
        prob = port.softmax(step)[range(len(ids)), ids].astype(np.float32)
        out.update({f'kept_r{r}': kept, f'consistency_step_prob_r{r}': prob, f'consistency_step_logits_r{r}': step,
                    f'consistency_position_ids_r{r}': np.concatenate([np.arange(vs), vs + kept, np.arange(ve + 1, s)])})
        consistency[str(r)], kept_counts[str(r)] = float(np.prod(prob.astype(np.float64))), {'count': len(kept)}
    confidence = float(np.exp(logprob(raw, ids, eos).astype(np.float64).mean()))
    manifest = {'pair': name, 'case': case, 'small_checkpoint': small_name, 'large_checkpoint': large_name, 'tokens_per_tile': 4, 'image_size': 56, 'tiles': tiles,
                'visual_tokens': n, 'img_context_id': image, 'max_new_tokens': most, 'min_new_tokens': 1, 'seed': seed,
                'small': {'eos_id': eos, 'seq_len': len(x), 'v_start': vs, 'v_end': ve, 'generated_ids': ids, 'kv_lengths_after_last_decode': [c for c in small.kv],
                          'confidence': confidence, 'kept': kept_counts, 'consistency': consistency, 'consistency_default_ratio': ratios[0],
                          'decision_eq9': 0.5 * (confidence + consistency[str(ratios[0])])}}

    y, lvs, lve, big = side(large, ids_large)
    lids, lraw, lparts = large.greedy(y, lvs, lve, eos, most)
    margins.append(margin(lraw, eos))
    first, oracle = large.att0, sum(lparts)
    big.update({'oracle_A': oracle, 'full.step_logits': lraw, 'full.step_logprob': logprob(lraw, lids, eos)})
    described = {'full': {'generated_ids': lids, 'kv_lengths_after_last_decode': large.kv}}
    for kind, k, r in runs:
        importance = {'sgp': a, 'oracle': oracle, 'fastv': first[k - 1].mean(0)[-1, lvs:lve + 1]}[kind]
        if kind == 'fastv':
            big[f'fastv_importance_K{k}'] = importance
        kept = port.top(importance, port.count(n, r))
        gaps.append(gap(importance, len(kept)) * (100 if kind == 'fastv' else 1))
        pids, praw, _ = large.greedy(y, lvs, lve, eos, most, k, kept)
        margins.append(margin(praw, eos))
        tag = f'{kind}_K{k}_r{r}'
        big.update({f'{tag}.step_logits': praw, f'{tag}.step_logprob': logprob(praw, pids, eos), f'{tag}.kept': kept,
                    f'{tag}.kept_position_ids': np.concatenate([np.arange(lvs), lvs + kept, np.arange(lve + 1, len(y))])})
        described[tag] = {'K': k, 'ratio': r, 'importance': kind, 'generated_ids': pids, 'kv_lengths_after_prefill': large.kv0,
                          'kv_lengths_after_last_decode': large.kv, 'decode_position_ids': [len(y) + i for i in range(len(pids) - 1)]}
    manifest['large'] = {'eos_id': eos, 'seq_len': len(y), 'v_start': lvs, 'v_end': lve, 'runs': described}
    if min(margins) < 0.01 or min(gaps) < 2e-3:
        return False
    target = f'{OUT}/cases/{name}/{case}'
    os.makedirs(target)
    fix = lambda t: {k: (v.astype(np.float32) if v.dtype == np.float64 else v.astype(np.int64) if v.dtype.kind == 'i' else v) for k, v in t.items()}
    st.save(f'{target}/inputs.safetensors', {'pixel_values': pixels, 'input_ids_small': ids_small, 'input_ids_large': ids_large})
    st.save(f'{target}/small.safetensors', fix(out))
    st.save(f'{target}/large.safetensors', fix(big))
    json.dump(manifest, open(f'{target}/manifest.json', 'w'), indent=1)
    print(name, case, 'seed', seed, 'ids', ids, {t: d['generated_ids'] for t, d in described.items()})
    return True


shutil.rmtree(OUT, ignore_errors=True)
for c in COPIES:
    copy(*c)
checkpoint('tiny-qwen2', 'qwen2', 3, 40, 5, 1, 40, 24, 3, False, 101)
checkpoint('tiny-llama', 'llama', 5, 32, 4, 2, 40, 24, 2, True, 102)
checkpoint('tiny-phi3', 'phi3', 3, 32, 4, 4, 48, 24, 4, False, 103)
checkpoint('tiny-internlm2', 'internlm2', 4, 48, 3, 1, 48, 24, 3, True, 104)
PAIRS = [
    ('tiny_qwen2_llama', 'tiles3', 'tiny-qwen2', 'tiny-llama', 3, [('sgp', 0, 0.5), ('sgp', 1, 0.1), ('oracle', 3, 0.3), ('fastv', 2, 0.4)], [0.05, 0.3]),
    ('tiny_qwen2_llama', 'tiles2', 'tiny-qwen2', 'tiny-llama', 2, [('sgp', 4, 0.3), ('oracle', 1, 0.2)], [0.1, 0.05, 0.5]),
    ('tiny_phi3_internlm2', 'tiles3', 'tiny-phi3', 'tiny-internlm2', 3, [('sgp', 2, 0.2), ('fastv', 1, 0.35)], [0.18, 0.64]),
]
for p in PAIRS:
    assert any(pair(*p, seed=s) for s in range(1, 200)), p
