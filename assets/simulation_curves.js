/* The simulation view's tab `curves`: what the lines are, in one chart or several, their legend, and what is said of them. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const DASHES = ["", "6 3", "2 2.5", "9 3 2 3", "12 4"]; // one a classifier
  const REST_DASH = "1 3";
  const ALL = "all images";
  const INK = "#1f2733";
  const MOST_CHARTS = 40;
  const VALUES = {
    probability: ["mean", "low", "high"],
    accuracy: ["accuracy", "accuracy_low", "accuracy_high"],
    rank: ["rank", null, null],
  };
  const hidden = new Set(); // names that the legend switched off
  let looked = null; // {line, i} under the pointer or the arrow keys

  const tab = sim.add("curves", {
    path: "curves",
    job: "simulation",
    live: true,
    subject: sim.subject,
    question: () => ({ ...sim.subject(), ...sim.selection() }),
    state(answer) {
      const begun = answer.models.filter((model) => model.whole);
      return begun.length === answer.models.length && begun.every((model) => model.n >= model.total) ? "whole" : begun.length ? "part" : "none";
    },
    draw,
  });
  const degree = (value) => sim.degree(value, tab.answer.unit);

  /* --- what the lines are ---------------------------------------------------------------------------------------- */

  const agreement = () => tab.answer.models.some((one) => one.against === "predictions");
  const word = () => ({ probability: "probability", accuracy: agreement() ? "agreement" : "accuracy", rank: "rank" })[sim.setting("by")];

  /* The classifiers that are simulated, of those that are shown. */
  const seen = () => tab.answer.models.filter((model, number) => model.whole && (!number || sim.setting("split") !== "primary"));

  /* All lines that there are; `off` are those that the legend switched off. */
  function lines() {
    const found = [];
    const [mean, low, high] = VALUES[sim.setting("by")];
    tab.answer.models.forEach(function (model, number) {
      if (number && sim.setting("split") === "primary") return;
      const parts = model.inside ? [["inside", model.inside], ["rest", model.rest]] : [["whole", model.whole]];
      for (const [part, curves] of parts) {
        if (!curves) continue;
        const shared = { model, number, part, rest: part === "rest" };
        model.classes.forEach(function (name, index) {
          if (!curves.counts[index] || sim.filtered(name)) return;
          found.push({ ...shared, key: `${number} ${part} ${index}`, name, index: model.numbers[index], n: curves.counts[index], colour: sim.colourOf(name, model.numbers[index]), values: curves[mean][index], low: low && part !== "rest" ? curves[low][index] : null, high: high && part !== "rest" ? curves[high][index] : null, bounds: low ? [curves[low][index], curves[high][index]] : null, rank: curves.rank[index] });
        });
        if (sim.setting("by") === "rank" || sim.now.classes.length) continue;
        const all = curves.overall;
        const accuracy = sim.setting("by") === "accuracy";
        const bounds = accuracy ? [all.accuracy_low, all.accuracy_high] : [all.mean_low, all.mean_high];
        found.push({ ...shared, key: `${number} ${part} all`, name: ALL, index: -1, n: curves.n, colour: INK, values: accuracy ? all.accuracy : all.mean, low: null, high: null, bounds, rank: null });
      }
    });
    const several = overlaid();
    for (const line of found) {
      line.dash = line.rest ? REST_DASH : several ? DASHES[line.number % DASHES.length] : "";
      if (several || (line.part === "rest" && sim.setting("split") !== "classes")) line.low = line.high = null;
    }
    return found;
  }

  /* Whether lines of several classifiers stand in one chart. */
  const overlaid = () => tab.answer.models.filter((model) => model.whole).length > 1 && ["overlaid", "classes"].includes(sim.setting("split"));
  const names = (all) => Array.from(new Set(all.map((line) => line.name)));

  function facets(all) {
    const seen = all.filter((line) => !hidden.has(line.name));
    const split = sim.setting("split");
    if (split === "classes") return names(seen).slice(0, MOST_CHARTS).map((name) => ({ title: name, lines: seen.filter((line) => line.name === name) }));
    if (split === "classifiers") return tab.answer.models.map((model, number) => ({ title: model.name, lines: seen.filter((line) => line.number === number) })).filter((one) => one.lines.length);
    return [{ title: "", lines: seen }];
  }

  function range(all) {
    if (sim.setting("by") !== "rank") return [0, 1];
    const most = Math.max(2, ...tab.answer.models.map((model) => (model.whole ? model.whole.counts.filter(Boolean).length : 0)));
    return [1, most];
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  function draw() {
    const place = by("simulation-charts");
    const answer = tab.answer;
    by("curves-status").textContent = status();
    by("curves-message").textContent = sim.problem();
    const known = Boolean(answer && !answer.problem && seen().length);
    place.classList.toggle("pending", known && !sim.current());
    by("simulation-legend").hidden = !known;
    if (!known) {
      place.replaceChildren(h("div", { class: "empty" }, hint()));
      ["lines", "n", "subject"].forEach((name) => delete place.dataset[name]);
      ["simulation-said", "simulation-legend"].forEach((id) => by(id).replaceChildren());
      sim.examples(null);
      return;
    }
    const all = lines();
    const several = facets(all);
    const before = Array.from(place.querySelectorAll("svg"));
    const focused = before.indexOf(document.activeElement);
    const quiet = focused >= 0 && !document.activeElement.matches(":focus-visible");
    const [columns, width, height] = sizes(place, several.length);
    place.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    place.dataset.lines = String(several.reduce((sum, facet) => sum + facet.lines.length, 0));
    place.dataset.n = String(Math.min(...answer.models.filter((model) => model.whole).map((model) => model.n)));
    place.dataset.subject = JSON.stringify(tab.asked);
    place.replaceChildren(...several.map((facet) => figure(facet, width, height, range(all))));
    const again = place.querySelectorAll("svg")[focused];
    if (again && before.length === several.length) {
      again.classList.toggle("quiet", quiet); // what was clicked shows no ring
      again.focus({ preventScroll: true });
    }
    legend(all);
    said();
    sim.examples(shot(target()));
  }

  function hint() {
    if (!tab.answer) return "";
    if (tab.answer.problem) return "";
    const n = tab.answer.degrees.length;
    const degrees = `${n} degrees from ${degree(tab.answer.degrees[0])} to ${degree(tab.answer.degrees[n - 1])}`;
    if (sim.running()) return "The first images are being looked at.";
    return `${sim.title()} is not simulated yet: ${degrees}, over ${sim.count(sim.now.n)} images and ${sim.now.models.length === 1 ? "one classifier" : sim.now.models.length + " classifiers"}.`;
  }

  function status() {
    if (!tab.answer || tab.answer.problem) return "";
    const models = tab.answer.models.filter((model) => model.whole);
    if (!seen().length) return "";
    const least = models.reduce((a, b) => (b.n < a.n ? b : a));
    const coarse = least.n < least.total;
    const parts = [coarse ? `a fair sample of ${sim.count(least.n)} of ${sim.count(least.total)} images${sim.running() ? ", refined as you look" : ""}` : `all ${sim.count(least.total)} images`];
    const inside = models[0].inside;
    if (tab.answer.selected) parts.push(inside ? `${sim.count(inside.n)} of them selected (lines), the rest dotted` : "no selected image is among them yet");
    parts.push(models[0].precision, "bands: 95 %");
    const notes = Array.from(new Set(models.map((model) => model.note).filter(Boolean)));
    if (sim.setting("split") === "classes") {
      const classes = names(lines()).filter((name) => !hidden.has(name)).length;
      if (classes > MOST_CHARTS) notes.push(`${MOST_CHARTS} of ${classes} charts are drawn: filter classes, or hide some in the legend`);
    }
    if (models.length < tab.answer.models.length) notes.push(`${tab.answer.models.length - models.length} of ${tab.answer.models.length} classifiers not simulated yet`);
    return [...parts, ...notes].join(" · ");
  }

  function sizes(place, n) {
    const width = place.clientWidth;
    const room = by("simulation-body").clientHeight;
    if (n === 1) return [1, width, Math.round(Math.max(158, Math.min(width * 0.62, room - 168)))];
    const columns = Math.max(1, Math.min(n, Math.floor(width / (n > 4 ? 170 : 210))));
    const each = Math.floor((width - 8 * (columns - 1)) / columns);
    return [columns, each, Math.round(Math.max(112, each * 0.6))];
  }

  function figure(facet, width, height, span) {
    const { degrees, identity } = tab.answer;
    const chart = sim.chart({
      width,
      height,
      degrees,
      identity,
      unit: tab.answer.unit,
      lines: facet.lines,
      range: span,
      upside: sim.setting("by") === "rank",
      whole: sim.setting("by") === "rank",
      axis: `${tab.answer.title.toLowerCase()}${tab.answer.unit ? ", " + tab.answer.unit : ""}`,
      pin: pin(facet.lines),
      spread: spread(),
      label: `${word()} over ${tab.answer.title}${facet.title ? ": " + facet.title : ""}, ${facet.lines.length} lines; arrow keys move along and between them, Enter shows images`,
      on: { look, leave, pick },
    });
    return h("figure", { class: "sim-figure", "data-facet": facet.title }, facet.title ? h("figcaption", {}, facet.title) : null, chart);
  }

  /* How far the dataset's own images lie apart in what is changed. */
  function spread() {
    const own = tab.answer.spread;
    if (!own) return null;
    const [low, high] = [own.quantiles[0], own.quantiles[own.quantiles.length - 1]];
    return { low, high, words: spreadSaid(own, low, high) };
  }
  const spreadSaid = (own, low, high) => `grey bar: the dataset's own images, ${degree(low)} to ${degree(high)} (${own.what})`;

  /* The degree and class that were clicked, as they stand in the link. */
  function pinned() {
    const [index, chosen] = [sim.setting("class"), sim.setting("degree")];
    if (index === null || chosen === null) return null;
    const { degrees } = tab.answer;
    const at = degrees.reduce((best, value, i) => (Math.abs(value - chosen) < Math.abs(degrees[best] - chosen) ? i : best), 0);
    return { name: sim.now.classNames[index], at };
  }
  function pin(drawn) {
    const chosen = pinned();
    const line = chosen && drawn.find((one) => one.name === chosen.name && !one.rest);
    return line ? { key: line.key, at: chosen.at } : null;
  }

  /* --- looking --------------------------------------------------------------------------------------------------- */

  function words(line, i) {
    const value = line.values[i];
    const rank = sim.setting("by") === "rank";
    const main = rank ? `rank ${value} of ${line.model.whole.counts.filter(Boolean).length}` : `${word()} ${value.toFixed(3)}`;
    const between = line.bounds && line.bounds[0][i] !== null ? ` (${line.bounds[0][i].toFixed(3)}–${line.bounds[1][i].toFixed(3)})` : "";
    const part = { whole: "", inside: ", selected", rest: ", not selected" }[line.part];
    return { main: main + between, more: `${sim.count(line.n)} images${part}`, rank: !rank && line.rank && line.rank[i] !== null ? `rank ${line.rank[i]}` : "" };
  }

  function look(line, i, at) {
    looked = { line, i };
    const { main, more, rank } = words(line, i);
    const several = tab.answer.models.length > 1;
    sim.card(at.x, at.y,
      h("div", { class: "sim-card-head" }, h("span", { class: "swatch", style: { background: line.colour } }), h("b", {}, line.name), several ? h("span", { class: "label" }, line.model.name) : null),
      h("div", {}, `${tab.answer.title} ${degree(tab.answer.degrees[i])}: ${main}`),
      h("div", { class: "label" }, [more, rank].filter(Boolean).join(" · ")),
      line.index >= 0 ? h("div", { class: "label" }, "a click keeps its images") : null);
    if (!at.event) by("simulation-now").textContent = `${line.name}${several ? ", " + line.model.name : ""}, ${degree(tab.answer.degrees[i])}: ${main}, ${more}`;
    values(i);
    if (line.index >= 0) sim.examples(shot({ line, i }), true);
  }

  function leave() {
    looked = null;
    sim.uncard();
    values(null);
    sim.examples(shot(target()));
  }

  function pick(line, i) {
    if (!line) return sim.set({ class: null, degree: null });
    const index = sim.now.classNames.indexOf(line.name);
    if (index >= 0) sim.set({ class: index, degree: tab.answer.degrees[i] });
  }

  /* What examples are shown of: what is looked at, else what was clicked. */
  function target() {
    if (looked) return looked.line.index >= 0 ? looked : null;
    const chosen = pinned();
    const all = lines().filter((one) => !one.rest && one.index >= 0 && !hidden.has(one.name));
    const line = chosen && all.find((one) => one.name === chosen.name);
    return line ? { line, i: chosen.at } : lowest(all);
  }

  const shot = (place) => (place && sim.current("curves") ? { ...place, unit: tab.answer.unit, degrees: tab.answer.degrees } : null);

  /* The line that falls lowest, and where. */
  function lowest(all) {
    let found = null;
    const worse = sim.setting("by") === "rank" ? -1 : 1;
    for (const line of all) {
      line.values.forEach(function (value, i) {
        if (value !== null && (!found || worse * value < worse * found.line.values[found.i])) found = { line, i };
      });
    }
    return found;
  }

  /* --- legend and words ------------------------------------------------------------------------------------------ */

  function legend(all) {
    const models = tab.answer.models.filter((model) => model.whole);
    const place = by("simulation-legend");
    const scrolled = place.scrollTop;
    const focused = place.contains(document.activeElement) ? document.activeElement.dataset.legend : null;
    const key = (dash, label) => h("div", { class: "sim-key" }, nnvis.svg("svg", { width: 26, height: 8 }, nnvis.svg("path", { d: "M1,4H25", "stroke-dasharray": dash || null })), h("span", {}, label));
    const keys = [];
    if (overlaid()) tab.answer.models.forEach((model, number) => model.whole && keys.push(key(DASHES[number % DASHES.length], model.name)));
    if (models.some((model) => model.inside)) keys.push(key("", "selected"), key(REST_DASH, "the rest"));
    const rows = names(all).map(function (name) {
      const line = all.find((one) => one.name === name);
      return h("button", { type: "button", class: "act sim-class", "data-legend": name, "aria-pressed": String(!hidden.has(name)), title: `${name}: click to hide or show it, double click for it alone` },
        h("span", { class: "swatch", style: { background: line.colour } }), h("span", { class: "class-name" }, name), h("span", { class: "sim-value" }));
    });
    place.replaceChildren(...keys, ...rows);
    place.scrollTop = scrolled;
    const again = focused && rows.find((row) => row.dataset.legend === focused);
    if (again) again.focus({ preventScroll: true });
    values(looked ? looked.i : null);
  }

  /* Values beside the names: at a degree, or the lowest over all of them. */
  function values(i) {
    if (!tab.answer || tab.answer.problem) return;
    const chosen = pinned();
    const at = i !== null ? i : chosen ? chosen.at : null;
    const all = lines();
    const rank = sim.setting("by") === "rank";
    document.querySelectorAll("#simulation-legend [data-legend]").forEach(function (row) {
      const line = all.find((one) => one.name === row.dataset.legend);
      const known = line ? line.values.filter((value) => value !== null) : [];
      const value = !line ? null : at !== null ? line.values[at] : rank ? Math.max(...known) : Math.min(...known);
      const cell = row.lastElementChild;
      cell.textContent = value === null || !Number.isFinite(value) ? "" : rank ? String(value) : value.toFixed(2);
      cell.title = at !== null ? "at " + degree(tab.answer.degrees[at]) : rank ? "the last rank that it falls to" : "the lowest over all degrees";
    });
  }

  document.addEventListener("click", function (event) {
    const row = event.target.closest("#simulation-legend [data-legend]");
    if (!row) return;
    const name = row.dataset.legend;
    if (event.detail === 2) {
      const others = names(lines()).filter((one) => one !== name);
      const alone = others.every((one) => hidden.has(one));
      hidden.clear();
      if (!alone) others.forEach((one) => hidden.add(one));
    } else if (hidden.has(name)) hidden.delete(name);
    else hidden.add(name);
    draw();
  });
  for (const [kind, on] of [["pointerover", true], ["pointerout", false]]) {
    document.addEventListener(kind, function (event) {
      const row = event.target.closest && event.target.closest("#simulation-legend [data-legend]");
      if (row) document.querySelectorAll("#simulation-charts svg").forEach((chart) => chart.lightClass(on ? row.dataset.legend : null));
    });
  }

  function said() {
    const told = tab.answer.models.filter((model, number) => model.whole && (!number || sim.setting("split") !== "primary"));
    const several = told.length > 1;
    const parts = told.flatMap(function (model) {
      const curves = model.inside || model.whole;
      return (curves.said || []).map((sentence) => h("p", {}, several ? h("b", {}, model.name + ": ") : null, coloured(sentence, model)));
    });
    const own = spread();
    by("simulation-said").replaceChildren(...parts, ...(own ? [h("p", { class: "label" }, own.words)] : []));
  }

  /* A sentence in which the class that it begins with has its colour. */
  function coloured(sentence, model) {
    const name = model.classes.filter((one) => sentence.startsWith(one + " ")).sort((a, b) => b.length - a.length)[0];
    if (!name) return sentence;
    const swatch = h("span", { class: "swatch", style: { background: sim.colourOf(name, model.numbers[model.classes.indexOf(name)]) } });
    return h("span", {}, swatch, " ", h("b", {}, name), sentence.slice(name.length));
  }
})();
