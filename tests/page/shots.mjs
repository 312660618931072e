// The pictures of the page in docs/images, taken with SGL_SHOTS=1 tests/page/run.
import { chromium } from "playwright-core";
import { ask, base, choose, open, root, slide } from "./browser.mjs";

const browser = await chromium.launch({ executablePath: process.env.SGL_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const questions = [["large.png", "What is the code in the red box?"], ["square.webp", "What shape is blue?"], ["chart.webp", "What color is the tallest bar?"],
  ["large.png", "What color is the shortest bar?"], ["codes.png", "What word is in the orange box?"]];

async function answered(options, file, question) {
  const page = await open(browser, options);
  await choose(page, file);
  await slide(page, "retention", 12);
  await ask(page, question);
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  return page;
}

const desktop = await answered({ viewport: { width: 1240, height: 1010 } }, "large.png", "What is the code in the red box?");
const light = (await desktop.screenshot()).toString("base64");
const phone = await answered({ viewport: { width: 390, height: 820 }, isMobile: true, hasTouch: true, colorScheme: "dark" }, "large.png", "What is the code in the red box?");
await phone.check("input[value=heat]", { force: true });
const dark = (await phone.screenshot()).toString("base64");
const both = await browser.newPage({ viewport: { width: 1560, height: 968 } });
await both.setContent(`<body style="margin:0;background:#e6e7f0;display:flex;gap:28px;padding:24px 28px;align-items:flex-end;height:920px">
  <img style="width:1130px;border-radius:14px;box-shadow:0 4px 24px #0003" src="data:image/png;base64,${light}">
  <img style="width:338px;border-radius:26px;box-shadow:0 4px 24px #0005" src="data:image/png;base64,${dark}"></body>`);
await both.locator("img").last().evaluate((i) => i.decode());
await both.screenshot({ path: `${root}docs/images/page.png` });

const board = await open(browser, { viewport: { width: 1240, height: 1040 } }, "dashboard");
await board.locator("#tiles .tile").first().waitFor();
const end = Date.now() + 60_000;
for (let i = 0; Date.now() < end; i++) {
  const [file, question] = questions[i % questions.length];
  await board.evaluate(async ([name, text, threshold]) => {
    const blob = await (await fetch(`page/samples/${name}`)).blob();
    if (!blob.type.startsWith("image/")) return;
    const url = await new Promise((resolve) => Object.assign(new FileReader(), { onload: (e) => resolve(e.target.result) }).readAsDataURL(blob));
    await fetch("v1/chat/completions", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ sgl: { threshold }, messages: [{ role: "user", content: [{ type: "text", text }, { type: "image_url", image_url: { url } }] }] }) });
  }, [file, question, 0.6 + 0.35 * Math.abs(Math.sin(i / 9))]);
}

await board.screenshot({ path: `${root}docs/images/dashboard.png` });
await browser.close();
console.log(`pictures of ${base} written to docs/images`);
