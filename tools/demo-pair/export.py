"""Writes a checkpoint folder in the hub's layout from a training checkpoint."""
import argparse

from demo_pair import runs, tokenizer
from demo_pair.checkpoint import write_folder
from demo_pair.config import model_config
from demo_pair.language import LanguageModel
from demo_pair.vision import VisionTower


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--run", help="checkpoint of train_lm.py (default runs/lm-SIZE.pt)")
    parser.add_argument("--out", help="folder (default ../../models/sgl-demo-SIZE)")
    options = parser.parse_args()
    folder = options.out or f"../../models/sgl-demo-{options.size}"
    tokenizer.train(folder)
    config = model_config(options.size)
    config["llm_config"]["vocab_size"] = tokenizer.Tokenizer(folder).size
    tower, language = VisionTower(config), LanguageModel(config["llm_config"])
    state = runs.load(options.run or f"runs/lm-{options.size}.pt")
    tower.load_state_dict(state["tower"])
    language.load_state_dict(state["model"])
    write_folder(folder, config, tower, language)
    print(f"{folder}: {state['step']} steps, {state['pages']} pages, {state['spent']:.1f} minutes")


if __name__ == "__main__":
    main()
