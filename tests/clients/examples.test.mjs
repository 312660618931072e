// The examples of docs/clients.md, each a program of its own, as it is written but for the address. SGL_HTTP is the address of the API, SGL_ROOT the repository.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";

const base = process.env.SGL_HTTP;
const root = process.env.SGL_ROOT;
const work = new URL(".", import.meta.url).pathname;
const page = readFileSync(`${root}docs/clients.md`, "utf8");
const examples = page.split(/^## /m).slice(1).map((section) => ({
  name: section.split("\n")[0],
  blocks: [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language, code]) => ({ language, code: code.replaceAll("http://localhost:5180", base) })),
}));

// Outside the repository a C# file has the settings of its reader, not those of our projects.
const elsewhere = mkdtempSync(join(tmpdir(), "sgl-examples-"));
process.on("exit", () => rmSync(elsewhere, { recursive: true, force: true }));
const run = async (file, args, env = {}) =>
  (await promisify(execFile)(file, args, { cwd: root, encoding: "utf8", env: { ...process.env, ...env }, timeout: 300_000 })).stdout;
const write = (folder, name, code) => {
  writeFileSync(join(folder, name), code);
  return join(folder, name);
};
const languages = {
  sh: (code) => run("bash", ["-ec", code]),
  js: (code) => run("node", [write(work, "example.mjs", code)]),
  python: (code) => run("/usr/bin/python3", [write(elsewhere, "ask.py", code)], { PYTHONPATH: `${root}tests/clients/python` }),
  cs: (code) => run("dotnet", ["run", write(elsewhere, "ask.cs", code)]),
};

async function expected() {
  const url = `data:image/png;base64,${readFileSync(`${root}samples/codes.png`).toString("base64")}`;
  const body = { messages: [{ role: "user", content: [{ type: "text", text: "What is the code in the orange box?" }, { type: "image_url", image_url: { url } }] }] };
  const answer = await fetch(`${base}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return (await answer.json()).choices[0].message.content;
}

test("there is an example for every client that is promised", () => {
  assert.deepEqual(examples.map((e) => e.name), ["curl", "`openai` for Node", "`openai` for Python", "Answers of a schema", "LangChain", "AI SDK", ".NET"]);
  assert.ok(examples.every((e) => e.blocks.length > 0));
});

for (const { name, blocks } of examples) {
  for (const { language, code } of blocks) {
    test(`${name} (${language}) answers`, async () => {
      const output = await languages[language](code);
      // What the demo pair, which never saw JSON, writes into it is its own; the form is the schema's.
      if (name === "Answers of a schema") assert.match(output, /^\{ code: '.*', legible: (true|false) \}\n$/);
      else assert.ok(output.includes(await expected()), output);
    });
  }
}
