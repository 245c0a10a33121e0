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
  const FULL = 65535;
  let drawn = null; // {answer, reasons, passes, n, counts}: what the gestures are about
  let plane = null;
  let ringed = null; // the primary sample

  /* The same place for a sample every time: a hash of its number, -1 to 1. */
  function apart(id) {
    let x = (id + 1) * 2654435761;
    x = Math.imul(x ^ (x >>> 16), 2246822507);
    x = Math.imul(x ^ (x >>> 13), 3266489909);
    return (((x ^ (x >>> 16)) >>> 0) / 4294967295) * 2 - 1;
  }

  /* Tones and palette (samples.js), and what the legend says. */
  function coloured(answer, reasons) {
    const { catalog, settings, models } = sug.now;
    const { label } = sug.known;
    const n = answer.mean.length;
    const few = (colourOf, legend) => ({ ...nnvis.samples.few(n, colourOf), legend });
    if (settings.colour === "reason") {
      const of = (id) => (reasons && !Number.isNaN(reasons[id]) ? RAMP[Math.min(4, Math.floor((reasons[id] / UNLIKE) * 4.999))] : GREY);
      return few(of, reasons ? [["alike", RAMP[0]], ["", RAMP[1]], ["", RAMP[2]], ["", RAMP[3]], ["heatmaps unlike", RAMP[4]], ["flat", GREY]] : null);
    }
    if (settings.colour === "label") return { ...nnvis.samples.classed(label.subarray(0, n), null, catalog.colours), legend: null };
    const name = (m) => answer.header.models[m];
    if (settings.colour === "entropy") {
      const most = Math.log(models.length);
      const of = (id) => RAMP[Math.min(4, Math.floor((answer.entropy[id] / most) * 4.999))];
      return few(of, [["all agree", RAMP[0]], ["", RAMP[1]], ["", RAMP[2]], ["", RAMP[3]], ["no two agree", RAMP[4]]]);
    }
    if (models.length <= 3) {
      const sets = Array.from({ length: 2 ** models.length }, (_, set) => set);
      const words = (set) => (set === 0 ? "none right" : set === sets.length - 1 ? "all right" : "only " + models.map((_, m) => (set & (1 << m) ? name(m) : "")).filter(Boolean).join(" and "));
      const colour = (set) => (set === sets.length - 1 ? SETS[7] : SETS[set]);
      return few((id) => (answer.right[id] < 0 ? GREY : colour(answer.right[id])), sets.map((set) => [words(set), colour(set)]));
    }
    const bits = (set) => { let n = 0; for (let rest = set; rest; rest &= rest - 1) n += 1; return n; };
    const of = (id) => (answer.right[id] < 0 ? GREY : RAMP[4 - Math.round((4 * bits(answer.right[id])) / models.length)]);
    return few(of, [["none right", RAMP[4]], ["", RAMP[3]], ["half", RAMP[2]], ["", RAMP[1]], ["all right", RAMP[0]]]);
  }

  /* Where the samples stand: the mean confidence to the right; upwards the number of answers, apart within its row. */
  function places(answer, reasons) {
    const n = answer.mean.length;
    const rows = sug.now.models.length;
    const xy = new Uint16Array(2 * n);
    for (let id = 0; id < n; id += 1) {
      const off = reasons && !Number.isNaN(reasons[id]) ? 2 * Math.min(1, reasons[id] / UNLIKE) - 1 : apart(id);
      xy[2 * id] = Math.round(answer.mean[id] * FULL);
      xy[2 * id + 1] = Math.round(((answer.distinct[id] - 0.5 + SPREAD * off) / rows) * FULL);
    }
    return xy;
  }

  sug.drawings.several = function (answer, plot, passes, lit) {
    const { models, settings } = sug.now;
    const reasons = sug.reasons();
    const { tones, palette, legend } = coloured(answer, reasons);
    const different = reasons && h("button", { type: "button", class: "act quiet", title: "Select the samples that all classifiers answer alike, with heatmaps that part most" }, "same answer, different reasons");
    if (different) different.addEventListener("click", (event) => sug.select(sug.differentReasons(answer, passes), event));
    by("suggestion-message").textContent = sug.reasonsProblem();
    by("suggestion-legend").replaceChildren(...(different ? [different] : []), ...(legend || []).map(([words, colour]) => h("span", {}, h("span", { class: "swatch", style: { background: colour } }), words)));
    const n = answer.mean.length;
    const counts = [0, 0, 0, 0];
    const quadrant = (id) => (answer.distinct[id] === 1 ? (answer.mean[id] >= settings.confident ? 0 : 1) : answer.mean[id] >= settings.confident ? 3 : 2);
    let shown = 0;
    for (let id = 0; id < n; id += 1) {
      if (!passes[id]) continue;
      shown += 1;
      counts[quadrant(id)] += 1;
    }
    if (!plane) appear();
    if (plane.frame.parentNode !== plot) plot.replaceChildren(plane.frame);
    const fresh = !drawn || drawn.answer !== answer || drawn.reasons !== reasons;
    if (fresh) plane.setPoints(places(answer, reasons));
    plane.setLook({ tones, palette, visible: passes });
    plane.setLit(lit);
    const primary = sug.now.selection.derived ? null : sug.now.selection.primary;
    ringed = primary !== null && primary < n ? primary : null;
    const same = drawn && drawn.answer === answer;
    drawn = { answer, reasons, passes, n };
    quadrants(plot, answer, counts, quadrant, passes);
    if (same) plane.draw();
    else plane.fit();
    plot.dataset.points = String(shown);
    plane.frame.setAttribute("aria-label", `${shown} samples by mean confidence and number of answers: ${answer.header.quadrants.map(([name], i) => `${counts[i]} ${name}`).join(", ")}`);
    const alone = sug.unmatched(answer.header);
    sug.say(`${sug.count(shown)} samples, ${models.length} classifiers${within(reasons)}${alone && " · " + alone}`);
    plot.dataset.reasons = reasons ? String(reasons.length) : "";
  };

  const within = (reasons) => (sug.now.settings.colour !== "reason" || sug.reasonsProblem() ? "" : reasons ? " · within a row: heatmaps alike below, unlike above" : " · their heatmaps are being compared");

  /* Which classes one classifier alone has; empty where all are shared. */
  sug.unmatched = function ({ alone, models }) {
    const parts = alone.map((names, m) => (names.length ? `${models[m]} alone has ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}` : "")).filter(Boolean);
    return parts.join("; ");
  };

  const at = (mean, distinct) => plane.pixel([mean * FULL, ((distinct - 0.5) / sug.now.models.length) * FULL]);

  function axes(context) {
    const { width, height } = plane;
    const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
    context.font = '10.5px "Inter", "Segoe UI", "DejaVu Sans", sans-serif';
    context.lineWidth = 1;
    context.strokeStyle = "#eceff3";
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      const [x] = at(value, 1);
      if (x >= left - 1 && x <= right + 1) line(context, x, MARGIN.top, x, bottom);
    }
    context.setLineDash([4, 4]);
    context.strokeStyle = "#9aa5b4";
    const [middle, edge] = at(sug.now.settings.confident, 1.5);
    line(context, middle, MARGIN.top, middle, bottom);
    line(context, left, edge, right, edge);
    context.setLineDash([]);
  }

  /* The numbers of the axes, the ring of the primary sample, and the quadrants' names in their corners. */
  function named(context) {
    const { width, height } = plane;
    const bottom = height - MARGIN.bottom;
    context.font = '10.5px "Inter", "Segoe UI", "DejaVu Sans", sans-serif';
    context.fillStyle = "#ffffff";
    context.fillRect(0, bottom, width, MARGIN.bottom);
    context.fillRect(0, 0, MARGIN.left, height);
    context.fillStyle = "#66707f";
    context.textAlign = "center";
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      const [x] = at(value, 1);
      if (x >= MARGIN.left - 1 && x <= width - MARGIN.right + 1) context.fillText(String(value), x, bottom + 13);
    }
    context.fillText("mean confidence", (MARGIN.left + width - MARGIN.right) / 2, height - 3);
    context.textAlign = "right";
    for (let distinct = 1; distinct <= sug.now.models.length; distinct += 1) {
      const [, y] = at(0, distinct);
      if (y > MARGIN.top && y < bottom) context.fillText(String(distinct), MARGIN.left - 6, y + 4);
    }
    context.save();
    context.translate(9, MARGIN.top + (bottom - MARGIN.top) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("different answers", 0, 0);
    context.restore();
    if (ringed !== null) {
      context.strokeStyle = ACCENT;
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(...plane.pixel([plane.data.xy[2 * ringed], plane.data.xy[2 * ringed + 1]]), 8, 0, 2 * Math.PI);
      context.stroke();
    }
    const [, edge] = at(0, 1.5);
    by("suggestion-plot").querySelectorAll(".quadrant.low").forEach((one) => (one.style.top = Math.min(bottom - 20, Math.max(MARGIN.top + 22, edge + 4)) + "px"));
  }

  function line(context, x0, y0, x1, y1) {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }

  /* The quadrants' names in their corners; a click selects what lies there. */
  function quadrants(plot, answer, counts, quadrant, passes) {
    plot.querySelectorAll(".quadrant").forEach((one) => one.remove());
    answer.header.quadrants.forEach(function ([name, said], i) {
      const right = i === 0 || i === 3;
      const low = i < 2;
      const style = { [right ? "right" : "left"]: (right ? MARGIN.right : MARGIN.left) + 4 + "px", top: MARGIN.top + 2 + "px" };
      const button = h("button", { type: "button", class: "quadrant" + (right ? " right" : "") + (low ? " low" : ""), "data-quadrant": String(i), style, title: said + ". Click to select them; Shift adds them." }, h("b", {}, sug.count(counts[i])), " " + name);
      button.addEventListener("click", function (event) {
        const ids = [];
        for (let id = 0; id < answer.mean.length; id += 1) if (passes[id] && quadrant(id) === i) ids.push(id);
        sug.select(ids, event);
      });
      plot.append(button);
    });
  }

  /* --- gestures -------------------------------------------------------------------------------------------------- */

  function appear() {
    plane = nnvis.plane(h("div", { class: "suggestion-plane" }), {
      room: MARGIN,
      hover: (id, event) => hover(by("hover-card"), id, event),
      left: nnvis.samples.left,
      click: (id, event) => nnvis.send(nnvis.meant({ kind: "primary", sample: id, origin: "suggestion" }, event)),
      select: (mask, count, event) => sug.select(nnvis.rowsOf(mask, count), event),
      current: () => ringed,
      shown: () => sug.now && sug.now.open,
    });
    plane.under.push(axes);
    plane.layers.push(named);
  }

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
