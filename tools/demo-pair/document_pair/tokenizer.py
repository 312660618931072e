"""The pair's SentencePiece tokenizer: the first pair's files around another vocabulary."""
import os
import re

from demo_pair import tokenizer as first
from demo_pair.config import SYSTEM_MESSAGE

from .questions import PLURALS, texts
from .vocabulary import CHARACTERS, COLOR_NAMES, COORDINATES, ORDINALS, SHAPES, WORDS

PIECES = 900
PAIRED = ("button", "buttons", "sign", "signs", "bar", "box", "boxes", "shapes", "color", "value", "much", "tallest", "shortest",
          "checked", "many", "say", "region", "there")


def telling_words():
    """The words that make the difference between questions."""
    return [*COLOR_NAMES, *SHAPES, *PLURALS.values(), *WORDS, *ORDINALS, *PAIRED]


def _corpus():
    lines = [SYSTEM_MESSAGE, "system", "user", "assistant", "[[", "]]", ","] * 4
    lines += [piece for line in texts() for piece in re.split("</?ref>", line) if piece] * 2
    lines += [f" {word}" for word in telling_words()] * 4 + [w for w in (*COLOR_NAMES, *SHAPES, *WORDS, "yes", "no")] * 4
    # Characters stand alone, so that no piece ever joins two of them.
    return lines + list(CHARACTERS) * 4


def train(folder):
    """Writes tokenizer.model and the files around it."""
    os.makedirs(folder, exist_ok=True)
    first.train_files(folder, _corpus(), PIECES, [c for c in COORDINATES if len(c) > 1])
    pieces = Tokenizer(folder).pieces
    missing = [w for w in telling_words() if pieces.piece_to_id("▁" + w) == pieces.unk_id()]
    missing += [w for w in (*COLOR_NAMES, *WORDS, *CHARACTERS, "yes", "no") if pieces.piece_to_id(w) == pieces.unk_id()]
    if missing:
        raise SystemExit(f"no piece of their own: {missing}; raise PIECES")


class Tokenizer(first.Tokenizer):
    def answer(self, text):
        """Words and boxes as they are coded; codes, numbers and prices a character at a time, as they are seen."""
        if text.startswith("[[") or text.islower():
            return self.encode(text) + [self.end]
        return [self.pieces.piece_to_id(char) for char in text] + [self.end]
