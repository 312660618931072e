import { $, el, say, show } from "./dom.js";

const SAMPLES = [
  { file: "large.png", question: "What is the code in the red box?" },
  { file: "square.webp", question: "What shape is blue?" },
  { file: "chart.webp", question: "What color is the tallest bar?" },
];

/** A picture that was chosen. Its identity is that of the object. */
async function open(file) {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.alt = "";
  image.src = url;
  const shown = await image.decode().then(() => true, () => false); // TIFF and the like are for the models only
  return { name: file.name || "pasted.png", type: file.type || "application/octet-stream", file, url, image: shown ? image : null };
}

/** The picture as the API takes it. */
export const dataUrl = (picture) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(new Error(`${picture.name} cannot be read; choose it again.`));
  reader.readAsDataURL(picture.file);
});

/** The pictures of the next question: chosen, dropped, pasted or samples. */
export class Pictures {
  list = [];
  limits = { count: Infinity, bytes: Infinity };

  /**
   * @param {() => void} changed the list is another one
   * @param {(text: string) => void} refuse says why a file was not taken
   * @param {(question: string) => void} suggest a question for a sample
   */
  constructor(changed, refuse, suggest) {
    Object.assign(this, { changed, refuse });
    $("files").addEventListener("change", (e) => {
      this.add([...e.target.files]);
      e.target.value = "";
    });
    document.addEventListener("paste", (e) => {
      const files = [...(e.clipboardData?.files ?? [])];
      if (files.length > 0) {
        e.preventDefault();
        this.add(files);
      }
    });
    let depth = 0;
    const over = (on) => document.body.classList.toggle("dragging", on);
    document.addEventListener("dragenter", () => over(++depth > 0));
    document.addEventListener("dragleave", () => over(--depth > 0));
    document.addEventListener("dragover", (e) => e.preventDefault());
    document.addEventListener("drop", (e) => {
      e.preventDefault();
      over((depth = 0) > 0);
      this.add([...e.dataTransfer.files]);
    });
    $("samples").append(...SAMPLES.map((sample) => el("button", {
      type: "button", class: "sample",
      onclick: async () => {
        const response = await fetch(`page/samples/${sample.file}`);
        await this.add([new File([await response.blob()], sample.file, { type: response.headers.get("content-type") ?? "" })]);
        suggest(sample.question);
      },
    }, el("img", { src: `page/samples/${sample.file}`, alt: "", width: 56, height: 56 }), el("span", { class: "sr" }, `Sample ${sample.file}`))));
  }

  async add(files) {
    const known = files.filter((f) => f.type.startsWith("image/") || /\.(tiff?|bmp|webp|gif|png|jpe?g)$/i.test(f.name));
    if (known.length < files.length) this.refuse("Only pictures can be asked about: PNG, JPEG, WebP, GIF, BMP or TIFF.");
    const small = known.filter((f) => f.size <= this.limits.bytes);
    if (small.length < known.length) this.refuse(`A picture may have at most ${Math.floor(this.limits.bytes / 1e6)} MB.`);
    const room = this.limits.count - this.list.length;
    if (small.length > room) this.refuse(`A question may have at most ${this.limits.count} pictures.`);
    const added = await Promise.all(small.slice(0, Math.max(0, room)).map(open));
    if (added.length === 0) return;
    this.list = [...this.list, ...added];
    say(`${added.map((p) => p.name).join(", ")} added`);
    this.render();
    this.changed();
  }

  /** Goes back to the pictures of an earlier question. */
  set(list) {
    this.list = list;
    this.render();
    this.changed();
  }

  remove(picture) {
    this.list = this.list.filter((p) => p !== picture);
    say(`${picture.name} removed`);
    this.render();
    this.changed();
    ($("thumbs").querySelector("button") ?? $("files")).focus();
  }

  render() {
    $("drop").classList.toggle("small", this.list.length > 0);
    show($("thumbs"), this.list.length > 0);
    $("thumbs").replaceChildren(...this.list.map((picture) => el("li", {},
      picture.image ? el("img", { src: picture.url, alt: "", width: 48, height: 48 }) : el("span", { class: "no-preview", "aria-hidden": "true" }, "?"),
      el("span", { class: "name", dir: "auto" }, picture.name),
      el("button", { type: "button", class: "quiet", "aria-label": `Remove ${picture.name}`, onclick: () => this.remove(picture) }, "×"))));
  }
}
