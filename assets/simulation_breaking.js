/* The simulation view's tab `breaking`: how far each class's images can be changed before they flip, and which flip first. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const LISTED = 48;

  const tab = sim.add("breaking", {
    path: "breaking",
    job: "breaking",
    subject: () => ({ ...sim.subject(), models: sim.now.models.slice(0, 1) }),
    question: () => ({ ...tab.subject(), ...sim.selection() }),
    state: (answer) => (answer.changes.length ? "whole" : "none"),
    draw,
  });

  const percent = (share) => (share === null ? "" : (100 * share).toFixed(0) + " %");

  function draw() {
    const answer = sim.answered(tab);
    const found = answer && answer.changes.length ? answer.changes[0] : null;
    const place = by("breaking-body");
    place.hidden = !found;
    sim.frame("breaking", found ? status(answer, found) : sim.doing() || (answer ? `For each of ${sim.count(sim.now.n)} images the smallest ${sim.title().toLowerCase()} that flips the first classifier's prediction: a scan, then bisection.` : ""), place, Boolean(found));
    if (!found) return ["breaking-rows", "breaking-first", "breaking-said"].forEach((id) => by(id).replaceChildren());
    const known = found.known;
    const most = known.distances[known.distances.length - 1] || 1;
    const groups = known.groups.filter((group) => group.number < 0 || !sim.filtered(group.name));
    by("breaking-rows").replaceChildren(...groups.map((group) => row(group, most, found)), axis(most, found));
    const listed = queue();
    by("breaking-first").replaceChildren(...listed.slice(0, LISTED).map((one) => first(one, answer)));
    by("breaking-select").disabled = !listed.length;
    by("breaking-said").replaceChildren(...known.said.map((sentence) => h("p", {}, sentence)));
  }

  function status(answer, found) {
    const all = found.known.groups[found.known.groups.length - 1];
    const others = answer.changes.slice(1).map((one) => one.title.toLowerCase());
    const order = others.length ? `; the list goes by ${found.title.toLowerCase()}, ${others.join(", ")}, DeepGini and margin` : "; the list goes by it, DeepGini and margin";
    return [`${sim.count(all.n)} images`, `exact to ${sim.degree(found.known.tolerance, found.unit)}${order}`, found.known.note].filter(Boolean).join(" · ");
  }

  /* The images to look at first, of the classes that are shown. */
  const queue = () => tab.answer.queue.filter((one) => !sim.now.classes.length || sim.now.classes.includes(one.label));

  function row(group, most, found) {
    const all = group.number < 0;
    const share = (distance) => (100 * (distance === null ? most : Math.min(most, distance))) / most + "%";
    const wide = (low, high) => ({ left: share(low), width: `calc(${share(high)} - ${share(low)})` });
    const [p5, p25, p50, p75, p95] = group.quantiles;
    const far = (distance) => (distance === null ? "beyond the range" : sim.degree(distance, found.unit));
    const title = `${group.name}, ${sim.count(group.n)} images: half flip by ${far(p50)} (95 %: ${far(group.median_low)} to ${far(group.median_high)}), the middle half by ${far(p25)} to ${far(p75)}; ${percent(group.never)} never flip`;
    const colour = all ? "#1f2733" : sim.colourOf(group.name, group.number);
    const line = h("button", { type: "button", class: "act breaking-row", title: title, "data-class": group.number },
      h("span", { class: "class-name" }, group.name),
      h("span", { class: "breaking-track", style: { color: colour } },
        h("span", { class: "breaking-whisker", style: wide(p5, p95) }),
        h("span", { class: "breaking-box", style: wide(p25, p75) }),
        p50 === null ? null : h("span", { class: "breaking-median", style: { left: share(p50) } })),
      h("span", { class: "sim-value" }, p50 === null ? "–" : sim.degree(p50, found.unit)),
      h("span", { class: "sim-value" }, percent(group.never)));
    line.addEventListener("click", function () {
      const alone = sim.now.classes.length === 1 && sim.now.classes[0] === group.number;
      nnvis.send({ kind: "classes", classes: all || alone ? [] : [group.number], origin: "simulation" });
    });
    return line;
  }

  function axis(most, found) {
    return h("div", { class: "breaking-row label" },
      h("span", {}),
      h("span", { class: "breaking-axis" }, h("span", {}, "0"), h("span", {}, `away from ${sim.degree(found.identity, found.unit)}`), h("span", {}, sim.degree(most, found.unit))),
      h("span", { title: "The smallest change by which half of the images have flipped" }, "half by"),
      h("span", { title: "Images that no degree of the range flips" }, "never"));
  }

  function first(one, answer) {
    const change = one.worst >= 0 ? answer.changes[one.worst] : null;
    const words = one.degree === null || !change ? "never" : sim.brief(one.degree, change.unit);
    const flips = one.degree === null || !change ? "never flips" : `${change.title.toLowerCase()} ${sim.degree(one.degree, change.unit)} makes it ${sim.className(one.prediction)}`;
    const parts = `fragility ${one.score.toFixed(3)}: breaking ${(one.breaking ?? 0).toFixed(2)}, DeepGini ${one.deep_gini.toFixed(2)}, margin ${one.margin.toFixed(2)}`;
    const edits = change && change.kind !== "attack" && one.degree !== null ? [[change.name, { degree: one.degree }]] : [];
    return sim.thumb(one.id, { edits, title: `#${one.id}, ${one.label >= 0 ? sim.className(one.label) : "no label"}: ${flips}; ${parts}`, words, mistake: one.label >= 0 && one.clean !== one.label });
  }

  document.addEventListener("click", function (event) {
    if (!event.target.closest("#breaking-select") || !tab.answer) return;
    nnvis.select(queue().slice(0, LISTED).map((one) => one.id), "simulation");
  });
})();
