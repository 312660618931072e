"""Questions of a batch of pages as token ids and targets."""
import numpy as np
import torch

from . import questions

IGNORE = -100
HINTS = 4           # "?" or "</ref>", "<|im_end|>", "<|im_start|>", "assistant"
BOX_LENGTH = 10     # tokens of an answer that is a box, end token included


def ask(pools, kinds, count, rng, pick=questions.pick):
    """`count` questions per page; kinds is a dict of weights."""
    names, weights = list(kinds), np.array(list(kinds.values()))
    out = []
    for pool in pools:
        possible = np.array([bool(pool[k]) for k in names]) * weights
        if possible.sum() == 0:
            out.append([None] * count)
            continue
        drawn = rng.choice(len(names), count, p=possible / possible.sum())
        out.append([pick(pool, names[k], rng) for k in drawn])
    return out


def encode(tokenizer, asked):
    """Questions [B][Q] -> ids, targets and hints int64 [B, Q, L].

    Targets stand where an answer token is to be said. Hints ask the last prompt tokens before that, from the end of
    the question on, for the telling token of the answer (a box's first coordinate, else the first token): they look
    at the right place much sooner, and their attention is what importance is made of.
    """
    pairs = [[(tokenizer.question(q.text), tokenizer.answer(q.answer)) if q else ([0], []) for q in row] for row in asked]
    length = max(1, *(len(q) + len(a) - 1 for row in pairs for q, a in row))
    ids = np.zeros((len(pairs), len(pairs[0]), length), np.int64)
    targets, hints = np.full_like(ids, IGNORE), np.full_like(ids, IGNORE)
    for b, row in enumerate(pairs):
        for i, (question, answer) in enumerate(row):
            tokens = question + answer
            ids[b, i, :len(tokens) - 1] = tokens[:-1]
            if answer:
                targets[b, i, len(question) - 1:len(tokens) - 1] = answer
                hints[b, i, len(question) - HINTS - 1:len(question) - 1] = answer[1 if len(answer) == BOX_LENGTH else 0]
    return torch.from_numpy(ids), torch.from_numpy(targets), torch.from_numpy(hints)
