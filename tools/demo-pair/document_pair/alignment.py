"""Starts words where the visual tokens already say the same thing (see demo_pair/alignment.py)."""
from demo_pair.alignment import start_along

from . import labels
from .questions import PLURALS
from .vocabulary import (ACTIONS, CHARACTERS, COLOR_NAMES, FIELDS, GOODS, MAX_BAR, OPTIONS, ORDINALS, PEOPLE, SHAPES, SIGNS,
                         WORDS)


def _meanings():
    """(token text, label, class, is an answer)."""
    for i, name in enumerate(COLOR_NAMES):
        yield "▁" + name, "color", i, False
        yield name, "color", i, True
    for name in SHAPES:
        yield "▁" + name, "kind", labels.KINDS.index(name), False
        yield "▁" + PLURALS[name], "kind", labels.KINDS.index(name), False
    for kind, words in (("button", ("button", "buttons")), ("sign", ("sign", "signs")), ("bar", ("bar", "value")),
                        ("check", ("checked", "boxes"))):
        for word in words:
            yield "▁" + word, "kind", labels.KINDS.index(kind), False
    for i, rank in enumerate(labels.RANKS):
        if rank:
            yield "▁" + rank, "rank", i, False
    for i, ordinal in enumerate(ORDINALS):
        yield "▁" + ordinal, "column", i, False
    # What a question names is looked for as the key of something, or as what stands there itself.
    for i, word in enumerate(WORDS):
        yield "▁" + word, "key" if word in GOODS + FIELDS + PEOPLE + OPTIONS else "word", i, False
        yield word, "word", i, True
    for i, char in enumerate(CHARACTERS):
        yield char, "left", i, True
        yield char, "right", i, True
    for value in range(MAX_BAR):
        yield str(value + 1), "value", value, True
    yield "yes", "checked", 1, True
    yield "no", "checked", 0, True


def align(language, tokenizer, head):
    """Sets rows of the token embeddings and the output head from the dense heads' weights [classes, hidden]."""
    directions = dict(zip(labels.NAMES, head.split([classes for classes, _ in labels.HEADS.values()])))
    start_along(language, tokenizer, directions, _meanings())
