// Reads the text format of Prometheus, and what two readings say about the time between them. No DOM here.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \S+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const number = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
const plain = (text) => text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));

/** @returns {Map<string, {labels: Object<string, string>, value: number}[]>} series by name */
export function parse(text) {
  const metrics = new Map();
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line.trim());
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(LABEL)].map(([, k, v]) => [k, plain(v)]));
    if (!metrics.has(found[1])) metrics.set(found[1], []);
    metrics.get(found[1]).push({ labels, value: number(found[3]) });
  }

  return metrics;
}

const matches = (labels, wanted) => Object.entries(wanted).every(([k, v]) => labels[k] === v);

/** The sum of the series with these labels; 0 where there are none. */
export const sum = (metrics, name, wanted = {}) =>
  (metrics.get(name) ?? []).filter((s) => matches(s.labels, wanted)).reduce((a, s) => a + s.value, 0);

/** How much a counter rose. One that fell was started anew. */
export function rise(before, now, name, wanted = {}) {
  const [a, b] = [before ? sum(before, name, wanted) : 0, sum(now, name, wanted)];
  return b >= a ? b - a : b;
}

/** Observations between two readings by bucket: [{ upTo, count }], counts of each bucket alone. */
export function buckets(before, now, name, wanted = {}) {
  const bounds = [...new Set((now.get(`${name}_bucket`) ?? []).filter((s) => matches(s.labels, wanted)).map((s) => s.labels.le))]
    .sort((a, b) => number(a) - number(b));
  let below = 0;
  return bounds.map((le) => {
    const all = rise(before, now, `${name}_bucket`, { ...wanted, le });
    const count = Math.max(0, all - below);
    below = all;
    return { upTo: number(le), count };
  });
}

/** A quantile of a histogram, straight between the bounds of its bucket; NaN where nothing was observed. */
export function quantile(q, histogram) {
  const total = histogram.reduce((a, b) => a + b.count, 0);
  if (total === 0) return NaN;
  let [rank, from] = [q * total, 0];
  for (const { upTo, count } of histogram) {
    if (rank <= count && count > 0) return Number.isFinite(upTo) ? from + (upTo - from) * (rank / count) : from;
    rank -= count;
    from = upTo;
  }

  return from;
}
