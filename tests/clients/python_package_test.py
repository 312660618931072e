"""The Python package as its users have it: installed from its wheel. SGL_GRPC is the address of the router, SGL_ROOT the repository."""

import asyncio
import importlib.metadata
import importlib.resources
import os
import pathlib
import random
import unittest

import grpc
from sgl_client import AsyncClient, Client, Completed, Decision, LargeToken, Prompt, SglError, SmallToken, question, v1
from sgl_client import details_pb2
from sgl_client._errors import error_of

ADDRESS = os.environ["SGL_GRPC"]
PICTURE = (pathlib.Path(os.environ["SGL_ROOT"]) / "samples" / "codes.png").read_bytes()
CLIENT = Client(ADDRESS)


def ask(threshold, **fields):
    return question("What word is in the orange box?", PICTURE, policy=v1.RoutingPolicy(threshold=threshold), **fields)


class PackageTests(unittest.TestCase):
    def test_has_types_of_code_and_messages(self):
        files = {str(f.relative_to("sgl_client")) if f.parts[0] == "sgl_client" else str(f) for f in importlib.metadata.files("sgl-client")}
        self.assertLessEqual({"py.typed", "v1/common_pb2.py", "v1/common_pb2.pyi", "v1/router_service_pb2.pyi", "details_pb2.py"}, files)
        self.assertEqual("site-packages", importlib.resources.files("sgl_client").parent.name)


class AnswerTests(unittest.TestCase):
    def test_small_answer_is_good_enough(self):
        events = list(CLIENT.ask(ask(0)))
        self.assertIsInstance(events[0], Prompt)
        decision = next(e for e in events if isinstance(e, Decision))
        self.assertFalse(decision.escalates)
        answer = events[-1].answer
        self.assertEqual(answer.text, "".join(e.text for e in events if isinstance(e, SmallToken)).strip())
        self.assertEqual(("sgl-demo-small", v1.FINISH_REASON_STOP), (answer.model, answer.finish_reason))
        self.assertEqual(decision.message.scores.decision, answer.score)

    def test_escalation_replaces_what_the_small_model_said(self):
        events = list(CLIENT.ask(ask(2)))
        kinds = [type(e) for e in events]
        self.assertLess(kinds.index(Decision), kinds.index(LargeToken))
        self.assertNotIn(SmallToken, kinds[kinds.index(Decision):])
        answer = events[-1].answer
        self.assertEqual(("CUP", "sgl-demo-large", True, False), (answer.text, answer.model, answer.escalated, answer.degraded))
        self.assertLess(answer.usage.kept_visual_token_count, answer.usage.visual_token_count)
        self.assertEqual("CUP", CLIENT.answer(ask(2)).text)

    def test_closing_the_iterator_cancels(self):
        events = CLIENT.ask(ask(0, sampling=v1.Sampling(max_new_tokens=512, min_new_tokens=512)))
        while not isinstance(next(events), SmallToken):
            pass
        events.close()
        self.assertEqual("CUP", CLIENT.answer(ask(2)).text)

    def test_router_tells_models_and_policies(self):
        self.assertEqual("sgl-demo-large", CLIENT.info().large.name)
        self.assertEqual("default", CLIENT.policies()[0].name)

    def test_asyncio(self):
        async def run():
            async with AsyncClient(ADDRESS) as client:
                events = [e async for e in client.ask(ask(2))]
                self.assertIsInstance(events[-1], Completed)
                self.assertEqual(events[-1].answer.text, (await client.answer(ask(2))).text)
                with self.assertRaises(SglError) as caught:
                    await client.answer(question("  "))
                self.assertEqual("messages[0].parts", caught.exception.field)
                task = asyncio.ensure_future(self.first(client))
                await asyncio.sleep(0)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertEqual("sgl-demo-small", (await client.info()).small.name)

        asyncio.run(run())

    @staticmethod
    async def first(client):
        async for _ in client.ask(ask(0, sampling=v1.Sampling(max_new_tokens=512, min_new_tokens=512))):
            pass


class ErrorTests(unittest.TestCase):
    def test_every_field_at_fault_is_named(self):
        with self.assertRaises(SglError) as caught:
            list(CLIENT.ask(ask(0, sampling=v1.Sampling(top_p=2, max_new_tokens=10**9))))
        error = caught.exception
        self.assertEqual((grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), (error.code, error.reason))
        self.assertEqual({"sampling.top_p", "sampling.max_new_tokens"}, {v.field for v in error.violations})
        with self.assertRaises(SglError) as caught:
            CLIENT.answer(question("Why?", b"no picture"))
        self.assertEqual(("BAD_IMAGE", "images[0].data"), (caught.exception.reason, caught.exception.field))

    def test_time_that_passes_is_deadline_exceeded(self):
        with self.assertRaises(SglError) as caught:
            list(CLIENT.ask(ask(0, sampling=v1.Sampling(max_new_tokens=512, min_new_tokens=512)), timeout=0.02))
        self.assertEqual(grpc.StatusCode.DEADLINE_EXCEEDED, caught.exception.code)

    def test_nobody_listens(self):
        with Client("127.0.0.1:9") as client, self.assertRaises(SglError) as caught:
            client.info(timeout=5)
        self.assertEqual((grpc.StatusCode.UNAVAILABLE, None), (caught.exception.code, caught.exception.reason))

    def test_addresses_and_keys_that_are_refused(self):
        for address in ("", "ftp://router:5100", "http://router:5100/v1", "http://me:secret@router:5100"):
            with self.assertRaises(ValueError) as caught:
                Client(address)
            self.assertNotIn("secret", str(caught.exception))
        with self.assertRaises(ValueError):
            Client("http://router.example:5100", api_key="k")
        with self.assertRaises(ValueError) as caught:
            Client("localhost:5100", api_key="two words")
        self.assertNotIn("two words", str(caught.exception))
        with self.assertRaises(ValueError):
            Client("localhost:5100", timeout=0)
        for options in ({"address": "https://router.example"}, {"address": "[::1]:5100"}, {"address": "http://router.example", "allow_key_without_tls": True}):
            Client(api_key="k", **options).close()

    def test_details_of_any_bytes_leave_the_status(self):
        class Raised:
            def __init__(self, data):
                self.data = data

            def code(self):
                return grpc.StatusCode.NOT_FOUND

            def details(self):
                return "gone"

            def trailing_metadata(self):
                return (("grpc-status-details-bin", self.data),)

        status = details_pb2.Status(code=5, message="gone")
        status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=details_pb2.RetryInfo(retry_delay={"seconds": 2}).SerializeToString())
        whole = status.SerializeToString()
        self.assertEqual(2, error_of(Raised(whole)).retry_after)
        draw = random.Random(20261129)
        for _ in range(300):
            data = bytearray(whole[:draw.randrange(len(whole) + 1)])
            for _ in range(draw.randrange(4) if data else 0):
                data[draw.randrange(len(data))] = draw.randrange(256)
            self.assertEqual(grpc.StatusCode.NOT_FOUND, error_of(Raised(bytes(data))).code)


if __name__ == "__main__":
    unittest.main(verbosity=2)
