// The page as people use it, in Chromium, against the demo pair. SGL_PAGE is its address, SGL_ROOT the repository.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessible, ask, base, choose, chunk, fits, launch, on, root, sample, scripted, settled, slide } from "./browser.mjs";

let browser, close;
before(async () => ({ browser, close } = await launch()));
after(() => close());

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const text = (page, selector) => page.locator(selector).innerText();

test("an escalated question: provisional words, the decision, the large answer, kept tokens, bars", () => on(browser, {}, async (page) => {
  await choose(page, "large.png");
  await slide(page, "threshold", 1);
  await page.evaluate(() => {
    window.seen = [];
    const note = () => window.seen.push([document.querySelector("#final").className, document.querySelector("#final").textContent, document.querySelector("#status").textContent]);
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await ask(page, "What is the code in the red box?");

  const seen = await page.evaluate(() => window.seen);
  assert.ok(seen.some(([kind, words]) => kind.includes("provisional") && words !== ""), "the small model's words were not shown while they were provisional");
  const said = [...new Set(seen.map(([, , status]) => status))];
  assert.ok(said.includes("The question is sent.") && said.includes("The large model is asked."), said.join(" | "));
  assert.equal(await text(page, "#final"), "UC");
  assert.match(await page.locator("#status").textContent(), /^The large model answers: UC\. It took /);
  assert.match(await text(page, "#badge"), /^answered by the large model in /);
  assert.match(await text(page, "#steps"), /0\.\d\d is below the threshold 1\.00: the large model is asked\./);
  assert.equal(await page.locator("#steps .gauge").count(), 3);
  assert.match(await text(page, "#ratio-out"), /^20 % · 41 of 208$/);
  assert.match(await text(page, "#bars"), /41 of 208/);
  assert.match(await text(page, "#bars"), /70 % of the large model's work on visual tokens saved/);
  assert.equal(await page.locator("#bars .upright i").count(), 8);
}));

test("a question that exits: the small answer is final, and what would have been kept is shown", () => on(browser, {}, async (page) => {
  await choose(page, "square.webp");
  await slide(page, "threshold", 0);
  await ask(page, "What shape is blue?");

  assert.equal(await text(page, "#final"), "circle");
  assert.match(await text(page, "#badge"), /^answered by the small model in /);
  assert.match(await text(page, "#steps"), /is at or above the threshold 0\.00: the small answer is final\./);
  assert.match(await text(page, "#caption"), /would keep at 20 %; it was not asked/);
  assert.match(await text(page, "#bars"), /100 % of the large model's work saved/);
}));

test("who answers can be said, and retention goes to the large model", () => on(browser, {}, async (page) => {
  await choose(page, "chart.webp");
  await page.selectOption("#route", "large");
  await slide(page, "retention", 50);
  await ask(page, "What color is the tallest bar?");
  assert.match(await text(page, "#steps"), /The large model was asked for\./);
  assert.match(await text(page, "#ratio-out"), /^50 %/);

  await slide(page, "retention", 100);
  await ask(page);
  assert.match(await text(page, "#bars"), /Nothing was pruned\./);

  await page.selectOption("#route", "small");
  await ask(page);
  assert.match(await text(page, "#badge"), /^answered by the small model/);
}));

test("what is drawn is what was kept: the mask of the answer, and for other ratios the service's own arithmetic", () => on(browser, {}, async (page) => {
  await choose(page, "large.png");
  await slide(page, "threshold", 1.01);
  await ask(page, "What is the code in the red box?");

  const same = await page.evaluate(async ([image, ratios]) => {
    const { keep, decodeMask } = await import("/page/guidance.js");
    const masks = [];
    for (const keep_ratio of ratios) {
      const response = await fetch("v1/chat/completions", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({
        messages: [{ role: "user", content: [{ type: "text", text: "What is the code in the red box?" }, { type: "image_url", image_url: { url: image } }] }],
        sgl: { force: "large", prune: [{ layer: 1, keep_ratio }], include: ["importance", "pruning"] },
      }) });
      const { sgl } = await response.json();
      masks.push(JSON.stringify(keep(sgl.importance, keep_ratio)) === JSON.stringify(decodeMask(sgl.pruning.steps[0].mask, sgl.importance.length)));
    }

    return masks;
  }, [`data:image/png;base64,${sample("large.png").toString("base64")}`, [0.01, 0.09, 0.35, 0.64, 1]]);
  assert.deepEqual(same, [true, true, true, true, true]);

  // Dropped tokens are dim, kept ones as they are; the heat map is neither.
  const brightness = () => page.evaluate(() => {
    const canvas = document.querySelector(".whole");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] + data[i + 1] + data[i + 2] < 260) dark++;
    return dark / (data.length / 4);
  });
  const used = await brightness();
  await slide(page, "ratio", 100);
  const all = await brightness();
  assert.ok(used > 0.6 && all < 0.2, `${used} of the picture is dim at 20 %, ${all} at 100 %`);
  assert.match(await text(page, "#caption"), /It would have kept|it kept 20 %/i);
  await page.click("#ratio-used");
  assert.equal(await brightness(), used);
  assert.match(await text(page, "#caption"), /What the large model kept from layer 1 on\./);
  await page.check("input[value=heat]");
  assert.match(await text(page, "#caption"), /less looked at/);
  await page.check("input[value=plain]");
  assert.ok((await brightness()) < 0.2);
}));

test("earlier questions about the same picture come back with all that belongs to them", () => on(browser, {}, async (page) => {
  await choose(page, "square.webp");
  await ask(page, "What shape is blue?");
  assert.ok(await page.locator("#history").isHidden());
  await slide(page, "retention", 60);
  await slide(page, "threshold", 1.01);
  await ask(page, "What is the code in the blue box?");
  assert.deepEqual(await page.locator("#history .asked").allInnerTexts(), ["What is the code in the blue box?", "What shape is blue?"]);

  await page.locator("#history button").nth(1).click();
  assert.equal(await text(page, "#final"), "circle");
  assert.equal(await page.locator("#question").inputValue(), "What shape is blue?");
  assert.equal(await page.locator("#history [aria-current]").innerText().then((t) => t.split("\n")[0]), "What shape is blue?");

  // Another picture has none; the first one's are kept.
  await page.getByRole("button", { name: "Remove square.webp" }).click();
  assert.ok(await page.locator("#history").isHidden());
  assert.ok(await page.locator("#result").isHidden());
}));

test("several pictures, chosen, dropped, pasted and removed", () => on(browser, {}, async (page) => {
  await choose(page, "square.webp");
  const give = (type) => page.evaluate(async ([kind, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], `${kind}.webp`, { type: "image/webp" }));
    document.dispatchEvent(kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, cancelable: true }) : new DragEvent("drop", { dataTransfer: data, cancelable: true }));
  }, [type, sample("chart.webp").toString("base64")]);
  await give("paste");
  await page.locator("#thumbs li").nth(1).waitFor();
  await give("drop");
  await page.locator("#thumbs li").nth(2).waitFor();
  assert.deepEqual(await page.locator("#thumbs .name").allInnerTexts(), ["square.webp", "paste.webp", "drop.webp"]);

  await ask(page, "What color is the tallest bar?");
  assert.notEqual(await text(page, "#final"), "");
  assert.equal(await page.locator("#canvases .whole").count(), 3);
  assert.match(await page.locator("#canvases .whole").nth(1).getAttribute("aria-label"), /^paste\.webp\. \d+ of \d+ visual tokens kept, mostly /);
  await page.getByRole("button", { name: "Remove paste.webp" }).click();
  assert.deepEqual(await page.locator("#thumbs .name").allInnerTexts(), ["square.webp", "drop.webp"]);
}));

test("a picture that is turned when it is shown has its tokens where they belong", () => on(browser, {}, async (page) => {
  // Orientation 6 in front of the JPEG's own segments: stored lying, shown upright.
  const exif = Buffer.from("ffe10022457869660000 4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000".replaceAll(" ", ""), "hex");
  const lying = sample("tall.jpg");
  await choose(page, { name: "turned.jpg", mimeType: "image/jpeg", buffer: Buffer.concat([lying.subarray(0, 2), exif, lying.subarray(2)]) });
  const before = await page.evaluate(() => { const c = document.querySelector(".whole"); return c.width / c.height; });
  await slide(page, "threshold", 1);
  await ask(page, "How many boxes are there?");
  const after = await page.evaluate(() => { const c = document.querySelector(".whole"); return c.width / c.height; });
  assert.ok(Math.abs(before - 336 / 224) < 0.01 && Math.abs(after - before) < 0.01, `${before} before the answer, ${after} behind it`);
  assert.match(await page.locator(".whole").getAttribute("aria-label"), /visual tokens kept/);
}));

test("a format that the browser cannot show can be asked about all the same", () => on(browser, {}, async (page) => {
  // A grey TIFF of 64 x 64 pixels in one strip.
  const [side, entries] = [64, [[256, 64], [257, 64], [258, 8], [259, 1], [262, 1], [273, 122], [277, 1], [278, 64], [279, 4096]]];
  const tiff = Buffer.alloc(122 + side * side, 0xc0);
  tiff.write("II*\0\x08\0\0\0", "latin1");
  tiff.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, value], i) => {
    tiff.writeUInt16LE(tag, 10 + i * 12);
    tiff.writeUInt16LE(4, 12 + i * 12);
    tiff.writeUInt32LE(1, 14 + i * 12);
    tiff.writeUInt32LE(value, 18 + i * 12);
  });
  tiff.writeUInt32LE(0, 10 + entries.length * 12);
  await choose(page, { name: "scan.tiff", mimeType: "image/tiff", buffer: tiff });
  assert.match(await text(page, "#caption"), /cannot show a picture of this format/);
  await ask(page, "How many boxes are there?");
  assert.notEqual(await text(page, "#final"), "");
  assert.match(await page.locator(".whole").getAttribute("aria-label"), /^scan\.tiff\. \d+ of \d+ visual tokens kept/);
}));

test("guided tiles are asked for only where they are chosen", () => on(browser, {}, async (page) => {
  const sent = [];
  page.on("request", (r) => { if (r.method() === "POST") sent.push(r.postDataJSON().sgl.tiles); });
  await choose(page, "large.png");
  await slide(page, "threshold", 1.01);
  await ask(page, "What is the code in the red box?");
  assert.match(await text(page, "#bars"), /Tiles that the vision tower encoded/);
  await page.selectOption("#tiling", "guided");
  await ask(page);
  assert.deepEqual(sent, [undefined, "guided"]);
  assert.ok(await page.locator("#error").isHidden());
}));

test("a policy is asked for by its name, and what is moved by hand goes beside it", () => on(browser, {}, async (page) => {
  const { data: [usual] } = await (await fetch(`${base}v1/policies`)).json();
  const fast = { ...usual, id: "fast", description: "Small answers wherever they will do", policy: { ...usual.policy, threshold: 0.25, prune: [{ layer_fraction: 0.2, keep_ratio: 0.1 }], unpruned: false } };
  const sent = [];
  await page.route("**/v1/policies", (r) => r.fulfill({ json: { object: "list", data: [usual, fast] } }));
  await page.route("**/v1/chat/completions", (r) => {
    sent.push(r.request().postDataJSON().sgl);
    return r.fulfill({ status: 400, json: { error: { message: "not asked" } } });
  });
  await page.reload();
  await page.locator("#named-box:not([hidden])").waitFor();
  const send = async () => {
    await page.fill("#question", "What color is the tallest bar?");
    await page.click("#ask");
    await page.locator("#error:not([hidden])").waitFor();
  };
  await page.selectOption("#named", "fast");
  assert.match(await text(page, "#named-box"), /wherever they will do/);
  assert.equal(await page.inputValue("#threshold"), "0.25");
  assert.equal(await page.inputValue("#retention"), "10");
  await send();
  await slide(page, "threshold", 0.5);
  await send();
  await page.selectOption("#named", usual.id);
  await send();
  const { provisional: _, include: __, ...first } = sent[0];
  assert.deepEqual(first, { policy: "fast" });
  assert.deepEqual([sent[1].policy, sent[1].threshold, sent[1].prune], ["fast", 0.5, undefined]);
  assert.deepEqual([sent[2].policy, sent[2].threshold], [undefined, usual.policy.threshold]);
}));

test("a file that is no picture, and bytes that are none, are told", () => on(browser, {}, async (page) => {
  await page.setInputFiles("#files", [{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no") }]);
  await page.locator("#error:not([hidden])").waitFor();
  assert.match(await text(page, "#error"), /Only pictures/);
  await choose(page, { name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture at all") });
  await ask(page, "What is it?");
  assert.match(await text(page, "#error"), /image_url\.url/);
}));

test("what a model answers and what a file is called is text", () => on(browser, {}, async (page) => {
  const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  await choose(page, { name: `${evil.replaceAll("/", ":")}.png`, mimeType: "image/png", buffer: sample("large.png") });
  await scripted(page, [
    chunk({ provisional: evil }),
    chunk({ decision: { action: "escalate", reason: "score_below", criterion: "decision", threshold: 0.7, scores: { decision: 0.2 } } }),
    chunk(undefined, evil),
    chunk({
      path: "degraded", explanation: evil, total_ms: 5,
      small: { model: evil, answer: evil, kept_visual_token_count: 0, times_ms: { total: 1 } }, large: { model: evil, answer: evil, kept_visual_token_count: 0, times_ms: { total: 1 } },
    }),
  ]);
  await ask(page, evil);
  await ask(page, `${evil} again`);

  assert.equal(await text(page, "#final"), evil);
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.equal(await page.locator("main script").count(), 0);
  assert.match(await text(page, "#history"), /<script>alert\(2\)<\/script>/);
  for (const tab of ["curl", "python", "csharp"]) {
    await page.click(`#tab-${tab}`);
    assert.match(await text(page, "#code-text"), /onerror=alert/);
  }
}));

test("an error of the server, a stream that breaks off, and a wait are told", () => on(browser, {}, async (page) => {
  await choose(page, "chart.webp");
  const error = async (route) => {
    await page.unroute("**/v1/chat/completions");
    await page.route("**/v1/chat/completions", route);
    await ask(page, "q");
    return text(page, "#error");
  };
  assert.equal(await error((r) => r.fulfill({ status: 429, headers: { "retry-after": "7" }, json: { error: { message: "The service is full." } } })), "The service is full. Try again in 7 s.");
  assert.equal(await error((r) => r.fulfill({ status: 502, body: "<h1>Bad gateway</h1>" })), "The server answered with status 502.");
  assert.equal(await error((r) => r.abort()), "The server cannot be reached.");
  assert.equal(await error((r) => r.fulfill({ contentType: "text/event-stream", body: `data: ${JSON.stringify({ error: { message: "The large model failed." } })}\n\n` })), "The large model failed.");
  assert.equal(await error((r) => r.fulfill({ contentType: "text/event-stream", body: ": waiting\n\n" })), "The connection ended before the answer did.");
  assert.ok(await page.locator("#ask").isEnabled());
}));

test("a question can be stopped, and the next one asked", () => on(browser, {}, async (page) => {
  await choose(page, "chart.webp");
  let release;
  await page.route("**/v1/chat/completions", (route) => new Promise((resolve) => { release = () => route.abort().then(resolve, resolve); }), { times: 1 });
  await page.fill("#question", "What color is the tallest bar?");
  await page.click("#ask");
  await page.click("#stop");
  await settled(page);
  assert.equal(await page.locator("#status").textContent(), "Stopped.");
  await release();
  await ask(page);
  assert.equal(await text(page, "#final"), "yellow");
}));

test("a key is asked for once, sent as a bearer token, and kept in this tab only", () => on(browser, {}, async (page) => {
  let sent = [];
  await page.route("**/v1/**", async (route) => {
    const key = route.request().headers().authorization;
    sent.push(key);
    if (key === "Bearer right-key") return route.continue({ headers: { ...route.request().headers(), authorization: "" } });
    return route.fulfill({ status: 401, json: { error: { message: "A key is needed." } } });
  });
  await choose(page, "chart.webp");
  await page.fill("#question", "What color is the tallest bar?");
  await page.press("#question", "Enter");
  await page.locator("#key-dialog[open]").waitFor();
  assert.equal(await text(page, "#key-why"), "A key is needed.");
  await accessible(page, "key dialog");
  await page.keyboard.type("right-key");
  await page.keyboard.press("Enter");
  await page.locator("#key-dialog").waitFor({ state: "hidden" });
  await ask(page);

  assert.equal(await text(page, "#final"), "yellow");
  assert.equal(sent.at(-1), "Bearer right-key");
  assert.deepEqual(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [1, 0, ""]);
  for (const tab of ["curl", "python", "csharp"]) {
    await page.click(`#tab-${tab}`);
    assert.doesNotMatch(await text(page, "#code-text"), /right-key/);
    assert.match(await text(page, "#code-text"), /SGL_API_KEY/);
  }

  await page.click("#key-open");
  await page.click("#key-forget");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
}));

test("the programs of the page run as they are, and give the same answer", () => on(browser, {}, async (page) => {
  await choose(page, "codes.png");
  await slide(page, "threshold", 1.01);
  await ask(page, "What word is in the orange box?");
  const answer = await text(page, "#final");
  const run = async (tab, program, args) => {
    await page.click(`#tab-${tab}`);
    const code = await text(page, "#code-text");
    return execFileSync(program, args(code), { cwd: `${root}samples`, encoding: "utf8" });
  };
  assert.equal(answer, "CUP");
  assert.equal(JSON.parse(await run("curl", "bash", (code) => ["-ec", code])).choices[0].message.content, answer);
  assert.equal((await run("python", "python3", (code) => ["-c", code])).split("\n")[0], answer);

  // Outside the repository, whose build settings are not those of a user.
  const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
  assert.equal((await run("csharp", "dotnet", (code) => {
    writeFileSync(`${folder}/ask.cs`, code);
    return ["run", `${folder}/ask.cs`];
  })).split("\n")[0], answer);
  execFileSync("rm", ["-r", folder]);
}));

test("by keyboard alone: a sample, a question, the layers, the tabs, an earlier question, the dashboard", () => on(browser, {}, async (page) => {
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute("aria-label") || document.activeElement.textContent.trim() || document.activeElement.value);
  const tabTo = async (name) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      if ((await focused()) === name) {
        const outline = await page.evaluate(() => {
          const style = (node) => node && getComputedStyle(node);
          const [own, next] = [style(document.activeElement), style(document.activeElement.nextElementSibling)];
          return [own, next].some((s) => s && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0);
        });
        assert.ok(outline, `${name} does not show that it has the focus`);
        return;
      }
    }

    assert.fail(`${name} cannot be reached`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  await tabTo("Sample square.webp");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "question");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.equal(await text(page, "#final"), "circle");

  await page.keyboard.type(" Or red?");
  await tabTo("threshold");
  await page.keyboard.press("End");
  assert.equal(await text(page, "#threshold-out"), "never");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.match(await text(page, "#badge"), /large model/);

  await page.locator("main").focus();
  await tabTo("kept");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("input[value=heat]").isChecked());
  await page.keyboard.press("ArrowLeft");
  await tabTo("ratio");
  await page.keyboard.press("ArrowRight");
  assert.match(await text(page, "#ratio-out"), /^21 %/);
  await tabTo("tab-curl");
  await page.keyboard.press("ArrowRight");
  assert.match(await text(page, "#code-text"), /urllib/);
  await page.keyboard.press("End");
  assert.match(await text(page, "#code-text"), /HttpClient/);

  await page.locator("#history button").nth(1).focus();
  await page.keyboard.press("Enter");
  assert.equal(await text(page, "#final"), "circle");
  await page.keyboard.press("Control+Home");
  await page.locator(".brand").focus();
  await tabTo("Dashboard");
  await page.keyboard.press("Enter");
  await page.locator("#tiles .tile").first().waitFor();
  await page.goBack();
  assert.equal(await text(page, "#final"), "circle");
}));

test("the dashboard shows what was asked, and the replicas without their addresses", () => on(browser, {}, async (page) => {
  await page.locator("#tiles .tile").first().waitFor();
  const count = async () => page.evaluate(async () => {
    const { parse, sum } = await import("/page/prometheus.js");
    return sum(parse(await (await fetch("v1/sgl/metrics")).text()), "sgl_requests_total", { path: "exit" });
  });
  const before = await count();
  await page.click("nav a[data-view=ask]");
  await choose(page, "chart.webp");
  await slide(page, "threshold", 0);
  await ask(page, "What color is the tallest bar?");
  await page.waitForFunction(async (n) => {
    const { parse, sum } = await import("/page/prometheus.js");
    return sum(parse(await (await fetch("v1/sgl/metrics")).text()), "sgl_requests_total", { path: "exit" }) === n;
  }, before + 1);
  await page.click("nav a[data-view=dashboard]");
  await page.waitForFunction(() => /1 of 1 answered by the small model/.test(document.querySelector("#tiles").innerText));
  assert.match(await text(page, "#tiles"), /Exit ratio\s+100 %/);
  assert.equal(await page.locator("#charts tbody tr").count(), 2);
  assert.match(await text(page, "#charts"), /small 1\s+serving/);
  assert.equal(await page.title(), "Dashboard · SGL");

  const exposed = await (await fetch(`${base}v1/sgl/metrics`)).text();
  assert.doesNotMatch(await text(page, "#tiles"), /drift/, "no policy with the scores of a sample");
  for (const [value, says] of [["0.04", "0.04 policy default: scores as calibrated"], ["0.31", "0.31 policy default: calibrate anew"]]) {
    await page.route("**/v1/sgl/metrics", (r) => r.fulfill({
      body: `${exposed}\nsgl_router_score_drift{service="router",policy="fast"} 0.01\nsgl_router_score_drift{service="router",policy="default"} ${value}\n`,
    }));
    await page.waitForFunction((t) => document.querySelector("#tiles").innerText.replace(/\s+/g, " ").includes(`Score drift ${t}`), says);
    await page.unroute("**/v1/sgl/metrics");
  }

  assert.doesNotMatch(exposed, /127\.0\.0\.1|dotnet|process_/);
  await page.route("**/v1/sgl/metrics", (r) => r.fulfill({ status: 500, body: "" }));
  await page.locator("#dashboard-error:not([hidden])").waitFor();
  assert.match(await text(page, "#dashboard-error"), /status 500\. It is tried again\./);
}, "dashboard"));

for (const [name, options] of Object.entries({ light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, phone: PHONE })) {
  test(`axe finds nothing: ${name}`, () => on(browser, { ...options, reducedMotion: "reduce" }, async (page) => {
    await accessible(page, "empty");
    await choose(page, "large.png");
    await slide(page, "threshold", 1);
    await ask(page, "What is the code in the red box?");
    await slide(page, "threshold", 0);
    await ask(page, "What color is the shortest bar?");
    await slide(page, "ratio", 40);
    await accessible(page, "answered");
    await page.evaluate(() => document.querySelector("nav a[data-view=dashboard]").click());
    await page.locator("#charts .card").last().waitFor();
    await accessible(page, "dashboard");
  }));
}

test("nothing is wider than a phone, and everything can be hit with a thumb", () => on(browser, PHONE, async (page) => {
  await fits(page, "empty");
  await choose(page, "large.png", "chart.webp");
  await slide(page, "threshold", 1);
  await ask(page, "What is the code in the red box of this rather longwindedquestionthathasaverylongwordinit?");
  await fits(page, "answered");
  const small = await page.evaluate(() => [...document.querySelectorAll("button, select, textarea, nav a, .segments span, label.button")]
    .map((n) => [n.textContent.trim() || n.id, n.getBoundingClientRect()]).filter(([, r]) => r.width > 0 && (r.height < 38 || r.width < 28)).map(([n, r]) => `${n} ${r.width}x${r.height}`));
  assert.deepEqual(small, []);
  await page.setViewportSize({ width: 320, height: 700 });
  await fits(page, "at 320");
  await page.click("nav a[data-view=dashboard]");
  await page.locator("#charts .card").last().waitFor();
  await fits(page, "dashboard at 320");
}));

test("who wants no motion gets none", () => on(browser, { reducedMotion: "reduce" }, async (page) => {
  const moving = await page.evaluate(() => {
    document.querySelector("#result").hidden = false;
    document.querySelector("#result").setAttribute("aria-busy", "");
    return [getComputedStyle(document.querySelector("#final"), "::after").animationName, getComputedStyle(document.body).transitionDuration];
  });
  assert.deepEqual(moving, ["none", "0s"]);
}));

test("pages of other origins: those that are allowed reach the API and gRPC-Web, others nothing", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const call = async (origin) => {
    await page.goto(origin);
    return page.evaluate(async (at) => {
      const [results, empty] = [{}, new Uint8Array(5)];
      for (const [name, path, init] of [
        ["info", "v1/sgl/info", {}],
        ["chat", "v1/chat/completions", { method: "POST", headers: { "content-type": "application/json", authorization: "Bearer x" }, body: "{}" }],
        ["web", "sgl.v1.RouterService/GetInfo", { method: "POST", headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" }, body: empty }],
        ["missing", "sgl.v1.RouterService/Answer", { method: "POST", headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" }, body: empty }],
      ]) {
        try {
          const response = await fetch(at + path, init);
          const body = new TextDecoder("latin1").decode(await response.arrayBuffer());
          results[name] = [response.status, response.headers.get("grpc-status") ?? /grpc-status:\s*(\d+)/i.exec(body)?.[1] ?? null, Boolean(response.headers.get("x-request-id")), body.includes("sgl-demo-large")];
        } catch (e) {
          results[name] = e.constructor.name;
        }
      }

      return results;
    }, base);
  };
  assert.deepEqual(await call("http://allowed.test/"), { info: [200, null, true, true], chat: [400, null, true, false], web: [200, "0", true, true], missing: [200, "3", true, false] });
  assert.deepEqual(await call("http://denied.test/"), { info: "TypeError", chat: "TypeError", web: "TypeError", missing: "TypeError" });
  await context.close();
});

test("the page cannot be put into a frame of another page", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto("http://allowed.test/");
  const refused = page.waitForEvent("console", (m) => /frame-ancestors|X-Frame-Options|refused to connect/i.test(m.text()));
  await page.evaluate((src) => document.body.append(Object.assign(document.createElement("iframe"), { src })), base);
  await refused;
  await context.close();
});
