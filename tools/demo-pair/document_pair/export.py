"""Writes a checkpoint folder in the hub's layout from a training checkpoint."""
import argparse
import os

from demo_pair import runs
from demo_pair.checkpoint import write_folder
from demo_pair.language import LanguageModel
from demo_pair.vision import VisionTower

from . import tokenizer
from .config import LARGE_LAYERS, model_config
from .train_lm import GROWTH


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--shallow", action="store_true", help="the large model as it is before it is grown")
    parser.add_argument("--runs", default=os.environ.get("RUNS", "runs"))
    parser.add_argument("--out", required=True, help="folder")
    options = parser.parse_args()
    tokenizer.train(options.out)
    deep = options.size == "large" and not options.shallow
    config = model_config(options.size, LARGE_LAYERS // GROWTH if options.size == "large" and options.shallow else None)
    config["llm_config"]["vocab_size"] = tokenizer.Tokenizer(options.out).size
    tower, language = VisionTower(config), LanguageModel(config["llm_config"])
    state = runs.load(f"{options.runs}/documents-{'deep' if deep else 'lm'}-{options.size}.pt")
    tower.load_state_dict(state["tower"])
    language.load_state_dict(state["model"])
    write_folder(options.out, config, tower, language)
    print(f"{options.out}: step {state['step']}")


if __name__ == "__main__":
    main()
