"""Writes held-out documents as PNG files or 4:2:0 JPEGs and their questions as JSON lines, as `sgl eval -b synthetic` reads them."""
import argparse
import json
import os

from PIL import Image

from .heldout import SPLITS, pages


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-page", type=int, default=3, help="questions per page, at most")
    parser.add_argument("--split", choices=list(SPLITS), default="both", help="what training has never drawn")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="JPEG with 4:2:0 chroma in place of PNG")
    options = parser.parse_args()
    os.makedirs(os.path.join(options.out, "images"), exist_ok=True)
    question_id = 0
    with open(os.path.join(options.out, "questions.jsonl"), "w") as f:
        for number, (page, questions) in enumerate(pages(options.pages, options.seed, options.per_page, options.split)):
            image = f"images/{number:05d}.{'jpg' if options.jpeg else 'png'}"
            how = {"quality": options.jpeg, "subsampling": 2} if options.jpeg else {}
            Image.fromarray(page.pixels).save(os.path.join(options.out, image), **how)
            for question in questions:
                f.write(json.dumps({"image": image, "question": question.text, "answer": question.exact or question.answer,
                                    "kind": question.kind, "question_id": question_id}) + "\n")
                question_id += 1
    print(f"{options.pages} pages, {question_id} questions in {options.out}")


if __name__ == "__main__":
    main()
