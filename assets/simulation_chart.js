/* One chart of the simulation view: a line a class over the degrees of a change with its band, drawn as SVG. It is looked
 * at with the pointer or the arrow keys; what is under them is told to whoever drew it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = (nnvis.simulation = nnvis.simulation || {});
  const MARGIN = { left: 32, right: 12, top: 8, bottom: 30 };
  const CROWDED = 24; // lines from which a band is drawn only while its line is looked at
  const NEAR = 3; // pixels by which a line that is already lit wins

  const ANGLES = [1, 2, 5, 10, 15, 30, 45, 60, 90, 180];

  /* Round numbers between two ends, at most about `wanted` of them. */
  function ticks(low, high, wanted, angles) {
    const rough = ((high - low) / Math.max(1, wanted)) * 0.999;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = (angles && ANGLES.find((one) => one >= rough)) || [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough) || 10 * power;
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) found.push(Number(at.toPrecision(10)));
    return found;
  }

  /* `chart`: {width, height, degrees, identity, unit, axis, lines, range: [low, high], upside (small values on top), whole (the
   * values are whole numbers), pin: {key, at} or null,
   * spread: {low, high, words} or null, label, on: {look(line, i, event), leave(), pick(line, i)}}; a line
   * has key, name, index (below 0: all classes), colour, dash, values, low, high. */
  sim.chart = function (chart) {
    const { width, height, degrees, lines, range, on } = chart;
    const [first, last] = [degrees[0], degrees[degrees.length - 1]];
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const x = (value) => MARGIN.left + (inner[0] * (value - first)) / (last - first || 1);
    const share = (value) => (value - range[0]) / (range[1] - range[0] || 1);
    const y = (value) => MARGIN.top + inner[1] * (chart.upside ? share(value) : 1 - share(value));
    const svg = nnvis.svg;
    const known = (values, i) => values && values[i] !== null && values[i] !== undefined;

    function path(values) {
      let text = "";
      let pen = "M";
      degrees.forEach(function (degree, i) {
        if (known(values, i)) {
          text += `${pen}${x(degree).toFixed(1)},${y(values[i]).toFixed(1)}`;
          pen = "L";
        } else pen = "M";
      });
      return text;
    }
    function band(line) {
      const places = degrees.map((_, i) => i).filter((i) => known(line.low, i) && known(line.high, i));
      if (places.length < 2) return "";
      const at = (i, values) => `${x(degrees[i]).toFixed(1)},${y(values[i]).toFixed(1)}`;
      return "M" + places.map((i) => at(i, line.high)).join("L") + "L" + places.reverse().map((i) => at(i, line.low)).join("L") + "Z";
    }

    const bottom = MARGIN.top + inner[1];
    const rows = chart.whole ? [range[0], ...ticks(range[0], range[1], 5).filter((one) => Number.isInteger(one) && one > range[0])] : ticks(range[0], range[1], inner[1] > 110 ? 4 : 2);
    const columns = ticks(first, last, Math.max(2, Math.floor(inner[0] / 46)), chart.unit === "°");
    const groups = new Map(lines.map((line) => [line.key, svg("g", { class: "sim-line" + (line.rest ? " rest" : "") + (line.index < 0 ? " all" : ""), "data-line": line.key, style: `--line-colour: ${line.colour}` },
      line.low ? svg("path", { d: band(line), class: "sim-band" }) : null,
      svg("path", { d: path(line.values), class: "sim-stroke", "stroke-dasharray": line.dash || null }))]));
    const inside = (value) => Math.max(first, Math.min(last, value));
    const own = chart.spread && [inside(chart.spread.low), inside(chart.spread.high)];
    const spread = own && own[1] > own[0] ? svg("rect", { x: x(own[0]), y: bottom, width: x(own[1]) - x(own[0]), height: 4, class: "sim-spread" }, svg("title", {}, chart.spread.words)) : null;
    const cursor = svg("line", { y1: MARGIN.top, y2: bottom, class: "sim-cursor", visibility: "hidden" });
    const dot = svg("circle", { r: 4, class: "sim-dot", visibility: "hidden" });
    const pinned = chart.pin && lines.find((line) => line.key === chart.pin.key);
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "sim-chart" + (lines.length > CROWDED ? " crowded" : ""), tabindex: 0, role: "img", "aria-label": chart.label },
      rows.map((value) => [svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value), class: "sim-grid" }), svg("text", { x: MARGIN.left - 5, y: y(value) + 3.5, class: "sim-tick", "text-anchor": "end" }, sim.short(value))]),
      columns.map((value) => svg("text", { x: x(value), y: bottom + 13, class: "sim-tick", "text-anchor": "middle" }, sim.short(value))),
      svg("text", { x: MARGIN.left + inner[0] / 2, y: height - 4, class: "sim-axis", "text-anchor": "middle" }, chart.axis),
      spread,
      chart.identity > first && chart.identity < last ? svg("line", { x1: x(chart.identity), x2: x(chart.identity), y1: MARGIN.top, y2: bottom, class: "sim-identity" }) : null,
      Array.from(groups.values()),
      pinned && known(pinned.values, chart.pin.at) ? svg("circle", { cx: x(degrees[chart.pin.at]), cy: y(pinned.values[chart.pin.at]), r: 5, class: "sim-pin", style: `--line-colour: ${pinned.colour}` }) : null,
      cursor,
      dot
    );

    let lit = null; // {line, i}

    function light(line, i, event) {
      lit = { line, i };
      drawing.classList.add("looking");
      groups.forEach((group, key) => group.classList.toggle("lit", key === line.key));
      cursor.setAttribute("x1", x(degrees[i]));
      cursor.setAttribute("x2", x(degrees[i]));
      dot.setAttribute("cx", x(degrees[i]));
      dot.setAttribute("cy", y(line.values[i]));
      dot.style.setProperty("--line-colour", line.colour);
      [cursor, dot].forEach((part) => part.setAttribute("visibility", "visible"));
      const box = drawing.getBoundingClientRect();
      on.look(line, i, { event, x: box.left + x(degrees[i]), y: box.top });
    }
    function leave() {
      if (!lit) return;
      lit = null;
      drawing.classList.remove("looking");
      groups.forEach((group) => group.classList.remove("lit"));
      [cursor, dot].forEach((part) => part.setAttribute("visibility", "hidden"));
      on.leave();
    }
    /* Light all lines of a class from outside; null: none. */
    drawing.lightClass = function (name) {
      drawing.classList.toggle("looking", name !== null);
      lines.forEach((line) => groups.get(line.key).classList.toggle("lit", line.name === name));
    };

    const there = (i) => lines.filter((line) => known(line.values, i));
    function under(event) {
      const box = drawing.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      const i = degrees.reduce((best, value, at) => (Math.abs(x(value) - px) < Math.abs(x(degrees[best]) - px) ? at : best), 0);
      const far = (line) => Math.abs(y(line.values[i]) - py) - (lit && lit.line.key === line.key ? NEAR : 0);
      const line = there(i).reduce((best, one) => (!best || far(one) < far(best) ? one : best), null);
      return line && { line, i };
    }
    drawing.addEventListener("pointermove", function (event) {
      const found = under(event);
      if (found && (!lit || lit.line !== found.line || lit.i !== found.i)) light(found.line, found.i, event);
    });
    drawing.addEventListener("pointerleave", leave);
    drawing.addEventListener("click", function (event) {
      const found = under(event);
      if (found) on.pick(found.line, found.i);
    });
    drawing.addEventListener("blur", leave);
    drawing.addEventListener("keydown", function (event) {
      const { key } = event;
      drawing.classList.remove("quiet");
      if (key === "Escape") {
        leave();
        return on.pick(null, null);
      }
      if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter", " "].includes(key) || !lines.length) return;
      event.preventDefault();
      if (!lit) {
        const start = chart.pin && pinned ? { line: pinned, i: chart.pin.at } : { line: lines[0], i: Math.max(0, degrees.indexOf(chart.identity)) };
        return light(start.line, start.i, null);
      }
      if (key === "Enter" || key === " ") return on.pick(lit.line, lit.i);
      let { line, i } = lit;
      if (key === "ArrowUp" || key === "ArrowDown") {
        const order = there(i).sort((a, b) => y(a.values[i]) - y(b.values[i]));
        line = order[Math.max(0, Math.min(order.length - 1, order.indexOf(line) + (key === "ArrowUp" ? -1 : 1)))];
      } else i = { ArrowLeft: Math.max(0, i - 1), ArrowRight: Math.min(degrees.length - 1, i + 1), Home: 0, End: degrees.length - 1 }[key];
      if (known(line.values, i)) light(line, i, null);
    });
    return drawing;
  };
})();
