"""Starts words where the visual tokens already say the same thing.

The dense heads of the first phase are directions in the space of visual tokens ("red", "triangle", "the glyph K").
The embeddings and head rows of the tokens with that meaning start along them, so that a question's word and the
visual token it asks for are alike from the first step.
"""
import torch

from . import labels
from .vocabulary import CHARACTERS, COLOR_NAMES, COORDINATES, MAX_BAR, SHAPES


def _meanings():
    """(token text, label, class, is an answer)."""
    for i, name in enumerate(COLOR_NAMES):
        yield "▁" + name, "color", i, False
        yield name, "color", i, True
    for name in SHAPES:
        kind = labels.KINDS.index(name)
        yield "▁" + name, "kind", kind, False
        yield "▁" + ("crosses" if name == "cross" else name + "s"), "kind", kind, False
        yield name, "kind", kind, True
    for word in ("▁box", "▁boxes", "▁code", "▁word"):
        yield word, "kind", labels.KINDS.index("box"), False
    for word in ("▁bar", "▁value"):
        yield word, "kind", labels.KINDS.index("bar"), False
    for i, rank in enumerate(labels.RANKS):
        if rank:
            yield "▁" + rank, "rank", i, False
    for i, char in enumerate(CHARACTERS):
        yield char, "char", i, True
    for value in range(MAX_BAR):
        yield str(value + 1), "value", value, True
    for i, number in enumerate(COORDINATES):
        for edge in ("x1", "y1", "x2", "y2"):
            yield number, edge, i, True


def align(language, tokenizer, head):
    """Sets rows of the token embeddings and the output head from the dense heads' weights [classes, hidden]."""
    directions = dict(zip(labels.NAMES, head.split([classes for classes, _ in labels.HEADS.values()])))
    start_along(language, tokenizer, directions, _meanings())


def start_along(language, tokenizer, directions, meanings):
    """The same for any labels: directions by label name [classes, hidden], meanings as _meanings() yields them."""
    hidden = next(iter(directions.values())).shape[1]
    # Words of one sort also share a direction, so that "any colour word" is something to look for.
    sorts = {label: torch.randn(hidden) for label in directions}
    sorts = {label: sort / sort.norm() for label, sort in sorts.items()}
    rows, shared, answers = {}, {}, set()
    for token, label, index, is_answer in meanings:
        piece = tokenizer.pieces.piece_to_id(token)
        if piece == tokenizer.pieces.unk_id():
            continue
        group = directions[label]
        direction = group[index] - group.mean(0)
        rows[piece] = rows.get(piece, 0) + direction / direction.norm()
        shared[piece] = sorts[label]
        if is_answer:
            answers.add(piece)
    embeddings, output = language.model.tok_embeddings.weight.data, language.output.weight.data
    width = hidden ** 0.5
    for piece, direction in rows.items():
        direction = direction / direction.norm()
        embeddings[piece] = embeddings[piece] * 0.3 + (direction + shared[piece]) * 0.4 * width
        if piece in answers:
            output[piece] = direction * 0.05 * width
