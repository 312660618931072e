import { $, el, say, show } from "./dom.js";
import { apiKey, setApiKey } from "./api.js";
import { Ask } from "./ask.js";
import { Dashboard } from "./dashboard.js";

const EVERY = 30_000;
const TITLES = { ask: "SGL", dashboard: "Dashboard · SGL" };
const views = new Map([["ask", new Ask(askForKey)], ["dashboard", new Dashboard((why) => { if (!declined) askForKey(why); })]]);

function view() {
  return /\/dashboard\/?$/.test(location.pathname) ? "dashboard" : "ask";
}

function render() {
  for (const name of views.keys()) show($(`view-${name}`), name === view());
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }

  document.title = TITLES[view()];
  if (view() === "dashboard") views.get("dashboard").start();
}

// One document, so that pictures and answers are still there after a look at the dashboard.
for (const link of document.querySelectorAll("a[data-view]")) {
  link.addEventListener("click", (e) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    render();
    $("main").focus({ preventScroll: true });
    say(document.title);
  });
}

addEventListener("popstate", render);

// Who closed the dialog is not asked again by what runs by itself.
let declined = false;
$("key-dialog").addEventListener("cancel", () => { declined = true; });

function askForKey(why) {
  if ($("key-dialog").open) return;
  $("key-why").textContent = why;
  show($("key-why"), Boolean(why));
  $("key").value = apiKey();
  $("key-dialog").showModal();
}

function useKey(key) {
  setApiKey(key);
  declined = false;
  $("key-dialog").close();
  say(key ? "The key is used." : "The key is forgotten.");
  refresh();
  render();
}

$("key-open").addEventListener("click", () => askForKey(""));
$("key-forget").addEventListener("click", () => useKey(""));
$("key-form").addEventListener("submit", (e) => {
  e.preventDefault();
  useKey($("key").value.trim());
});

let timer = 0;
async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) await views.get("ask").refresh().then(renderPair, (e) => renderAway(e));
  timer = setTimeout(refresh, EVERY);
}

function renderPair({ small, large, pairing_problem: problem }) {
  const model = (info, role) => el("span", { class: info ? role : "away", title: info ? `${info.name}: ${info.family}, ${info.layer_count} layers, ${info.weights}` : "" }, info?.name ?? `no ${role} model`);
  const state = small && large && !problem ? "serving" : "not ready";
  replace($("pair"), `${small?.name} ${large?.name} ${problem}`, () => [
    el("span", { class: `dot ${state === "serving" ? "on" : "off"}`, role: "img", "aria-label": state }),
    model(small, "small"), el("span", { "aria-label": "guides" }, "→"), model(large, "large"),
    ...(problem ? [el("span", { class: "away" }, problem)] : []),
  ]);
}

function renderAway(e) {
  if (e.status === 401 && !declined) askForKey(e.message);
  replace($("pair"), `away ${e.message}`, () => [el("span", { class: "dot off" }), e.status === 401 ? "a key is needed" : e.message]);
}

/** Only where it changed: what is said again and again nobody listens to. */
function replace(node, key, content) {
  if (node.dataset.told === key) return;
  node.dataset.told = key;
  node.replaceChildren(...content());
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
render();
refresh();
