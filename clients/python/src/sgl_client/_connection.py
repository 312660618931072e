"""Where a router is, and who asks: what the two clients have in common."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import grpc

from . import v1

ANSWER = "/sgl.v1.RouterService/Answer"
ANSWER_ONCE = "/sgl.v1.RouterService/AnswerOnce"
GET_INFO = "/sgl.v1.RouterService/GetInfo"
LIST_POLICIES = "/sgl.v1.RouterService/ListPolicies"

_KINDS: dict[str, tuple[Any, Any]] = {
    ANSWER: (v1.AnswerRequest, v1.AnswerResponse),
    ANSWER_ONCE: (v1.AnswerRequest, v1.AnswerOnceResponse),
    GET_INFO: (v1.GetInfoRequest, v1.GetInfoResponse),
    LIST_POLICIES: (v1.ListPoliciesRequest, v1.ListPoliciesResponse),
}


class Connection:
    """A channel, and what goes with every call."""

    def __init__(
        self, library: Any, address: str, api_key: str | None, timeout: float | None, root_certificates: bytes | None, allow_key_without_tls: bool, max_receive_bytes: int
    ) -> None:
        target, tls = _target(address)
        if api_key is not None and (not api_key or not all("!" <= c <= "~" for c in api_key)):
            raise ValueError("api_key is empty or has characters other than printable ASCII; give the key alone, or None")
        if api_key is not None and not tls and not allow_key_without_tls and not _is_loopback(target):
            raise ValueError("the key would go over the network without TLS; use https://, or allow_key_without_tls where the network encrypts by itself")
        if timeout is not None and not 0 < timeout <= 86400:
            raise ValueError(f"timeout is {timeout}; use seconds above 0 and at most a day, or None")
        options = [("grpc.max_receive_message_length", max_receive_bytes), ("grpc.max_send_message_length", -1)]
        self.channel = (
            library.secure_channel(target, grpc.ssl_channel_credentials(root_certificates), options=options) if tls
            else library.insecure_channel(target, options=options)
        )
        self._timeout = timeout
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key is not None else ()

    def method(self, name: str) -> Any:
        """A method of the router, by its path."""
        request, response = _KINDS[name]
        make = self.channel.unary_stream if name == ANSWER else self.channel.unary_unary
        return make(name, request_serializer=request.SerializeToString, response_deserializer=response.FromString)

    def arguments(self, timeout: float | None) -> dict[str, Any]:
        """What a call is given beside its request."""
        return {"timeout": self._timeout if timeout is None else timeout, "metadata": self._metadata}


def _target(address: str) -> tuple[str, bool]:
    url = urlsplit(address if "://" in address else f"http://{address}")
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.path.strip("/") or url.query:
        raise ValueError("address is not host:port, http://host:port or https://host[:port]")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{host}:{url.port or (443 if url.scheme == 'https' else 80)}", url.scheme == "https"


def _is_loopback(target: str) -> bool:
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
