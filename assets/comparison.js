/* Samples by classifiers and methods: one table that scrolls as a whole, drawn from a page that the server describes, with
 * heatmaps that arrive one classifier and method after the other. Zoom is comparison_zoom.js, ratings comparison_ratings.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const cmp = (nnvis.comparison = nnvis.comparison || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts); // elements.js comes later
  const KEPT = 24; // pages
  const LATER = 2000; // milliseconds until an engine that was busy is asked again
  const SMALL = 96; // pixels of an image's side up to which its pixels are shown as squares
  const ANSWERS = 104; // pixels that a classifier's answers take
  const FIRST = 112; // that the samples take

  cmp.now = null; // what is looked at: {wanted, job, selection, view, session}
  cmp.page = null; // the page that is drawn
  let shown = [null, null, null, null]; // catalog, session, selection, view
  let running = null; // the job that was asked for last, as text
  const pages = new Map(); // by question, as text: the page, or null while it is asked for
  const jobs = new Map(); // by question, as text: {cells, problem, done}

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.comparisonShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view] = shown;
    if (!catalog || !session || !selection || !view || !by("comparison")) return;
    const open = view.lens === "compare";
    if (!open && running) {
      nnvis.network.stop("compare");
      running = null;
    }
    if (!open || !nnvis.catalogued(catalog, session)) {
      cmp.now = null;
      return nnvis.badges.show("compare", []);
    }
    const settings = view.comparison;
    const tested = nnvis.tested(selection);
    const wanted = {
      dataset: session.dataset,
      models: session.classifiers,
      samples: selection.samples,
      ...(selection.samples ? { sample: null, derived: "", edits: [] } : tested),
      target: selection.target,
      page: settings.page || 1,
      methods: view.grid,
      attribution: view.attribution,
    };
    const job = { ...wanted, parameters: view.attribution_parameters, output: view.output, layer: settings.layer || "last", clip: view.clip, smooth: view.smooth };
    cmp.now = { wanted: { ...wanted, top: settings.top || 3 }, job, session, selection, view, names: catalog.names };
    const none = !selection.samples && !nnvis.tests(tested);
    const problem = !session.classifiers.length ? "No classifier fits this dataset. Add one." : none ? "Select samples to compare: a lasso on the map, or a quadrant of the suggestion. Or click one." : "";
    by("comparison").classList.toggle("blank", Boolean(problem));
    if (problem) {
      nnvis.badges.show("compare", []);
      return say(problem, null, none);
    }
    ask();
    draw();
  }
  window.addEventListener("resize", () => cmp.now && cmp.page && size());

  function say(words, again, plain) {
    by("comparison-message").className = plain ? "empty" : "message";
    by("comparison-message").replaceChildren(...[words, again ? h("button", { type: "button", class: "act", onclick: again }, "Try again") : null].filter(Boolean));
  }

  function bounded(map) {
    while (map.size > KEPT) map.delete(map.keys().next().value);
  }

  /* --- questions ------------------------------------------------------------------------------------------------- */

  async function ask() {
    const wanted = cmp.now.wanted;
    const key = JSON.stringify(wanted);
    compute();
    if (pages.has(key)) return;
    pages.set(key, null);
    const found = await nnvis.post("comparison/page", wanted);
    pages.delete(key);
    if (found.again) return setTimeout(look, LATER);
    if (!found.problem) cmp.known(wanted.dataset, found);
    pages.set(key, found);
    bounded(pages);
    if (cmp.now && JSON.stringify(cmp.now.wanted) === key) draw();
  }

  function compute() {
    const key = JSON.stringify(cmp.now.job);
    const job = jobs.get(key);
    if (key === running || (job && job.done)) return;
    jobs.set(key, { cells: [], problem: "", done: false });
    bounded(jobs);
    running = key;
    nnvis.network.run("compare", cmp.now.job);
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, progress, answer } = event.detail;
    const job = name === "compare" && jobs.get(running);
    if (!job) return;
    const key = running;
    job.cells = (answer || progress).cells || job.cells;
    if (answer) {
      job.problem = answer.problem || "";
      job.done = true;
      running = null;
    }
    if (cmp.now && JSON.stringify(cmp.now.job) === key) draw();
  });

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  let drawn = ""; // what the table was built of
  let columns = new Map(); // by classifier and method: {cells: [{over, shot, note, ...}]}

  function draw() {
    const { wanted, job, view, selection } = cmp.now;
    const page = pages.get(JSON.stringify(wanted));
    const found = jobs.get(JSON.stringify(job));
    const table = by("comparison-table");
    table.classList.toggle("pending", !page);
    if (!page) return;
    const again = () => {
      pages.delete(JSON.stringify(wanted));
      jobs.delete(JSON.stringify(job));
      look();
    };
    const problem = page.problem || (found && found.problem);
    say(problem || "", problem && again);
    if (page.problem) {
      nnvis.badges.show("compare", []);
      table.replaceChildren();
      drawn = "";
      return;
    }
    cmp.page = page;
    const built = JSON.stringify(wanted);
    if (drawn !== built) build(table, page);
    drawn = built;
    const tested = selection.derived ? null : selection.primary;
    table.querySelectorAll('[data-act="test"]').forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.sample === String(tested))));
    by("comparison").dataset.drawn = view.comparison.drawn || "overlay";
    pager(page, selection);
    fill(found ? found.cells : []);
    table.dataset.page = page.page;
    table.dataset.complete = found && found.done ? JSON.stringify(job) : "";
  }

  function pager(page, selection) {
    by("comparison-page").textContent = `${page.page} / ${page.n_pages}`;
    by("comparison-before").disabled = page.page <= 1;
    by("comparison-after").disabled = page.page >= page.n_pages;
    const count = page.n_rows === 1 ? "1 sample" : `${page.n_rows.toLocaleString("en-US")} samples`;
    const target = selection.target;
    const explained = target === null ? "explained: each one's label, else the first classifier's prediction" : `explained: ${cmp.now.names[target]}`;
    by("comparison-status").textContent = `${count} · ${explained}`;
    by("comparison-status").title = by("comparison-status").textContent;
    const kinds = [["csv", "CSV"], ["json", "JSON"]];
    by("comparison-exports").replaceChildren("ratings ", ...kinds.map(([kind, label]) => h("a", { class: "act", download: true, href: `comparison/${cmp.now.wanted.dataset}/ratings.${kind}`, title: "All ratings of the dataset" }, label)));
  }

  function build(table, page) {
    const { wanted, session } = cmp.now;
    columns = new Map();
    const methods = page.methods;
    const heads = page.models.map((model, at) =>
      h("th", { colspan: 1 + methods.length, scope: "colgroup", class: "group", "data-model": model.fingerprint }, h("span", { class: "strong" }, model.name, at === 0 && page.models.length > 1 ? h("span", { class: "label" }, " · first") : null, model.by_number ? h("span", { class: "label", title: "None of its class names is the dataset's: its classes are matched by their numbers" }, " · by number") : null))
    );
    const parts = page.models.map((model) => [
      h("th", { class: "group label" }, "answers"),
      methods.map(([name, title]) => h("th", { scope: "col" }, h("span", { class: "method", title: title }, title), cmp.mean(model.fingerprint, name))),
    ]);
    const lines = page.rows.map((row, at) => h("tr", { "data-row": at }, sample(row, wanted), page.models.map((model) => [answers(model, at, row), methods.map(([name, title]) => cell(model, name, title, row, at))])));
    table.replaceChildren(
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { rowspan: 2, class: "corner" }, h("span", { class: "label" }, "sample, label"), session.classifiers.length > 1 ? agreement(page) : null), heads), h("tr", {}, parts)), h("tbody", {}, lines))
    );
    size();
  }

  const agreement = (page) => {
    const all = page.rows.filter((row) => row.n_answers === 1).length;
    return h("span", { class: "label", title: "Samples of this page to which all classifiers give the same answer" }, `${all} of ${page.rows.length} agreed`);
  };

  function picture(address, over) {
    const under = h("img", { src: address, alt: "", class: "under", draggable: "false" });
    const zoomed = h("span", { class: "zoomed" }, under, over);
    const shape = () => {
      const ratio = under.naturalWidth / under.naturalHeight || 1;
      Object.assign(zoomed.style, { width: 100 * Math.min(1, ratio) + "%", height: 100 * Math.min(1, 1 / ratio) + "%" });
      zoomed.classList.toggle("coarse", under.naturalWidth <= SMALL);
      if (over) nnvis.layOver(over, ratio, over.fitted);
    };
    if (under.complete && under.naturalWidth) shape();
    else under.addEventListener("load", shape);
    return zoomed;
  }

  const address = (row, wanted) => `image/${wanted.dataset}/${row.sample}.png?side=256`;

  function sample(row, wanted) {
    const number = typeof row.sample === "number";
    const body = [h("span", { class: "shot" }, picture(address(row, wanted)))];
    const agreed = cmp.now.session.classifiers.length > 1 && row.n_answers ? h("span", { class: row.n_answers === 1 ? "agreed" : "parted" }, row.n_answers === 1 ? "= all agree" : `≠ ${row.n_answers} answers`) : null;
    return h(
      "th", { scope: "row", class: "sample" },
      number ? h("button", { type: "button", class: "act cell", "data-act": "test", "data-sample": row.sample, title: "Test sample " + row.sample }, body) : body,
      h("span", { title: row.label === null ? row.name : `${row.name}, label ${row.label}` }, h("b", {}, row.name), row.label === null ? null : " " + row.label),
      row.explained === null || row.explained === row.label ? null : h("span", { class: "label", title: "explained " + row.explained }, "explained ", h("b", {}, row.explained)),
      agreed
    );
  }

  /* A classifier's likeliest classes of a sample, whether it agrees with most, and whether it is right. */
  function answers(model, at, row) {
    const said = model.rows[at];
    if (model.problem) return h("td", { class: "answers group bad" }, model.problem);
    const marks = [];
    if (said.agrees !== undefined && said.agrees !== null) marks.push(h("span", { class: said.agrees ? "agreed" : "parted", "data-agrees": String(said.agrees), title: said.agrees ? "as most classifiers say" : "not what most classifiers say, or there is no such answer" }, said.agrees ? "=" : "≠"));
    if (said.right !== undefined && said.right !== null) marks.push(h("span", { class: said.right ? "agreed" : "wrong", "data-right": String(said.right), title: said.right ? "right" : `wrong: the label is ${row.label}` }, said.right ? "✓ right" : "✗ wrong"));
    const lines = said.top.map(function ([name, probability, target]) {
      const words = [h("span", { class: "bar-name" }, name), h("span", { class: "bar-value" }, probability.toFixed(3))];
      const title = `${model.name}: ${name} ${probability.toFixed(4)}`;
      const props = { class: "act top" + (name === row.explained ? " explained" : ""), title: target < 0 ? title : `${title}. Click to explain ${name} in all rows.` };
      return target < 0 ? h("span", props, words) : h("button", { ...props, type: "button", "data-change": JSON.stringify({ kind: "target", target: target }) }, words);
    });
    return h("td", { class: "answers group" }, h("div", { class: "marks" }, marks), lines);
  }

  const keyOf = (model, method) => model + " " + method;

  function cell(model, method, title, row, at) {
    const lacks = model.rows[at].target < 0;
    const over = h("img", { alt: "", class: "over", draggable: "false", hidden: true });
    over.fitted = { resize: model.resize, aspect: model.aspect };
    const note = h("span", { class: "note" }, lacks ? (row.explained === null ? "nothing to explain" : `has no class ${row.explained}`) : "");
    const about = `${title} of ${model.name}: show it large`;
    const shot = h("button", { type: "button", class: "act shot waiting", "data-act": "show", "data-model": model.fingerprint, "data-method": method, title: about, disabled: lacks }, picture(address(row, cmp.now.wanted), over), note);
    const key = keyOf(model.fingerprint, method);
    if (!columns.has(key)) columns.set(key, []);
    const badge = h("div", { class: "badge-place" });
    columns.get(key).push({ badge, over, shot, note, lacks, title: about, alt: `${title} of ${model.name}, ${row.name}` });
    return h("td", {}, shot, badge, lacks ? null : cmp.rating(row, model, method, title));
  }

  /* Put the heatmaps that are there into their cells; the others wait. */
  function fill(list) {
    const { view } = cmp.now;
    const alone = view.comparison.drawn === "map";
    const found = new Map(list.map((one) => [keyOf(one.model, one.method), one]));
    const limits = new Map(); // by method and row: the strongest value of all classifiers, once all of them are there
    for (const one of view.common ? list : []) (one.most || []).forEach((most, at) => limits.set(one.method + at, Math.max(most, limits.get(one.method + at) || 0)));
    const whole = (method) => !view.common || list.filter((one) => one.method === method).length === cmp.page.models.length;
    for (const [key, cells] of columns) {
      const one = found.get(key);
      cells.forEach(function (cell, at) {
        const place = one && one.places ? one.places[at] : -1;
        const flat = one && place >= 0 && one.most[at] === 0;
        cell.shot.classList.toggle("waiting", !one && !cell.lacks);
        if (!cell.lacks) cell.note.textContent = one && one.problem ? one.problem : flat ? "flat" : "";
        cell.shot.title = one && one.problem ? one.problem : cell.title;
        if (!one || place < 0 || !whole(one.method)) return;
        cell.layer = one.layer;
        cell.over.alt = cell.alt;
      });
      if (one && one.key && whole(one.method)) paint(cells, one, `comparison/${one.key}.json?clip=${view.clip}&smooth=${view.smooth ? 1 : 0}${alone ? "" : "&over=1"}${view.common ? "&limits=" + scales(one, limits) : ""}`);
    }
    const maps = list.filter((one) => one.key).map(({ key, asked, ...one }) => ({ key, asked, places: columns.get(keyOf(one.model, one.method)).flatMap((cell, at) => (one.places[at] < 0 ? [] : [[cell.badge, one.places[at]]])) }));
    nnvis.badges.show("compare", maps);
    by("comparison-table").classList.toggle("own-pixels", !view.smooth);
    by("comparison-table").dataset.cells = list.length;
  }

  const scales = (one, limits) => one.places.flatMap((place, at) => (place < 0 ? [] : [limits.get(one.method + at)])).join(",");

  /* Draw the heatmaps of one column, unless others are wanted when they come; what is shown stays until then. */
  async function paint(cells, one, address) {
    if (cells.wanted === address) return;
    cells.wanted = address;
    const answer = await fetch(address).catch(() => null);
    const pictures = answer && answer.ok ? await answer.json() : null;
    if (cells.wanted !== address) return;
    if (!pictures) cells.wanted = null; // the next look at the column asks again
    cells.forEach(function (cell, at) {
      if (!pictures || one.places[at] < 0) return;
      cell.over.src = pictures[one.places[at]];
      cell.over.hidden = false;
    });
  }

  /* Pictures are as large as lets all columns be seen, where that is large enough to be read. */
  function size() {
    const table = by("comparison-table");
    const { models, methods } = cmp.page;
    const room = (table.clientWidth - FIRST - models.length * ANSWERS - 14) / (models.length * methods.length) - 6;
    table.style.setProperty("--side", Math.round(Math.max(84, Math.min(150, room))) + "px");
  }

  /* --- gestures -------------------------------------------------------------------------------------------------- */

  const turn = (step) => nnvis.send({ kind: "comparison", parameters: { page: cmp.page.page + step } });
  document.addEventListener("click", function (event) {
    if (!cmp.now || !cmp.page) return;
    if (event.target.closest("#comparison-before")) turn(-1);
    if (event.target.closest("#comparison-after")) turn(1);
    const act = event.target.closest("#comparison-table [data-act]");
    if (act) cmp.clicked(event, () => open(act, event));
  });

  function open(act, event) {
    const at = Number(act.closest("[data-row]").dataset.row);
    const row = cmp.page.rows[at];
    if (act.dataset.act === "test") return nnvis.send(nnvis.meant({ kind: "primary", sample: row.sample, origin: "comparison" }, event));
    const { session, view, selection } = cmp.now;
    const { model, method } = act.dataset;
    const place = cmp.page.models.findIndex((one) => one.fingerprint === model);
    const cells = columns.get(keyOf(model, method));
    if (place > 0) nnvis.send({ kind: "classifiers", classifiers: [model, ...session.classifiers.filter((one) => one !== model)] });
    if (typeof row.sample === "number") nnvis.send({ kind: "primary", sample: row.sample, origin: "comparison" });
    nnvis.send({ kind: "attribution", attribution: method });
    if (view.explained !== null) nnvis.send({ kind: "explained", layer: null });
    if ((place === 0 && selection.layer !== null) || (view.comparison.layer || "last") !== "last") nnvis.send({ kind: "layer", layer: cells[at].layer || null });
    const said = cmp.page.models[place].rows[at];
    const predicted = selection.target === null && said.top.length && said.top[0][0] === row.explained; // what Explain shows by itself
    nnvis.send({ kind: "target", target: predicted ? null : said.target });
    nnvis.send({ kind: "lens", lens: "attribution" });
  }
})();
