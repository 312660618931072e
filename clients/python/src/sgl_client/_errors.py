"""What a call ends with that gave no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from . import details_pb2

_DOMAIN = "sgl.v1"
_TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class Violation:
    """A field of a request that breaks a rule; ``field`` is its path in the contract, e.g. ``images[0].data``."""

    field: str
    description: str
    reason: str | None


class SglError(Exception):
    """The router gave no answer.

    ``code`` is the gRPC status; ``reason`` the name of a ``v1.ErrorReason`` without its prefix, e.g. ``PROMPT_TOO_LONG``, or None where no service of ours said it;
    ``retry_after`` the seconds after which the same call may be tried again, or None.
    """

    def __init__(
        self, code: grpc.StatusCode, message: str, reason: str | None = None, violations: tuple[Violation, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = violations
        self.retry_after = retry_after

    @property
    def field(self) -> str | None:
        """The first field at fault; None where it is not the request's fault."""
        return self.violations[0].field if self.violations else None


def error_of(error: Any) -> SglError:
    """From what the gRPC library raises."""
    reason, violations, retry_after = None, [], None
    for detail in _details(error):
        if isinstance(detail, details_pb2.BadRequest):
            violations = [Violation(v.field, v.description, v.reason or None) for v in detail.field_violations]
        elif isinstance(detail, details_pb2.RetryInfo):
            retry_after = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
        elif detail.domain == _DOMAIN:
            reason = detail.reason or None
    return SglError(error.code(), error.details() or "no details", reason, tuple(violations), retry_after)


def _details(error: Any) -> list[Any]:
    kinds = {"BadRequest": details_pb2.BadRequest, "RetryInfo": details_pb2.RetryInfo, "ErrorInfo": details_pb2.ErrorInfo}
    for key, value in error.trailing_metadata() or ():
        if key == _TRAILER:
            # A proxy on the way may add what is no status of ours; then the code alone counts.
            try:
                status = details_pb2.Status.FromString(value)
                known = [(kinds.get(a.type_url.rpartition("/google.rpc.")[2]), a.value) for a in status.details]
                return [kind.FromString(data) for kind, data in known if kind is not None]
            except DecodeError:
                return []
    return []
