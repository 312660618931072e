import { $, duration, el, percent, say, show } from "./dom.js";
import { ApiError, ask, info, policies } from "./api.js";
import { Code } from "./code.js";
import { decodeMask } from "./guidance.js";
import { Pictures, dataUrl } from "./pictures.js";
import { renderAnswer, renderCost } from "./answer.js";
import { Stage } from "./stage.js";

const MOST_ENTRIES = 50;
const NEVER = 1.005; // what the threshold slider says at its right end

/** The view of questions and answers. */
export class Ask {
  #entries = [];
  #current = null;
  #running = null;
  #models = { small: "", large: "" };
  #policy = { threshold: 0.7, prune: [{ layer_fraction: 0.2, keep_ratio: 0.2 }], unpruned: false };
  #named = [];
  #touched = new Set();
  #stage = new Stage();
  #code = new Code();
  #pictures = new Pictures(
    () => this.#picturesChanged(),
    (text) => this.#fail(text),
    (question) => {
      $("question").value = question;
      $("question").focus();
    });

  /** @param {(why: string) => void} askForKey what to do where a key is needed */
  constructor(askForKey) {
    this.askForKey = askForKey;
    for (const id of ["threshold", "retention"]) {
      $(id).addEventListener("input", () => {
        this.#touched.add(id);
        this.#renderPolicy();
      });
    }

    $("named").addEventListener("change", () => {
      // What was moved before belonged to another policy.
      this.#touched.clear();
      this.#choosePolicy();
    });
    $("tiling").addEventListener("change", () => this.#touched.add("tiling"));
    $("form").addEventListener("submit", (e) => {
      e.preventDefault();
      this.#ask();
    });
    $("question").addEventListener("keydown", (e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
        e.preventDefault();
        this.#ask();
      }
    });
    $("stop").addEventListener("click", () => this.#running?.abort());
    $("error").addEventListener("click", () => show($("error"), false));
    this.#renderPolicy();
  }

  /** Asks the router who is behind it. */
  async refresh() {
    const told = await info();
    const { small, large } = told;
    this.#models = { small: small?.name ?? "", large: large?.name ?? "" };
    this.#named = await policies();
    const [chosen, names] = [$("named").value, this.#named.map(({ id }) => id)];
    if (names.join() !== [...$("named").options].map((o) => o.value).join()) {
      // Only where they changed: somebody may be looking at the list.
      $("named").replaceChildren(...names.map((id) => el("option", { value: id }, id)));
      if (names.includes(chosen)) $("named").value = chosen;
    }

    show($("named-box"), this.#named.length > 1);
    const known = [small, large].filter(Boolean);
    // A body holds base64: four characters for three bytes.
    const most = Math.min(told.max_body_bytes / 4 * 3, ...known.map((m) => m.max_image_bytes || Infinity));
    this.#pictures.limits = { count: Math.min(Infinity, ...known.map((m) => m.max_image_count || Infinity)), bytes: most };
    show($("tiles-box"), Boolean(large?.cuts_tiles));
    this.#choosePolicy();
    return told;
  }

  /** Takes what the chosen policy says, but for what was moved by hand. */
  #choosePolicy() {
    const chosen = this.#named.find(({ id }) => id === $("named").value);
    this.#policy = chosen?.policy ?? this.#policy;
    $("named-hint").textContent = chosen?.description ?? "";
    if (!this.#touched.has("threshold")) $("threshold").value = String(this.#policy.threshold ?? 1.01);
    if (!this.#touched.has("retention")) $("retention").value = String(this.#policy.unpruned || this.#policy.prune.length === 0 ? 100 : Math.round(100 * this.#policy.prune.at(-1).keep_ratio));
    if (!this.#touched.has("tiling")) $("tiling").value = this.#policy.tiles === "guided" ? "guided" : "all";
    this.#renderPolicy();
  }

  #renderPolicy() {
    const [threshold, retention] = [Number($("threshold").value), Number($("retention").value)];
    const words = threshold > NEVER ? "never" : threshold.toFixed(2);
    $("threshold-out").textContent = words;
    $("threshold").setAttribute("aria-valuetext", words);
    const kept = retention === 100 ? "all" : percent(retention / 100);
    $("retention-out").textContent = kept;
    $("retention").setAttribute("aria-valuetext", kept);
  }

  /** What the sliders say, in the fields of sgl. */
  #settings() {
    const [threshold, retention, force] = [Number($("threshold").value), Number($("retention").value), $("route").value];
    const { keep_ratio: _, ...place } = this.#policy.prune.at(-1) ?? { layer_fraction: 0.2 };
    // A policy by its name brings all that belongs to it; what was moved by hand goes beside it.
    const name = $("named").value;
    if (name && name !== this.#named[0]?.id) {
      return {
        policy: name,
        ...(this.#touched.has("threshold") ? { threshold: threshold > NEVER ? "Infinity" : threshold } : {}),
        ...(this.#touched.has("retention") ? (retention === 100 ? { unpruned: true } : { prune: [{ ...place, keep_ratio: retention / 100 }] }) : {}),
        ...(this.#touched.has("tiling") && retention < 100 ? { tiles: $("tiling").value } : {}),
        ...(force ? { force } : {}),
      };
    }

    return {
      threshold: threshold > NEVER ? "Infinity" : threshold,
      ...(retention === 100 ? { unpruned: true } : { prune: [{ ...place, keep_ratio: retention / 100 }] }),
      ...(this.#touched.has("tiling") && retention < 100 ? { tiles: $("tiling").value } : {}),
      ...(force ? { force } : {}),
    };
  }

  async #ask() {
    const question = $("question").value.trim();
    if (this.#running) return;
    if (!question) {
      $("question").focus();
      say("Write a question first.");
      return;
    }

    show($("error"), false);
    const settings = this.#settings();
    const entry = {
      question, settings, pictures: this.#pictures.list, models: this.#models, route: settings.force ?? "",
      ratio: Number($("retention").value) / 100, provisional: "", answer: "", done: false, asked: Date.now(),
    };
    const running = this.#running = new AbortController();
    this.#current = entry;
    this.#buttons(true);
    this.#stage.show(entry.pictures, null);
    renderAnswer(entry);
    this.#code.show(entry);
    show($("cost"), false);
    say("The question is sent.");
    $("result").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    try {
      const urls = await Promise.all(entry.pictures.map(dataUrl));
      const body = {
        model: "sgl", stream: true,
        messages: [{ role: "user", content: [{ type: "text", text: question }, ...urls.map((url) => ({ type: "image_url", image_url: { url } }))] }],
        sgl: { ...settings, provisional: true, include: ["importance", "layout", "pruning", "runs"] },
      };
      for await (const chunk of ask(body, running.signal)) this.#take(entry, chunk);
      entry.done = true;
      this.#entries = [...this.#entries, entry].slice(-MOST_ENTRIES);
      say(`${entry.path === "escalated" ? "The large model answers" : "The answer is"}: ${entry.answer}. It took ${duration(entry.totalMs)}.`);
    } catch (e) {
      entry.error = e;
      this.#explain(e);
    } finally {
      this.#running = null;
      this.#buttons(false);
      this.#render(entry);
    }
  }

  #take(entry, chunk) {
    const { sgl } = chunk;
    const text = chunk.choices[0]?.delta?.content ?? "";
    entry.answer += text;
    if (sgl?.provisional) entry.provisional += sgl.provisional;
    if (sgl?.layout) entry.layout = sgl.layout;
    if (sgl?.decision) {
      entry.decision = sgl.decision;
      say(sgl.decision.action === "exit" ? "The small answer is final." : "The large model is asked.");
    }

    if (text && !entry.decision && entry.route === "small") entry.smallFinal = entry.answer;
    if (sgl?.path) {
      Object.assign(entry, {
        path: sgl.path, explanation: sgl.explanation, importance: sgl.importance ?? null, pruning: sgl.pruning ?? null, small: sgl.small ?? null, large: sgl.large ?? null,
        firstMs: sgl.time_to_first_token_ms, finalMs: sgl.time_to_first_final_token_ms, totalMs: sgl.total_ms,
      });
    }

    if (entry === this.#current) renderAnswer(entry);
  }

  #explain(e) {
    if (e.name === "AbortError") {
      say("Stopped.");
      return;
    }

    if (e instanceof ApiError && e.status === 401) {
      this.askForKey(e.message);
      return;
    }

    this.#fail(e.retryAfter > 0 ? `${e.message} Try again in ${e.retryAfter} s.` : e.message);
  }

  #fail(text) {
    $("error").textContent = text;
    show($("error"));
  }

  #buttons(running) {
    $("ask").disabled = running;
    show($("stop"), running);
  }

  /** Everything of an entry: now or later again. */
  #render(entry) {
    if (entry !== this.#current) return;
    const step = entry.pruning?.steps.at(-1);
    const used = step?.mask ? decodeMask(step.mask, entry.layout.visual_token_count) : null;
    this.#stage.show(entry.pictures, { layout: entry.layout, importance: entry.importance, used, ratio: entry.ratio, layer: step?.layer });
    renderAnswer(entry);
    renderCost(entry);
    this.#code.show(entry);
    this.#renderHistory();
  }

  #picturesChanged() {
    // What was told about other pictures would be wrong over these.
    const list = this.#pictures.list;
    const last = this.#entries.findLast((e) => same(e.pictures, list));
    if (this.#running) return;
    this.#current = last ?? null;
    if (last) this.#render(last);
    else {
      this.#stage.show(list, null);
      for (const id of ["result", "cost", "code"]) show($(id), false);
      this.#renderHistory();
    }
  }

  #renderHistory() {
    const own = this.#entries.filter((e) => same(e.pictures, this.#pictures.list));
    show($("history"), own.length > 1 || (own.length === 1 && own[0] !== this.#current));
    $("history-list").replaceChildren(...own.toReversed().map((entry) => el("li", {}, el("button", {
      type: "button", "aria-current": entry === this.#current ? "true" : undefined,
      onclick: () => {
        if (this.#running) return;
        this.#current = entry;
        $("question").value = entry.question;
        this.#render(entry);
        say(`Question: ${entry.question}. Answer: ${entry.answer}.`);
        $("history-list").querySelector("[aria-current]").focus();
      },
    },
    el("span", { class: "asked", dir: "auto" }, entry.question),
    el("span", { class: "answered", dir: "auto" }, entry.answer),
    el("span", { class: `tag ${entry.path}` }, entry.path === "escalated" ? `large, ${percent(entry.ratio)}` : entry.path === "exit" ? "small" : "degraded")))));
  }
}

const same = (a, b) => a.length === b.length && a.every((picture, i) => picture === b[i]);
