// What a user's compiler sees of the npm package; checked, never run.
import { question, SglClient, SglError, type Answer, type AnswerRequest, type SglEvent } from "@sgl/client";

export async function use(picture: Uint8Array): Promise<Answer> {
  const client = new SglClient("localhost:5100", { apiKey: "k", timeoutMs: 1000 });
  const request: AnswerRequest = question("Why?", [picture], { policy: { threshold: 0.7, prune: [{ layer: 2, keep_ratio: 0.5 }] }, sampling: { max_new_tokens: 5 } });
  try {
    for await (const event of client.ask(request, { signal: AbortSignal.timeout(5) })) show(event);
  } catch (error) {
    if (error instanceof SglError && error.code === "RESOURCE_EXHAUSTED") console.log(error.retryAfterMs ?? 0, error.violations[0]?.field);
  }
  // @ts-expect-error There is no such field.
  question("Why?", picture, { treshold: 0.7 });
  return client.answer(request);
}

function show(event: SglEvent): string {
  switch (event.type) {
    case "prompt": return `${event.layout.visual_token_count}`;
    case "smallToken": case "largeToken": return event.text;
    case "decision": return event.decision.explanation;
    case "completed": return event.answer.path === "degraded" ? "small" : event.answer.text;
  }
}
