"""Greedy answers of both exported models on held-out pages: share right per kind and per model."""
import argparse
import json

import torch
from PIL import Image

from demo_pair.checkpoint import LoadedModel
from demo_pair.heldout import is_right, pages
from demo_pair.questions import KINDS
from demo_pair.tiling import normalize, tiles_of


def confidence(generated, logits):
    """Geometric mean of the greedy probabilities."""
    logs = [scores.log_softmax(-1)[i] for i, scores in zip(generated, logits)]
    return torch.stack(logs).mean().exp().item()


def answers(model, pixels, questions):
    """(text, confidence) per question."""
    generated, logits = model.greedy(model.visual(pixels), [q.text for q in questions])
    return [(model.tokenizer.decode(ids), confidence(ids, steps)) for ids, steps in zip(generated, logits)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="../../models")
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="writes every answer as JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    models = {size: LoadedModel(f"{options.models}/sgl-demo-{size}") for size in ("small", "large")}
    results = []
    for page, questions in pages(options.pages, options.seed):
        pixels = normalize(tiles_of(Image.fromarray(page.pixels)))
        given = {size: answers(model, pixels, questions) for size, model in models.items()}
        for i, question in enumerate(questions):
            row = {"kind": question.kind, "tiles": page.columns * page.rows, "question": question.text,
                   "answer": question.exact or question.answer}
            for size in models:
                text, score = given[size][i]
                row[size] = {"answer": text, "confidence": round(score, 4), "right": is_right(question, text)}
            results.append(row)
    if options.out:
        with open(options.out, "w") as f:
            f.writelines(json.dumps(row) + "\n" for row in results)
    report(results)


def report(results):
    def line(name, rows):
        if not rows:
            return
        small = sum(r["small"]["right"] for r in rows) / len(rows)
        large = sum(r["large"]["right"] for r in rows) / len(rows)
        either = sum(r["large"]["right"] or r["small"]["right"] for r in rows) / len(rows)
        print(f"{name:22s} {len(rows):5d} questions   small {small:6.1%}   large {large:6.1%}   either {either:6.1%}")

    for kind in KINDS:
        line(kind, [r for r in results if r["kind"] == kind])
    line("pages of 4 tiles", [r for r in results if r["tiles"] == 4])
    line("pages of 6 and 9 tiles", [r for r in results if 4 < r["tiles"] < 12])
    line("pages of 12 tiles", [r for r in results if r["tiles"] == 12])
    line("all", results)
    sure = sorted(results, key=lambda r: -r["small"]["confidence"])
    for share in (0.2, 0.4, 0.6):
        cut = int(len(sure) * share)
        right = sum(r["small"]["right"] for r in sure[:cut]) + sum(r["large"]["right"] for r in sure[cut:])
        print(f"small answers the {share:.0%} it is surest of, large the rest: {right / len(sure):.1%}")


if __name__ == "__main__":
    main()
