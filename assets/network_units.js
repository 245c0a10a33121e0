/* The tab of unit dots (layouts/network_units.py): every filter and neuron of the classifier a dot, coloured by its layer or
 * by how it answers; a click selects or freezes. `network_units_layout.js` places them, `network_units_draw.js` draws them,
 * `network_units_side.js` tells of the unit that was clicked last, `network_units_hands.js` holds the gestures. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dots = (nnvis.dots = nnvis.dots || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const net = () => nnvis.network;
  const TRIES = 8; // at getting layers
  const DIVERGES = ["rest", "samples", "classes"];

  // What the gestures of network_units_hands.js share with the drawing.
  const tab = (dots.tab = {
    layout: { pitch: 0, label: 0, blocks: [] },
    view: { k: 1, x: 0, y: 0 },
    hover: null, // [block number, channel] under the mouse
    over: null, // the block under the mouse
    cursor: null, // [block number, channel] of the keyboard
    focus: null, // [layer, channel] clicked last
    place: place,
    told: told,
    paint: paint,
    current: () => showing() && ofModel === net().now.model, // else the dots are still those of another classifier
  });

  let layers = []; // as net.unitLayers gives them
  let ofModel = null;
  let laid = ""; // what the layout was made for
  let asked = ""; // the question that is under way or answered
  let answer = null; // {key, colour, values, dead, header}
  let look = null; // {palette, ofLayer, tint, size}, of an answer and layers
  let base = null; // the dots without marks
  let painted = ""; // what the dots were painted for
  let tries = 0; // at getting the layers of the classifier `tried`
  let tried = "";
  let frame = 0;

  const showing = () => Boolean(net() && net().now && net().now.tab === "units" && net().now.model);
  const stage = () => by("units-stage");

  /* --- what is asked ---------------------------------------------------------------------------------------------- */

  function pair() {
    const names = net().now.classNames;
    const first = net().setting("class_a", 0);
    const second = net().setting("class_b", first === 0 ? 1 : 0);
    return [first, second].map((number) => Math.min(number, names.length - 1));
  }

  /* What is asked of the server; null where nothing can be. */
  function question() {
    const now = net().now;
    const colour = net().setting("colour", "layer");
    const record = { dataset: now.dataset, model: now.model, colour: colour };
    if (!now.indexed && colour !== "samples") return null;
    if (colour === "layer") return record;
    record.by = net().setting("by", "max");
    record.standardised = Boolean(net().setting("standardised", false)) && now.indexed;
    if (colour === "samples") record.images = [net().tests() ? net().tested() : null, now.compared];
    else if (colour === "classes") [record.class_a, record.class_b] = pair();
    else record.samples = now.samples;
    return record;
  }

  async function ask() {
    const record = question();
    const key = JSON.stringify([record, net().now.indexed]);
    if (key === asked) return;
    asked = key;
    const colour = net().setting("colour", "layer");
    if (!record) return taken({ key, colour, problem: colour === "layer" ? "" : "Responses are known when the dataset is indexed." });
    stage().classList.add("pending");
    const found = await net().arrays("network/units", record);
    if (asked !== key) return; // another question meanwhile
    if (found.problem && found.again) setTimeout(() => asked === key && ((asked = ""), showing() && ask()), 1500);
    taken({ key, colour, ...record, ...found });
  }

  function taken(found) {
    stage().classList.remove("pending");
    const n = layers.reduce((sum, layer) => sum + layer.n_units, 0);
    if (found.values && found.values.length !== n) return; // of another classifier
    by("units-problem").textContent = found.problem || "";
    // An answer that can't be given leaves the colours of layers, not those of another question; dead units stay dead.
    if (!found.dead && answer && answer.dead && answer.dataset === found.dataset) found.dead = answer.dead;
    answer = found;
    coloured();
    counted();
    legend();
    side();
    paint();
  }

  /* Colours and sizes of an answer: each layer in a scale of its own, or in deviations all in one. */
  function coloured() {
    const { colour, values } = answer || {};
    if (!values || colour === "layer") {
      look = { palette: dots.depth(Math.max(1, layers.length)), ofLayer: true, tint: null, size: null, share: null };
      return;
    }
    const diverges = DIVERGES.includes(colour);
    const tint = new Uint8Array(values.length);
    const size = new Float32Array(values.length);
    const share = new Float32Array(values.length); // -1..1
    const whole = answer.standardised ? strongest(values, 0, values.length) : 0;
    for (const { first, n_units: n } of layers) {
      const most = answer.standardised ? whole : strongest(values, first, first + n);
      for (let i = first; i < first + n; i += 1) {
        share[i] = most > 0 ? Math.max(-1, Math.min(1, values[i] / most)) : 0;
        const t = diverges ? (share[i] + 1) / 2 : Math.max(0, share[i]);
        tint[i] = Math.round(255 * t);
        size[i] = Math.sqrt(Math.abs(share[i]));
      }
    }
    look = { palette: diverges ? dots.diverging : dots.sequential, ofLayer: false, tint, size, share, whole };
  }

  /* The largest absolute value of a part; of many, one in five hundred may be larger still. */
  function strongest(values, from, to) {
    const found = values.slice(from, to).map(Math.abs).sort();
    return found.length > 500 ? found[Math.floor(found.length * 0.998)] || found[found.length - 1] : found[found.length - 1];
  }

  /* --- words ------------------------------------------------------------------------------------------------------ */

  const number = (value) => (value === 0 ? "0" : Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)))).replace("-", "−");
  dots.number = number;

  const deadUnits = () => (answer && answer.dead ? answer.dead.reduce((sum, one) => sum + one, 0) : 0);

  function counted() {
    const n = layers.reduce((sum, layer) => sum + layer.n_units, 0);
    by("units-count").textContent = `${n.toLocaleString("en")} units`;
    by("units-count").title = `${n.toLocaleString("en")} units in ${layers.length} layer${layers.length === 1 ? "" : "s"}`;
  }

  function legend() {
    const h = nnvis.h;
    const box = by("units-legend");
    const keys = [];
    const [dead, frozen] = [deadUnits(), net().frozenCount()];
    if (dead) keys.push(h("span", { class: "units-key", title: "0 on every image" }, h("i", { class: "dead" }), dead.toLocaleString("en"), h("span", { class: "roomy" }, "dead")));
    if (frozen) keys.push(h("span", { class: "units-key", title: "frozen: they pass zeros on" }, h("i", { class: "frozen" }), frozen.toLocaleString("en"), h("span", { class: "roomy" }, "frozen")));
    if (net().now.pattern) keys.push(h("span", { class: "units-key", title: "the pattern that is chosen" }, h("i", { class: "path" }), h("span", { class: "roomy" }, "pattern")));
    if (look.ofLayer) return box.replaceChildren(h("span", {}, "first layer"), ramp(dots.depth(9)), h("span", {}, "last"), ...keys);
    const diverges = DIVERGES.includes(answer.colour);
    const most = answer.standardised ? number(look.whole) + " σ" : "its layer's strongest";
    const ends = diverges ? ["less", "more"] : ["0", most];
    const [first, second] = answer.header.of;
    const of = second === undefined ? first.toLocaleString("en") : first.toLocaleString("en") + " − " + second.toLocaleString("en");
    const images = `(${of} image${first === 1 && second === undefined ? "" : "s"})`;
    const whole = answer.colour === "samples" || (!answer.samples && !diverges);
    const scale = diverges ? (answer.standardised ? `±${most}` : "each layer in its own scale") : "";
    box.replaceChildren(
      h("b", { title: answer.header.said + " " + images }, answer.header.said), whole ? "" : h("span", { class: "roomy" }, images),
      h("span", {}, ends[0]), ramp(look.palette.filter((_, i) => i % 15 === 0)), h("span", {}, ends[1]),
      scale ? h("span", { class: "roomy" }, scale) : "", ...keys
    );
  }
  const ramp = (colours) => nnvis.h("span", { class: "ramp", style: { background: "linear-gradient(90deg," + colours.join(",") + ")" } });

  function told(block, channel) {
    const at = block.first + channel;
    if (answer && answer.dead && answer.dead[at]) return "dead: 0 on every image";
    if (!answer || !answer.values || answer.colour === "layer") return "";
    const value = answer.standardised ? answer.values[at].toFixed(2).replace("-", "−") + " σ" : number(answer.values[at]);
    return (DIVERGES.includes(answer.colour) && answer.values[at] > 0 ? "+" : "") + value;
  }

  /* --- drawing ---------------------------------------------------------------------------------------------------- */

  const blockOf = (name) => tab.layout.blocks.findIndex((block) => block.name === name);
  function place([name, channel]) {
    const block = tab.layout.blocks[typeof name === "number" ? name : blockOf(name)];
    if (!block || channel >= block.n) return null;
    const [x, y] = dots.middle(tab.layout, block, channel);
    return [x * tab.view.k + tab.view.x, y * tab.view.k + tab.view.y];
  }

  /* Where a pattern stops by, and in which colour. */
  function stop(unit) {
    const block = tab.layout.blocks[blockOf(unit[0])];
    return { at: place(unit), band: block.band, colour: look.palette[look.ofLayer ? blockOf(unit[0]) : look.tint[block.first + unit[1]]] };
  }

  function paint() {
    if (!frame) frame = requestAnimationFrame(drawn);
  }

  function drawn() {
    frame = 0;
    if (!showing() || !look) return;
    const began = performance.now();
    const canvas = by("units-canvas");
    const sharp = window.devicePixelRatio || 1;
    const [width, height] = [stage().clientWidth, stage().clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
      canvas.width = Math.round(width * sharp);
      canvas.height = Math.round(height * sharp);
    }
    base = base || document.createElement("canvas");
    const key = JSON.stringify([laid, tab.view, answer && answer.key, ofModel, net().now.frozen, net().now.layer, tab.over && tab.over.name, sharp]) + (look.ofLayer ? "L" : "");
    if (key !== painted || base.width !== canvas.width || base.height !== canvas.height) {
      painted = key;
      base.width = canvas.width;
      base.height = canvas.height;
      const context = base.getContext("2d");
      context.setTransform(sharp, 0, 0, sharp, 0, 0);
      dots.paint(context, { layout: tab.layout, view: tab.view, width, height, ...look, dead: answer && answer.dead, frozen: net().frozenOf, layer: net().now.layer, over: tab.over });
      canvas.dataset.milliseconds = (performance.now() - began).toFixed(1);
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(base, 0, 0);
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    const chosen = net().now.units;
    const path = net().now.pattern ? net().patternUnits(net().now.pattern, layers) : [];
    dots.mark(
      context,
      {
        path: path.filter(place).map(stop),
        chosen: chosen.map(place).filter(Boolean),
        focus: chosen.length > 1 && tab.focus ? place(tab.focus) : null,
        hover: tab.hover && place(tab.hover),
        cursor: tab.cursor && document.activeElement === canvas ? place(tab.cursor) : null,
      },
      tab.layout.pitch * tab.view.k
    );
    Object.assign(canvas.dataset, {
      units: String(layers.reduce((sum, layer) => sum + layer.n_units, 0)),
      pitch: tab.layout.pitch.toFixed(2),
      colour: (answer && answer.colour) || "layer",
      asked: asked,
      model: ofModel,
      chosen: String(chosen.length),
      path: String(path.length),
      zoom: tab.view.k.toFixed(2),
    });
    by("units-fit").hidden = tab.view.k === 1;
  }

  function arrange() {
    const key = [ofModel, stage().clientWidth, stage().clientHeight].join();
    if (key === laid) return;
    laid = key;
    tab.layout = dots.layout(layers, stage().clientWidth, stage().clientHeight - by("units-legend").offsetHeight);
    tab.view = { k: 1, x: 0, y: 0 };
  }

  function side() {
    dots.side({ layers, answer, look, focus: tab.focus, told: (name, channel) => (tab.layout.blocks[blockOf(name)] ? told(tab.layout.blocks[blockOf(name)], channel) : "") });
  }

  /* --- what has changed ------------------------------------------------------------------------------------------- */

  async function changed() {
    if (!showing()) {
      if (tab.hover) dots.leave();
      return;
    }
    watch();
    controls();
    const model = net().now.model;
    if (ofModel !== model) {
      stage().classList.add("pending");
      const [record, found] = [await net().layers(), await net().unitLayers()];
      if (!showing() || net().now.model !== model) return;
      if (record.problem || !found.length) {
        stage().classList.remove("pending");
        [ofModel, layers, laid, answer] = [null, [], "", null];
        tab.layout = { pitch: 0, label: 0, blocks: [] };
        coloured();
        paint();
        by("units-count").textContent = "";
        by("units-legend").replaceChildren();
        by("units-side").replaceChildren();
        by("units-problem").textContent = record.problem || "The classifier has no layers with units.";
        // The engine may have been busy or away.
        tries = tried === model ? tries + 1 : 1;
        tried = model;
        if (record.problem && tries <= TRIES) setTimeout(() => showing() && changed(), 1500 * tries);
        return;
      }
      if (ofModel !== model) {
        [ofModel, layers, answer, look, asked, tab.hover, tab.over, tab.cursor, tab.focus] = [model, found, null, null, "", null, null, null, null];
        coloured();
        legend();
        counted();
      }
    }
    const units = net().now.units;
    if (!tab.focus || !units.some((unit) => same(unit, tab.focus))) tab.focus = units.length ? units[units.length - 1] : null;
    arrange();
    legend();
    side();
    paint();
    ask();
  }
  window.addEventListener("nnvis-network", () => changed());

  /* The controls show what is set; those that say nothing now are out of the way. */
  function controls() {
    const now = net().now;
    const colour = net().setting("colour", "layer");
    const [first, second] = pair();
    const values = { colour: colour, by: net().setting("by", "max"), class_a: String(first), class_b: String(second) };
    document.querySelectorAll("#network-units select[data-units]").forEach(function (select) {
      const name = select.dataset.units;
      if (name.startsWith("class_") && select.dataset.of !== now.model + now.dataset) {
        select.dataset.of = now.model + now.dataset;
        select.replaceChildren(...now.classNames.map((text, i) => nnvis.h("option", { value: i }, text)));
      }
      if (select.value !== values[name]) select.value = values[name];
    });
    const standardised = document.querySelector('#network-units [data-units="standardised"]');
    standardised.setAttribute("aria-pressed", String(Boolean(net().setting("standardised", false))));
    by("network-units").dataset.colour = colour;
    by("units-classes").hidden = colour !== "classes";
  }

  let watched = false;
  function watch() {
    if (watched) return;
    watched = true;
    dots.wire();
    new ResizeObserver(() => showing() && layers.length && (arrange(), paint())).observe(stage());
  }

  /* For other tabs and for tests: where a unit's dot is in the page. */
  dots.whereabouts = function (name, channel) {
    const at = place([name, channel]);
    const box = by("units-canvas").getBoundingClientRect();
    return at && { x: box.left + at[0], y: box.top + at[1] };
  };
  dots.focusOn = function (unit) {
    tab.focus = unit;
    side();
    paint();
  };
})();
