/* The view of two classifiers: what is looked at, the answers, and what its parts have in common. A part draws what the server
 * counted among the samples that pass the filters; a click picks its samples from answers that are here. The parts are drawn in
 * models_changes.js, models_confusion.js, models_calibration.js models_similarity.js and models_maps.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const by = (id) => document.getElementById(id);
  const USUAL = { part: "changes", matrix: "ab", samples: 512, method: "pca" };
  const LATER = 2000; // milliseconds until an engine that was busy is asked again
  const KEPT = 24; // answers

  md.now = null; // what is looked at
  md.parts = {}; // by name: a function (plot, answer, samples) that draws
  let shown = [null, null, null, null, null]; // catalog, session, selection, view, indexed
  const answers = new Map(); // by path and question, as text: what was answered, or null while it is asked for

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.modelsShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view, indexed] = shown;
    if (!catalog || !session || !selection || !view || !by("models")) return;
    if (!nnvis.catalogued(catalog, session)) return;
    const open = nnvis.overview(view) === "models";
    const settings = { ...USUAL, ...view.models };
    const all = session.classifiers.filter((model) => catalog.modelNames[model]);
    const a = all.includes(settings.a) ? settings.a : all[0];
    const b = all.includes(settings.b) && settings.b !== a ? settings.b : all.find((model) => model !== a);
    const models = [a, b].filter(Boolean);
    const problems = (indexed && indexed.problems) || {};
    md.now = { catalog, selection, view, settings, open, all, models, part: md.parts[settings.part] ? settings.part : USUAL.part };
    md.now.names = models.map((model) => catalog.modelNames[model]);
    md.now.ready = models.every((model) => indexed && indexed.ready.includes(model));
    md.now.problem = models.map((model) => problems[model]).find(Boolean) || "";
    if (!open) return;
    tools();
    draw();
  }
  md.look = look;
  window.addEventListener("resize", () => md.now && md.now.open && draw());

  function tools() {
    const { all, models, catalog, part, settings } = md.now;
    ["a", "b"].forEach(function (side, i) {
      const list = by(`models-${side}-select`);
      list.replaceChildren(...all.map((model) => new Option(catalog.modelNames[model], model)));
      list.value = models[i] || "";
      list.title = catalog.modelNames[models[i]] || "";
      list.closest(".field").hidden = !models[i];
    });
    by("models-swap").hidden = models.length < 2;
    document.querySelectorAll("#models-parts button").forEach((button) => button.setAttribute("aria-pressed", String(button.classList.contains("part-" + part))));
    by("models-matrix").hidden = part !== "confusion" || models.length < 2;
    by("models-samples").hidden = part !== "similarity" || models.length < 2;
    by("models-method").hidden = part !== "maps" || models.length < 2;
    for (const name of ["matrix", "samples", "method"]) if (by(`models-${name}-select`) !== document.activeElement) by(`models-${name}-select`).value = String(settings[name]);
  }

  document.addEventListener("click", function (event) {
    if (!md.now) return;
    if (event.target.closest("#models-swap")) nnvis.send({ kind: "models", parameters: { a: md.now.models[1], b: md.now.models[0] } });
    if (!event.target.closest("#overview-tab-models, #models-parts button")) return;
    answers.forEach((found, key) => found && found.problem && answers.delete(key)); // what went wrong is asked again
    look();
  });

  /* --- questions ------------------------------------------------------------------------------------------------- */

  const wanted = () => ({ dataset: md.now.catalog.dataset, models: md.now.models });
  function counted() {
    const { catalog, part, selection } = md.now;
    return { ...wanted(), part, primary: catalog.model, classes: selection.classes, correctness: selection.correctness };
  }

  /* The answer to a question, undefined while it is on its way: the view is looked at again once it is there. */
  md.ask = function (path, question, fetched) {
    const key = keyOf(path, question);
    const found = answers.get(key);
    if (found) return found;
    if (found === undefined) {
      answers.set(key, null);
      fetched(path, question).then(function (answer) {
        if (!answer.again) return keep(key, answer);
        answers.delete(key);
        setTimeout(look, LATER);
      });
    }
    return undefined;
  };

  /* The same for what a job finds. */
  const asked = {}; // by job: the key of what it was last asked for
  const keyOf = (job, question) => job + JSON.stringify(question);
  md.job = function (job, question) {
    const key = keyOf(job, question);
    const found = answers.get(key);
    if (found) return found;
    if (found === undefined) {
      if (answers.get(asked[job]) === null) answers.delete(asked[job]); // one that is asked for no longer doesn't answer
      answers.set((asked[job] = key), null);
      nnvis.network.run(job, question);
    }
    return undefined;
  };
  window.addEventListener("nnvis-network-job", function (event) {
    const { name, record, answer } = event.detail;
    if (!answer || !(name in asked)) return;
    const { number, ...question } = record;
    keep(keyOf(name, question), answer);
  });

  function keep(key, answer) {
    answers.delete(key);
    answers.set(key, answer);
    for (const [old, found] of answers) if (answers.size > KEPT && found) answers.delete(old);
    look();
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  let turn = 0;
  let held = []; // what the drawing that is shown is of: while it is the same nothing is drawn again, and the focus stays
  async function draw() {
    const mine = (turn += 1);
    const { models, ready, problem, part, catalog } = md.now;
    const plot = by("models-plot");
    if (!models.length || problem) return empty(problem || "No classifier fits this dataset. Add one.", "");
    if (!ready || !catalog.ready) return empty("", "The classifiers are being run over the images.");
    const samples = md.ask("models/answers", wanted(), nnvis.network.arrays);
    const question = counted();
    const answer = md.parts[part].own ? md.parts[part].own() : md.ask("models/diff", question, nnvis.post);
    const wrong = (samples && samples.problem) || (answer && answer.problem);
    if (wrong) return empty(wrong, "");
    if (!samples || !answer) return plot.dataset.drawn && plot.dataset.part === part ? undefined : empty("", { similarity: "The layers are being compared.", maps: "Both are being projected." }[part] || "The answers are being counted.");
    await nnvis.samples.load(catalog);
    if (mine !== turn || !md.now.open) return;
    const { settings, selection } = md.now;
    const seen = { maps: `${selection.samples} ${selection.derived || selection.primary}`, similarity: selection.layer }[part];
    const of = [samples, answer, settings.matrix, seen, by("models").clientWidth, by("models").clientHeight, JSON.stringify(question)];
    if (plot.dataset.drawn && of.every((one, i) => one === held[i])) return;
    held = of;
    by("models-message").textContent = "";
    filtered = answer.n > 0 && answer.n < catalog.n && !md.parts[part].own ? `${md.count(answer.n)} of ${md.count(catalog.n)} samples pass the filters.` : "";
    say("");
    if (plot.dataset.part !== part) plot.replaceChildren();
    plot.dataset.part = part;
    md.samples = samples;
    const cell = plot.contains(document.activeElement) ? document.activeElement.dataset.cell : "";
    if (answer.n === 0) plot.replaceChildren(nnvis.h("div", { class: "empty" }, "No sample passes the filters."));
    else md.parts[part](plot, answer, samples);
    if (cell && plot.querySelector(`[data-cell="${cell}"]`)) plot.querySelector(`[data-cell="${cell}"]`).focus();
    plot.dataset.drawn = JSON.stringify({ ...question, matrix: settings.matrix });
  }

  function empty(problem, status) {
    const plot = by("models-plot");
    plot.replaceChildren();
    delete plot.dataset.drawn;
    delete plot.dataset.part;
    by("models-message").textContent = problem;
    filtered = "";
    say(status);
  }

  /* What the view says above the drawing; first of all that it isn't about all samples. */
  let filtered = "";
  const say = (words) => (by("models-status").textContent = [filtered, words].filter(Boolean).join(" "));
  md.say = say;

  /* --- what the parts need ---------------------------------------------------------------------------------------- */

  md.count = (n) => n.toLocaleString("en-US");
  md.percent = (share) => (100 * share).toFixed(1) + " %";
  md.name = (number) => md.samples.header.names[number];

  /* What the answers say of a sample: label, predictions of the first and of the second, and how sure they are. */
  md.of = function (id) {
    const { labels, predictions, confidence } = md.samples;
    const n = labels.length;
    const second = md.now.models.length > 1 ? n + id : id;
    return { label: labels[id], a: predictions[id], b: predictions[second], confidence: [confidence[id], confidence[second]] };
  };

  /* Select the samples that pass the filters and of which `test` is true. */
  md.pick = function (test, event) {
    const ids = [];
    for (let id = 0; id < md.samples.labels.length; id += 1) if (nnvis.samples.passes(id, md.now.selection) && test(md.of(id))) ids.push(id);
    if (ids.length) nnvis.selectBeside(ids, event, md.now.selection.samples, "models");
  };

  /* Make an element of SVG, or a cell, act by click and by keyboard, and tell its lines under the pointer. */
  md.acts = function (element, lines, act) {
    element.addEventListener("click", act);
    element.addEventListener("keydown", function (event) {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act(event);
    });
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", lines.join(", "));
    if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "0");
    const card = by("hover-card");
    element.addEventListener("pointermove", function (event) {
      card.className = "hover-card sim-card";
      card.replaceChildren(nnvis.h("div", {}, lines.map((text) => nnvis.h("div", {}, text))));
      card.hidden = false;
      const box = card.getBoundingClientRect();
      card.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
      card.style.top = Math.max(8, Math.min(event.clientY + 14, innerHeight - box.height - 8)) + "px";
    });
    element.addEventListener("pointerleave", function () {
      card.hidden = true;
      card.className = "hover-card";
    });
    return element;
  };
  md.picks = (element, lines, test) => md.acts(element, lines, (event) => md.pick(test, event));
})();
