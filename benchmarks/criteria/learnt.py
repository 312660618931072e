"""What an exit criterion learnt from the scores would bring, on the results of `sgl eval`: area over the exit curve, cross-validated.

    python3 learnt.py ../../docs/results/results.jsonl.gz [--method none]     # needs numpy
"""
import argparse
import gzip
import json

import numpy as np

EDGE, FOLDS, RIDGE, DRAWS = 1e-4, 10, 1.0, 500


def read(path, method):
    """Exit scores [N, 8], their names, ids generated [N], and the scores of both answers [N]."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
        records = [json.loads(line) for line in f][1:]
    small = {r["id"]: r for r in records if r["method"] == "small" and r.get("score") is not None}
    large = {r["id"]: r for r in records if r["method"] == method and r.get("score") is not None}
    ids = [i for i in small if i in large]
    names = list(small[ids[0]]["exit_scores"])
    return (np.array([[small[i]["exit_scores"][n] for n in names] for i in ids]), names,
            np.array([small[i]["generated_tokens"] for i in ids], float),
            np.array([small[i]["score"] for i in ids], float), np.array([large[i]["score"] for i in ids], float))


def fitted(rows, targets):
    """Logistic regression on standardised inputs, by Newton's method; returns a function from rows to probabilities."""
    mean, scale = rows.mean(0), rows.std(0) + 1e-9

    def design(x):
        return np.c_[np.ones(len(x)), (x - mean) / scale]

    inputs, weights = design(rows), np.zeros(rows.shape[1] + 1)
    penalty = RIDGE * np.diag([0.0] + [1.0] * rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-inputs @ weights))
        change = np.linalg.solve(inputs.T @ (inputs * (p * (1 - p) + 1e-9)[:, None]) + penalty, inputs.T @ (targets - p) - penalty @ weights)
        weights += change
        if abs(change).max() < 1e-9:
            break
    return lambda x: 1 / (1 + np.exp(-design(x) @ weights))


def cross_validated(rows, targets):
    """Predictions for every answer by a fit without its fold; folds are blocks of five neighbours, so that a page stays together."""
    fold, out = np.arange(len(targets)) // 5 % FOLDS, np.zeros(len(targets))
    for k in range(FOLDS):
        out[fold == k] = fitted(rows[fold != k], targets[fold != k])(rows[fold == k])
    return out


def area(score, small, large):
    """Points between the exit curve and the small model's score."""
    order = np.argsort(-score, kind="stable")
    curve = (large.sum() + np.concatenate([[0], np.cumsum((small - large)[order])])) / len(score)
    return 100 * ((curve[1:] + curve[:-1]) / 2 - small.mean()).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--method", default="sgp-k1-r0.257143", help="the large model's")
    options = parser.parse_args()
    scores, names, tokens, small, large = read(options.results, options.method)
    inside = np.clip(scores, EDGE, 1 - EDGE)
    rows = np.c_[np.log(inside / (1 - inside)), np.log(tokens)]
    right = cross_validated(rows, small)
    criteria = {n: scores[:, i] for i, n in enumerate(names)}
    criteria |= {"P(small right)": right, "P(small right) - P(large right)": right - cross_validated(rows, large)}
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(small), len(small)) for _ in range(DRAWS)]
    for name, score in criteria.items():
        against = []
        for other in ("decision", "confidence"):
            gaps = [area(score[d], small[d], large[d]) - area(criteria[other][d], small[d], large[d]) for d in draws]
            gap = area(score, small, large) - area(criteria[other], small, large)
            against.append(f"{gap:+.2f} [{np.percentile(gaps, 2.5):.2f}, {np.percentile(gaps, 97.5):.2f}] over {other}")
        print(f"{name:32s} {area(score, small, large):6.2f}  {'  '.join(against)}")


if __name__ == "__main__":
    main()
