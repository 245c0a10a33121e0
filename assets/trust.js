/* The trust view: which explanation can be believed? What is looked at, the job, and the table of methods, or layers, by
 * measures. The plot of quality over cost is drawn in trust_plot.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const tr = (nnvis.trust = nnvis.trust || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts); // elements.js comes later
  const USUAL = { part: "methods", over: "sample", samples: 32, seed: 0, sort: "" };
  const LATER = 2000; // milliseconds until an engine that was busy is asked again
  const KEPT = 12; // tables
  const LONGEST = 200; // characters of a parameter, as in nnvis_dash/state/checks.py
  const WIDE = 900; // pixels from which the plot stands beside the recommendation, as trust.css has it
  const ENDS = [[246, 196, 150], [246, 246, 243], [170, 204, 235]]; // of a share that passes: none, half, all

  tr.now = null; // what is looked at
  let shown = [null, null, null, null]; // catalog, session, selection, view
  let running = null; // {key, done, total, message} of the job that was asked for last
  const tables = new Map(); // by question, as text: the table, {known: false}, {problem}, or null while it is asked for

  /* --- what comes in ---------------------------------------------------------------------------------------------- */

  space.trustShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view] = shown;
    if (!catalog || !session || !selection || !view || !by("trust") || !nnvis.catalogued(catalog, session)) return;
    const open = nnvis.overview(view) === "trust";
    const settings = { ...USUAL, ...view.trust };
    settings.method = settings.method || "grad_cam";
    const selected = settings.over === "selection";
    const question = {
      dataset: session.dataset,
      model: catalog.model,
      part: settings.part,
      methods: settings.part === "methods" ? view.judged : [],
      method: settings.part === "layers" ? settings.method : "",
      n_samples: settings.samples,
      seed: settings.seed,
      samples: selected ? selection.samples : "",
    };
    const problem = !catalog.model ? "No classifier fits this dataset. Add one." : selected && !selection.samples ? "Select samples: a lasso on the map, or rows of the table." : "";
    tr.now = { catalog, session, selection, view, settings, question, key: JSON.stringify(question), problem, open };
    if (!open) return;
    tools();
    if (!problem) ask();
    draw();
  }
  window.addEventListener("resize", () => tr.now && tr.now.open && draw());

  function tools() {
    const { catalog, session, settings, view } = tr.now;
    document.querySelectorAll("#trust-parts button").forEach((button) => button.setAttribute("aria-pressed", String(button.classList.contains("part-" + settings.part))));
    const list = by("trust-classifier");
    list.replaceChildren(...session.classifiers.map((model) => new Option(catalog.modelNames[model] || "", model)));
    list.value = catalog.model || "";
    by("trust-methods-tools").hidden = settings.part !== "methods";
    by("trust-layers-tools").hidden = settings.part !== "layers";
    by("trust-samples-tools").hidden = settings.over !== "sample";
    for (const name of ["method", "over", "samples"]) if (by(`trust-${name}-select`) !== document.activeElement) by(`trust-${name}-select`).value = String(settings[name]);
    by("trust-methods-summary").textContent = "methods · " + (view.judged.length || "all");
    document.querySelectorAll("#trust-methods [data-judged]").forEach((button) => button.setAttribute("aria-pressed", String(view.judged.includes(button.dataset.judged))));
    by("trust-methods").querySelector("[data-change]").setAttribute("aria-pressed", String(!view.judged.length));
  }

  /* --- questions -------------------------------------------------------------------------------------------------- */

  async function ask() {
    const { key, question } = tr.now;
    if (tables.has(key)) return;
    tables.set(key, null);
    const found = await nnvis.post("trust/table", question);
    tables.delete(key);
    if (found.again) return setTimeout(look, LATER);
    tables.set(key, found);
    while (tables.size > KEPT) tables.delete(tables.keys().next().value);
    if (found.running && !running) run(question); // by a page before this one: its progress is ours
    if (tr.now.key === key) draw();
  }

  function run(question) {
    running = { key: JSON.stringify(question), done: 0, total: 0, message: "" };
    tables.set(running.key, { known: false });
    nnvis.network.run("trust", question);
    if (tr.now.open) draw();
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, progress, answer } = event.detail;
    if (name !== "trust" || !running) return;
    if (progress) running = { ...running, done: progress.done, total: progress.total, message: progress.message };
    else {
      if (answer.problem) tables.set(running.key, { problem: answer.problem });
      else tables.delete(running.key);
      running = null;
    }
    if (tr.now && tr.now.open) look();
  });

  /* --- drawing ---------------------------------------------------------------------------------------------------- */

  let held = []; // what the drawing that is shown is of: while it is the same nothing is drawn again, and the focus stays
  function draw() {
    const { key, problem, view, selection, settings, catalog } = tr.now;
    const found = tables.get(key);
    const table = found && found.known ? found : null;
    const mine = Boolean(running) && running.key === key;
    by("trust-run").disabled = Boolean(problem) || mine || !found || Boolean(table);
    by("trust-run").title = table ? "It is measured: what stands below" : "Hold them against one another; this takes a while, and goes on while you do something else";
    by("trust-running").hidden = !mine;
    by("trust-run").hidden = mine; // what runs stands in its place
    if (mine) {
      by("trust-done").style.width = (running.total ? (100 * running.done) / running.total : 0) + "%";
      by("trust-progress").textContent = running.total ? `${running.message || "measuring"} · ${Math.round((100 * running.done) / running.total)} %` : running.message || "waiting for the engine";
    }
    by("trust-message").textContent = (found && found.problem) || "";
    by("trust-exports").replaceChildren(...(table ? [h("a", { class: "act", download: true, href: `trust/${table.key}.csv`, title: "The table, for a spreadsheet" }, "CSV")] : []));
    const body = by("trust-body");
    const of = [table, mine, problem, found ? found.problem : null, settings.sort, view.attribution, table && table.layered ? selection.layer : "", catalog.names, body.clientWidth];
    if (held.length && of.every((one, i) => one === held[i])) return;
    held = of;
    body.dataset.state = table ? "finished" : problem ? "empty" : found === null || found === undefined ? "loading" : found.problem ? "failed" : mine ? "running" : "empty";
    if (!table) return body.replaceChildren(found && found.problem ? "" : h("div", { class: "empty" }, problem || invitation(mine)));
    nnvis.samples.left(); // what was told under the pointer
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.focus : "";
    const width = Math.min(760, body.clientWidth >= WIDE ? body.clientWidth / 2 - 30 : body.clientWidth - 16);
    body.replaceChildren(h("div", { class: "trust-all" }, recommendation(table), grid(table), h("div", { class: "trust-plots" }, tr.plot(table, width)), about(table)));
    if (focused) body.querySelectorAll("[data-focus]").forEach((one) => one.dataset.focus === focused && one.focus({ preventScroll: true }));
  }

  function invitation(mine) {
    const { settings, question, view, selection } = tr.now;
    const what = settings.part === "layers" ? "The layers that it can look through" : view.judged.length ? `${view.judged.length} methods` : "All methods that suit the classifier and aren't slow";
    const where = question.samples ? "the selected images" : `${question.n_samples} images, every class in proportion`;
    return [
      h("h3", {}, settings.part === "layers" ? "Which target layer?" : "Which explanation can be believed?"),
      h("p", {}, `${what} explain ${where}, and each heatmap is held to the same measures: does it name the pixels that the decision rests on, does it change when the weights are randomised, does it stay when the image hardly changes?`),
      h("p", {}, mine ? "What comes out is shown here: a recommendation, a table, and what the quality costs." : "Press Measure."),
    ];
  }

  const recommendation = (table) => h("div", { class: "trust-said", role: "status", tabindex: "0" }, table.recommendation.map((sentence, at) => h(at ? "span" : "b", {}, sentence + " ")));

  const plain = (value) => String(value === null ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(Math.abs(value) < 0.095 && value ? 3 : 2)).replace("-", "−");
  tr.percent = (share) => Math.round(100 * share) + " %";
  tr.seconds = (value) => (value === null ? "–" : value < 0.1 ? `${(1000 * value).toPrecision(2)} ms` : `${Number(value.toPrecision(2))} s`);
  tr.mark = (at) => h("span", { class: "badge-mark " + nnvis.badges.WORDS[at] }, h("span", { class: "badge-icon", "aria-hidden": "true" }, nnvis.badges.ICONS[at]), nnvis.badges.WORDS[at]);

  /* The columns that can be sorted: what each is called, what it says, how good a row is in it, and its cell. */
  function columns(table) {
    const measured = table.measures.map((measure, at) => {
      const sign = { higher: 1, lower: -1 }[measure.better] || 0;
      const order = measure.better ? `${measure.better} is better` : "neither more nor less is better";
      const values = table.rows.flatMap((row) => row.cells[at].slice(0, 3)).filter((value) => value !== null);
      const ends = [Math.min(...values), Math.max(...values)];
      return {
        name: measure.name,
        title: measure.title,
        decides: measure.decides,
        arrow: { 1: " ↑", "-1": " ↓" }[sign] || "",
        about: [measure.summary, `${order}${measure.decides ? "; it decides about the badge" : ""}.`, measure.reference].filter(Boolean).join("\n"),
        rank: (row) => (row.cells[at][0] === null ? null : (sign || 1) * row.cells[at][0]),
        cell: (row) => cell(row.cells[at].slice(0, 3), row.cells[at][3], ends, plain),
      };
    });
    const cost = "Seconds that the heatmap of one image takes; below it in passes of the classifier over one image.";
    const quality = "Share of what the deciding measures ask that its heatmaps hold, over the images: 0 for what fails, half for what is doubtful, 1 for what passes. Behind it: the 95 % interval.";
    return [
      { name: "badge", title: "verdict", arrow: "", about: "What the deciding measures say of its median heatmap; the worst counts", rank: (row) => row.badge, cell: (row) => h("td", { title: row.reasons.map(([title, words]) => `It ${words}.${title ? ` (${title})` : ""}`).join("\n") }, tr.mark(row.badge)) },
      { name: "quality", title: "quality", arrow: " ↑", about: quality, rank: (row) => row.quality[0], cell: (row) => cell(row.quality, null, [0, 1], tr.percent) },
      { name: "cost", title: "cost", arrow: " ↓", about: cost, rank: (row) => (row.seconds === null ? null : -row.seconds), cell: (row) => h("td", { class: "trust-cost" }, tr.seconds(row.seconds), h("span", { class: "label" }, row.forwards === null ? "" : `${Number(row.forwards.toPrecision(2))} passes`)) },
      ...measured,
    ];
  }

  /* A mean with its interval: the number, and a bar from its lower to its upper end between the ends of the column. */
  function cell([mean, low, high], passes, [least, most], written) {
    if (mean === null) return h("td", { class: "trust-none", title: "It says nothing here" }, "–");
    const place = (value) => (most > least ? (100 * (value - least)) / (most - least) : 50);
    const bar = h("span", { class: "trust-bar" }, h("span", { class: "trust-range", style: { left: place(low) + "%", width: Math.max(1.5, place(high) - place(low)) + "%" } }), h("span", { class: "trust-mean", style: { left: place(mean) + "%" } }));
    const said = `${written(mean)}, 95 % interval ${written(low)} to ${written(high)}` + (passes === null ? "" : `\n${tr.percent(passes)} of the images pass`);
    const style = passes === null ? {} : { background: shade(passes) };
    return h("td", { title: said, style, "data-passes": passes === null ? null : passes }, h("span", { class: "trust-number" }, written(mean), h("span", { class: "label" }, written === tr.percent ? "" : ` ± ${plain((high - low) / 2)}`)), bar);
  }

  /* Orange where nothing passes, blue where all does: told apart without red and green cones, and by their lightness from the middle. */
  function shade(share) {
    const [from, to, t] = share < 0.5 ? [ENDS[0], ENDS[1], 2 * share] : [ENDS[1], ENDS[2], 2 * share - 1];
    return `rgb(${from.map((part, c) => Math.round(part + (to[c] - part) * t)).join(",")})`;
  }

  function sorted(table, list) {
    const { sort } = tr.now.settings;
    const column = list.find((one) => one.name === sort.replace(/^-/, ""));
    const usual = (a, b) => b.badge - a.badge || (b.quality[0] ?? -1) - (a.quality[0] ?? -1);
    if (!column) return [...table.rows].sort(usual);
    const way = sort.startsWith("-") ? -1 : 1;
    const worth = (row) => column.rank(row);
    return [...table.rows].sort((a, b) => (worth(a) === null) - (worth(b) === null) || way * (worth(b) - worth(a)) || usual(a, b));
  }

  /* Whether the state can hold a row's own parameters: the names of the methods that are fused may be many. */
  const fits = (row) => Object.values(row.parameters).every((value) => String(value).length <= LONGEST);

  function grid(table) {
    const { view, selection, settings } = tr.now;
    const list = columns(table);
    const heads = list.map(function (column) {
      const now = settings.sort.replace(/^-/, "") === column.name;
      const next = now ? (settings.sort.startsWith("-") ? null : "-" + column.name) : column.name;
      const props = { type: "button", class: "trust-head", title: column.about, "data-focus": "sort " + column.name, "data-change": JSON.stringify({ kind: "trust", parameters: { sort: next } }) };
      return h("th", { scope: "col", class: column.decides ? "decides" : "", "aria-sort": now ? (settings.sort.startsWith("-") ? "ascending" : "descending") : "none" }, h("button", props, column.title + column.arrow, now ? h("span", { class: "trust-sorted", "aria-hidden": "true" }, settings.sort.startsWith("-") ? " ▴" : " ▾") : null));
    });
    const rows = sorted(table, list).map(function (row) {
      const chosen = row.method === view.attribution && (!table.layered || row.layer === selection.layer);
      const own = Object.entries(row.parameters).map(([name, value]) => `${name}: ${value}`).join("\n");
      const usual = table.layered ? `${row.title}: look through it in the testing view` : `${row.title}: its heatmaps of these images in the testing view`;
      const title = [fits(row) ? usual : `${row.title}: too many are fused for the page; in Python it can be had`, own].filter(Boolean).join("\n");
      const name = h("button", { type: "button", class: "trust-name", title, disabled: !fits(row), "aria-pressed": String(chosen), "data-focus": "row " + row.name }, row.title, row.front ? h("span", { class: "trust-front", title: "On the front: nothing better is cheaper" }, " ◆") : null);
      const line = h("tr", { "data-row": row.name, class: chosen ? "chosen" : "" }, h("th", { scope: "row" }, name), list.map((column) => column.cell(row)));
      line.addEventListener("click", () => choose(row, !table.layered, table));
      return line;
    });
    return h("table", { class: "trust-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "corner" }, table.layered ? "layer" : "method"), heads)), h("tbody", {}, rows));
  }

  function about(table) {
    const left = table.left_out.length ? h("details", {}, h("summary", { class: "label" }, `${table.left_out.length} left out`), h("ul", {}, table.left_out.map(([name, why]) => h("li", {}, h("b", {}, name), ": " + why)))) : null;
    const scale = h("span", { class: "trust-scale" }, "no image passes", h("span", { class: "trust-ramp", "aria-hidden": "true" }), "all pass");
    return h("div", { class: "trust-about" }, h("p", { class: "label" }, `${table.samples.length} images; ± and bars: 95 % bootstrap interval of the mean. ◆ nothing better is cheaper.`), h("p", { class: "label" }, scale), left);
  }

  /* --- gestures --------------------------------------------------------------------------------------------------- */

  /* Choose a row's method, or layer, in the testing view, as its lists do; `all`: show its heatmaps of all images. */
  function choose(row, all, table) {
    const { view, selection, settings } = tr.now;
    if (!fits(row)) return;
    nnvis.send({ kind: "attribution", attribution: row.method });
    if (Object.keys(row.parameters).length) nnvis.send({ kind: "attribution_parameters", parameters: row.parameters });
    if (table.layered && row.layer !== selection.layer) nnvis.send({ kind: "layer", layer: row.layer });
    if (view.explained !== null) nnvis.send({ kind: "explained", layer: null });
    if (all) {
      if (settings.over === "sample") nnvis.select(table.samples, "trust");
      nnvis.send({ kind: "grid", grid: [row.method] });
    } else if (!nnvis.tests(nnvis.tested(selection))) nnvis.send({ kind: "primary", sample: table.samples[0], origin: "trust" });
    nnvis.send({ kind: "lens", lens: all ? "compare" : "attribution" });
  }
  tr.choose = choose;

  document.addEventListener("click", function (event) {
    if (!tr.now || !tr.now.open) return;
    if (event.target.closest("#trust-run")) return run(tr.now.question);
    if (event.target.closest("#trust-stop")) return by("trust-cancel").click(); // the job tray's
    const judged = event.target.closest("[data-judged]");
    if (judged) {
      const [name, before] = [judged.dataset.judged, tr.now.view.judged];
      nnvis.send({ kind: "judged", judged: before.includes(name) ? before.filter((one) => one !== name) : [...before, name] });
    }
  });
  by("page").addEventListener("change", function (event) {
    if (event.target.id !== "trust-classifier") return;
    const model = event.target.value;
    nnvis.send({ kind: "classifiers", classifiers: [model, ...tr.now.session.classifiers.filter((one) => one !== model)] });
  });
})();
