/* The badges of heatmaps: passes, doubtful or fails, with the reasons under the pointer or the focus. A panel says which
 * heatmaps it shows; what is not known of them is asked for in one job, once no heatmap is being computed, and given up when
 * the picture changes. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts); // elements.js comes later
  const WORDS = ["fails", "doubtful", "passes"];
  const ICONS = ["✕", "?", "✓"];
  const REST = 400; // milliseconds for which the same heatmaps stand before they are asked about
  const KEPT = 400; // attributions
  const FIRST = ["testing", "compare", "redrawn"]; // jobs that draw heatmaps: nothing is asked while one runs

  const known = new Map(); // by the attribution's key: a list of {badge, reasons}, or {problem}
  const panels = new Map(); // by panel: [{key, asked, places: [[element, row]]}]
  let under = []; // the keys that the job under way was asked for
  let timer = 0;

  /* --- what is shown ---------------------------------------------------------------------------------------------- */

  /* A panel shows these heatmaps and no others: of the attribution `key`, computed from `asked`, its rows at some places. */
  function show(panel, maps) {
    const held = new Set(maps.flatMap((one) => one.places.map(([element]) => element)));
    for (const { places } of panels.get(panel) || []) for (const [element] of places) if (!held.has(element)) clear(element);
    panels.set(panel, maps);
    maps.forEach(draw);
    ask();
  }

  function clear(element) {
    element.replaceChildren();
    delete element.dataset.state;
    delete element.parentElement.dataset.badge;
  }

  function draw({ key, places }) {
    const found = known.get(key);
    for (const [element, row] of places) {
      const one = found && !found.problem ? found[row] : null;
      const state = one ? key + row : found ? key + found.problem : "checking";
      const name = one ? WORDS[one.badge] : found ? "unchecked" : "checking";
      element.parentElement.dataset.badge = name;
      if (element.dataset.state === state && element.firstChild) continue; // what is looked at stays
      element.dataset.state = state;
      element.replaceChildren(one ? badge(one) : found ? unchecked(key, found.problem) : h("span", { class: "badge-mark checking" }, "checking…"));
    }
  }

  const icon = (at) => h("span", { class: "badge-icon", "aria-hidden": "true" }, ICONS[at]);

  function badge({ badge: at, reasons }) {
    const said = `This heatmap ${WORDS[at] === "doubtful" ? "is doubtful" : WORDS[at] + (at ? "" : " its checks")}`;
    const label = `${said}: ${reasons.map(([, words]) => words).join("; ")}`;
    const button = h("button", { type: "button", class: "badge-mark " + WORDS[at], "aria-label": label }, icon(at), WORDS[at]);
    const lines = reasons.map(([title, words, own]) => h("li", { class: WORDS[own] }, icon(own), h("span", {}, `It ${words}. `, h("span", { class: "label" }, title))));
    button.tells = [h("b", {}, said), h("ul", {}, lines), h("span", { class: "label" }, at === 2 ? "No check speaks against it: that is no proof. Click: which explanation can be believed?" : "Click: which explanation can be believed?")];
    button.addEventListener("click", () => nnvis.send({ kind: "overview", overview: "trust" }));
    return button;
  }

  function unchecked(key, problem) {
    const button = h("button", { type: "button", class: "badge-mark checking", "aria-label": `This heatmap was not checked: ${problem}` }, "not checked");
    button.tells = [h("b", {}, "This heatmap was not checked"), h("span", {}, problem), h("span", { class: "label" }, "Click to check it.")];
    button.addEventListener("click", function () {
      known.delete(key);
      for (const maps of panels.values()) maps.forEach(draw);
      ask();
    });
    return button;
  }

  /* --- the reasons ------------------------------------------------------------------------------------------------ */

  function tell(event) {
    const mark = event.target.closest && event.target.closest(".badge-mark");
    const card = by("badge-card");
    if (!mark || !mark.tells) return (card.hidden = true);
    card.replaceChildren(...mark.tells);
    card.hidden = false;
    mark.setAttribute("aria-describedby", "badge-card");
    const [at, box] = [mark.getBoundingClientRect(), card.getBoundingClientRect()];
    const below = at.bottom + 6 + box.height < innerHeight - 8;
    card.style.left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8)) + "px";
    card.style.top = Math.max(8, below ? at.bottom + 6 : at.top - box.height - 6) + "px";
  }
  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
  document.addEventListener("focusout", () => (by("badge-card").hidden = true));
  document.addEventListener("scroll", () => (by("badge-card").hidden = true), true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && (by("badge-card").hidden = true));

  /* --- questions -------------------------------------------------------------------------------------------------- */

  function missing() {
    const found = new Map();
    for (const maps of panels.values()) for (const { key, asked } of maps) if (!known.has(key)) found.set(key, asked);
    return found;
  }

  const busy = () => FIRST.some((name) => by("tray-" + name).dataset.running);

  function ask() {
    clearTimeout(timer);
    const wanted = missing();
    const left = under.filter((key) => !known.has(key));
    if (left.length && left.every((key) => wanted.has(key))) return; // what is under way is wanted; the others come next
    if (left.length) nnvis.network.stop("badges");
    under = [];
    if (wanted.size) timer = setTimeout(run, REST);
  }

  function run() {
    const wanted = missing();
    if (!wanted.size) return;
    if (busy()) return (timer = setTimeout(run, REST));
    under = [...wanted.keys()];
    nnvis.network.run("badges", { maps: [...wanted.values()] });
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, progress, answer } = event.detail;
    if (name !== "badges") return;
    for (const [key, found] of Object.entries((answer || progress).badges || {})) keep(key, found);
    if (answer) {
      under.filter((key) => !known.has(key)).forEach((key) => keep(key, { problem: answer.problem || "It was left out." }));
      under = [];
    }
    for (const maps of panels.values()) maps.forEach(draw);
    if (answer) ask();
  });

  function keep(key, found) {
    known.delete(key);
    known.set(key, found);
    while (known.size > KEPT) known.delete(known.keys().next().value);
  }

  nnvis.badges = { show, WORDS, ICONS };
})();
