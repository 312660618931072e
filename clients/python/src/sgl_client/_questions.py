"""Makes requests."""

from __future__ import annotations

from . import v1


def question(text: str, *pictures: bytes, policy: v1.RoutingPolicy | None = None, sampling: v1.Sampling | None = None) -> v1.AnswerRequest:
    """A question about pictures, each the bytes of a PNG, JPEG, WebP, GIF, BMP or TIFF file. What requests can say beside is in ``v1.AnswerRequest``."""
    request = v1.AnswerRequest(
        images=[v1.Image(data=picture) for picture in pictures],
        messages=[v1.ChatMessage(role=v1.CHAT_ROLE_USER, parts=[v1.ChatPart(text=text)])],
    )
    if policy is not None:
        request.policy.CopyFrom(policy)
    if sampling is not None:
        request.sampling.CopyFrom(sampling)
    return request
