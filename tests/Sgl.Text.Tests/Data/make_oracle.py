#!/usr/bin/env python3
"""Makes the test strings, small SentencePiece models, and what SentencePiece itself says about them.

Needs Debian's python3-sentencepiece. Run from anywhere:

    python3 make_oracle.py [--vocab DIR] [--random N] [--out DIR]

--vocab  folder with internlm2.model and llama2.model (real vocabularies; only ids derived from them are written)
--random how many random strings beside the fixed ones
--out    where to write (default: this folder); the tests read another folder when SGL_TEXT_DATA names it
"""
import argparse
import json
import os
import random
import tempfile

import sentencepiece as spm

FIXED = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", " \n", "\n ", "  \n  ", "\r\n", "\r\n\r\n ", " \t \r\n x",
    "Hello", " Hello", "  Hello", "    Hello\n    Hello", "Hello world", " Hello World!", "Hello, world!", "hello  world   again",
    "Answer the question using a single word or phrase.", "What is the code in the red box?",
    "Please provide the bounding box coordinate of the region this sentence describes: <ref>the left dog</ref>",
    "a llama \U0001f999.txt", "q73x 9ploz kkwhrt", "\u043a\u0440\u0430\u0441\u043d\u0430\u044f \u043a\u043e\u0440\u043e\u0431\u043a\u0430",
    "\u1797\u17b6\u179f\u17b6\u1781\u17d2\u1798\u17c2\u179a",
    "\U0001f6f8 one \U0001f636\u200d\U0001f32b\ufe0f joined \u2705",
    "Well, y'all \U0001f601 ?\u6211\u5728box\u5de5\u4f5c2718281\u5929\uff5e",
    "3", "33", "333", "3333", "33333", "333333", "33333333333", "!!!!!!", "????!!!!", "aaaaaaaaaaaaaaa", "-------", "------======",
    "H\u00e0 N\u1ed9i Vi\u1ec7t", "F\u00fchrer", "ing 7 \u00bd weeks", "\u00b2\u00b3\u00b9\u2460\u2167\u06f3", " disregards", "' area", "\n +=", " (",
    "They've 'seen she's here, 'RE we late? 'M I? He'll come, 'D we go? You'Ve b'lL",
    "don't DON'T 'S 'T 'Ve 'lL '\u017f '\u017fx 's's", "it''s ''''s", "x'y'z'", "'",
    "\U00020000\U00020001 \U0002f800", "a\U00010400b \U0001d400\U0001d401 \U0001d7d8\U0001d7d9", "\U0001f1e9\U0001f1ea\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "e\u0301 \u00e9 A\u030a \u212b \u1e9b\u0323 \uac00 \u1100\u1161 o\u0308\u0304", "\u0300x", "a\u0338=\u0338>\u0338",
    "\u4f60\u662f\u7531\u4e0a\u6d77\u4eba\u5de5\u667a\u80fd\u5b9e\u9a8c\u5ba4\u8054\u5408\u5546\u6c64\u79d1\u6280\u5f00\u53d1\u7684\u4e66\u751f\u591a\u6a21\u6001\u5927\u6a21\u578b\uff0c\u82f1\u6587\u540d\u53ebInternVL, \u662f\u4e00\u4e2a\u6709\u7528\u65e0\u5bb3\u7684\u4eba\u5de5\u667a\u80fd\u52a9\u624b\u3002",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3067\u3059\u3002 \ud55c\uad6d\uc5b4 \ubb38\uc7a5", "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645", "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u2581", "\u2581\u2581x", "a\u2581b", "x \u2581 y", "\u00a0x\u00a0", "\u3000\u5168\u89d2\u3000", "\u2003em\u2028line\u2029para\u0085nel", "\u200b\u200d\ufeff", "\x00\x01\x1c\x1f\x7f",
    "<0x0A>", "<s>", "</s>", "<unk>", "[UNUSED_TOKEN_3]", "for (int i = 0; i < n; ++i) {\n\treturn x[i] != 0;\n}", "{\"a\": [1, 2.5e-3, null]}",
    "http://example.com/a?b=c&d=%20#e", "C:\\path\\file.txt", "$1,234.56 50% 7/8 12:30", "1234567890 12 345 6789", "x1y22z333",
    "ABCdefGHI", "snake_case camelCase kebab-case", "\u00dcber\u0131\u0130\u00df\ufb01", "\uff21\uff22\uff23\uff11\uff12", "trailing ", "trailing  ", "trailing\n", " both ", "a\n\n b\n  c", "a \n \n b",
    "[[123, 456, 789, 1000]]", "<box>[[1,2,3,4]]</box>", "\ufffd", "a\ufffdb", "\u0f00\u0f04 \u2e80", "supercalifragilisticexpialidocious",
]

ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "etaoin shrdlu", "ABCXYZ abcxyz", "0123456789", " \n\t\r  ", "!?.,;:'\"()[]{}<>-_=+*/\\|@#$%^&~`",
    "\u00e9\u00e8\u00fc\u00f1\u00df\u0159\u0142", "\u043f\u0440\u0438\u0432\u0435\u0442\u043c\u0438\u0440", "\u4f60\u597d\u4e16\u754c\u7684\u4e86\u662f\u5728\u4eba\u5de5", "\u0301\u0308\u0327\u093c\u3099", "\u00a0\u2003\u3000\u0085\u2028",
    "\U0001f600\U0001f680\u2705\u200d\ufe0f\U0001f3fd", "\U00020000\U0001d400\U00010400\U0001d7d8", "'sStTrReEvVmMlLdD ", "\u2581 ", "\uac00\ub098\u1100\u1161\u11a8", "\u0663\u06f3\u0967\u00bd\u2460\u2167",
]


def random_strings(count):
    rng = random.Random(20240607)
    strings = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 6)):
            alphabet = rng.choice(ALPHABETS)
            if rng.random() < 0.06:
                c = rng.randint(1, 0x10FFFF)
                parts.append(chr(c) if not 0xD800 <= c <= 0xDFFF else "?")
            elif rng.random() < 0.12:
                parts.append(rng.choice(alphabet) * rng.randint(2, 9))
            else:
                parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 7))))
        strings.append("".join(parts))
    return strings


def train(out, name, corpus, vocab_size, **options):
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the model records the paths it was trained with
        try:
            with open("corpus.txt", "w", encoding="utf-8") as f:
                f.write(corpus)
            spm.SentencePieceTrainer.train(
                input="corpus.txt", model_prefix=name, vocab_size=vocab_size, model_type="bpe",
                normalization_rule_name="identity", character_coverage=0.995, minloglevel=2, **options)
            with open(name + ".model", "rb") as f:
                data = f.read()
        finally:
            os.chdir(before)
    path = os.path.join(out, name + ".model")
    with open(path, "wb") as f:
        f.write(data)
    return path


SYSTEM = ("\u4f60\u662f\u7531\u4e0a\u6d77\u4eba\u5de5\u667a\u80fd\u5b9e\u9a8c\u5ba4\u8054\u5408\u5546\u6c64\u79d1\u6280\u5f00\u53d1\u7684\u4e66\u751f\u591a\u6a21\u6001\u5927\u6a21\u578b"
          "\uff0c\u82f1\u6587\u540d\u53ebInternVL, \u662f\u4e00\u4e2a\u6709\u7528\u65e0\u5bb3\u7684\u4eba\u5de5\u667a\u80fd\u52a9\u624b\u3002")
QUESTION = "What is written on the sign?\nAnswer the question using a single word or phrase."


def write_prompts(out, vocab):
    """InternVL2 prompts with one image of 4 visual tokens: special ids by hand, the text between them by SentencePiece."""
    with open(os.path.join(vocab, "llama2.model"), "rb") as f:
        # Fields of repeated messages merge: this switches the dummy prefix off, as the wrapper's mode without "legacy" does.
        phi3 = spm.SentencePieceProcessor(model_proto=f.read() + b"\x1a\x02\x18\x00")
    internlm2 = spm.SentencePieceProcessor(model_file=os.path.join(vocab, "internlm2.model"))
    start, end = 92543, 92542
    prompts = {
        "internlm2-chat": [1, start] + internlm2.encode("system\n" + SYSTEM) + [end, start] + internlm2.encode("user\n")
        + [92544] + [92546] * 4 + [92545] + internlm2.encode("\n" + QUESTION) + [end, start] + internlm2.encode("assistant\n"),
        "internlm2-chat-ref": [1, start] + internlm2.encode("system\n" + SYSTEM) + [end, start] + internlm2.encode("user\n")
        + [92544] + [92546] * 4 + [92545]
        + internlm2.encode("\nPlease provide the bounding box coordinate of the region this sentence describes: ") + [92549]
        + internlm2.encode("left dog") + [92550] + [end, start] + internlm2.encode("assistant\n"),
        # The tokens of Phi-3 swallow white space behind them; 29871 is the leading space of the whole text.
        "phi3-chat": [1, 29871, 32006] + phi3.encode(SYSTEM) + [32007, 32010] + [32011] + [32013] * 4 + [32012]
        + phi3.encode("\n" + QUESTION) + [32007, 32001],
    }
    with open(os.path.join(out, "prompts.expected.json"), "w") as f:
        json.dump(prompts, f, separators=(",", ":"))
        f.write("\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocab")
    parser.add_argument("--random", type=int, default=160)
    parser.add_argument("--out", default=here)
    args = parser.parse_args()
    args.out = os.path.abspath(args.out)

    strings = FIXED + random_strings(args.random)
    with open(os.path.join(args.out, "strings.json"), "w") as f:
        json.dump(strings, f, indent=0)
        f.write("\n")

    # Few characters on purpose: what is not in the corpus has to go through the bytes or the unknown piece.
    known = [s.replace("\n", " ") for s in FIXED if all(" " <= c <= "~" or c in "\n\u4f60\u7684\u4eba\u00e9\u00fc" for c in s)]
    corpus = "\n".join(known * 3) + "\n" + "\n".join(
        ["the red box holds the code 33 and the blue box holds the code 77", "how many circles are there in the picture"] * 20)
    models = {
        "sp-dummy": train(args.out, "sp-dummy", corpus, 420, byte_fallback=True, add_dummy_prefix=True, remove_extra_whitespaces=False, split_digits=True),
        "sp-plain": train(args.out, "sp-plain", corpus, 440, byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
                          allow_whitespace_only_pieces=True, user_defined_symbols="[UNUSED_TOKEN_3],\uff0c,\u3002,33,the,<|im_start|>"),
        "sp-unknown": train(args.out, "sp-unknown", corpus, 180, byte_fallback=False, add_dummy_prefix=True, remove_extra_whitespaces=True),
    }
    if args.vocab:
        write_prompts(args.out, args.vocab)
        models["internlm2"] = os.path.join(args.vocab, "internlm2.model")
        models["llama2"] = os.path.join(args.vocab, "llama2.model")

    for name, path in models.items():
        processor = spm.SentencePieceProcessor(model_file=path)
        rng = random.Random(7)
        size = processor.get_piece_size()
        ids = [processor.encode(s) for s in strings]
        sequences = [[rng.randrange(3, size) for _ in range(rng.randint(1, 12))] for _ in range(60)]
        # Many bytes: broken and cut-off characters.
        sequences += [[rng.randrange(3, min(259, size)) for _ in range(rng.randint(1, 10))] for _ in range(60)]
        with open(os.path.join(args.out, name + ".expected.json"), "w") as f:
            json.dump({"ids": ids, "sequences": sequences, "texts": [processor.decode(s) for s in sequences]}, f, separators=(",", ":"))
            f.write("\n")


if __name__ == "__main__":
    main()
