"""The client."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import grpc

from . import v1
from ._connection import ANSWER, ANSWER_ONCE, GET_INFO, LIST_POLICIES, Connection
from ._errors import SglError, error_of
from ._events import Answer, Event, Events, answer_of


class Client:
    """A client of a router; may be used by several threads.

    ``address`` is ``host:port``, ``http://host:port`` or ``https://host``; ``timeout`` the most seconds of a call, the whole answer included, None for none. A key goes without TLS to this machine
    only, unless ``allow_key_without_tls``.
    """

    def __init__(
        self,
        address: str = "localhost:5100",
        *,
        api_key: str | None = None,
        timeout: float | None = 120,
        root_certificates: bytes | None = None,
        allow_key_without_tls: bool = False,
        max_receive_bytes: int = 64 << 20,
    ) -> None:
        self._connection = Connection(grpc, address, api_key, timeout, root_certificates, allow_key_without_tls, max_receive_bytes)

    def ask(self, request: v1.AnswerRequest, *, timeout: float | None = None) -> Iterator[Event]:
        """Asks, and hands out events as they come. Whoever closes the iterator ends the work of all services for it. Raises SglError."""
        call = self._connection.method(ANSWER)(request, **self._connection.arguments(timeout))
        events = Events()
        try:
            for response in call:
                event = events.of(response)
                if event is not None:
                    yield event
        except grpc.RpcError as error:
            raise error_of(error) from error
        finally:
            call.cancel()
        if not events.whole:
            raise SglError(grpc.StatusCode.INTERNAL, "the router ended its answer without a completed event")

    def answer(self, request: v1.AnswerRequest, *, timeout: float | None = None) -> Answer:
        """Asks for the answer as a whole. Raises SglError."""
        response = self._call(ANSWER_ONCE, request, timeout)
        return answer_of(response.completed, response.decision if response.HasField("decision") else None)

    def info(self, *, timeout: float | None = None) -> v1.GetInfoResponse:
        """The router, both models and the default policy. Raises SglError."""
        info: v1.GetInfoResponse = self._call(GET_INFO, v1.GetInfoRequest(), timeout)
        return info

    def policies(self, *, timeout: float | None = None) -> list[v1.NamedPolicy]:
        """The policies that requests may name, the default one first. Raises SglError."""
        return list(self._call(LIST_POLICIES, v1.ListPoliciesRequest(), timeout).policies)

    def close(self) -> None:
        """Ends the connection, and calls that run."""
        self._connection.channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self, name: str, request: Any, timeout: float | None) -> Any:
        try:
            return self._connection.method(name)(request, **self._connection.arguments(timeout))
        except grpc.RpcError as error:
            raise error_of(error) from error
