/* The simulation view's tab `pairs`: two changes at once on a grid of their degrees, and where they cost more than the sum. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);

  const tab = sim.add("pairs", {
    path: "pairs",
    job: "pairs",
    subject: () => ({ dataset: sim.now.dataset, models: sim.now.models.slice(0, 1), change: sim.setting("change"), other: sim.setting("other"), precision: sim.setting("precision"), ...sim.selection() }),
    question: () => tab.subject(),
    state: (answer) => (answer.known ? "whole" : "none"),
    draw,
  });

  function draw() {
    const given = sim.answered(tab);
    const answer = given && given.known ? given : null;
    const place = by("pairs-body");
    sim.frame("pairs", answer ? status(answer) : sim.doing() || (given ? `${sim.title()}, then ${sim.title("simulation-other").toLowerCase()}, at up to 7 degrees each: over the selection or all images, of many a fair sample of 300.` : ""), place, Boolean(answer));
    if (!answer) return place.replaceChildren();
    const word = answer.against === "predictions" ? "agreement" : "accuracy";
    const most = Math.max(0.05, ...answer.interaction.flat().map((value) => Math.abs(value ?? 0)));
    place.replaceChildren(
      grid(answer, word, "accuracy", (value) => nnvis.network.ramp(0.12 + 0.82 * value), (value) => (value > 0.45 ? "#26160a" : "#fff"), (value) => (100 * value).toFixed(0)),
      grid(answer, "interaction", "interaction", (value) => nnvis.network.diverging(-value / most), (value) => (Math.abs(value) > 0.6 * most ? "#fff" : "var(--ink)"), (value) => (100 * value).toFixed(0).replace("-", "−").replace(/^−0$/, "0")));
  }

  function status(answer) {
    return [`${answer.first.title}, then ${answer.second.title.toLowerCase()}, over ${sim.count(answer.n)} images, in %`, "interaction: below 0 where both together cost more than the sum of each", answer.note].filter(Boolean).join(" · ");
  }

  function grid(answer, title, name, paint, ink, words) {
    const { first, second } = answer;
    const at = (one, i, unit) => sim.degree(one.degrees[i], unit ?? one.unit);
    const plain = (one, i) => at(one, i, one.unit === "°" ? "°" : "");
    const named = (one) => one.title.toLowerCase() + (one.unit && one.unit !== "°" ? ` (${one.unit})` : "");
    const cell = function (i, j) {
      const value = answer[name][i][j];
      const between = `${(100 * answer[name + "_low"][i][j]).toFixed(1)} to ${(100 * answer[name + "_high"][i][j]).toFixed(1)}`;
      const about = `${first.title} ${at(first, i)}, then ${second.title.toLowerCase()} ${at(second, j)}: ${title} ${(100 * value).toFixed(1)} % (95 %: ${between})`;
      return h("td", { style: { background: paint(value), color: ink(value) }, title: about.replaceAll("-", "−") }, words(value));
    };
    const unchanged = (one, i) => (one.degrees[i] === one.identity ? "unchanged" : "");
    return h("figure", { class: "pairs-grid", "data-grid": name },
      h("figcaption", {}, `${title}: rows ${named(first)}, columns ${named(second)}`),
      h("table", {},
        h("thead", {}, h("tr", {}, h("th", {}), second.degrees.map((_, j) => h("th", { scope: "col", class: unchanged(second, j) }, plain(second, j))))),
        h("tbody", {}, first.degrees.map((_, i) => h("tr", {}, h("th", { scope: "row", class: unchanged(first, i) }, plain(first, i)), second.degrees.map((__, j) => cell(i, j)))))));
  }
})();
