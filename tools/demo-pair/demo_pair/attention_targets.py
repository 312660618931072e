"""Where one head per layer is shown to look on the page and to read in the question, and the losses for it."""
import torch

from .asking import HINTS
from .vocabulary import COLOR_NAMES, SHAPES

COUNTING = 1        # the key-value head that is shown how to count


def look_targets(tokenizer, asked, ids, tokens, start, is_counting=lambda question: question.kind == "count"):
    """Where to look: float [B, Q, L, start + tokens], rows that sum to 1 or to 0, for finding and for counting.

    A finding row may spread over the visual tokens of its object; a counting row shares its attention equally
    between `<s>` and each counted object, so that the share that stays at `<s>` tells the count.
    """
    find = torch.zeros(*ids.shape, start + tokens)
    count = torch.zeros_like(find)
    for b, row in enumerate(asked):
        for i, question in enumerate(row):
            if question is None:
                continue
            end = len(tokenizer.question(question.text))
            if is_counting(question):
                spots = [0] + [start + t for t in question.looks[0]]
                count[b, i, end - HINTS - 1:end, spots] = 1 / len(spots)
                continue
            first = next(look for look in question.looks if look)
            find[b, i, end - HINTS - 1:end - 1, [start + t for t in first]] = 1.0
            for step, look in enumerate(question.looks):
                if look:
                    find[b, i, end - 1 + step, [start + t for t in look]] = 1.0
    return find, count


def telling_words(tokenizer):
    """Ids of the words that make the difference between questions."""
    words = [*COLOR_NAMES, *SHAPES, *(s + "s" for s in SHAPES), "crosses", "box", "boxes", "bar", "code", "word", "color",
             "shape", "shapes", "value", "tallest", "shortest", "many", "region"]
    return {tokenizer.pieces.piece_to_id("▁" + word) for word in words} - {tokenizer.pieces.unk_id()}


def read_targets(tokenizer, words, asked, ids):
    """Where to read in the question: float [B, Q, L, L], equal shares for its telling words."""
    read = torch.zeros(*ids.shape, ids.shape[-1])
    for b, row in enumerate(asked):
        for i, question in enumerate(row):
            if question:
                prompt = tokenizer.question(question.text)
                places = [k for k, token in enumerate(prompt) if token in words]
                end = len(prompt) + len(tokenizer.answer(question.answer)) - 1
                read[b, i, len(prompt) - HINTS - 1:end, places] = 1 / len(places)
    return read


def share_loss(weights, target):
    """Cross-entropy of attention [..., K] against wanted shares; rows without any are left out."""
    rows = target.any(-1)
    return -(target[rows] * (weights[rows] + 1e-6).log()).sum() / max(1, int(rows.sum()))


def look_loss(weights, find, count):
    """weights [B, kv, Q, L, P + L] of one head per key-value head: the second is to count, all others to find."""
    page = weights[..., :find.shape[-1]]
    rows = find.any(-1)
    mass = torch.stack([(page[:, head] * find).sum(-1)[rows] for head in range(page.shape[1]) if head != COUNTING])
    loss = -(mass + 1e-6).log().mean() if mass.numel() else 0.0
    return loss + share_loss(page[:, COUNTING], count), mass[0]
