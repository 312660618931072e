import { readEvents } from "./events.js";

const KEY = "sgl-key";

/** What the server says no with. */
export class ApiError extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }
}

// Of this tab only, and gone with it.
export const apiKey = () => sessionStorage.getItem(KEY) ?? "";
export const setApiKey = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));

async function call(path, init = {}) {
  const headers = { ...init.headers, ...(apiKey() ? { Authorization: `Bearer ${apiKey()}` } : {}) };
  const response = await fetch(path, { ...init, headers, cache: "no-store" }).catch((e) => {
    throw e.name === "AbortError" ? e : new ApiError(0, "The server cannot be reached.");
  });
  if (response.ok) return response;
  const text = await response.text();
  let message = `The server answered with status ${response.status}.`;
  try {
    message = JSON.parse(text).error?.message ?? message;
  } catch {
    // Something in between answered, not the router.
  }
  throw new ApiError(response.status, message, Number(response.headers.get("retry-after")) || 0);
}

export const info = async () => (await call("v1/sgl/info")).json();
export const policies = async () => (await (await call("v1/policies")).json()).data;
export const metrics = async () => (await call("v1/sgl/metrics")).text();

/** Asks, and yields the chunks of the answer. */
export async function* ask(body, signal) {
  const response = await call("v1/chat/completions", {
    method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  for await (const chunk of readEvents(response.body)) {
    if (chunk.error) throw new ApiError(500, chunk.error.message, 0);
    yield chunk;
  }
}
