/* The histogram of one classifier's score: all samples that pass the filters, the selected ones in front. A drag along it selects
 * the samples between. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sug = (nnvis.suggestion = nnvis.suggestion || {});
  const by = (id) => document.getElementById(id);
  const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };
  const BINS = 40;
  const ALL = "#a9c4e4", SELECTED = "#1f6feb", WRONG = "#d1495b", FAINT = "#dde5ef";
  let drawn = null; // {values, passes, low, high, x, counts, chosen}

  sug.drawings.one = function (answer, plot, passes, lit) {
    by("suggestion-legend").replaceChildren();
    const { canvas, context, width, height } = nnvis.canvas(plot, "histogram");
    const { values } = answer;
    let [low, high, shown, silent] = [Infinity, -Infinity, 0, 0];
    for (let id = 0; id < values.length; id += 1) {
      if (!passes[id]) continue;
      if (!Number.isFinite(values[id])) {
        silent += 1;
        continue;
      }
      shown += 1;
      if (values[id] < low) low = values[id];
      if (values[id] > high) high = values[id];
    }
    plot.dataset.points = String(shown);
    if (!shown) {
      drawn = null;
      return sug.say("No sample that passes the filters has a value.");
    }
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const counts = new Float64Array(BINS), wrong = new Float64Array(BINS), chosen = new Float64Array(BINS);
    const bin = (value) => Math.min(BINS - 1, Math.floor(((value - low) / (high - low)) * BINS));
    for (let id = 0; id < values.length; id += 1) {
      if (!passes[id] || !Number.isFinite(values[id])) continue;
      const at = bin(values[id]);
      counts[at] += 1;
      if (nnvis.samples.correct(id) === false) wrong[at] += 1;
      if (lit && lit[id]) chosen[at] += 1;
    }
    const most = Math.max(...counts);
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const x = (value) => MARGIN.left + ((value - low) / (high - low)) * inner[0];
    const tall = (count) => (count / most) * inner[1];
    const bottom = height - MARGIN.bottom;
    axes(context, x, low, high, most, bottom, width, inner, answer.header.what);
    const bar = inner[0] / BINS;
    const fill = (list, colour) => {
      context.fillStyle = colour;
      list.forEach((count, i) => count && context.fillRect(MARGIN.left + i * bar + 0.5, bottom - Math.max(1, tall(count)), bar - 1, Math.max(1, tall(count))));
    };
    fill(counts, lit ? FAINT : ALL);
    if (lit) fill(chosen, SELECTED);
    else fill(wrong, WRONG);
    drawn = { values, passes, low, high, x, counts, wrong, chosen: lit ? chosen : null, canvas, bottom };
    const parts = [`${sug.count(shown)} samples`, silent ? `${sug.count(silent)} without a value` : "", lit ? "selected ones in blue" : wrong.some(Boolean) ? "mistakes in red" : "", "drag to select"];
    sug.say(parts.filter(Boolean).join(" · "));
    plot.setAttribute("aria-label", `histogram of ${answer.header.what}: ${shown} samples from ${short(low)} to ${short(high)}`);
    wire(canvas);
  };

  const short = (value) => String(Number(value.toPrecision(3)));

  function axes(context, x, low, high, most, bottom, width, inner, what) {
    context.fillStyle = "#66707f";
    context.strokeStyle = "#eceff3";
    context.lineWidth = 1;
    context.textAlign = "right";
    for (const share of [0, 0.5, 1]) {
      const y = bottom - share * inner[1];
      context.beginPath();
      context.moveTo(MARGIN.left, y);
      context.lineTo(width - MARGIN.right, y);
      context.stroke();
      context.fillText(sug.count(Math.round(share * most)), MARGIN.left - 6, y + 4);
    }
    context.textAlign = "center";
    for (let i = 0; i <= 4; i += 1) {
      const value = low + ((high - low) * i) / 4;
      context.fillText(short(value), Math.min(x(value), width - 18), bottom + 13);
    }
    context.fillText(what, MARGIN.left + inner[0] / 2, bottom + 28);
  }

  function wire(canvas) {
    if (canvas.dataset.histogram) return;
    canvas.dataset.histogram = "1";
    let from = null;
    let band = null;
    const place = (event) => event.clientX - canvas.getBoundingClientRect().left;
    const value = (px) => drawn.low + ((px - MARGIN.left) / (drawn.x(drawn.high) - MARGIN.left)) * (drawn.high - drawn.low);
    canvas.addEventListener("pointerdown", function (event) {
      if (event.button || !drawn) return;
      canvas.setPointerCapture(event.pointerId);
      from = place(event);
    });
    canvas.addEventListener("pointermove", function (event) {
      if (from === null || !drawn) return told(event);
      by("hover-card").hidden = true;
      const [left, right] = [from, place(event)].sort((a, b) => a - b);
      if (!band) canvas.after((band = nnvis.h("div", { style: { position: "absolute", top: MARGIN.top + "px", background: "rgba(31,111,235,0.14)", pointerEvents: "none" } })));
      Object.assign(band.style, { left: left + "px", width: right - left + "px", height: drawn.bottom - MARGIN.top + "px" });
    });
    const end = function (event) {
      if (band) band.remove();
      band = null;
      const start = from;
      from = null;
      if (start === null || !drawn || event.type === "pointercancel") return;
      let [low, high] = [value(start), value(place(event))].sort((a, b) => a - b);
      if (Math.abs(place(event) - start) < 4) { // a click takes the bar
        const step = (drawn.high - drawn.low) / BINS;
        const i = Math.max(0, Math.min(BINS - 1, Math.floor((low - drawn.low) / step)));
        [low, high] = [drawn.low + i * step, i === BINS - 1 ? drawn.high : drawn.low + (i + 1) * step];
      }
      const ids = [];
      for (let id = 0; id < drawn.values.length; id += 1) if (drawn.passes[id] && drawn.values[id] >= low && drawn.values[id] <= high) ids.push(id);
      if (ids.length) sug.select(ids, event);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", function () {
      by("hover-card").hidden = true;
      by("hover-card").className = "hover-card";
    });
  }

  function told(event) {
    const card = by("hover-card");
    if (!drawn) return;
    const box = drawn.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (drawn.x(drawn.high) - MARGIN.left);
    const i = Math.floor(share * BINS);
    card.hidden = i < 0 || i >= BINS;
    if (card.hidden) return;
    const step = (drawn.high - drawn.low) / BINS;
    card.className = "hover-card sim-card";
    const lines = [`${short(drawn.low + i * step)} to ${short(drawn.low + (i + 1) * step)}`, `${sug.count(drawn.counts[i])} samples, ${sug.count(drawn.wrong[i])} mistakes`, drawn.chosen ? `${sug.count(drawn.chosen[i])} selected` : ""];
    card.replaceChildren(nnvis.h("div", {}, lines.filter(Boolean).map((text) => nnvis.h("div", {}, text))));
    card.style.left = Math.min(event.clientX + 14, innerWidth - 190) + "px";
    card.style.top = event.clientY + 14 + "px";
  }
})();
