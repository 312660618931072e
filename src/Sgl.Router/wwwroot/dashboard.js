import { $, duration, el, percent, show } from "./dom.js";
import { columns, lines, stacked } from "./charts.js";
import { metrics } from "./api.js";
import { buckets, parse, quantile, rise, sum } from "./prometheus.js";

const EVERY = 2000;
const KEPT = 150; // readings: five minutes
const WINDOW = 15; // readings that a point of a line looks back over: half a minute
const seconds = (s) => duration(1000 * s);
const ANSWERS = ["exit", "escalated", "degraded"];

/** The view of what the router does. It reads only while it is seen. */
export class Dashboard {
  #readings = [];
  #timer = 0;

  /** @param {(why: string) => void} askForKey what to do where a key is needed */
  constructor(askForKey) {
    this.askForKey = askForKey;
    document.addEventListener("visibilitychange", () => this.#schedule(0));
  }

  start() {
    this.#schedule(0);
  }

  #visible() {
    return !document.hidden && !$("view-dashboard").hidden;
  }

  #schedule(wait) {
    clearTimeout(this.#timer);
    if (this.#visible()) this.#timer = setTimeout(() => this.#read(), wait);
  }

  async #read() {
    try {
      const reading = parse(await metrics());
      const last = this.#readings.at(-1);
      // A router that was started anew counts from nothing.
      if (last && sum(reading, "sgl_requests_total") < sum(last, "sgl_requests_total")) this.#readings = [];
      this.#readings = [...this.#readings, reading].slice(-KEPT);
      show($("dashboard-error"), false);
      this.#render();
    } catch (e) {
      if (e.status === 401) {
        this.askForKey(e.message);
        return;
      }

      $("dashboard-error").textContent = `${e.message} It is tried again.`;
      show($("dashboard-error"));
    }

    this.#schedule(EVERY);
  }

  #render() {
    const now = this.#readings.at(-1);
    const first = this.#readings.length > 1 ? this.#readings[0] : null; // with one reading: since the router started
    const counts = Object.fromEntries(["exit", "escalated", "degraded", "failed", "shed", "cancelled", "deadline"].map((path) => [path, rise(first, now, "sgl_requests_total", { path })]));
    const totals = Object.fromEntries(ANSWERS.map((path) => [path, sum(now, "sgl_requests_total", { path })]));
    const quiet = ANSWERS.every((p) => counts[p] === 0);
    const answered = quiet ? totals : counts;
    const all = ANSWERS.reduce((a, p) => a + answered[p], 0);
    const base = quiet ? null : first;
    $("dashboard-note").textContent = base ? "What this router did since this view was opened, at most five minutes, from its metrics." : "What this router did since it started, from its metrics.";
    const latency = buckets(base, now, "sgl_e2e_request_latency_seconds");
    const firstFinal = buckets(base, now, "sgl_time_to_first_final_token_seconds");
    const wrong = counts.failed + counts.shed + counts.deadline;
    $("tiles").replaceChildren(...[
      ["Exit ratio", all > 0 ? percent(answered.exit / all) : "–", `${answered.exit} of ${all} answered by the small model`],
      ["Latency, median", seconds(quantile(0.5, latency)), `95th percentile ${seconds(quantile(0.95, latency))}`],
      ["First final word", seconds(quantile(0.5, firstFinal)), "median"],
      ["In work", String(sum(now, "sgl_requests_running")), "requests in the router"],
      ["At the models", String(sum(now, "sgl_router_replica_in_flight")), "calls, those in their queues included"],
      ["Not answered", String(wrong), `${counts.failed} failed, ${counts.shed} refused as too many, ${counts.deadline} too late`],
      ...drift(now),
    ].map(([name, value, more]) => el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, el("strong", {}, value), el("span", {}, more)))));

    const over = (f) => this.#readings.map((reading, i) => f(this.#readings[Math.max(0, i - WINDOW)], reading));
    const span = `${Math.round((this.#readings.length - 1) * EVERY / 1000)} s ago`;
    const ratio = (before, at) => {
      const [exit, rest] = [rise(before, at, "sgl_requests_total", { path: "exit" }), rise(before, at, "sgl_requests_total", { path: "escalated" }) + rise(before, at, "sgl_requests_total", { path: "degraded" })];
      return exit + rest > 0 ? exit / (exit + rest) : NaN;
    };
    const late = (q) => (before, at) => quantile(q, buckets(before, at, "sgl_e2e_request_latency_seconds"));
    const scores = buckets(base, now, "sgl_exit_score", { criterion: "decision" }).filter((b) => Number.isFinite(b.upTo));
    $("charts").replaceChildren(
      card("Exit ratio", lines([{ name: "exit ratio", kind: "small", points: over(ratio) }], { label: "Exit ratio over time", unit: (v) => (Number.isFinite(v) ? percent(v) : "–"), most: 1, span })),
      card("Latency", lines([
        { name: "median", kind: "small", points: over(late(0.5)) },
        { name: "95th percentile", kind: "large", points: over(late(0.95)) },
      ], { label: "Latency over time", unit: seconds, span })),
      card("In work", lines([
        { name: "router", kind: "other", points: over((_, at) => sum(at, "sgl_requests_running")) },
        { name: "small model", kind: "small", points: over((_, at) => sum(at, "sgl_router_replica_in_flight", { backend: "small" })) },
        { name: "large model", kind: "large", points: over((_, at) => sum(at, "sgl_router_replica_in_flight", { backend: "large" })) },
      ], { label: "Requests in work", unit: (v) => (Number.isFinite(v) ? String(Math.round(v)) : "–"), most: 1, span })),
      card("Decision scores", scores.some((b) => b.count > 0)
        ? columns(scores.map((b) => b.count), { most: Math.max(...scores.map((b) => b.count)), label: `Scores: ${scores.filter((b) => b.count > 0).map((b) => `${b.count} up to ${b.upTo}`).join(", ")}`, tick: (i) => (i === 0 ? "0" : i === 9 ? "0.5" : i === scores.length - 1 ? "1" : ""), kind: "small" })
        : el("p", { class: "hint" }, "No question was decided yet.")),
      card("Waiting for the models", hops(base, now)),
      card("Not done twice", reuse(base, now)),
      card("Replicas", replicas(now)));
  }
}

const card = (title, ...content) => el("section", { class: "card" }, el("h2", {}, title), ...content);

// How far scores have left those that a policy was calibrated on; the policy where they are furthest. None before there are enough scores, or without such a policy.
function drift(now) {
  const all = (now.get("sgl_router_score_drift") ?? []).filter((s) => Number.isFinite(s.value));
  if (all.length === 0) return [];
  const { labels, value } = all.reduce((a, b) => (b.value > a.value ? b : a));
  return [["Score drift", value.toFixed(2), `policy ${labels.policy}: ${value > 0.25 ? "calibrate anew" : value > 0.1 ? "scores begin to move" : "scores as calibrated"}`]];
}

function hops(before, now) {
  const rows = ["small", "large"].map((backend) => {
    const [time, count] = [rise(before, now, "sgl_router_hop_seconds_sum", { backend }), rise(before, now, "sgl_router_hop_seconds_count", { backend })];
    const mean = count > 0 ? time / count : 0;
    return { name: backend, value: count > 0 ? seconds(mean) : "–", parts: [{ name: "mean", amount: mean, kind: backend }] };
  });
  return el("div", {}, stacked(rows, { unit: seconds }), el("p", { class: "hint" }, "Mean time of a question at each model."));
}

// What the models took from earlier questions, or left out, by what answers told of it.
function reuse(before, now) {
  const row = (backend, name, metric, outcomes) => {
    const parts = outcomes.map(([outcome, kind]) => ({ name: outcome.replace("_", " "), amount: rise(before, now, metric, { backend, outcome }), kind }));
    const all = parts.reduce((a, p) => a + p.amount, 0);
    return { name: `${backend}: ${name}`, value: all > 0 ? percent(1 - parts[0].amount / all) : "–", parts: parts.map((p) => ({ ...p, amount: all > 0 ? p.amount / all : 0 })) };
  };
  const rows = ["small", "large"].flatMap((backend) => [
    row(backend, "prompt", "sgl_router_prompt_tokens_total", [["run", backend], ["cached", "known"]]),
    row(backend, "visual tokens", "sgl_router_visual_tokens_total", [["encoded", backend], ["cached", "known"]]),
    row(backend, "tiles", "sgl_router_tiles_total", [["encoded", backend], ["cached", "known"], ["left_out", "dropped"]]),
  ]);
  return el("div", { id: "reuse" }, stacked(rows, { unit: percent, most: 1 }),
    el("p", { class: "hint" }, "Share of prompt tokens, visual tokens and tiles that was kept from earlier questions, or left out."));
}

function replicas(now) {
  const rows = (now.get("sgl_router_replica_serving") ?? []).map(({ labels: { backend, replica }, value }) => {
    const of = (name) => sum(now, name, { backend, replica });
    const state = of("sgl_router_replica_refused") > 0 ? "another model" : value > 0 ? "serving" : "away";
    return el("tr", {},
      el("th", { scope: "row" }, `${backend} ${replica}`), el("td", {}, el("span", { class: `tag ${value > 0 ? "exit" : "degraded"}` }, state)),
      el("td", {}, String(of("sgl_router_replica_in_flight"))), el("td", {}, String(of("sgl_router_replica_picks_total"))),
      el("td", {}, String(of("sgl_router_replica_failures_total"))));
  });
  return el("div", { class: "table", role: "region", "aria-label": "Replicas", tabindex: 0 }, el("table", {},
    el("thead", {}, el("tr", {}, ...["replica", "state", "calls now", "calls", "failed"].map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, ...rows)));
}
