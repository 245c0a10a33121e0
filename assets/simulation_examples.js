/* Images beside a class curve: some of the class at a degree, and those that flip first; a click tests one as it is there. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const REST = 160; // milliseconds at a place before its images are asked for
  const N = 12;
  const KEPT = 200;
  const MOST_OTHERS = 3;
  const LEAST = 0.02; // mean probability or share from which another class is named
  const answers = new Map();
  let wanted = "";
  let drawn = "";
  let timer = 0;

  /* Show images of `line` of a chart at place `i` of its `degrees` in a `unit`, or none; `rest`: only when the pointer stays there. */
  sim.examples = function (target, rest) {
    clearTimeout(timer);
    const place = by("simulation-examples");
    if (!target) {
      wanted = drawn = "";
      place.replaceChildren();
      return;
    }
    const { line, i } = target;
    const record = { ...sim.subject(), model: line.model.model, class: line.index, degree: i, n: N };
    const key = JSON.stringify([record, line.model.n]);
    wanted = key;
    if (key === drawn) return;
    if (answers.has(key)) return show(key, line, target);
    timer = setTimeout(async function () {
      const found = await nnvis.post("simulation/examples", record);
      if (!found.again) answers.set(key, found);
      if (answers.size > KEPT) answers.delete(answers.keys().next().value);
      if (wanted === key && answers.has(key)) show(key, line, target);
    }, rest ? REST : 0);
  };

  function show(key, line, { i, unit, degrees }) {
    const degree = (value) => sim.degree(value, unit);
    drawn = key;
    const found = answers.get(key);
    const place = by("simulation-examples");
    if (found.problem) return place.replaceChildren(h("span", { class: "label" }, found.problem));
    const strip = (title, about, images, empty, words, more) =>
      h("div", { class: "sim-strip" },
        h("div", { class: "sim-strip-head" }, h("span", { class: "label", title: about }, title), more || null),
        images.length ? h("div", { class: "sim-thumbs" }, images.map((one) => thumb(one, line, words))) : h("div", { class: "label" }, empty));
    place.replaceChildren(
      strip(`${line.name} at ${degree(degrees[i])}`, "Images of the class, as a fair sample has them", found.typical, "no image", (one) => one.probability.toFixed(2), others(found, line)),
      strip("flip first", "Images of the class whose prediction changes at the smallest change", found.flips, "none flips", (one) => sim.brief(one.degree, unit)));
  }

  /* The class's own mean probability is the line; these are the classes that take it over. */
  function others({ others: shares, others_are: what }, line) {
    const shown = shares.filter(([number, share]) => number !== line.index && share >= LEAST).slice(0, MOST_OTHERS);
    if (!shown.length) return null;
    const one = ([number, share]) => h("span", {}, h("span", { class: "swatch", style: { background: sim.colourOf(named(number, line), number) } }), named(number, line) + " " + share.toFixed(2));
    return h("span", { class: "sim-others", title: `Other classes' ${what} over all images of the class at this degree` }, h("span", { class: "label" }, "taken for"), shown.map(one));
  }

  function named(number, line) {
    const place = line.model.numbers.indexOf(number);
    return place >= 0 ? line.model.classes[place] : sim.className(number);
  }

  function thumb(one, line, words) {
    const name = named(one.prediction, line);
    const wrong = one.prediction !== line.index;
    return sim.thumb(one.id, { image: one.image, edits: one.edits, title: `#${one.id}: ${wrong ? "taken for " : ""}${name}`, words: words(one), mistake: wrong });
  }
})();
