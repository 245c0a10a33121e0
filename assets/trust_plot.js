/* Quality over cost: a point a method, or a layer, as an icon of its verdict, with its interval; the front is a line through
 * those that nothing better undercuts. A click chooses it in the testing view. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const tr = (nnvis.trust = nnvis.trust || {});
  const svg = (...parts) => nnvis.svg(...parts);
  const MARGIN = { left: 44, right: 24, top: 12, bottom: 34 };
  const HEIGHT = 250;
  const LETTER = 5.6; // pixels of a letter of a label, about
  const LINE = 13;

  tr.plot = function (table, width) {
    const rows = table.rows.filter((row) => row.quality[0] !== null && row.seconds);
    if (!rows.length) return nnvis.h("div", { class: "empty" }, "Nothing could be measured: there is no quality to draw.");
    const costs = rows.map((row) => Math.log10(row.seconds));
    const [least, most] = [Math.min(...costs) - 0.12, Math.max(...costs) + 0.3];
    const floor = Math.min(0.75, Math.floor(4 * Math.min(...rows.map((row) => row.quality[1]))) / 4);
    const bottom = HEIGHT - MARGIN.bottom;
    const x = (seconds) => MARGIN.left + ((Math.log10(seconds) - least) / (most - least)) * (width - MARGIN.left - MARGIN.right);
    const y = (quality) => bottom - ((quality - floor) / (1 - floor)) * (bottom - MARGIN.top);
    const across = [0, 0.25, 0.5, 0.75, 1].filter((value) => value >= floor).map((value) => [
      svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value), class: "trust-gridline" }),
      svg("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, tr.percent(value)),
    ]);
    const powers = Array.from({ length: Math.ceil(most) - Math.floor(least) + 1 }, (_, i) => 10 ** (Math.floor(least) + i));
    const round = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter((value) => Math.log10(value) >= least && Math.log10(value) <= most);
    const up = round.map((value) => [
      svg("line", { x1: x(value), x2: x(value), y1: MARGIN.top, y2: bottom, class: "trust-gridline" }),
      svg("text", { x: x(value), y: bottom + 14, "text-anchor": "middle" }, tr.seconds(value)),
    ]);
    const front = rows.filter((row) => row.front).sort((a, b) => a.seconds - b.seconds);
    const steps = front.map((row, at) => (at ? `H${x(row.seconds).toFixed(1)}V${y(row.quality[0]).toFixed(1)}` : `M${x(row.seconds).toFixed(1)},${y(row.quality[0]).toFixed(1)}`)).join("");
    const line = svg("path", { d: steps + `H${width - MARGIN.right}`, class: "trust-frontline" });
    const axes = [
      svg("text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "seconds per image"),
      svg("text", { transform: `translate(10,${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "quality"),
    ];
    const label = `Quality over cost of ${rows.length} ${table.layered ? "layers" : "methods"}; on the front: ${front.map((row) => row.title).join(", ")}`;
    const points = [...rows].sort((a, b) => a.front - b.front).map((row) => point(row, x, y, table));
    return svg("svg", { width, height: HEIGHT, class: "trust-plot", role: "group", "aria-label": label }, across, up, axes, line, names(rows, x, y, width), points);
  };

  function point(row, x, y, table) {
    const [mean, low, high] = row.quality;
    const [at, to] = [x(row.seconds), y(mean)];
    const { view, selection } = tr.now;
    const chosen = row.method === view.attribution && (!table.layered || row.layer === selection.layer);
    const shape = [
      svg("path", { d: `M${at - 4.5},${to - 4.5}L${at + 4.5},${to + 4.5}M${at - 4.5},${to + 4.5}L${at + 4.5},${to - 4.5}`, class: "cross" }),
      svg("path", { d: `M${at},${to - 6.5}L${at + 6.5},${to}L${at},${to + 6.5}L${at - 6.5},${to}Z` }),
      svg("circle", { cx: at, cy: to, r: 5.5 }),
    ][row.badge];
    const word = nnvis.badges.WORDS[row.badge];
    const parts = [
      svg("line", { x1: at, x2: at, y1: y(low), y2: y(high), class: "whisker" }),
      chosen ? svg("circle", { cx: at, cy: to, r: 10, class: "ring" }) : null,
      shape,
      svg("circle", { cx: at, cy: to, r: 11, class: "hit" }),
    ];
    const group = svg("g", { class: `trust-point ${word}${row.front ? " front" : ""}`, "data-point": row.name, "data-focus": "point " + row.name }, parts);
    const lines = [`${row.title}: ${word}`, `quality ${tr.percent(mean)} (${tr.percent(low)} to ${tr.percent(high)})`, `${tr.seconds(row.seconds)} an image`, row.front ? "on the front: nothing better is cheaper" : "", "Click: explain by it"];
    return nnvis.models.acts(group, lines.filter(Boolean), () => tr.choose(row, false, table));
  }

  /* Names beside the points, those on the front first; one that would lie on another, or on a point, is left to the pointer. */
  function names(rows, x, y, width) {
    const taken = rows.map((row) => [x(row.seconds) - 6, y(row.quality[0]) - 6, 12, 12]);
    const crosses = (one) => taken.some((other) => one[0] < other[0] + other[2] && other[0] < one[0] + one[2] && one[1] < other[1] + other[3] && other[1] < one[1] + one[3]);
    return [...rows].sort((a, b) => b.front - a.front || b.quality[0] - a.quality[0]).map(function (row) {
      const long = LETTER * row.title.length;
      const [at, to] = [x(row.seconds), y(row.quality[0])];
      for (const [left, top] of [[at + 9, to - 6], [at - 9 - long, to - 6], [at - long / 2, to - 21], [at - long / 2, to + 8]]) {
        const box = [left, top, long, LINE];
        if (left < MARGIN.left || left + long > width || top < 0 || top + LINE > HEIGHT - MARGIN.bottom || crosses(box)) continue;
        taken.push(box);
        return svg("text", { x: left, y: top + 10, class: "trust-label" + (row.front ? " front" : "") }, row.title);
      }
      return null;
    });
  }
})();
