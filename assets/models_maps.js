/* Where each of two classifiers sees the same samples: their maps side by side, B's laid over A's. A lasso in one selects in
 * both, and what is under the pointer in one has a ring in the other. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const GREY = "#b4bac4", ACCENT = "#1f6feb", INK = "#1f2733";
  const MARGIN = 10;
  const MOST = 0.05; // share of the samples that is selected as those that moved most
  let drawn = [null, null]; // per map: {n, xs, ys, passes, canvas, context}
  let maps = null; // what was answered

  md.parts.maps = function (plot, answer) {
    if (answer.alone) return plot.replaceChildren(h("div", { class: "empty" }, `Only ${md.now.names[0]} is ticked. Tick another classifier on the left to see its map beside this one.`));
    maps = answer;
    if (plot.querySelectorAll(".models-map").length !== 2) plot.replaceChildren(h("div", { class: "models-maps" }, [0, 1].map((side) => h("div", { class: "models-map", "data-side": String(side) }, h("div", { class: "title" }), h("div", { class: "models-points" })))));
    const { header, ids, moved } = answer;
    const far = Array.from(ids.keys()).filter((i) => passes(i)).sort((i, j) => moved[j] - moved[i]);
    const most = far.slice(0, Math.ceil(MOST * far.length)).map((i) => ids[i]);
    const how = header.mirrored ? "mirrored and turned" : "turned";
    md.say(`${md.count(far.length)} samples; B's map is ${how} as A's, ${Math.round(100 * header.disparity)} % of the spread differs. Rings: mistakes.`);
    const button = h("button", { type: "button", class: "act models-moved", disabled: !most.length, title: "Select the samples whose places differ most; Shift adds them", onclick: (event) => nnvis.selectBeside(most, event, md.now.selection.samples, "models") }, "moved most");
    for (const side of [0, 1]) plot.querySelector(`[data-side="${side}"] .title`).replaceChildren(h("b", {}, md.now.names[side]), ...(side ? [" ", button] : []));
    draw(plot);
  };

  md.parts.maps.own = function () {
    if (md.now.models.length < 2) return { alone: true };
    const { view, settings, catalog, models } = md.now;
    const parameters = settings.method === view.method ? view.parameters : {};
    const request = { dataset: catalog.dataset, models, method: settings.method, n_samples: view.n_samples, seed: view.seed, parameters };
    const found = md.job("aligned", request);
    return found && !found.problem ? md.ask("models/maps", request, nnvis.network.arrays) : found;
  };

  const passes = (i) => nnvis.samples.passes(maps.ids[i], md.now.selection);

  async function draw(plot) {
    const [ids, { label }] = await Promise.all([nnvis.selected(md.now.selection.samples), nnvis.samples.load(md.now.catalog)]);
    const chosen = new Set(ids);
    if (!maps || !plot.querySelector(".models-map")) return;
    for (const side of [0, 1]) drawn[side] = one(plot.querySelector(`[data-side="${side}"] .models-points`), side, chosen, label);
    plot.dataset.lit = String(chosen.size);
  }

  function extent(places, axis) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = axis; i < places.length; i += 2) {
      if (places[i] < low) low = places[i];
      if (places[i] > high) high = places[i];
    }
    return [low, high];
  }

  /* Each map fills its frame: what was scaled to lie over another one is small where the two have little in common. */
  function one(box, side, chosen, label) {
    const { canvas, context, width, height } = nnvis.canvas(box, "map");
    const places = side ? maps.b : maps.a;
    const [[left, right], [low, high]] = [extent(places, 0), extent(places, 1)];
    const n = maps.ids.length;
    const [xs, ys, shown] = [new Float32Array(n), new Float32Array(n), new Uint8Array(n)];
    const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (high - low || 1));
    const size = n > 5000 ? 2 : n > 1500 ? 3 : 4;
    const { colours } = md.now.catalog;
    const later = [];
    const dot = function (i, grow) {
      const sample = md.of(maps.ids[i]);
      context.fillStyle = colours[label[maps.ids[i]]] || GREY;
      context.beginPath();
      context.arc(xs[i], ys[i], size / 2 + grow, 0, 2 * Math.PI);
      context.fill();
      if (sample.label < 0 || (side ? sample.b : sample.a) === sample.label) return;
      context.strokeStyle = INK;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(xs[i], ys[i], size / 2 + 2 + grow, 0, 2 * Math.PI);
      context.stroke();
    };
    for (let i = 0; i < n; i += 1) {
      xs[i] = width / 2 + (places[2 * i] - (left + right) / 2) * scale;
      ys[i] = height / 2 - (places[2 * i + 1] - (low + high) / 2) * scale;
      shown[i] = passes(i) ? 1 : 0;
      if (!shown[i]) continue;
      if (chosen.has(maps.ids[i])) later.push(i);
      context.globalAlpha = chosen.size ? 0.18 : 0.8;
      dot(i, 0);
    }
    context.globalAlpha = 1;
    for (const i of later) dot(i, 0.5);
    const { derived, primary } = md.now.selection;
    const tested = derived || primary === null ? -1 : maps.ids.indexOf(primary);
    if (tested >= 0) {
      context.strokeStyle = ACCENT;
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(xs[tested], ys[tested], 8, 0, 2 * Math.PI);
      context.stroke();
    }
    nnvis.lasso(canvas, {
      points: () => drawn[side],
      hover: (i, event) => hover(i, event, side),
      leave: () => ring(null),
      click: (i, event) => nnvis.send(nnvis.meant({ kind: "primary", sample: maps.ids[i], origin: "models" }, event)),
      select: (points, event) => nnvis.selectBeside(points.map((i) => maps.ids[i]), event, md.now.selection.samples, "models"),
    });
    canvas.setAttribute("aria-label", `map of ${md.now.names[side]}: ${shown.reduce((sum, value) => sum + value, 0)} samples`);
    return { n, xs, ys, passes: shown, canvas };
  }

  /* The sample's card, with what both say of it; and where it lies in the other map. */
  function hover(i, event, side) {
    const card = document.getElementById("hover-card");
    const id = maps.ids[i];
    nnvis.samples.hover(card, id, event);
    const sample = md.of(id);
    const words = card.lastElementChild;
    const line = (name, number, sure) => h("div", { class: sample.label >= 0 && number !== sample.label ? "bad" : "" }, h("span", { class: "label" }, name), ` ${md.name(number)} ${sure.toFixed(2)}`);
    const far = h("div", {}, h("span", { class: "label" }, "moved"), ` ${(maps.moved[i] / (maps.header.extent || 1)).toFixed(2)} of the spread`);
    words.replaceChildren(words.children[0], words.children[1], line(md.now.names[0], sample.a, sample.confidence[0]), line(md.now.names[1], sample.b, sample.confidence[1]), far);
    ring(drawn[1 - side], i);
  }

  let marked = null;
  function ring(other, i) {
    if (marked) marked.remove();
    marked = null;
    if (!other) return;
    marked = h("div", { class: "models-ring", style: { left: other.xs[i] + "px", top: other.ys[i] + "px", borderColor: ACCENT } });
    other.canvas.after(marked);
  }
})();
