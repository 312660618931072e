// The arithmetic of keeping tokens, as the services do it. No DOM here.

/** Tokens kept of n at a ratio: computed in float32, as the authors do. */
export const keepCount = (n, ratio) => Math.trunc(Math.fround(Math.fround(n) * Math.fround(ratio)));

/** The indices from the most important one down; equal ones by rising index. */
export const ranking = (importance) => [...importance.keys()].sort((a, b) => importance[b] - importance[a] || a - b);

/** @returns {boolean[]} which tokens stay at a ratio */
export function keep(importance, ratio) {
  const kept = new Array(importance.length).fill(false);
  for (const i of ranking(importance).slice(0, keepCount(importance.length, ratio))) kept[i] = true;
  return kept;
}

/** @param {string} mask base64 of a bitset, token i in bit i % 8 (lowest first) of byte i / 8 */
export function decodeMask(mask, count) {
  const bytes = atob(mask);
  return Array.from({ length: count }, (_, i) => (bytes.charCodeAt(i >> 3) >> (i & 7) & 1) === 1);
}

/** Brightness of each token from 0 to 1: a few hold most of the importance, so the root of its share of the 99.5th percentile. */
export function levels(importance) {
  const sorted = [...importance].sort((a, b) => a - b);
  const top = sorted[Math.floor((sorted.length - 1) * 0.995)] || sorted.at(-1) || 0;
  return importance.map((v) => (top > 0 ? Math.min(1, Math.sqrt(Math.max(0, v) / top)) : 0));
}

/** Visual tokens in each layer of the large model. */
export function tokensByLayer(layerCount, tokens, steps) {
  return Array.from({ length: layerCount }, (_, layer) =>
    steps.filter((s) => s.layer <= layer).at(-1)?.kept_visual_token_count ?? tokens);
}

// Viridis at eighths.
const COLOURS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

/** @returns {number[]} red, green, blue of a level */
export function colour(level) {
  const place = Math.min(1, Math.max(0, level)) * (COLOURS.length - 1);
  const i = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[i].map((a, c) => Math.round(a + (COLOURS[i + 1][c] - a) * (place - i)));
}

/** The cells of a tile in pixels of the picture, separator columns left out: token, row, column and a rectangle each. */
export function* cells(tile) {
  const columns = tile.column_count + tile.newline_column_count;
  const [width, height] = [tile.area.width / tile.column_count, tile.area.height / tile.row_count];
  for (let row = 0; row < tile.row_count; row++) {
    for (let column = 0; column < tile.column_count; column++) {
      yield {
        token: tile.first_token + row * columns + column, row, column,
        x: tile.area.left + column * width, y: tile.area.top + row * height, width, height,
      };
    }
  }
}

const isOverview = (tile) => tile.kind === "thumbnail" || tile.kind === "base";

/** Tiles that show the picture in detail, and those that show it once more as a whole. */
export function split(image) {
  const details = image.tiles.filter((t) => !isOverview(t) && t.column_count > 0);
  const overviews = image.tiles.filter(isOverview);
  return details.length > 0 ? { details, overviews } : { details: overviews, overviews: [] };
}
