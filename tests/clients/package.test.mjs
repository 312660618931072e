// The npm package as its users have it: installed from its tarball. SGL_GRPC is the address of the router, SGL_ROOT the repository.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { question, SglClient, SglError } from "@sgl/client";

const address = process.env.SGL_GRPC;
const picture = readFileSync(`${process.env.SGL_ROOT}samples/codes.png`);
const ask = (threshold, more = {}) => question("What word is in the orange box?", picture, { policy: { threshold }, ...more });
const long = { sampling: { max_new_tokens: 512, min_new_tokens: 512 } };
const client = new SglClient(address);
test.after(() => client.close());

async function read(request, options) {
  const events = [];
  for await (const event of client.ask(request, options)) events.push(event);
  return events;
}

async function failure(call) {
  const error = await call().then(() => null, (e) => e);
  assert.ok(error instanceof SglError, String(error));
  return error;
}

test("a small answer that is good enough", async () => {
  const events = await read(ask(0));
  assert.equal(events[0].type, "prompt");
  const { answer } = events.at(-1);
  assert.equal(events.filter((e) => e.type === "smallToken").map((e) => e.text).join("").trim(), answer.text);
  assert.deepEqual([answer.model, answer.path, answer.finishReason], ["sgl-demo-small", "exit", "stop"]);
  const decision = events.find((e) => e.type === "decision");
  assert.equal(decision.escalates, false);
  assert.equal(answer.score, decision.decision.scores.decision);
});

test("an escalation replaces what the small model said", async () => {
  const events = await read(ask(2));
  const decision = events.findIndex((e) => e.type === "decision" && e.escalates);
  assert.ok(events.slice(decision).every((e) => e.type !== "smallToken"));
  assert.ok(events.slice(0, decision).every((e) => e.type !== "largeToken"));
  const { answer } = events.at(-1);
  assert.deepEqual([answer.text, answer.model, answer.path], ["CUP", "sgl-demo-large", "escalated"]);
  assert.ok(answer.usage.kept_visual_token_count < answer.usage.visual_token_count);
  assert.equal((await client.answer(ask(2))).text, "CUP");
});

test("leaving the loop, and aborting, end the call", async () => {
  for await (const event of client.ask(ask(0, long))) if (event.type === "smallToken") break;
  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const event of client.ask(ask(0, long), { signal: abort.signal })) if (event.type === "smallToken") abort.abort();
  }, { name: "AbortError" });
  await assert.rejects(client.answer(ask(0), { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal((await client.answer(ask(2))).text, "CUP");
});

test("the router tells models and policies", async () => {
  assert.equal((await client.info()).large.name, "sgl-demo-large");
  assert.equal((await client.policies())[0].name, "default");
});

test("every field at fault is named", async () => {
  const error = await failure(() => read(ask(0, { sampling: { top_p: 2, max_new_tokens: 1e9 } })));
  assert.deepEqual([error.code, error.reason], ["INVALID_ARGUMENT", "INVALID_REQUEST"]);
  assert.deepEqual(error.violations.map((v) => v.field).sort(), ["sampling.max_new_tokens", "sampling.top_p"]);
  const image = await failure(() => client.answer(question("Why?", Buffer.from("no picture"))));
  assert.deepEqual([image.reason, image.field], ["BAD_IMAGE", "images[0].data"]);
});

test("time that passes, and nobody who listens", async () => {
  assert.equal((await failure(() => read(ask(0, long), { timeoutMs: 20 }))).code, "DEADLINE_EXCEEDED");
  const nobody = new SglClient("127.0.0.1:9");
  const error = await failure(() => nobody.info({ timeoutMs: 5000 }));
  assert.deepEqual([error.code, error.reason], ["UNAVAILABLE", null]);
  nobody.close();
});

test("addresses and keys that are refused", () => {
  for (const wrong of ["ftp://router:5100", "http://router:5100/v1", "http://me:secret@router:5100"]) {
    assert.throws(() => new SglClient(wrong), (e) => e instanceof TypeError && !e.message.includes("secret"));
  }
  assert.throws(() => new SglClient("http://router.example:5100", { apiKey: "k" }), /without TLS/);
  assert.throws(() => new SglClient("localhost:5100", { apiKey: "two words" }), (e) => e instanceof TypeError && !e.message.includes("two words"));
  assert.throws(() => new SglClient("localhost:5100", { timeoutMs: 0 }), TypeError);
  for (const right of ["https://router.example", "[::1]:5100", "127.0.0.1:5100"]) new SglClient(right, { apiKey: "k" }).close();
});

test("details of any bytes leave the status", async () => {
  const { detailsOf } = await import(new URL("./node_modules/@sgl/client/dist/errors.js", import.meta.url));
  const field = (number, bytes) => Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
  const retry = field(1, Buffer.from([8, 2, 16, 128, 202, 181, 238, 1])); // 2 s and 500,000,000 ns
  const info = Buffer.concat([field(1, Buffer.from("OVERLOADED")), field(2, Buffer.from("sgl.v1"))]);
  const any = (name, bytes) => field(3, Buffer.concat([field(1, Buffer.from(`type.googleapis.com/google.rpc.${name}`)), field(2, bytes)]));
  const whole = Buffer.concat([Buffer.from([8, 8]), field(2, Buffer.from("full")), any("RetryInfo", retry), any("ErrorInfo", info)]);
  assert.deepEqual(detailsOf(whole), { reason: "OVERLOADED", violations: [], retryAfterMs: 2500 });
  let seed = 20261129;
  const draw = (most) => (seed = (seed * 48271) % 2147483647) % most;
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(whole.subarray(0, draw(whole.length + 1)));
    for (let j = draw(4); j > 0 && bytes.length > 0; j--) bytes[draw(bytes.length)] = draw(256);
    assert.ok(Array.isArray(detailsOf(bytes).violations));
  }
});
