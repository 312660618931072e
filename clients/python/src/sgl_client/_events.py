"""The events of an answer: one prompt, small tokens, one decision, on escalation large tokens, one end, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from . import v1

_SCORES = {
    v1.EXIT_CRITERION_DECISION: "decision",
    v1.EXIT_CRITERION_CONFIDENCE: "confidence",
    v1.EXIT_CRITERION_CONSISTENCY: "consistency",
    v1.EXIT_CRITERION_ENTROPY: "entropy",
    v1.EXIT_CRITERION_QUANTILE_Q1: "quantile_q1",
    v1.EXIT_CRITERION_QUANTILE_Q2: "quantile_q2",
    v1.EXIT_CRITERION_QUANTILE_Q3: "quantile_q3",
    v1.EXIT_CRITERION_LENGTH_NORMALISED_CONSISTENCY: "length_normalised_consistency",
    v1.EXIT_CRITERION_LEARNT: "learnt",
}


def score_of(decision: v1.Decision | None) -> float | None:
    """The score that was compared; None where there is none."""
    if decision is None or not decision.HasField("scores"):
        return None
    name = _SCORES.get(decision.criterion)
    return float(getattr(decision.scores, name)) if name is not None and decision.scores.HasField(name) else None


@dataclass(frozen=True)
class Prompt:
    """First: the prompt as the model sees it that is asked first."""

    message: v1.PromptLayout


@dataclass(frozen=True)
class SmallToken:
    """A token of the small model. Provisional until the decision: on escalation the large model's answer takes its place."""

    text: str
    message: v1.Token


@dataclass(frozen=True)
class Decision:
    """Whether the small model's answer is final. ``score`` is the exit score that was compared with the threshold, 0 to 1."""

    escalates: bool
    score: float | None
    message: v1.Decision


@dataclass(frozen=True)
class LargeToken:
    """A token of the large model."""

    text: str
    message: v1.Token


@dataclass(frozen=True)
class Answer:
    """An answer as a whole. ``model`` and ``usage`` are those of the model whose answer it is; everything else is in ``message``."""

    text: str
    model: str
    path: int
    finish_reason: int
    usage: v1.Usage
    score: float | None
    decision: v1.Decision | None
    message: v1.AnswerCompleted

    @property
    def escalated(self) -> bool:
        """Whether it is the large model's."""
        return self.path == v1.ANSWER_PATH_ESCALATED

    @property
    def degraded(self) -> bool:
        """Whether it is the small model's in place of the large one's, which failed."""
        return self.path == v1.ANSWER_PATH_DEGRADED


@dataclass(frozen=True)
class Completed:
    """Last: the answer. Its text is what counts, whatever tokens came before."""

    answer: Answer


Event = Union[Prompt, SmallToken, Decision, LargeToken, Completed]


def answer_of(completed: v1.AnswerCompleted, decision: v1.Decision | None) -> Answer:
    run = completed.large if completed.HasField("large") else completed.small
    return Answer(completed.answer, run.model, completed.path, run.finish_reason, run.usage, score_of(decision), decision, completed)


class Events:
    """Events of one stream."""

    def __init__(self) -> None:
        self.decision: v1.Decision | None = None
        self.whole = False

    def of(self, response: v1.AnswerResponse) -> Event | None:
        """The event; None for a kind that a later contract adds."""
        kind = response.WhichOneof("event")
        if kind == "layout":
            return Prompt(response.layout)
        if kind == "small_token":
            return SmallToken(response.small_token.text, response.small_token)
        if kind == "decision":
            self.decision = response.decision
            return Decision(self.decision.action == v1.DECISION_ACTION_ESCALATE, score_of(self.decision), self.decision)
        if kind == "large_token":
            return LargeToken(response.large_token.text, response.large_token)
        if kind == "completed":
            self.whole = True
            return Completed(answer_of(response.completed, self.decision))
        return None
