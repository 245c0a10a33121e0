/* The suggestion view: with several classifiers a scatter of their mean confidence over the number of answers that they give,
 * with one a histogram of a score. What both do alike stands here: what is looked at, the data, the selection, the gestures;
 * they are drawn in suggestion_scatter.js and suggestion_histogram.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const sug = (nnvis.suggestion = nnvis.suggestion || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const USUAL = { colour: "label", confident: 0.5, score: "confidence" };
  const LATER = 2000; // milliseconds until an engine that was busy is asked again
  const KEPT = 6; // answers

  sug.now = null; // what is looked at
  sug.drawings = {}; // "several" and "one": {draw(answer, place), point(x, y), inside(gesture)}
  let shown = [null, null, null, null, null]; // catalog, session, selection, view, indexed
  const answers = new Map(); // by question, as text: the arrays, {problem}, or null while they are asked for

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.suggestionShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view, indexed] = shown;
    if (!catalog || !session || !selection || !view || !by("suggestion")) return;
    if (!nnvis.catalogued(catalog, session)) return;
    const settings = { ...USUAL, ...view.suggestion };
    const open = nnvis.overview(view) === "suggestion";
    const several = session.classifiers.length > 1;
    sug.now = { catalog, selection, settings, open, several, dataset: session.dataset, models: session.classifiers, ready: new Set((indexed && indexed.ready) || []) };
    if (!open) return;
    tools();
    ask();
    draw();
  }
  window.addEventListener("resize", () => sug.redraw());

  async function tools() {
    const { several, settings, catalog } = sug.now;
    by("suggestion-several").hidden = !several;
    by("suggestion-one").hidden = several;
    const put = (id, value) => by(id) !== document.activeElement && (by(id).value = value ?? "");
    put("suggestion-colour-select", settings.colour);
    put("suggestion-confident-number", settings.confident);
    put("suggestion-score-select", settings.score);
    put("suggestion-channel-number", settings.channel);
    const labelled = catalog.labelled;
    for (const option of by("suggestion-score-select").options) option.disabled = option.value === "shortfall" && !labelled;
    by("suggestion-activation").hidden = settings.score !== "activation";
    if (several || settings.score !== "activation" || !nnvis.network.now) return;
    const layers = await nnvis.network.unitLayers();
    const list = by("suggestion-layer-select");
    if (list.dataset.model !== catalog.model) {
      list.replaceChildren(...layers.map((layer) => new Option(layer.name, layer.name)));
      list.dataset.model = catalog.model;
    }
    put("suggestion-layer-select", layerOf(layers));
    if (!settings.layer && layers.length) ask();
  }
  const layerOf = (layers) => sug.now.settings.layer || (layers[layers.length - 2] || layers[0] || { name: "" }).name; // the one before the outputs

  /* A click on the tab asks again for what went wrong. */
  document.addEventListener("click", function (event) {
    if (!event.target.closest("#overview-tab-suggestion") || !sug.now) return;
    const key = JSON.stringify(question());
    if (answers.get(key) && answers.get(key).problem) answers.delete(key);
    sug.reasonsAgain();
    look();
  });

  /* --- questions ------------------------------------------------------------------------------------------------- */

  function question() {
    const { dataset, models, several, settings, catalog } = sug.now;
    if (several) return { dataset, models };
    const layer = settings.layer || by("suggestion-layer-select").value || "";
    const activation = settings.score === "activation" ? { layer, channel: settings.channel ?? null } : {};
    return { dataset, model: catalog.model, score: settings.score, ...activation };
  }

  function ask() {
    const { several, models, ready, catalog } = sug.now;
    const wanted = question();
    const key = JSON.stringify(wanted);
    if (!models.length || answers.has(key) || (wanted.score === "activation" && !wanted.layer)) return;
    if (several) return compare(wanted);
    if (ready.has(catalog.model)) fetched("suggestion/scores", wanted);
  }

  /* Several classifiers are compared by a job, whose answer says that the points can be fetched. */
  let compared = null; // the question of the last job
  function compare(wanted) {
    if (answers.get(compared) === null) answers.delete(compared); // a job that is asked for no longer doesn't answer
    compared = JSON.stringify(wanted);
    answers.set(compared, null);
    nnvis.network.run("suggestion", wanted);
  }
  window.addEventListener("nnvis-network-job", function (event) {
    const { name, record, answer } = event.detail;
    if (name !== "suggestion" || !answer) return;
    const wanted = { dataset: record.dataset, models: record.models };
    if (answer.problem) keep(wanted, { problem: answer.problem });
    else fetched("suggestion/points", wanted);
  });

  async function fetched(path, wanted) {
    const key = JSON.stringify(wanted);
    answers.set(key, null);
    const [found] = await Promise.all([nnvis.network.arrays(path, wanted), nnvis.samples.load(sug.now.catalog)]);
    if (found.again) {
      answers.delete(key);
      setTimeout(look, LATER);
    } else keep(wanted, found);
  }

  function keep(wanted, found) {
    const key = JSON.stringify(wanted);
    answers.delete(key);
    answers.set(key, found);
    while (answers.size > KEPT) answers.delete(answers.keys().next().value);
    if (sug.now && same(question(), wanted)) draw();
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  sug.redraw = () => sug.now && sug.now.open && draw();

  let turn = 0;
  async function draw() {
    const mine = (turn += 1);
    const { several, models, catalog, selection, ready } = sug.now;
    const answer = answers.get(JSON.stringify(question()));
    const problem = !models.length ? "No classifier fits this dataset. Add one." : (answer && answer.problem) || "";
    by("suggestion-message").textContent = problem;
    const plot = by("suggestion-plot");
    if (!answer || problem) {
      plot.replaceChildren();
      by("suggestion-legend").replaceChildren();
      by("suggestion-status").textContent = problem ? "" : several ? "The classifiers are being compared." : ready.has(catalog.model) ? "" : "The classifier is being run over the images.";
      return;
    }
    const [chosen, known] = await Promise.all([nnvis.selected(selection.samples), nnvis.samples.load(catalog)]);
    if (mine !== turn || !sug.now.open) return;
    sug.known = known;
    const n = (answer.mean || answer.values).length;
    const passes = nnvis.samples.passing(null, selection, n);
    const lit = chosen.length ? new Uint8Array(n) : null;
    for (const id of chosen) if (lit && id < n) lit[id] = 1;
    sug.drawings[several ? "several" : "one"](answer, plot, passes, lit);
    plot.dataset.drawn = JSON.stringify(question());
  }

  /* --- what both drawings need ----------------------------------------------------------------------------------- */

  sug.select = (ids, event) => nnvis.selectBeside(ids, event, sug.now.selection.samples, "suggestion");

  sug.count = (n) => n.toLocaleString("en-US");
  sug.say = (words) => (by("suggestion-status").textContent = words);
})();
