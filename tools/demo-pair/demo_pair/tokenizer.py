"""The pair's SentencePiece tokenizer: training, files of a hub folder, encoding with added tokens."""
import io
import itertools
import json
import os
import re

import sentencepiece

from .config import SYSTEM_MESSAGE
from .questions import POSITION
from .vocabulary import CHARACTERS, COLOR_NAMES, COORDINATES, MAX_BAR, MAX_COUNT, SHAPES

ADDED = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>",
         "<box>", "</box>"]
CONTEXT = "<IMG_CONTEXT>"
PIECES = 640


def _corpus():
    lines = [SYSTEM_MESSAGE, "system", "user", "assistant", "[[", "]]", ","] * 4
    for color in COLOR_NAMES:
        lines += [f"What is the code in the {color} box?", f"What word is in the {color} box?",
                  f"What shape is {color}?", f"How many {color} shapes are there?",
                  f"What is the value of the {color} bar?", POSITION.format(f"the {color} box"), color]
        lines += [POSITION.format(f"the {color} {shape}") for shape in SHAPES]
    for shape in SHAPES:
        plural = "crosses" if shape == "cross" else shape + "s"
        lines += [f"What color is the {shape}?", f"How many {plural} are there?", shape]
    lines += [f"What color is the {rank} bar?" for rank in ("tallest", "shortest")] + ["How many boxes are there?"]
    lines = [piece for line in lines for piece in re.split("</?ref>", line) if piece] * 3
    # Characters of codes stand alone, so that no piece ever joins two of them.
    return lines + list(CHARACTERS) + [str(i) for i in range(10)] + list("BDFGIJMNOQSVWZ")


def train(folder):
    """Writes tokenizer.model and the files around it."""
    train_files(folder, _corpus(), PIECES, [c for c in COORDINATES if len(c) > 1])


def train_files(folder, corpus, size, symbols):
    """The same from any lines of text; symbols are never cut."""
    os.makedirs(folder, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type="bpe", vocab_size=size,
        byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
        remove_extra_whitespaces=False, character_coverage=1.0, user_defined_symbols=symbols,
        hard_vocab_limit=False, minloglevel=1)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as f:
        f.write(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size()
    added = {token: pieces + i for i, token in enumerate(ADDED)}
    decoder = {str(i): token for i, token in enumerate(("<unk>", "<s>", "</s>"))}
    decoder.update({str(i): token for token, i in added.items()})
    entry = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    files = {
        "added_tokens.json": added,
        "special_tokens_map.json": {"additional_special_tokens": ADDED, "bos_token": "<s>", "eos_token": "</s>",
                                    "pad_token": "</s>", "unk_token": "<unk>"},
        "tokenizer_config.json": {
            "add_bos_token": True, "add_eos_token": False,
            "added_tokens_decoder": {i: {"content": token, **entry} for i, token in decoder.items()},
            "additional_special_tokens": ADDED, "bos_token": "<s>", "clean_up_tokenization_spaces": False,
            "eos_token": "</s>", "model_max_length": 2048, "pad_token": "</s>",
            "tokenizer_class": "InternLM2Tokenizer", "unk_token": "<unk>"},
    }
    for name, content in files.items():
        with open(os.path.join(folder, name), "w") as f:
            json.dump(content, f, indent=2, sort_keys=False)
            f.write("\n")


class Tokenizer:
    """Encodes like the hub's slow InternLM2 tokenizer: added tokens cut the text, SentencePiece codes the rest."""

    def __init__(self, folder):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "tokenizer.model"))
        with open(os.path.join(folder, "added_tokens.json")) as f:
            self.added = json.load(f)
        self.names = {i: token for token, i in self.added.items()}
        self.split = re.compile("(" + "|".join(re.escape(t) for t in sorted(self.added, key=len, reverse=True)) + ")")
        self.size = self.pieces.get_piece_size() + len(self.added)
        self.end = self.added["<|im_end|>"]
        self.context = self.added[CONTEXT]
        self.cache = {}

    def encode(self, text):
        if text not in self.cache:
            parts = (([self.added[p]] if p in self.added else self.pieces.encode(p)) for p in self.split.split(text) if p)
            self.cache[text] = list(itertools.chain.from_iterable(parts))
        return self.cache[text]

    def decode(self, ids):
        return self.pieces.decode([i for i in ids if i not in self.names and i > 2])

    def prefix(self):
        """Ids before the first <IMG_CONTEXT>, `<s>` first."""
        return [1] + self.encode(f"<|im_start|>system\n{SYSTEM_MESSAGE}<|im_end|><|im_start|>user\n<img>")

    def question(self, text):
        """Ids after the last <IMG_CONTEXT>, up to where the answer starts."""
        return self.encode(f"</img>\n{text}<|im_end|><|im_start|>assistant\n")

    def answer(self, text):
        return self.encode(text) + [self.end]
