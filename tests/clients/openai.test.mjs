// The HTTP API through the npm client "openai", as its users write it, against the demo pair. SGL_HTTP is the address of the API, SGL_ROOT the repository.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { pathToFileURL } from "node:url";
import OpenAI from "openai";

const base = process.env.SGL_HTTP;
const root = process.env.SGL_ROOT;
const samples = pathToFileURL(`${root}samples/`);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0 });
const png = (name) => readFileSync(new URL(name, samples)).toString("base64");
const text = (value) => ({ type: "text", text: value });
const picture = (url) => ({ type: "image_url", image_url: { url } });
const question = [text("What word is in the orange box?"), picture(`data:image/png;base64,${png("codes.png")}`)];
const user = (content) => ({ role: "user", content });
const large = { model: "sgl-demo-large", messages: [user(question)] };

async function refused(body, status, param, pattern) {
  const error = await client.chat.completions.create(body).then(() => null, (e) => e);
  assert.ok(error instanceof OpenAI.APIError, "the request was not refused");
  assert.equal(error.status, status, error.message);
  assert.equal(error.param ?? null, param);
  assert.equal(error.type, "invalid_request_error");
  if (pattern) assert.match(error.message, pattern);
  return error;
}

test("text before picture gives the same answers as picture before text, most of them right", async () => {
  const lines = readFileSync(new URL("questions.jsonl", samples), "utf8").trim().split("\n").map((l) => JSON.parse(l));
  let right = 0;
  for (const { image, question, answer } of lines) {
    const url = `data:image/png;base64,${png(image)}`;
    const ask = async (content) =>
      (await client.chat.completions.create({ model: "sgl-demo-large", messages: [user(content)], sgl: { unpruned: true } })).choices[0].message.content;
    const textFirst = await ask([text(question), picture(url)]);
    assert.equal(textFirst, await ask([picture(url), text(question)]));
    right += textFirst.toLowerCase() === answer.toLowerCase() ? 1 : 0;
  }
  assert.ok(right >= 12, `${right} of ${lines.length}`);
});

test("a completion has the shape of the protocol", async () => {
  const completion = await client.chat.completions.create(large);
  assert.equal(completion.object, "chat.completion");
  assert.equal(completion.model, "sgl-demo-large");
  assert.equal(completion.choices[0].message.content, "CUP");
  assert.equal(completion.choices[0].finish_reason, "stop");
  assert.equal(completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens);
  assert.equal(completion.sgl.path, "escalated");
});

test("every optional field may be null or its default", async () => {
  const nulls = Object.fromEntries(
    ["max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options", "n", "tools", "tool_choice", "response_format",
      "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "modalities", "audio", "metadata", "reasoning_effort", "service_tier",
      "store", "user", "verbosity", "prediction", "web_search_options", "sgl"].map((name) => [name, null]));
  assert.equal((await client.chat.completions.create({ ...large, ...nulls })).choices[0].message.content, "CUP");
  const defaults = {
    n: 1, tools: [], tool_choice: "none", response_format: { type: "text" }, logprobs: false, frequency_penalty: 0, presence_penalty: 0, logit_bias: {},
    modalities: ["text"], store: false, service_tier: "auto", metadata: { a: "b" }, user: "me", seed: -1, stop: [], max_tokens: 1e9, parallel_tool_calls: true,
  };
  assert.equal((await client.chat.completions.create({ ...large, ...defaults })).choices[0].message.content, "CUP");
});

test("max_tokens that is reached is told", async () => {
  const completion = await client.chat.completions.create({ ...large, max_tokens: 1 });
  assert.equal(completion.choices[0].finish_reason, "length");
  assert.equal(completion.usage.completion_tokens, 1);
});

test("data URLs of every spelling are the same picture", async () => {
  const data = png("codes.png");
  for (const url of [
    `data:image/png;base64,${data.replace(/=+$/, "")}`,
    `data:image/png;base64,${data.replace(/\+/g, "-").replace(/\//g, "_")}`,
    `data:image/png;base64,${encodeURIComponent(data)}`,
    `data:image/png;base64,${data.replace(/(.{76})/g, "$1\n")}`,
    `DATA:;charset=utf-8;BASE64,${data}`,
  ]) {
    const completion = await client.chat.completions.create({ ...large, messages: [user([question[0], picture(url)])] });
    assert.equal(completion.choices[0].message.content, "CUP", url.slice(0, 60));
  }
});

test("a conversation with an empty answer, later instructions and a last turn that is only a picture", async () => {
  const completion = await client.chat.completions.create({
    messages: [
      { role: "developer", content: "Be brief." },
      user("What word is in the orange box?"),
      { role: "assistant", content: null, refusal: null, tool_calls: [] },
      { role: "system", content: [text("One word.")] },
      user([question[1]]),
    ],
    model: "sgl",
  });
  assert.equal(typeof completion.choices[0].message.content, "string");
});

test("streams hold one model, one id, one created, and null until the end", async () => {
  for (const model of ["sgl", "sgl-demo-small", "sgl-demo-large"]) {
    const whole = await client.chat.completions.create({ ...large, model });
    const stream = await client.chat.completions.create({ ...large, model, stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.deepEqual([...new Set(chunks.map((c) => c.model))], [model]);
    assert.equal(new Set(chunks.map((c) => c.created)).size, 1);
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    const choices = chunks.flatMap((c) => c.choices);
    assert.ok(choices.slice(0, -1).every((c) => c.finish_reason === null));
    assert.equal(choices.at(-1).finish_reason, "stop");
    assert.equal(choices[0].delta.role, "assistant");
    assert.equal(choices.map((c) => c.delta.content ?? "").join(""), whole.choices[0].message.content);
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.slice(0, -1).every((c) => c.usage === null) && chunks.at(-1).usage.total_tokens > 0);
  }
});

test("the client's own stream helper adds a stream up", async () => {
  const stream = client.chat.completions.stream({ ...large });
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, "CUP");
});

test("log probabilities come with the tokens of the answer that counts", async () => {
  for (const model of ["sgl", "sgl-demo-small", "sgl-demo-large"]) {
    const { message, logprobs } = (await client.chat.completions.create({ ...large, model, logprobs: true })).choices[0];
    assert.equal(logprobs.content.map((t) => t.token).join("").trim(), message.content);
    assert.ok(logprobs.content.every((t) => t.logprob <= 0 && t.token === new TextDecoder().decode(new Uint8Array(t.bytes))));
    const streamed = [];
    for await (const chunk of await client.chat.completions.create({ ...large, model, logprobs: true, stream: true })) streamed.push(...(chunk.choices[0].logprobs?.content ?? []));
    assert.deepEqual(streamed, logprobs.content);
  }
});

test("the likeliest tokens of each step, of which a greedy answer takes the first", async () => {
  const { logprobs } = (await client.chat.completions.create({ ...large, model: "sgl-demo-large", logprobs: true, top_logprobs: 3 })).choices[0];
  for (const { logprob, top_logprobs } of logprobs.content) {
    assert.equal(top_logprobs.length, 3);
    assert.equal(top_logprobs[0].logprob, logprob);
    assert.ok(top_logprobs.every((t, i) => i === 0 || t.logprob <= top_logprobs[i - 1].logprob));
  }
  const response = await client.responses.create({ model: "sgl-demo-large", input, include: ["message.output_text.logprobs"], top_logprobs: 3 });
  assert.deepEqual(response.output[0].content[0].logprobs, logprobs.content);
});

test("several answers: greedy ones are equal, sampled ones are made side by side", async () => {
  const greedy = await client.chat.completions.create({ ...large, n: 3 });
  assert.deepEqual(greedy.choices.map((c) => [c.index, c.message.content]), [0, 1, 2].map((i) => [i, "CUP"]));
  const sampled = await client.chat.completions.create({ ...large, n: 3, temperature: 2, seed: 4 });
  assert.equal(sampled.choices.length, 3);
  assert.equal(sampled.choices[0].message.content, (await client.chat.completions.create({ ...large, temperature: 2, seed: 4 })).choices[0].message.content);
  assert.ok(sampled.usage.completion_tokens >= sampled.choices.length);
});

const input = [{ role: "user", content: [{ type: "input_text", text: question[0].text }, { type: "input_image", image_url: question[1].image_url.url }] }];

test("a response has the text of the completion", async () => {
  const response = await client.responses.create({ model: "sgl-demo-large", instructions: "", input });
  assert.equal(response.output_text, "CUP");
  assert.equal(response.status, "completed");
  assert.equal(response.output[0].role, "assistant");
  assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  assert.equal(response.sgl.path, "escalated");
  const cut = await client.responses.create({ model: "sgl-demo-large", input, max_output_tokens: 1 });
  assert.deepEqual([cut.status, cut.incomplete_details.reason, cut.max_output_tokens], ["incomplete", "max_output_tokens", 1]);
});

test("a conversation is sent as a whole", async () => {
  const turns = [...input, { role: "assistant", content: [{ type: "output_text", text: "CUP", annotations: [] }] }, { role: "user", content: "Which word?" }];
  assert.equal(typeof (await client.responses.create({ model: "sgl", input: turns })).output_text, "string");
  const error = await client.responses.create({ model: "sgl", input, previous_response_id: "resp_1" }).then(() => null, (e) => e);
  assert.deepEqual([error.status, error.param], [400, "previous_response_id"]);
  const wrong = await client.responses.create({ model: "sgl", input: [{ role: "user", content: [{ type: "input_image", image_url: "https://example.org/cat.png" }] }] }).then(() => null, (e) => e);
  assert.deepEqual([wrong.status, wrong.param], [400, "input[0].content[0].image_url"]);
});

test("streamed responses have the documented events, and the client adds them up", async () => {
  for (const model of ["sgl", "sgl-demo-small", "sgl-demo-large"]) {
    const whole = await client.responses.create({ model, input });
    const events = [];
    for await (const event of await client.responses.create({ model, input, stream: true })) events.push(event);
    const types = events.map((e) => e.type);
    assert.deepEqual(types.filter((t) => t !== "response.output_text.delta"), [
      "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.done", "response.content_part.done",
      "response.output_item.done", "response.completed"]);
    assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
    assert.equal(events.map((e) => e.delta ?? "").join(""), whole.output_text);
    assert.equal(events.at(-1).response.usage.total_tokens, whole.usage.total_tokens);
    const stream = client.responses.stream({ model, input });
    assert.equal((await stream.finalResponse()).output_text, whole.output_text);
  }
});

test("models are listed and found", async () => {
  const ids = [];
  for await (const model of client.models.list()) {
    ids.push(model.id);
    assert.equal(model.object, "model");
    assert.equal(typeof model.owned_by, "string");
    assert.ok(model.created > 0);
    assert.deepEqual(JSON.parse(JSON.stringify(await client.models.retrieve(model.id))), JSON.parse(JSON.stringify(model)));
  }
  assert.deepEqual(ids, ["sgl", "sgl-demo-small", "sgl-demo-large"]);
  await assert.rejects(client.models.retrieve("gpt-4o"), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
});

test("an unknown model is not found", async () => {
  const error = await refused({ ...large, model: "gpt-4o" }, 404, "model", /gpt-4o/);
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
});

test("what would change the answer is refused by name", async () => {
  for (const [name, value] of Object.entries({
    n: 9, tools: [{ type: "function", function: { name: "f" } }], response_format: "json", logprobs: 1, top_logprobs: 21, frequency_penalty: 1,
    presence_penalty: 1, logit_bias: { 7: 1 }, modalities: ["text", "audio"], reasoning_effort: "high", max_tokens: 0, temperature: 99, stop: 5,
  })) {
    await refused({ ...large, [name]: value }, 400, name);
  }
});

test("fields of sgl are never ignored", async () => {
  await refused({ ...large, sgl: { treshold: 0.5 } }, 400, "sgl.treshold", /did you mean threshold\?/);
  await refused({ ...large, sgl: { prune: [{ layer: 1, layer_fraction: 0.2, keep_ratio: 0.5 }] } }, 400, "sgl.prune[0].layer_fraction", /excludes layer/);
  await refused({ ...large, sgl: { image_limits: { tiles: 4 } } }, 400, "sgl.image_limits.tiles");
});

test("faults are told once, by the field of the body", async () => {
  const at = "messages[0].content[1].image_url.url";
  await refused({ ...large, messages: [user([text("q"), picture("https://example.org/cat.png")])] }, 400, at, /not fetched/);
  const error = await refused({ ...large, messages: [user([text("q"), picture(`data:image/png;base64,${Buffer.from("no image").toString("base64")}`)])] }, 400, at);
  assert.equal(error.message.split("messages[0]").length, 2, error.message);
  await refused({ ...large, messages: [user([picture(`data:image/png;base64,${png("codes.png")}`), { type: "input_audio", input_audio: {} }])] }, 400, "messages[0].content[1]");
  await refused({ ...large, messages: [user(" ")] }, 400, "messages[0].content");
});

test("other routes, methods, types and encodings have the error body of the protocol", async () => {
  const post = (headers, body = "{}") => fetch(`${base}/v1/chat/completions`, { method: "POST", headers, body });
  for (const [response, status] of [
    [fetch(`${base}/v1/nothing`), 404],
    [fetch(`${base}/v1/chat/completions`), 405],
    [post({ "content-type": "text/plain" }), 415],
    [post({ "content-type": "application/json", "content-encoding": "zstd" }), 415],
    [post({ "content-type": "application/json" }, JSON.stringify({ x: "x".repeat(100e6) })), 413],
  ]) {
    const answer = await response;
    assert.equal(answer.status, status);
    const { error } = await answer.json();
    assert.equal(error.type, "invalid_request_error");
    assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  }
});
