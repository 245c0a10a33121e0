/* Small pictures of the network view's patterns: the classes of a pattern's images, and its path through the layers. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const s = (...parts) => nnvis.svg(...parts);
  const GREY = "#b9c0ca", SHARED = "#66758a";

  const named = (label) => nnvis.network.now.classNames[label] ?? "class " + label;
  const colour = (label) => (label < 0 ? GREY : nnvis.network.now.colours[label] || GREY);
  /* A pattern that is specific to a class has the class's colour; those that are shared have none. */
  const colourOf = (one) => (one.kind === "specific" ? colour(one.pie[0][0]) : SHARED);

  function pie(one) {
    const total = one.pie.reduce((sum, [, count]) => sum + count, 0);
    const words = one.pie.map(([label, count]) => `${label < 0 ? "others" : named(label)} ${count}`).join(", ");
    const svg = s("svg", { class: "pattern-pie", viewBox: "-18 -18 36 36", role: "img", "aria-label": words }, s("title", {}, words));
    if (!total) return s("svg", { class: "pattern-pie" });
    let from = 0;
    for (const [label, count] of one.pie) {
      const to = from + count / total;
      const [a, b] = [from, to].map((share) => 2 * Math.PI * share - Math.PI / 2);
      if (count === total) svg.append(s("circle", { r: 16, fill: colour(label) }));
      else svg.append(s("path", { d: `M0 0L${16 * Math.cos(a)} ${16 * Math.sin(a)}A16 16 0 ${to - from > 0.5 ? 1 : 0} 1 ${16 * Math.cos(b)} ${16 * Math.sin(b)}Z`, fill: colour(label), stroke: "#fff", "stroke-width": 0.8 }));
      from = to;
    }
    return svg;
  }

  /* Where a unit stands in a picture of all layers: a column a layer, channels from top to bottom. */
  function spots(one, layers, width, height, left, right, top, bottom) {
    const step = layers.length > 1 ? (width - left - right) / (layers.length - 1) : 0;
    return one.units.map(([, channel], i) => [left + step * one.columns[i], top + ((channel + 0.5) / layers[one.columns[i]].n_units) * (height - top - bottom)]);
  }

  function through(points) {
    if (points.length === 1) return `M${points[0][0] - 4} ${points[0][1]}h8`;
    return points.map(function ([x, y], i) {
      if (!i) return `M${x.toFixed(1)} ${y.toFixed(1)}`;
      const [px, py] = points[i - 1];
      const bend = (x - px) / 2;
      return `C${(px + bend).toFixed(1)} ${py.toFixed(1)} ${(x - bend).toFixed(1)} ${y.toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)}`;
    }).join("");
  }

  /* The dots behind the small pictures, the same in each. */
  function dotted(layers) {
    const step = layers.length > 1 ? 92 / (layers.length - 1) : 0;
    const rows = layers.length > 24 ? 4 : 6;
    const parts = layers.map((layer, column) => Array.from({ length: Math.min(layer.n_units, rows) }, (_, i) => `M${(4 + step * column).toFixed(1)} ${(4 + (30 * (i + 0.5)) / Math.min(layer.n_units, rows)).toFixed(1)}h0`).join(""));
    return parts.join("");
  }

  function small(one, layers, dots) {
    const points = spots(one, layers, 100, 38, 4, 4, 4, 4);
    const marks = points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
    return s(
      "svg",
      { class: "pattern-map", viewBox: "0 0 100 38", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("path", { class: "dots", d: dots, "vector-effect": "non-scaling-stroke" }),
      s("path", { d: through(points), fill: "none", stroke: colourOf(one), "stroke-width": layers.length > 20 ? 1.3 : 2, "vector-effect": "non-scaling-stroke" }),
      s("path", { d: marks, fill: "none", stroke: colourOf(one), "stroke-width": layers.length > 20 ? 3 : 5, "stroke-linecap": "round", "vector-effect": "non-scaling-stroke" })
    );
  }

  nnvis.patterns = { colourOf, pie, spots, through, dotted, small };
})();
