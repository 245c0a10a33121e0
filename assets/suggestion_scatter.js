/* The scatter of several classifiers: mean confidence to the right, the number of answers upwards, points of a row apart. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sug = (nnvis.suggestion = nnvis.suggestion || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const MARGIN = { left: 30, right: 12, top: 8, bottom: 30 };
  const SPREAD = 0.36; // by how much of a row's height a point may stand above or below its middle
  const GREY = "#b4bac4", ACCENT = "#1f6feb";
  const UNLIKE = 1.5; // disagreement of heatmaps (0 to 2) from which on points stand at the top of their row
  const SETS = ["#b2182b", "#4477aa", "#ccbb44", "#228833", "#aa3377", "#66ccee", "#ee7733", "#8fb8de"]; // who is right, of three
  const RAMP = ["#2166ac", "#92c5de", "#f2d0a9", "#ef8a62", "#b2182b"];
  let drawn = null; // {answer, xs, ys, passes, canvas}: what the gestures are about

  /* The same place for a sample every time: a hash of its number, -1 to 1. */
  function apart(id) {
    let x = (id + 1) * 2654435761;
    x = Math.imul(x ^ (x >>> 16), 2246822507);
    x = Math.imul(x ^ (x >>> 13), 3266489909);
    return (((x ^ (x >>> 16)) >>> 0) / 4294967295) * 2 - 1;
  }

  function coloured(answer, reasons) {
    const { catalog, settings, models } = sug.now;
    const { label } = sug.known;
    if (settings.colour === "reason") {
      const of = (id) => (reasons && !Number.isNaN(reasons[id]) ? RAMP[Math.min(4, Math.floor((reasons[id] / UNLIKE) * 4.999))] : GREY);
      return { of, legend: reasons ? [["alike", RAMP[0]], ["", RAMP[1]], ["", RAMP[2]], ["", RAMP[3]], ["heatmaps unlike", RAMP[4]], ["flat", GREY]] : null };
    }
    if (settings.colour === "label") return { of: (id) => catalog.colours[label[id]] || GREY, legend: null };
    const name = (m) => answer.header.models[m];
    if (settings.colour === "entropy") {
      const most = Math.log(models.length);
      const of = (id) => RAMP[Math.min(4, Math.floor((answer.entropy[id] / most) * 4.999))];
      return { of, legend: [["all agree", RAMP[0]], ["", RAMP[1]], ["", RAMP[2]], ["", RAMP[3]], ["no two agree", RAMP[4]]] };
    }
    if (models.length <= 3) {
      const sets = Array.from({ length: 2 ** models.length }, (_, set) => set);
      const words = (set) => (set === 0 ? "none right" : set === sets.length - 1 ? "all right" : "only " + models.map((_, m) => (set & (1 << m) ? name(m) : "")).filter(Boolean).join(" and "));
      const colour = (set) => (set === sets.length - 1 ? SETS[7] : SETS[set]);
      return { of: (id) => (answer.right[id] < 0 ? GREY : colour(answer.right[id])), legend: sets.map((set) => [words(set), colour(set)]) };
    }
    const bits = (set) => { let n = 0; for (let rest = set; rest; rest &= rest - 1) n += 1; return n; };
    const of = (id) => (answer.right[id] < 0 ? GREY : RAMP[4 - Math.round((4 * bits(answer.right[id])) / models.length)]);
    return { of, legend: [["none right", RAMP[4]], ["", RAMP[3]], ["half", RAMP[2]], ["", RAMP[1]], ["all right", RAMP[0]]] };
  }

  sug.drawings.several = function (answer, plot, passes, lit) {
    const { models, settings } = sug.now;
    const reasons = sug.reasons();
    const { of, legend } = coloured(answer, reasons);
    const different = reasons && h("button", { type: "button", class: "act quiet", title: "Select the samples that all classifiers answer alike, with heatmaps that part most" }, "same answer, different reasons");
    if (different) different.addEventListener("click", (event) => sug.select(sug.differentReasons(answer, passes), event));
    by("suggestion-message").textContent = sug.reasonsProblem();
    by("suggestion-legend").replaceChildren(...(different ? [different] : []), ...(legend || []).map(([words, colour]) => h("span", {}, h("span", { class: "swatch", style: { background: colour } }), words)));
    const { canvas, context, width, height } = nnvis.canvas(plot, "scatter");
    const n = answer.mean.length;
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    if (inner[0] < 40 || inner[1] < 40) return;
    const x = (value) => MARGIN.left + value * inner[0];
    const row = inner[1] / models.length;
    const y = (distinct) => MARGIN.top + inner[1] - (distinct - 0.5) * row;
    const [xs, ys] = [new Float32Array(n), new Float32Array(n)];
    const counts = [0, 0, 0, 0];
    const quadrant = (id) => (answer.distinct[id] === 1 ? (answer.mean[id] >= settings.confident ? 0 : 1) : answer.mean[id] >= settings.confident ? 3 : 2);
    axes(context, x, y, models.length, width, height, row);
    const size = n > 20000 ? 1.6 : n > 5000 ? 2.2 : n > 1500 ? 3 : 4;
    const later = [];
    let shown = 0;
    for (let id = 0; id < n; id += 1) {
      xs[id] = x(answer.mean[id]);
      ys[id] = y(answer.distinct[id] + SPREAD * (reasons && !Number.isNaN(reasons[id]) ? 2 * Math.min(1, reasons[id] / UNLIKE) - 1 : apart(id)));
      if (!passes[id]) continue;
      shown += 1;
      counts[quadrant(id)] += 1;
      if (lit && lit[id]) later.push(id);
      context.fillStyle = of(id);
      context.globalAlpha = lit ? 0.22 : 0.8;
      context.fillRect(xs[id] - size / 2, ys[id] - size / 2, size, size);
    }
    context.globalAlpha = 1;
    for (const id of later) {
      context.fillStyle = of(id);
      context.fillRect(xs[id] - size / 2 - 0.5, ys[id] - size / 2 - 0.5, size + 1, size + 1);
    }
    const primary = sug.now.selection.derived ? null : sug.now.selection.primary;
    if (primary !== null && primary < n) {
      context.strokeStyle = ACCENT;
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(xs[primary], ys[primary], 8, 0, 2 * Math.PI);
      context.stroke();
    }
    drawn = { answer, xs, ys, passes, canvas, n };
    quadrants(plot, answer, counts, quadrant, x(settings.confident), y(1.5), passes);
    plot.dataset.points = String(shown);
    plot.setAttribute("aria-label", `${shown} samples by mean confidence and number of answers: ${answer.header.quadrants.map(([name], i) => `${counts[i]} ${name}`).join(", ")}`);
    const alone = sug.unmatched(answer.header);
    sug.say(`${sug.count(shown)} samples, ${models.length} classifiers${within(reasons)}${alone && " · " + alone}`);
    plot.dataset.reasons = reasons ? String(reasons.length) : "";
    wire(canvas);
  };

  const within = (reasons) => (sug.now.settings.colour !== "reason" || sug.reasonsProblem() ? "" : reasons ? " · within a row: heatmaps alike below, unlike above" : " · their heatmaps are being compared");

  /* Which classes one classifier alone has; empty where all are shared. */
  sug.unmatched = function ({ alone, models }) {
    const parts = alone.map((names, m) => (names.length ? `${models[m]} alone has ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}` : "")).filter(Boolean);
    return parts.join("; ");
  };

  function axes(context, x, y, rows, width, height, row) {
    const bottom = height - MARGIN.bottom;
    context.lineWidth = 1;
    context.fillStyle = "#66707f";
    context.textAlign = "center";
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      context.strokeStyle = "#eceff3";
      line(context, x(value), MARGIN.top, x(value), bottom);
      context.fillText(String(value), x(value), bottom + 13);
    }
    context.fillText("mean confidence", x(0.5), height - 3);
    context.textAlign = "right";
    for (let distinct = 1; distinct <= rows; distinct += 1) context.fillText(String(distinct), MARGIN.left - 6, y(distinct) + 4);
    context.save();
    context.translate(9, MARGIN.top + (bottom - MARGIN.top) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("different answers", 0, 0);
    context.restore();
    context.setLineDash([4, 4]);
    context.strokeStyle = "#9aa5b4";
    line(context, x(sug.now.settings.confident), MARGIN.top, x(sug.now.settings.confident), bottom);
    line(context, MARGIN.left, y(1.5), width - MARGIN.right, y(1.5));
    context.setLineDash([]);
  }

  function line(context, x0, y0, x1, y1) {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }

  /* The quadrants' names in their corners; a click selects what lies there. */
  function quadrants(plot, answer, counts, quadrant, middle, edge, passes) {
    plot.querySelectorAll(".quadrant").forEach((one) => one.remove());
    answer.header.quadrants.forEach(function ([name, said], i) {
      const right = i === 0 || i === 3;
      const low = i < 2;
      const style = { [right ? "right" : "left"]: (right ? MARGIN.right : MARGIN.left) + 4 + "px", top: (low ? edge + 4 : MARGIN.top + 2) + "px" };
      const button = h("button", { type: "button", class: "quadrant" + (right ? " right" : ""), "data-quadrant": String(i), style, title: said + ". Click to select them; Shift adds them." }, h("b", {}, sug.count(counts[i])), " " + name);
      button.addEventListener("click", function (event) {
        const ids = [];
        for (let id = 0; id < answer.mean.length; id += 1) if (passes[id] && quadrant(id) === i) ids.push(id);
        sug.select(ids, event);
      });
      plot.append(button);
    });
  }

  /* --- gestures -------------------------------------------------------------------------------------------------- */

  const wire = (canvas) =>
    nnvis.lasso(canvas, {
      points: () => drawn,
      hover: (id, event) => hover(by("hover-card"), id, event),
      click: (id, event) => nnvis.send(nnvis.meant({ kind: "primary", sample: id, origin: "suggestion" }, event)),
      select: sug.select,
    });

  /* The sample's card, with what each classifier says of it. */
  function hover(card, id, event) {
    nnvis.samples.hover(card, id, event);
    const { answer, n } = drawn;
    const { names } = answer.header;
    const words = card.lastElementChild;
    const label = words.children[1];
    const rows = sug.now.models.map(function (_, m) {
      const wrong = answer.right[id] >= 0 && !(answer.right[id] & (1 << m));
      return h("div", { class: wrong ? "bad" : "" }, h("span", { class: "label" }, answer.header.models[m]), ` ${names[answer.predictions[m * n + id]]} ${answer.confidence[m * n + id].toFixed(2)}`);
    });
    words.replaceChildren(words.children[0], label, ...rows);
  }
})();
