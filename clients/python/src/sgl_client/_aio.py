"""The client for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from . import v1
from ._connection import ANSWER, ANSWER_ONCE, GET_INFO, LIST_POLICIES, Connection
from ._errors import SglError, error_of
from ._events import Answer, Event, Events, answer_of


class AsyncClient:
    """As ``Client``, for asyncio: to be made where a loop runs."""

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
        self._connection = Connection(grpc.aio, address, api_key, timeout, root_certificates, allow_key_without_tls, max_receive_bytes)

    async def ask(self, request: v1.AnswerRequest, *, timeout: float | None = None) -> AsyncIterator[Event]:
        """Asks, and hands out events as they come. Cancelling the task, or closing the iterator, ends the work of all services for it. Raises SglError."""
        call = self._connection.method(ANSWER)(request, **self._connection.arguments(timeout))
        events = Events()
        try:
            async for response in call:
                event = events.of(response)
                if event is not None:
                    yield event
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        finally:
            call.cancel()
        if not events.whole:
            raise SglError(grpc.StatusCode.INTERNAL, "the router ended its answer without a completed event")

    async def answer(self, request: v1.AnswerRequest, *, timeout: float | None = None) -> Answer:
        """Asks for the answer as a whole. Raises SglError."""
        response = await self._call(ANSWER_ONCE, request, timeout)
        return answer_of(response.completed, response.decision if response.HasField("decision") else None)

    async def info(self, *, timeout: float | None = None) -> v1.GetInfoResponse:
        """The router, both models and the default policy. Raises SglError."""
        info: v1.GetInfoResponse = await self._call(GET_INFO, v1.GetInfoRequest(), timeout)
        return info

    async def policies(self, *, timeout: float | None = None) -> list[v1.NamedPolicy]:
        """The policies that requests may name, the default one first. Raises SglError."""
        return list((await self._call(LIST_POLICIES, v1.ListPoliciesRequest(), timeout)).policies)

    async def close(self) -> None:
        """Ends the connection, and calls that run."""
        await self._connection.channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _call(self, name: str, request: Any, timeout: float | None) -> Any:
        try:
            return await self._connection.method(name)(request, **self._connection.arguments(timeout))
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
