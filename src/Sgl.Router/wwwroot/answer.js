import { $, duration, el, percent, show } from "./dom.js";
import { columns, gauge, stacked } from "./charts.js";
import { tokensByLayer } from "./guidance.js";

const PHASES = ["queue", "preprocess", "vision", "prefill", "decode", "consistency"];
const CRITERIA = (name) => name.replaceAll("_", " ").replace(/ q(\d)/, " Q$1");

/** How an answer comes about: the small model's words, the decision, the large model's words. Also drawn while it does. */
export function renderAnswer(entry) {
  const { decision, done } = entry;
  const escalated = decision?.action === "escalate";
  show($("result"));
  $("result").toggleAttribute("aria-busy", !done && !entry.error);
  $("result").dataset.state = entry.error ? "failed" : done ? (entry.path ?? "done") : "running";
  $("final").textContent = done ? entry.answer || "(an empty answer)" : escalated ? entry.answer : entry.provisional;
  $("final").classList.toggle("provisional", !done && !escalated);
  $("final").classList.toggle("long", $("final").textContent.length > 80);
  $("badge").replaceChildren(...badge(entry));
  const steps = [];
  if (entry.route !== "large" || entry.provisional || entry.small) {
    steps.push(el("li", { class: "small" },
      el("h3", {}, "The small model", el("span", {}, entry.models.small)),
      el("blockquote", { dir: "auto" }, entry.small?.answer ?? (entry.provisional || entry.smallFinal || (entry.error ? "–" : "…"))),
      decision && escalated && el("p", { class: "hint" }, "Provisional: the large model was asked.")));
  }

  if (decision) steps.push(el("li", { class: escalated ? "below" : "reached" }, el("h3", {}, "The decision"), ...judgement(decision)));
  if (escalated) {
    steps.push(el("li", { class: "large" },
      el("h3", {}, "The large model", el("span", {}, entry.models.large)),
      el("blockquote", { dir: "auto" }, entry.large?.answer ?? (entry.answer || (entry.error || done ? "–" : "…"))),
      entry.path === "degraded" && el("p", { class: "hint" }, entry.explanation)));
  }

  $("steps").replaceChildren(...steps);
}

function badge(entry) {
  if (!entry.done) return [];
  const by = { exit: "answered by the small model", escalated: "answered by the large model", degraded: "answered by the small model, in place of the large one" }[entry.path];
  return [el("span", { class: `tag ${entry.path}` }, by ?? "answered"), ` in ${duration(entry.totalMs)}`];
}

function judgement(decision) {
  const { criterion, scores = {}, threshold = Infinity } = decision;
  const score = scores[criterion];
  const forced = decision.reason.startsWith("forced");
  const text = forced ? `The ${decision.reason === "forced_small" ? "small" : "large"} model was asked for.`
    : !Number.isFinite(score) ? `No ${CRITERIA(criterion)} score was computed: the large model is asked.`
    : score >= threshold ? `${score.toFixed(2)} is at or above the threshold ${threshold.toFixed(2)}: the small answer is final.`
    : `${score.toFixed(2)} is below the threshold ${Number.isFinite(threshold) ? threshold.toFixed(2) : "∞"}: the large model is asked.`;
  const more = ["confidence", "consistency"].filter((name) => name !== criterion && Number.isFinite(scores[name]));
  return [
    el("p", {}, text),
    ...(Number.isFinite(score) ? [gauge(CRITERIA(criterion), score, forced ? undefined : threshold)] : []),
    ...more.map((name) => gauge(CRITERIA(name), scores[name])),
  ];
}

/** Where the time went, and how many tokens were saved. */
export function renderCost(entry) {
  const { small, large, layout, pruning } = entry;
  show($("cost"), entry.done && Boolean(small || large));
  if ($("cost").hidden) return;
  const runs = [["small", small], ["large", large]].filter(([, run]) => run);
  const parts = (times) => {
    const known = PHASES.filter((p) => times[p] > 0);
    const rest = (times.total ?? 0) - known.reduce((a, p) => a + times[p], 0);
    return [...known.map((p) => ({ name: p, amount: times[p], kind: p })), ...(rest > 1 ? [{ name: "other", amount: rest, kind: "other" }] : [])];
  };
  const bars = [
    el("h3", {}, "Time"),
    stacked(runs.map(([role, run]) => ({ name: role, value: duration(run.times_ms.total), parts: parts(run.times_ms) })), { unit: duration }),
    el("p", { class: "facts" },
      `First word after ${duration(entry.firstMs)}, first word of the final answer after ${duration(entry.finalMs)}, all of it after ${duration(entry.totalMs)}.`),
  ];
  const total = layout?.visual_token_count ?? 0;
  if (total > 0) {
    bars.push(el("h3", {}, "Visual tokens"), stacked(runs.map(([role, run]) => {
      const kept = run.kept_visual_token_count;
      return { name: role, value: `${kept} of ${total}`, parts: [{ name: "kept", amount: kept, kind: role }, { name: "dropped", amount: total - kept, kind: "dropped" }] };
    }), { unit: (n) => `${Math.round(n)}`, most: total }));
  }

  if (runs.some(([, run]) => run.tile_count > 1)) {
    bars.push(el("h3", {}, "Tiles that the vision tower encoded"), stacked(runs.map(([role, run]) => {
      const [all, encoded, known] = [run.tile_count, run.encoded_tile_count, run.cached_tile_count];
      return {
        name: role, value: `${encoded} of ${all}`,
        parts: [{ name: "encoded", amount: encoded, kind: role }, { name: "known from before", amount: known, kind: "known" }, { name: "not needed", amount: all - encoded - known, kind: "dropped" }],
      };
    }), { unit: (n) => `${Math.round(n)}` }));
  }

  const layers = large?.kv_lengths?.length ?? 0;
  if (pruning?.steps.length > 0 && layers > 0) {
    const tokens = tokensByLayer(layers, total, pruning.steps);
    const saved = 1 - pruning.average_retention;
    bars.push(
      el("p", { class: "saved" }, el("strong", {}, percent(saved)), " of the large model's work on visual tokens saved"),
      el("h3", {}, "Visual tokens in each layer of the large model"),
      columns(tokens, {
        most: total, tick: (i) => (i === 0 ? "0" : i === layers - 1 ? String(i) : pruning.steps.some((s) => s.layer === i) ? String(i) : ""),
        label: `Visual tokens in each of the large model's ${layers} layers: ${pruning.steps.map((s) => `${s.kept_visual_token_count} of ${total} from layer ${s.layer} on`).join(", ")}`,
      }));
  } else if (large && total > 0) {
    bars.push(el("p", { class: "saved" }, "Nothing was pruned."));
  } else if (small && entry.path === "exit") {
    bars.push(el("p", { class: "saved" }, el("strong", {}, "100 %"), " of the large model's work saved: it was not asked"));
  }

  const facts = [];
  if (large?.draft_token_count > 0) facts.push(`${large.accepted_draft_token_count} of ${large.draft_token_count} tokens of the small model's draft were taken over, each a decode step saved.`);
  for (const [role, run] of runs) if (run.cached_prompt_token_count > 0) facts.push(`The ${role} model did not run ${run.cached_prompt_token_count} of ${run.prompt_token_count} prompt tokens again, whose beginning it knew.`);
  bars.push(...facts.map((f) => el("p", { class: "facts" }, f)));
  $("bars").replaceChildren(...bars);
}
