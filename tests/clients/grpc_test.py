"""The gRPC API through Debian's Python gRPC, with stubs made from protos/ alone. SGL_GRPC is the address of the router, SGL_STUBS the folder of the stubs."""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.environ["SGL_STUBS"])
import grpc
from sgl.v1 import common_pb2, router_service_pb2, router_service_pb2_grpc

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "samples"
CHANNEL = grpc.insecure_channel(os.environ["SGL_GRPC"], options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
ROUTER = router_service_pb2_grpc.RouterServiceStub(CHANNEL)


def request(*parts, image="codes.png", **fields):
    """A question of parts, each a text or the index of an image."""
    asked = router_service_pb2.AnswerRequest(**fields)
    asked.images.add(data=(SAMPLES / image).read_bytes())
    turn = asked.messages.add(role=common_pb2.CHAT_ROLE_USER)
    for part in parts:
        turn.parts.add(**({"text": part} if isinstance(part, str) else {"image_index": part}))
    return asked


def answer(asked):
    """The last event of an answer."""
    return list(ROUTER.Answer(asked, timeout=120))[-1].completed


def large(**fields):
    """A policy that asks the large model about all of the image."""
    return router_service_pb2.RoutingPolicy(force=router_service_pb2.ROUTE_LARGE, unpruned=True, **fields)


class PromptTests(unittest.TestCase):
    def test_text_before_picture_answers_of_picture_before_text(self):
        right, right_as_given = 0, 0
        for line in (SAMPLES / "questions.jsonl").read_text().splitlines():
            sample = json.loads(line)
            text_first = answer(request(sample["question"], 0, image=sample["image"], policy=large())).answer
            picture_first = answer(request(0, sample["question"], image=sample["image"], policy=large())).answer
            as_given = answer(request(sample["question"], 0, image=sample["image"], policy=large(), keep_part_order=True)).answer
            self.assertEqual(picture_first, text_first)
            right += text_first.lower() == sample["answer"].lower()
            right_as_given += as_given.lower() == sample["answer"].lower()
        self.assertGreaterEqual(right, 12)
        self.assertLessEqual(right_as_given, 4)

    def test_escalation_under_guidance_in_either_order(self):
        asked = request("What word is in the orange box?", 0, policy=router_service_pb2.RoutingPolicy(threshold=2))
        completed = answer(asked)
        self.assertEqual(router_service_pb2.ANSWER_PATH_ESCALATED, completed.path)
        self.assertEqual(1, len(completed.pruning.steps))

    def test_picture_alone_empty_answer_and_later_instructions(self):
        asked = request("What word is in the orange box?", policy=large())
        asked.messages.add(role=common_pb2.CHAT_ROLE_ASSISTANT)
        asked.messages.add(role=common_pb2.CHAT_ROLE_SYSTEM).parts.add(text="Be brief.")
        asked.messages.add(role=common_pb2.CHAT_ROLE_USER).parts.add(image_index=0)
        self.assertEqual(router_service_pb2.ANSWER_PATH_ESCALATED, answer(asked).path)


class RefusalTests(unittest.TestCase):
    def refuse(self, asked, field, code=grpc.StatusCode.INVALID_ARGUMENT):
        with self.assertRaises(grpc.RpcError) as caught:
            list(ROUTER.Answer(asked, timeout=120))
        self.assertEqual(code, caught.exception.code(), caught.exception.details())
        self.assertIn(field, caught.exception.details())

    def test_empty_question(self):
        self.refuse(request("  "), "messages[0].parts")

    def test_more_tokens_than_the_limit(self):
        self.refuse(request("?", sampling=common_pb2.Sampling(max_new_tokens=10**9)), "sampling.max_new_tokens")
        wish = common_pb2.Sampling(max_new_tokens=10**9, clamp_max_new_tokens=True)
        self.assertEqual(common_pb2.FINISH_REASON_STOP, answer(request("What word is in the orange box?", sampling=wish, policy=large())).large.finish_reason)

    def test_millions_of_empty_parts(self):
        asked = router_service_pb2.AnswerRequest()
        asked.messages.add(role=common_pb2.CHAT_ROLE_USER).parts.extend([common_pb2.ChatPart()] * 1_000_000)
        self.refuse(asked, "messages[0].parts")


if __name__ == "__main__":
    unittest.main(verbosity=2)
