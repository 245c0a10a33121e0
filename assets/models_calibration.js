/* Calibration: how often each classifier is right where it is as sure as it says, and how sure it is how often. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const svg = (...parts) => nnvis.svg(...parts);
  const MARGIN = { left: 46, right: 8, top: 6, bottom: 26 };
  const LOWER = 46; // pixels of the histogram under the diagram
  const short = (value) => String(Number(value.toFixed(3)));

  md.parts.calibration = function (plot, answer) {
    if (!answer.models.length) return plot.replaceChildren(h("div", { class: "empty" }, "No sample has a label: nobody knows how often a confidence is right."));
    md.say(`${md.count(answer.labelled)} labelled samples, ${answer.models[0].counts.length} bins of equal width; red: the gap. A click selects a bin.`);
    const width = Math.min(440, Math.max(200, (plot.clientWidth - 16) / answer.models.length - 2));
    const height = Math.max(150, Math.min(380, plot.clientHeight - 20));
    plot.replaceChildren(h("div", { class: "models-diagrams" }, answer.models.map((model, i) => one(model, i, width, height))));
  };

  function one(model, i, width, height) {
    const gap = model.mean_confidence - model.share_right;
    const verdict = Math.abs(gap) < 0.005 ? "as sure as right" : gap > 0 ? "overconfident" : "underconfident";
    const top = h("div", { class: "title" }, h("b", {}, md.now.names[i]), ` ECE ${model.ece.toFixed(3)}, largest gap ${model.mce.toFixed(2)}`);
    const middle = h("div", { class: "label" }, `${md.percent(model.mean_confidence)} sure, ${md.percent(model.share_right)} right: ${verdict}${fitted(model.temperature)}`);
    return h("div", { class: "models-diagram", style: { width: width + "px" }, "data-model": md.now.models[i] }, top, middle, diagram(model, i, width, height - 40));
  }

  function fitted(best) {
    if (!best) return "";
    if (best.at_bound) return "; no temperature fits best";
    return `; temperature ${best.temperature.toFixed(2)} → ECE ${best.ece.toFixed(3)}`;
  }

  function diagram(model, i, width, height) {
    const { edges, counts, right, confidence, accuracy, low, high } = model;
    const [left, end] = [MARGIN.left, width - MARGIN.right];
    const bottom = height - MARGIN.bottom - LOWER;
    const x = (value) => left + value * (end - left);
    const y = (value) => bottom - value * (bottom - MARGIN.top);
    const most = Math.max(...counts);
    const base = height - MARGIN.bottom + 8;
    const tall = (count) => (count ? Math.max(1, (count / most) * (LOWER - 12)) : 0);
    const grid = [0, 0.5, 1].flatMap((value) => [
      svg("line", { x1: left, x2: end, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, String(value)),
      svg("text", { x: x(value), y: height - 4, "text-anchor": value === 1 ? "end" : "middle" }, String(value)),
    ]);
    const bins = counts.map(function (count, bin) {
      if (!count) return null;
      const [from, to] = [x(edges[bin]) + 0.5, x(edges[bin + 1]) - 0.5];
      const at = (from + to) / 2;
      const box = (top, foot, name) => svg("rect", { x: from, y: Math.min(top, foot), width: Math.max(1, to - from), height: Math.abs(foot - top), class: name });
      const parts = [
        box(y(accuracy[bin]), y(0), "models-right"),
        box(y(accuracy[bin]), y(confidence[bin]), "gap"),
        svg("line", { x1: at, x2: at, y1: y(low[bin]), y2: y(high[bin]), class: "whisker" }),
        box(base - tall(count), base, "models-wrong"),
        box(base - tall(count) * (right[bin] / count), base, "models-right"),
        box(MARGIN.top, base, "hit"),
      ];
      const lines = [`confidence ${short(edges[bin])} to ${short(edges[bin + 1])}`, `${md.count(count)} samples, ${md.count(right[bin])} right`, `${md.percent(confidence[bin])} sure, ${md.percent(accuracy[bin])} right (${md.percent(low[bin])} to ${md.percent(high[bin])})`];
      const inside = (value) => (value > edges[bin] || (bin === 0 && value >= 0)) && (value <= edges[bin + 1] || bin === counts.length - 1);
      return md.picks(svg("g", { class: "bin", "data-bin": String(bin) }, parts), lines, (s) => s.label >= 0 && inside(s.confidence[i]));
    });
    const even = svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "even" });
    const sideways = svg("text", { transform: `translate(10,${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "right");
    const label = `reliability diagram of ${md.now.names[i]}: expected calibration error ${model.ece.toFixed(3)}`;
    return svg("svg", { width, height, role: "group", "aria-label": label }, grid, bins, even, sideways, svg("text", { x: x(0.27), y: height - 4, "text-anchor": "middle" }, "confidence"), svg("text", { x: left - 5, y: base - LOWER / 2 + 12, "text-anchor": "end" }, "n"));
  }
})();
