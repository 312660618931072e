import { el, svg } from "./dom.js";

const width = (share) => `${(100 * share).toFixed(2)}%`;

/** A score on a scale from 0 to 1, with the threshold as a mark. */
export function gauge(name, score, threshold) {
  const known = Number.isFinite(score);
  return el("div", { class: "gauge" },
    el("span", { class: "gauge-name" }, name),
    el("div", {
      class: "track", role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": known ? score : 0,
      "aria-valuetext": known ? score.toFixed(3) : "not computed",
    },
    el("div", { class: `fill ${known && threshold !== undefined ? (score >= threshold ? "reached" : "below") : "neutral"}`, style: { width: width(known ? score : 0) } }),
    threshold !== undefined && threshold <= 1 && el("div", { class: "mark", style: { left: width(threshold) } })),
    el("span", { class: "gauge-value" }, known ? score.toFixed(2) : "–"));
}

/**
 * Bars that are made of parts, on one scale.
 * @param rows [{ name, value, parts: [{ name, amount, kind }] }], kind is a colour class
 */
export function stacked(rows, { unit, most = Math.max(...rows.map((r) => r.parts.reduce((a, p) => a + p.amount, 0)), 1e-9) }) {
  const kinds = new Map(rows.flatMap((r) => r.parts).map((p) => [p.name, p.kind]));
  return el("div", { class: "stacked" },
    el("ul", {}, ...rows.map((row) => el("li", {},
      el("span", { class: "bar-name" }, row.name),
      el("div", { class: "track", "aria-hidden": "true" }, ...row.parts.filter((p) => p.amount > 0).map((part) =>
        el("div", { class: `part ${part.kind}`, title: `${part.name} ${unit(part.amount)}`, style: { width: width(part.amount / most) } }))),
      el("span", { class: "bar-value" }, row.value),
      el("span", { class: "sr" }, row.parts.filter((p) => p.amount > 0).map((p) => `${p.name} ${unit(p.amount)}`).join(", "))))),
    kinds.size > 1 && el("p", { class: "legend", "aria-hidden": "true" }, ...[...kinds].map(([name, kind]) => el("span", {}, el("i", { class: kind }), name))));
}

/** Bars side by side, e.g. tokens by layer; ticks say what stands below a bar. */
export function columns(values, { most, label, tick, kind = "large" }) {
  return el("div", { class: "columns-chart", role: "img", "aria-label": label },
    el("div", { class: "upright" }, ...values.map((v) => el("i", { class: kind, style: { height: width(v / most) } }))),
    el("div", { class: "ticks" }, ...values.map((_, i) => el("span", {}, tick(i)))));
}

/**
 * Lines over time.
 * @param series [{ name, kind, points: number[] }], newest last; NaN: nothing known
 */
export function lines(series, { label, unit, most: least = 0, span }) {
  const [wide, height] = [420, 120];
  const most = Math.max(least, ...series.flatMap((s) => s.points.filter(Number.isFinite))) || 1;
  if (!series.some((s) => s.points.some(Number.isFinite))) return el("p", { class: "hint quiet-chart" }, "Nothing to show yet: nobody asked in the last half minute.");
  const path = (points) => {
    let pen = "M";
    return points.map((v, i) => {
      if (!Number.isFinite(v)) {
        pen = "M";
        return "";
      }

      const step = `${pen}${((i / Math.max(1, points.length - 1)) * wide).toFixed(1)} ${(height - (v / most) * (height - 4) - 1).toFixed(1)}${pen === "M" ? "h0" : ""}`; // alone it is a dot
      pen = "L";
      return step;
    }).join("");
  };
  return el("div", { class: "lines" },
    svg("svg", { viewBox: `0 0 ${wide} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${label}: ${series.map((s) => `${s.name} ${unit(s.points.findLast(Number.isFinite) ?? NaN)}`).join(", ")}` },
      ...[0, 0.5, 1].map((y) => svg("line", { class: "grid", x1: 0, x2: wide, y1: 1 + y * (height - 2), y2: 1 + y * (height - 2) })),
      ...series.map((s) => svg("path", { class: `line ${s.kind}`, d: path(s.points), "vector-effect": "non-scaling-stroke" }))),
    el("p", { class: "scale", "aria-hidden": "true" }, el("span", {}, span), el("span", {}, `top ${unit(most)}`), el("span", {}, "now")),
    el("p", { class: "legend", "aria-hidden": "true" }, ...series.map((s) => el("span", {}, el("i", { class: s.kind }), `${s.name} ${unit(s.points.findLast(Number.isFinite) ?? NaN)}`))));
}
