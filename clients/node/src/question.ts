import type { AnswerRequest } from "./generated/sgl/v1/AnswerRequest.js";

/** What a question says beside its text and pictures; see the contract's AnswerRequest. */
export type QuestionOptions = Omit<AnswerRequest, "images" | "messages">;

/**
 * A question about pictures.
 * @param text The question.
 * @param pictures Encoded files: PNG, JPEG, WebP, GIF, BMP or TIFF.
 * @param options Policy, sampling and the rest.
 */
export function question(text: string, pictures: Uint8Array | readonly Uint8Array[] = [], options: QuestionOptions = {}): AnswerRequest {
  const all = pictures instanceof Uint8Array ? [pictures] : pictures;
  return { ...options, images: all.map((data) => ({ data })), messages: [{ role: "CHAT_ROLE_USER", parts: [{ text }] }] };
}
