"""Training checkpoints without their optimisers, in 16 bits, small enough to be committed; and back.

    python3 -m document_pair.snapshot pack      # RUNS/documents-*.pt -> snapshots/
    python3 -m document_pair.snapshot unpack    # what RUNS lacks, from snapshots/

A stage that goes on from a snapshot has its weights and its step, and momentum anew.
"""
import argparse
import glob
import os

import torch

from demo_pair import runs

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "snapshots")


def _halved(value):
    if isinstance(value, torch.Tensor):
        return value.half() if value.is_floating_point() else value
    return {k: _halved(v) for k, v in value.items()} if isinstance(value, dict) else value


def _whole(value):
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    return {k: _whole(v) for k, v in value.items()} if isinstance(value, dict) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("direction", choices=["pack", "unpack"])
    parser.add_argument("--runs", default=os.environ.get("RUNS", "runs"))
    options = parser.parse_args()
    source, target = (options.runs, FOLDER) if options.direction == "pack" else (FOLDER, options.runs)
    for path in sorted(glob.glob(f"{source}/documents-*.pt")):
        to = os.path.join(target, os.path.basename(path))
        if options.direction == "unpack" and os.path.exists(to):
            continue
        state = runs.load(path)
        state.pop("optimizers", None)
        runs.save(to, _halved(state) if options.direction == "pack" else _whole(state))
        print(f"{to}: step {state['step']}, {os.path.getsize(to) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
