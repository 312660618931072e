import type { AnswerCompleted__Output } from "./generated/sgl/v1/AnswerCompleted.js";
import type { AnswerResponse__Output } from "./generated/sgl/v1/AnswerResponse.js";
import type { Decision__Output } from "./generated/sgl/v1/Decision.js";
import type { PromptLayout__Output } from "./generated/sgl/v1/PromptLayout.js";
import type { Token__Output } from "./generated/sgl/v1/Token.js";
import type { Usage__Output } from "./generated/sgl/v1/Usage.js";

/** First: the prompt as the model sees it that is asked first. */
export interface PromptEvent {
  readonly type: "prompt";
  readonly layout: PromptLayout__Output;
}

/** A token of the small model. Provisional until the decision: on escalation the large model's answer takes its place. */
export interface SmallTokenEvent {
  readonly type: "smallToken";
  readonly text: string;
  readonly token: Token__Output;
}

/** Whether the small model's answer is final. */
export interface DecisionEvent {
  readonly type: "decision";
  /** The large model is asked: what the small one said is void. */
  readonly escalates: boolean;
  /** The exit score that was compared with the threshold, 0 to 1; null where there is none. */
  readonly score: number | null;
  readonly decision: Decision__Output;
}

/** A token of the large model. */
export interface LargeTokenEvent {
  readonly type: "largeToken";
  readonly text: string;
  readonly token: Token__Output;
}

/** Last: the answer. Its text is what counts, whatever tokens came before. */
export interface CompletedEvent {
  readonly type: "completed";
  readonly answer: Answer;
}

/** An event of an answer: one prompt, small tokens, one decision, on escalation large tokens, one end, in this order. */
export type SglEvent = PromptEvent | SmallTokenEvent | DecisionEvent | LargeTokenEvent | CompletedEvent;

/** An answer as a whole. */
export interface Answer {
  readonly text: string;
  /** Name of the model whose answer it is. */
  readonly model: string;
  /** The small model's, the large one's, or the small one's in place of the large one's, which failed. */
  readonly path: "exit" | "escalated" | "degraded";
  readonly finishReason: "stop" | "length" | "content_filter";
  /** Counts of that model's run; null where none were told. */
  readonly usage: Usage__Output | null;
  /** The exit score, 0 to 1; null where there is none. */
  readonly score: number | null;
  readonly decision: Decision__Output | null;
  /** Everything that the router said at the end. */
  readonly completed: AnswerCompleted__Output;
}

const scores = {
  EXIT_CRITERION_DECISION: "decision",
  EXIT_CRITERION_CONFIDENCE: "confidence",
  EXIT_CRITERION_CONSISTENCY: "consistency",
  EXIT_CRITERION_ENTROPY: "entropy",
  EXIT_CRITERION_QUANTILE_Q1: "quantile_q1",
  EXIT_CRITERION_QUANTILE_Q2: "quantile_q2",
  EXIT_CRITERION_QUANTILE_Q3: "quantile_q3",
  EXIT_CRITERION_LENGTH_NORMALISED_CONSISTENCY: "length_normalised_consistency",
  EXIT_CRITERION_LEARNT: "learnt",
} as const;

function scoreOf(decision: Decision__Output | null): number | null {
  const name = decision === null ? undefined : (scores as Record<string, (typeof scores)[keyof typeof scores] | undefined>)[decision.criterion];
  return name === undefined ? null : (decision?.scores?.[name] ?? null);
}

/** The answer of a completed event. */
export function answerOf(completed: AnswerCompleted__Output, decision: Decision__Output | null): Answer {
  const run = completed.large ?? completed.small;
  return {
    text: completed.answer,
    model: run?.model ?? "",
    path: completed.path === "ANSWER_PATH_ESCALATED" ? "escalated" : completed.path === "ANSWER_PATH_DEGRADED" ? "degraded" : "exit",
    finishReason: run?.finish_reason === "FINISH_REASON_LENGTH" ? "length" : run?.finish_reason === "FINISH_REASON_CONTENT_FILTER" ? "content_filter" : "stop",
    usage: run?.usage ?? null,
    score: scoreOf(decision),
    decision,
    completed,
  };
}

/** The event of a message; null for a kind that a later contract adds. */
export function eventOf(response: AnswerResponse__Output, decision: Decision__Output | null): SglEvent | null {
  switch (response.event) {
    case "layout":
      return { type: "prompt", layout: response.layout! };
    case "small_token":
      return { type: "smallToken", text: response.small_token!.text, token: response.small_token! };
    case "decision":
      return { type: "decision", escalates: response.decision!.action === "DECISION_ACTION_ESCALATE", score: scoreOf(response.decision!), decision: response.decision! };
    case "large_token":
      return { type: "largeToken", text: response.large_token!.text, token: response.large_token! };
    case "completed":
      return { type: "completed", answer: answerOf(response.completed!, decision) };
    default:
      return null;
  }
}
