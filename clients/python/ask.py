"""Asks the router a question about images and prints what happens, as it happens.

    python ask.py --image ../../samples/codes.png "What is the code in the orange box?"
"""

import argparse
import pathlib
import sys

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parent / "gen"))

from sgl.v1 import common_pb2, router_service_pb2, router_service_pb2_grpc  # noqa: E402


def build_request(question, images, threshold):
    request = router_service_pb2.AnswerRequest()
    for path in images:
        request.images.add(data=pathlib.Path(path).read_bytes(), name=pathlib.Path(path).name)
    turn = request.messages.add(role=common_pb2.CHAT_ROLE_USER)
    turn.parts.add(text=question)
    if threshold is not None:
        request.policy.threshold = threshold
    return request


def show(event):
    kind = event.WhichOneof("event")
    if kind == "layout":
        print(f"{event.layout.visual_token_count} visual tokens in {sum(len(i.tiles) for i in event.layout.images)} tiles")
    elif kind == "small_token":
        # Provisional: a large model's answer replaces it.
        print(event.small_token.text, end="", flush=True)
    elif kind == "decision":
        print(f"\n-> {event.decision.explanation}")
    elif kind == "large_token":
        print(event.large_token.text, end="", flush=True)
    elif kind == "completed":
        show_end(event.completed)


def show_end(completed):
    path = router_service_pb2.AnswerPath.Name(completed.path).removeprefix("ANSWER_PATH_").lower()
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

    with grpc.insecure_channel(arguments.address) as channel:
        router = router_service_pb2_grpc.RouterServiceStub(channel)
        try:
            request = build_request(arguments.question, arguments.image, arguments.threshold)
            for event in router.Answer(request, timeout=arguments.timeout):
                show(event)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
