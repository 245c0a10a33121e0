/* The simulation view's tab `summary`: every class under every change of a set as one heatmap, corruption errors as
 * ImageNet-C defines them, and accuracy over the strength of attacks. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);

  const tab = sim.add("summary", {
    path: "summary",
    job: "battery",
    subject: () => ({ dataset: sim.now.dataset, models: sim.now.models, precision: sim.setting("precision"), set: by("summary-set").value }),
    question: () => ({ ...tab.subject(), ...sim.selection() }),
    state(answer) {
      const known = answer.models.flatMap((model) => model.changes);
      const finished = known.filter((change) => change.total && change.n >= change.total).length;
      return known.length === answer.of * answer.models.length && finished === known.length && known.length ? "whole" : known.length ? "part" : "none";
    },
    live: true,
    draw,
  });

  document.addEventListener("change", function (event) {
    if (event.target.id !== "summary-set" || !sim.now) return;
    sim.ask();
    draw();
  });

  const percent = (share) => (share === null ? "–" : (100 * share).toFixed(share < 0.0995 ? 1 : 0));
  const word = (model) => (model.against === "predictions" ? "agreement" : "accuracy");

  function draw() {
    const place = by("summary-body");
    const answer = sim.answered(tab);
    const models = answer ? answer.models.filter((model) => model.classes.length) : [];
    sim.frame("summary", status(answer, models), place, models.length > 0);
    place.replaceChildren(...models.map(heat), ...(models.length ? [errors(models), epsilons(models)] : []).filter(Boolean));
  }

  function status(answer, models) {
    if (!answer) return "";
    if (!models.length) return sim.doing() || `None of ${sim.title("summary-set").toLowerCase()} is simulated yet.`;
    const changes = models[0].changes.filter((change) => change.column !== null);
    const least = changes.reduce((a, b) => (b.n < a.n ? b : a));
    const images = least.n < least.total ? `a fair sample of ${sim.count(least.n)} of ${sim.count(least.total)} images` : `all ${sim.count(least.total)} images`;
    return [`${word(models[0])} under each change, in % of that on the unchanged images`, `${changes.length} of ${answer.of} changes`, tab.asked.samples || tab.asked.correctness !== "all" ? "the selection" : images].join(" · ");
  }

  /* From red over white to blue: nothing left, half, all of it. */
  function colour(score) {
    const t = Math.max(0, Math.min(1, score));
    const mix = (from, to, share) => from.map((value, i) => Math.round(value + (to[i] - value) * share));
    const [r, g, b] = t < 0.5 ? mix([206, 79, 69], [250, 240, 232], 2 * t) : mix([250, 240, 232], [70, 134, 190], 2 * t - 1);
    return `rgb(${r},${g},${b})`;
  }

  function heat(model) {
    const columns = model.changes.filter((change) => change.column !== null);
    const named = (name, values, title, all) =>
      h("tr", all ? { class: "all" } : {}, h("th", { scope: "row" }, name), columns.map(function (change) {
        const score = values[change.column];
        return h("td", {}, h("button", { type: "button", class: "summary-cell", style: { background: score === null ? "var(--soft)" : colour(score), color: score !== null && (score < 0.2 || score > 0.85) ? "#fff" : "var(--ink)" }, title: title(change), "data-open": change.name, "data-class": all ? "" : name }, percent(score)));
      }));
    const rows = model.classes.map(function (name, row) {
      if (sim.filtered(name)) return null;
      const title = function (change) {
        const at = (list) => model[list][row][change.column];
        return `${name} under ${change.title.toLowerCase()}: ${percent(at("score"))} % (95 %: ${percent(at("score_low"))} to ${percent(at("score_high"))}) of its ${word(model)} are left, ${percent(at("clean"))} % before and ${percent(at("accuracy"))} % on average over the degrees; ${sim.count(model.counts[row][change.column])} images. Click for the curves.`;
      };
      return named(name, model.score[row], title, false);
    });
    const all = (change) => `all images under ${change.title.toLowerCase()}: ${word(model)} ${percent(model.overall.clean[change.column])} % before, ${percent(model.overall.accuracy[change.column])} % on average. ${model.said[change.column]}`;
    return h("div", { class: "summary-model" },
      tab.answer.models.length > 1 ? h("div", { class: "strong" }, model.name) : null,
      h("table", { class: "summary-table" },
        h("thead", {}, h("tr", {}, h("th", {}), columns.map((change) => h("th", { scope: "col", title: change.title }, h("span", {}, change.title))))),
        h("tbody", {}, named("all images", model.overall.score, all, true), rows)));
  }

  document.addEventListener("click", function (event) {
    const cell = event.target.closest("#summary-body [data-open]");
    if (!cell) return;
    const index = sim.now.classNames.indexOf(cell.dataset.class);
    sim.set({ change: cell.dataset.open, tab: null, class: index < 0 ? null : index, degree: null });
  });

  function errors(models) {
    const known = models.filter((model) => model.errors);
    if (!known.length) return null;
    const number = (value) => (value === null || value === undefined ? "–" : (100 * value).toFixed(1));
    const first = known[0];
    const missing = first.errors.missing.length;
    const about = `mCE as ImageNet-C defines it, relative to ${models[0].name} (= 100)${missing ? `; ${15 - missing} of its 15 corruptions, so not to be compared with published ones` : ""}`;
    return h("div", { class: "summary-errors" },
      h("div", { class: "label" }, about),
      h("table", { class: "plain-table" },
        h("thead", {}, h("tr", {}, ["", "clean error, %", "mean corruption error, %", "mCE", "relative mCE"].map((title) => h("th", { scope: "col" }, title)))),
        h("tbody", {}, known.map((model) => h("tr", {}, h("th", { scope: "row" }, model.name), [model.errors.clean_error, model.errors.mean_error, model === models[0] ? 1 : model.errors.mce, model === models[0] ? 1 : model.errors.relative_mce].map((value) => h("td", {}, number(value))))))));
  }

  const SHADES = ["#1f6feb", "#b3323f", "#1d7a46", "#8a5a00", "#6a3fb5", "#0b7285"];

  function epsilons(models) {
    const names = Array.from(new Set(models.flatMap((model) => model.epsilon.map((curve) => curve.name))));
    if (!names.length) return null;
    const lines = models.flatMap((model, number) => model.epsilon.map((curve) => ({ key: number + " " + curve.name, name: `${title(model, curve.name)}${models.length > 1 ? ", " + model.name : ""}`, index: -1, colour: SHADES[names.indexOf(curve.name) % SHADES.length], dash: ["", "6 3", "2 2.5", "9 3 2 3"][number % 4], values: curve.accuracy, low: models.length > 1 ? null : curve.low, high: models.length > 1 ? null : curve.high, curve, model })));
    const degrees = lines[0].curve.epsilon;
    const alike = lines.filter((line) => JSON.stringify(line.curve.epsilon) === JSON.stringify(degrees));
    const look = function (line, i, at) {
      const { curve } = line;
      sim.card(at.x, at.y,
        h("div", { class: "sim-card-head" }, h("span", { class: "swatch", style: { background: line.colour } }), h("b", {}, line.name)),
        h("div", {}, `ε ${sim.short(degrees[i])}: ${word(line.model)} ${curve.accuracy[i].toFixed(3)} (${curve.low[i].toFixed(3)}–${curve.high[i].toFixed(3)})`),
        h("div", { class: "label" }, `area under the curve ${curve.area.toFixed(3)} (${curve.area_low.toFixed(3)}–${curve.area_high.toFixed(3)}), ${sim.count(curve.n)} images`));
    };
    const width = Math.min(520, by("summary-body").clientWidth);
    const chart = sim.chart({ width, height: 190, degrees, identity: 0, unit: "", lines: alike, range: [0, 1], axis: "ε, pixel values", pin: null, label: "accuracy over epsilon", on: { look, leave: sim.uncard, pick() {} } });
    const keys = alike.map((line) => h("div", { class: "sim-key" }, nnvis.svg("svg", { width: 26, height: 8 }, nnvis.svg("path", { d: "M1,4H25", "stroke-dasharray": line.dash || null, style: "stroke: " + line.colour })), h("span", {}, `${line.name} · area ${line.curve.area.toFixed(2)}`)));
    return h("div", { class: "summary-epsilon" }, h("div", { class: "label" }, `${word(models[0])} over ε`), chart, h("div", { class: "summary-keys" }, keys));
  }

  const title = (model, name) => (model.changes.find((change) => change.name === name) || { title: name }).title;
})();
