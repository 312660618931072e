// The arithmetic, the parsers and the quoting of the page, without a browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

const root = `${process.env.SGL_ROOT}src/Sgl.Router/wwwroot/`;
const guidance = await import(`${root}guidance.js`);
const { eventParser } = await import(`${root}events.js`);
const prometheus = await import(`${root}prometheus.js`);
const { snippets } = await import(`${root}snippets.js`);

test("as many tokens are kept as in float32", () => {
  assert.equal(guidance.keepCount(180, 0.35), 63);
  assert.equal(guidance.keepCount(0, 0.5), 0);
  assert.equal(guidance.keepCount(7, 0.1), 0);
  assert.equal(guidance.keepCount(256, 1), 256);
});

test("of equally important tokens the first ones stay", () => {
  assert.deepEqual(guidance.ranking([1, 3, 3, 0, 3]), [1, 2, 4, 0, 3]);
  assert.deepEqual(guidance.keep([1, 3, 3, 0, 3], 0.4), [false, true, true, false, false]);
});

test("bit i of a mask is token i", () => {
  const mask = Buffer.from([0b00000101, 0b10]).toString("base64");
  assert.deepEqual(guidance.decodeMask(mask, 10), [true, false, true, false, false, false, false, false, false, true]);
});

test("levels end at the brightest tokens, and nothing important is dark", () => {
  assert.deepEqual(guidance.levels([0, 1, 4]), [0, 1, 1]);
  assert.deepEqual(guidance.levels([0, 0]), [0, 0]);
  assert.deepEqual(guidance.levels([]), []);
});

test("tokens by layer fall at each step", () => {
  const steps = [{ layer: 1, kept_visual_token_count: 40 }, { layer: 3, kept_visual_token_count: 9 }];
  assert.deepEqual(guidance.tokensByLayer(5, 100, steps), [100, 40, 40, 9, 9]);
});

test("cells leave separator columns out", () => {
  const tile = { first_token: 10, row_count: 2, column_count: 2, newline_column_count: 1, area: { left: 4, top: 0, width: 20, height: 10 } };
  assert.deepEqual([...guidance.cells(tile)].map((c) => [c.token, c.x, c.y]), [[10, 4, 0], [11, 14, 0], [13, 4, 5], [14, 14, 5]]);
});

test("events come whole, wherever the stream is cut", () => {
  const text = ': waiting\n\ndata: {"a":1}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\n';
  for (let size = 1; size < text.length; size++) {
    const parse = eventParser();
    const events = [];
    for (let i = 0; i < text.length; i += size) events.push(...parse(text.slice(i, i + size)));
    assert.deepEqual(events, ['{"a":1}', "one\ntwo", "[DONE]"], `pieces of ${size}`);
  }
});

test("metrics are read with their labels, and counters that fell began anew", () => {
  const before = prometheus.parse('# HELP a x\na_total{p="1"} 5\na_total{p="2"} 1\nb{q="x\\"y\\\\z,r=\\"1\\""} +Inf\n');
  const now = prometheus.parse('a_total{p="1"} 7\na_total{p="2"} 0.5\n');
  assert.deepEqual(before.get("b"), [{ labels: { q: 'x"y\\z,r="1"' }, value: Infinity }]);
  assert.equal(prometheus.sum(before, "a_total"), 6);
  assert.equal(prometheus.rise(before, now, "a_total", { p: "1" }), 2);
  assert.equal(prometheus.rise(before, now, "a_total", { p: "2" }), 0.5);
  assert.equal(prometheus.rise(null, now, "nothing"), 0);
});

test("quantiles lie between the bounds of their bucket", () => {
  const text = 'h_bucket{le="1"} 0\nh_bucket{le="2"} 8\nh_bucket{le="10"} 8\nh_bucket{le="+Inf"} 10\n';
  const histogram = prometheus.buckets(null, prometheus.parse(text), "h");
  assert.deepEqual(histogram.map((b) => b.count), [0, 8, 0, 2]);
  assert.equal(prometheus.quantile(0.4, histogram), 1.5);
  assert.equal(prometheus.quantile(0.99, histogram), 10);
  assert.ok(Number.isNaN(prometheus.quantile(0.5, [])));
});

const NASTY = [
  "plain.png", "with space.png", "it's.png", "$(touch owned).png", "`touch owned`.png", "-rf.png", "a;touch owned;.png", 'quo"te.png', "back\\slash.png", "new\nline.png",
  "%s%n.png", "{0}.png", "ünï😀.png", "right\u202Eleft.png", "<img src=x onerror=alert(1)>.png", "!history!.png", "# {name}.png", "\\u0000.png",
];

test("what a file is called and what was asked is data in every program", () => {
  const folder = mkdtempSync(join(process.env.SGL_ROOT, "artifacts/page/snippets-"));
  try {
    for (const name of NASTY) {
      const [content, text] = [`bytes of ${name}`, `Was ${name}?\n"quoted" 'too' $HOME \`id\` \\n %d {x} \u2028`];
      writeFileSync(join(folder, name), content);
      const settings = { threshold: "Infinity", prune: [{ layer_fraction: 0.2, keep_ratio: 0.05 }], unpruned: false };
      const files = [{ name, type: "image/png" }, { name, type: "image/png" }];
      const programs = snippets({ origin: "http://localhost:1/", files, text, settings, keyed: false });
      const url = `data:image/png;base64,${Buffer.from(content).toString("base64")}`;
      const expected = [{ type: "text", text }, { type: "image_url", image_url: { url } }, { type: "image_url", image_url: { url } }];

      // What curl would send.
      const sent = JSON.parse(execFileSync("bash", ["-ec", `curl() { cat; }\n${programs.curl}`], { cwd: folder, encoding: "utf8", env: { ...process.env, LC_ALL: "C.UTF-8" } }));
      assert.deepEqual(sent, { model: "sgl", messages: [{ role: "user", content: expected }], sgl: settings }, name);

      // What Python would send.
      const spy = "import urllib.request, json, io\ndef spy(r):\n    print(r.data.decode())\n    raise SystemExit\nurllib.request.urlopen = spy\n";
      const python = JSON.parse(execFileSync("python3", ["-c", spy + programs.python], { cwd: folder, encoding: "utf8", env: { ...process.env, PYTHONIOENCODING: "utf-8", LC_ALL: "C.UTF-8" } }));
      assert.deepEqual(python.messages[0].content, expected, name);
      assert.deepEqual(python.sgl, settings, name);

      // C#: its string literals are JSON's; that the whole runs is shown in page.test.mjs.
      const literals = [...programs.csharp.matchAll(/"(?:[^"\\]|\\.)*"/g)].map((m) => JSON.parse(m[0]));
      assert.ok(literals.includes(name) && literals.includes(text), name);
      for (const program of Object.values(programs)) assert.ok(!program.includes("\u202E"), name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a key is never part of a program", () => {
  const programs = snippets({ origin: "http://localhost:1/", files: [], text: "q", settings: {}, keyed: true });
  for (const program of Object.values(programs)) assert.match(program, /SGL_API_KEY/);
});

test("no file of the page makes markup out of text", () => {
  for (const name of ["answer", "api", "ask", "charts", "code", "dashboard", "dom", "events", "main", "overlay", "pictures", "stage"]) {
    assert.doesNotMatch(readFileSync(`${root}${name}.js`, "utf8"), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function/, name);
  }

  assert.doesNotMatch(readFileSync(`${root}index.html`, "utf8"), /<script(?![^>]* src=)|\son\w+=|style=|https?:/);
});
