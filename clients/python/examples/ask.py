"""Asks the router a question about images and prints what happens, as it happens.

    python ask.py --image ../../../samples/codes.png "What is the code in the orange box?"
"""

import argparse
import pathlib
import sys

from sgl_client import Client, Completed, Decision, LargeToken, Prompt, SglError, SmallToken, question, v1


def show(event):
    match event:
        case Prompt(layout):
            print(f"{layout.visual_token_count} visual tokens in {sum(len(i.tiles) for i in layout.images)} tiles")
        case SmallToken() | LargeToken():
            # The small model's are provisional: a large model's answer replaces them.
            print(event.text, end="", flush=True)
        case Decision(message=decision):
            print(f"\n-> {decision.explanation}")
        case Completed(answer):
            show_end(answer.message)


def show_end(completed):
    path = v1.AnswerPath.Name(completed.path).removeprefix("ANSWER_PATH_").lower()
    print(f"\nanswer: {completed.answer}\npath:   {path} after {completed.total.ToMilliseconds()} ms")
    if completed.HasField("pruning"):
        counts = ", ".join(f"{count} from layer {step.layer} on"
                           for step, count in zip(completed.pruning.steps, completed.pruning.kept_visual_token_counts))
        print(f"kept:   {counts or 'everything'} ({completed.pruning.average_retention:.0%} on average)")
    if completed.HasField("importance"):
        values = completed.importance.values
        best = sorted(range(len(values)), key=lambda i: -values[i])[:5]
        print("most important visual tokens: " + ", ".join(f"{i} ({values[i]:.2f})" for i in best))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question")
    parser.add_argument("--image", action="append", default=[], help="image file; may be repeated")
    parser.add_argument("--address", default="localhost:5100", help="the router")
    parser.add_argument("--threshold", type=float, help="exit at this score or above; default: the router's")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for the whole answer")
    arguments = parser.parse_args()

    policy = None if arguments.threshold is None else v1.RoutingPolicy(threshold=arguments.threshold)
    request = question(arguments.question, *(pathlib.Path(path).read_bytes() for path in arguments.image), policy=policy)
    with Client(arguments.address, timeout=arguments.timeout) as client:
        try:
            for event in client.ask(request):
                show(event)
        except SglError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
