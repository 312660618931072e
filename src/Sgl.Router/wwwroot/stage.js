import { $, el, percent, show } from "./dom.js";
import { keep, levels, split } from "./guidance.js";
import { draw } from "./overlay.js";

/** The pictures, with what an answer tells about their tokens drawn over them. */
export class Stage {
  #pictures = [];
  #told = null;

  constructor() {
    for (const radio of document.querySelectorAll("input[name=layer]")) radio.addEventListener("change", () => this.#render());
    $("ratio").addEventListener("input", () => this.#render());
    $("ratio-used").addEventListener("click", () => {
      this.#toUsed();
      this.#render();
    });
  }

  /**
   * @param pictures the pictures of the question
   * @param told { layout, importance, used: boolean[] | null, ratio, layer } of its answer, or null
   */
  show(pictures, told) {
    this.#pictures = pictures;
    this.#told = told?.layout ? told : null;
    const drawn = Boolean(this.#told?.importance);
    show($("stage"), pictures.length > 0);
    show($("views"), drawn);
    show($("ratio-box"), drawn);
    $("canvases").replaceChildren(...pictures.map(() => el("div", { class: "views" },
      el("canvas", { class: "whole", role: "img" }), el("canvas", { class: "overview", role: "img", hidden: true }))));
    this.#toUsed();
    this.#render();
  }

  #toUsed() {
    $("ratio").value = String(Math.round(100 * (this.#told?.ratio ?? 0.2)));
  }

  #layer() {
    return this.#told?.importance ? document.querySelector("input[name=layer]:checked").value : "plain";
  }

  /** At the ratio that was used it is the mask that was used, else the one that would have been. */
  #kept(ratio) {
    const { importance, used, ratio: usedRatio } = this.#told;
    return used && Math.round(100 * usedRatio) === Math.round(100 * ratio) ? used : keep(importance, ratio);
  }

  #render() {
    const [layer, ratio] = [this.#layer(), Number($("ratio").value) / 100];
    const told = this.#told;
    const look = told?.importance ? { layer, kept: this.#kept(ratio), levels: levels(told.importance) } : { layer };
    this.#pictures.forEach((picture, index) => {
      const [whole, overview] = $("canvases").children[index].children;
      const image = told?.layout.images.find((i) => i.image_index === index) ?? bare(picture);
      draw(whole, overview, picture.image, image, look);
      const what = told?.importance ? description(image, look) : "";
      whole.setAttribute("aria-label", `${picture.name}. ${what}`.trim());
      overview.setAttribute("aria-label", "The whole picture as the model sees it besides, small");
      whole.parentElement.classList.toggle("pair", !overview.hidden);
    });
    if (!told?.importance) {
      $("caption").textContent = this.#pictures.some((p) => !p.image) ? "This browser cannot show a picture of this format; the models can read it." : "";
      return;
    }

    const count = look.kept.filter(Boolean).length;
    const text = `${percent(ratio)} · ${count} of ${look.kept.length}`;
    $("ratio-out").textContent = text;
    $("ratio").setAttribute("aria-valuetext", text);
    const used = Math.round(100 * ratio) === Math.round(100 * told.ratio);
    show($("ratio-used"), !used);
    $("ratio-box").classList.toggle("used", used);
    $("caption").replaceChildren(
      layer === "heat" ? el("span", { class: "heat" }, "less looked at", el("i", { "aria-hidden": "true" }), "more looked at")
      : layer === "kept" ? el("span", {}, told.used
        ? (used ? `What the large model kept from layer ${told.layer} on.` : `What it would have kept at ${percent(ratio)}; it kept ${percent(told.ratio)}.`)
        : `What the large model would keep at ${percent(ratio)}; it was not asked, or did not prune.`) : "");
  }
}

/** A layout without tokens, so that a picture can be shown before it is asked about. */
const bare = ({ image }) => ({ width: image?.naturalWidth || 400, height: image?.naturalHeight || 300, tiles: [] });

function description(image, { layer, kept, levels: bright }) {
  const own = Array.from({ length: image.token_count }, (_, i) => image.first_token + i);
  if (layer === "plain") return "";
  const marked = (i) => (layer === "kept" ? (kept[i] ? 1 : 0) : bright[i]);
  const count = layer === "kept" ? `${own.filter((i) => kept[i]).length} of ${own.length} visual tokens kept` : "Importance of visual tokens";
  return `${count}, ${mostly(image, marked)}.`;
}

/** Where most of something lies: one of nine parts of the picture. */
function mostly(image, amount) {
  const sums = new Array(9).fill(0);
  for (const tile of split(image).details) {
    const columns = tile.column_count + tile.newline_column_count;
    for (let row = 0; row < tile.row_count; row++) {
      for (let column = 0; column < tile.column_count; column++) {
        const x = (tile.area.left + ((column + 0.5) / tile.column_count) * tile.area.width) / image.width;
        const y = (tile.area.top + ((row + 0.5) / tile.row_count) * tile.area.height) / image.height;
        sums[Math.min(2, Math.floor(3 * y)) * 3 + Math.min(2, Math.floor(3 * x))] += amount(tile.first_token + row * columns + column);
      }
    }
  }

  const best = sums.indexOf(Math.max(...sums));
  return `mostly ${["top left", "top", "top right", "left", "in the middle", "right", "bottom left", "bottom", "bottom right"][best]}`;
}
