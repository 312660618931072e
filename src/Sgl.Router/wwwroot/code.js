import { $, el, say, show } from "./dom.js";
import { apiKey } from "./api.js";
import { snippets } from "./snippets.js";

/** Tabs with the last question as programs. */
export class Code {
  #texts = { curl: "", python: "", csharp: "" };
  #tabs = [...document.querySelectorAll("#code-tabs [role=tab]")];

  constructor() {
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.#select(tab));
    $("code-tabs").addEventListener("keydown", (e) => {
      const at = this.#tabs.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      const tab = this.#tabs.at(to % this.#tabs.length);
      tab.focus();
      this.#select(tab);
    });
    $("copy").addEventListener("click", () => this.#copy());
  }

  show(entry) {
    show($("code"));
    this.#texts = snippets({ origin: new URL("./", document.baseURI).href, files: entry.pictures, text: entry.question, settings: entry.settings, keyed: Boolean(apiKey()) });
    this.#render();
  }

  get #language() {
    return this.#tabs.find((t) => t.getAttribute("aria-selected") === "true").id.slice("tab-".length);
  }

  #select(tab) {
    for (const t of this.#tabs) {
      t.setAttribute("aria-selected", String(t === tab));
      t.tabIndex = t === tab ? 0 : -1;
    }

    $("code-panel").setAttribute("aria-labelledby", tab.id);
    this.#render();
  }

  #render() {
    $("code-text").textContent = this.#texts[this.#language];
  }

  async #copy() {
    const text = this.#texts[this.#language];
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without HTTPS there is no clipboard: select it, and the keys do the rest.
      getSelection().selectAllChildren($("code-text"));
      say("Selected; press Ctrl+C to copy.");
      return;
    }

    $("copy").textContent = "Copied";
    say("Copied.");
    setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
  }
}
