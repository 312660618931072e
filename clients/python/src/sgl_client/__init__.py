"""Asks an SGL router about pictures.

    from sgl_client import Client, Completed, Decision, LargeToken, SmallToken, question

    with Client("localhost:5100") as client:
        for event in client.ask(question("What is the total?", open("receipt.jpg", "rb").read())):
            match event:
                case SmallToken(): print(event.text, end="")      # provisional
                case Decision(escalates=True): print()            # what the small model said is void
                case LargeToken(): print(event.text, end="")
                case Completed(): print(event.answer.model, event.answer.text)
"""

from ._aio import AsyncClient
from ._client import Client
from ._errors import SglError, Violation
from ._events import Answer, Completed, Decision, Event, LargeToken, Prompt, SmallToken
from ._questions import question

__all__ = [
    "Answer", "AsyncClient", "Client", "Completed", "Decision", "Event", "LargeToken", "Prompt", "SglError", "SmallToken", "Violation", "question",
]
