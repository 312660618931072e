// What the tests of the page share: a browser, a page that reports what it must not do, and words for what people do on it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

export const base = process.env.SGL_PAGE;
export const root = process.env.SGL_ROOT;
export const sample = (name) => readFileSync(`${root}samples/${name}`);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** A server of pages of other origins, and a browser that finds it under their names. */
export async function launch() {
  const other = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!DOCTYPE html><title>other</title>"));
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  const at = `127.0.0.1:${other.address().port}`;
  const browser = await chromium.launch({
    executablePath: process.env.SGL_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", `--host-resolver-rules=MAP allowed.test ${at},MAP denied.test ${at}`],
  });
  return { browser, close: () => Promise.all([browser.close(), new Promise((resolve) => other.close(resolve))]) };
}

/** Opens the page. What it does wrong by itself fails the test: exceptions, violations of its own policy, calls to other hosts. */
export async function open(browser, options = {}, path = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(120_000); // what is waited for comes when the machine has time for it
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (e) => page.wrong.push(e.message));
  page.on("dialog", (d) => page.wrong.push(`dialog ${d.message()}`));
  page.on("console", (m) => {
    // A refused request is told on the console by the browser itself.
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) page.wrong.push(m.text());
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(base) && !r.url().startsWith("blob:") && !r.url().startsWith("data:")) page.wrong.push(`asked ${r.url()}`);
  });
  await page.goto(base + path);
  await page.locator("#pair .dot.on").waitFor();
  return page;
}

/** Opens the page for a test, and closes it behind it. */
export async function on(browser, options, use, path) {
  const page = await open(browser, options, path);
  try {
    await use(page);
    assert.deepEqual(page.wrong, []);
  } finally {
    await page.context().close();
  }
}

export const settled = (page) => page.waitForFunction(() => {
  const state = document.getElementById("result").dataset.state;
  return state && state !== "running";
});

/** Asks with what stands in the fields. */
export async function ask(page, question) {
  if (question) await page.fill("#question", question);
  await page.click("#ask");
  await settled(page);
}

export async function choose(page, ...files) {
  await page.setInputFiles("#files", files.map((f) => (typeof f === "string" ? { name: f, mimeType: `image/${f.split(".").pop().replace("jpg", "jpeg")}`, buffer: sample(f) } : f)));
  await page.locator("#thumbs li").last().waitFor();
}

/** Moves a slider as a hand on the keys does. */
export const slide = (page, id, value) => page.locator(`#${id}`).fill(String(value));

export async function accessible(page, what) {
  // The page's policy allows no script of others, so the tool comes by the debugger's way.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  assert.deepEqual(violations.map((v) => `${what}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`), []);
}

export const fits = async (page, what) =>
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${what} is wider than the screen`);

/** Answers a question in place of the router, with these events of a stream. */
export const scripted = (page, events, end = "data: [DONE]\n\n") => page.route("**/v1/chat/completions", (route) => route.fulfill({
  contentType: "text/event-stream", body: events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join("") + end,
}));

export const chunk = (sgl, content) => ({ choices: [{ index: 0, delta: content ? { content } : {}, finish_reason: null }], sgl });
