/* The network view's core: what is looked at, for all of its tabs; which units are selected or frozen; the hover card of a
 * unit; and the questions and jobs that the tabs share. Each tab has a script of its own, which draws when it is shown. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const net = (nnvis.network = nnvis.network || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  net.now = null;
  net.mode = "select";
  let shown = [null, null, null, null]; // catalog, session, selection, view
  let chosen = null; // units, frozen ones, the layer and settings as they were clicked, until the state has them
  let frozen = null;
  let layer = null;
  let settings = null;

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.networkShown = function (catalog, session, selection, view) {
    const before = shown[2];
    shown = [catalog, session, selection, view];
    if (!catalog || !selection || !view) return dash.no_update;
    // What was clicked counts until the state has it, or somebody else said otherwise.
    if (chosen && (same(chosen, selection.units) || (before && !same(before.units, selection.units)))) chosen = null;
    if (layer && (layer === selection.layer || (before && before.layer !== selection.layer))) layer = null;
    if (frozen && (same(frozen, selection.frozen) || (before && !same(before.frozen, selection.frozen)))) frozen = null;
    if (settings && Object.entries(settings).every(([name, value]) => (view.network[name] ?? null) === value)) settings = null;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view] = shown;
    if (!catalog || !session || !selection || !view) return;
    if (!nnvis.catalogued(catalog, session)) return;
    net.now = {
      dataset: catalog.dataset,
      n: catalog.n,
      labelled: catalog.labelled,
      classNames: catalog.names,
      colours: catalog.colours,
      model: catalog.model,
      modelName: catalog.modelName,
      indexed: catalog.ready,
      tab: view.tab,
      settings: { ...view.network, ...settings },
      samples: selection.samples,
      ...nnvis.tested(selection),
      reference: selection.edits.length ? null : selection.derived ? "d" + selection.derived : selection.primary,
      compared: selection.compared,
      layer: layer || selection.layer,
      units: chosen || selection.units,
      pattern: selection.pattern,
      frozen: frozen || selection.frozen,
      target: selection.target,
      classes: selection.classes,
      correctness: selection.correctness,
      attribution: { ...nnvis.asked(session, selection, view), edits: selection.edits },
    };
    sets = null;
    const message = by("network-message");
    message.hidden = Boolean(catalog.model);
    message.textContent = catalog.model ? "" : "No classifier fits this dataset. Add one to look into it.";
    document.querySelectorAll("#network-panel .view-tab").forEach(function (tab) {
      tab.setAttribute("aria-selected", String(tab.id === "network-tab-" + view.tab));
    });
    document.querySelectorAll("#network-panel .network-tab").forEach(function (tab) {
      tab.hidden = !catalog.model || tab.id !== "network-" + view.tab;
    });
    const count = net.frozenCount();
    const tab = by("network-tab-freeze");
    tab.dataset.count = count ? String(count) : "";
    if (catalog.model) window.dispatchEvent(new CustomEvent("nnvis-network"));
  }
  window.addEventListener("resize", look);

  net.setting = (name, fallback) => (net.now && net.now.settings[name] !== undefined && net.now.settings[name] !== null ? net.now.settings[name] : fallback);
  net.set = function (values) {
    settings = { ...settings, ...values };
    nnvis.send({ kind: "network", parameters: values });
    look();
  };
  net.tested = () => ({ sample: net.now.sample, derived: net.now.derived, edits: net.now.edits });
  net.tests = () => Boolean(net.now && nnvis.tests(net.tested()) && (net.now.derived || net.now.sample < net.now.n));

  /* --- questions ------------------------------------------------------------------------------------------------- */

  net.post = (path, record) => nnvis.post(path, record);

  const KINDS = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };
  const round = (bytes) => Math.ceil(bytes / 8) * 8;

  /* The arrays of a binary answer (nnvis_dash/envelope.py) by name, each with its `shape`; {problem} in words. */
  net.arrays = async function (path, record) {
    let answer;
    try {
      answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(record) });
    } catch (error) {
      return { problem: "The server can't be reached. Is it running?" };
    }
    if (!answer.ok) return { problem: "The server can't answer (" + answer.status + "). Try again." };
    if ((answer.headers.get("Content-Type") || "").includes("json")) return await answer.json();
    const buffer = await answer.arrayBuffer();
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const found = { header: header };
    let at = round(4 + length);
    for (const { name, dtype, shape } of header.arrays) {
      const size = shape.reduce((product, side) => product * side, 1);
      found[name] = new KINDS[dtype](buffer, at, size);
      found[name].shape = shape;
      at += round(found[name].byteLength);
    }
    return found;
  };

  const records = new Map(); // promises by model
  net.layers = function () {
    const model = net.now.model;
    if (!records.has(model)) {
      const asked = fetch("network/" + model + "/architecture.json").then(
        (answer) => (answer.ok ? answer.json() : { problem: "The server can't answer (" + answer.status + "). Try again.", again: true }),
        () => ({ problem: "The server can't be reached. Is it running?", again: true })
      );
      records.set(model, asked);
      asked.then((record) => record.again && records.delete(model));
    }
    return records.get(model);
  };

  net.unitLayers = async function () {
    const record = await net.layers();
    const layers = [];
    let first = 0;
    for (const node of record.nodes || []) {
      if (!node.n_units) continue;
      layers.push({ name: node.name, n_units: node.n_units, kind: node.kind, output_shape: node.output_shape, first: first });
      first += node.n_units;
    }
    return layers;
  };

  net.patternUnits = function (text, layers) {
    return (text ? text.split(".") : [])
      .map((part) => part.split(":").map(Number))
      .filter(([ordinal]) => layers[ordinal])
      .map(([ordinal, channel]) => [layers[ordinal].name, channel]);
  };

  /* --- units that are selected or frozen ------------------------------------------------------------------------- */

  let sets = null; // {chosen, frozen: {layer: Set}}, made when first asked for
  const key = (layer, channel) => channel + " " + layer;
  function marks() {
    if (!sets) {
      const held = {};
      for (const [layer, text] of Object.entries(net.now.frozen)) held[layer] = new Set(nnvis.decodeIds(text));
      sets = { chosen: new Set(net.now.units.map(([layer, channel]) => key(layer, channel))), frozen: held };
    }
    return sets;
  }
  const NONE = new Set();
  net.isChosen = (layer, channel) => marks().chosen.has(key(layer, channel));
  net.frozenOf = (layer) => marks().frozen[layer] || NONE;
  net.isFrozen = (layer, channel) => net.frozenOf(layer).has(channel);
  net.frozenCount = () => Object.keys(net.now.frozen).reduce((sum, layer) => sum + net.frozenOf(layer).size, 0);

  const MOST = 512; // units that a selection holds
  net.pick = function (layer, channel, event) {
    if (net.mode === "freeze") return net.freeze([[layer, channel]], !net.isFrozen(layer, channel));
    const more = event && (event.shiftKey || event.ctrlKey || event.metaKey);
    const others = net.now.units.filter(([name, number]) => name !== layer || number !== channel);
    const already = others.length < net.now.units.length;
    const wanted = more ? (already ? others : [...net.now.units, [layer, channel]]) : already && !others.length ? [] : [[layer, channel]];
    net.setUnits(wanted);
  };

  net.setUnits = function (units) {
    chosen = units.slice(-MOST).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
    nnvis.send({ kind: "units", units: chosen, origin: "network" });
    look();
  };

  net.freeze = function (units, on) {
    const held = {};
    for (const layer of Object.keys(net.now.frozen)) held[layer] = new Set(net.frozenOf(layer));
    for (const [layer, channel] of units) {
      held[layer] = held[layer] || new Set();
      if (on) held[layer].add(channel);
      else held[layer].delete(channel);
    }
    net.setFrozen(Object.fromEntries(Object.entries(held).map(([layer, channels]) => [layer, nnvis.encodeIds(channels)])));
  };
  net.setFrozen = function (ranges) {
    const kept = Object.entries(ranges).filter(([, text]) => text);
    frozen = Object.fromEntries(kept.sort((a, b) => (a[0] < b[0] ? -1 : 1)));
    nnvis.send({ kind: "frozen", frozen: frozen, origin: "network" });
    look();
  };

  net.chooseLayer = function (name) {
    layer = name;
    look();
    nnvis.send({ kind: "layer", layer: name, origin: "network" });
  };

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-network-mode]");
    if (!button) return;
    net.mode = button.dataset.networkMode;
    document.querySelectorAll("[data-network-mode]").forEach(function (one) {
      one.setAttribute("aria-pressed", String(one.dataset.networkMode === net.mode));
    });
    by("network-panel").dataset.mode = net.mode;
    window.dispatchEvent(new CustomEvent("nnvis-network"));
  });

  /* --- the hover card -------------------------------------------------------------------------------------------- */

  const REST = 110; // milliseconds on a unit before its images are asked for
  const tops = new Map();
  let hovered = "";
  let timer = 0;

  function place(card, x, y) {
    const { width, height } = card.getBoundingClientRect();
    card.style.left = Math.max(8, x + width + 24 > innerWidth ? x - width - 14 : x + 14) + "px";
    card.style.top = Math.max(8, Math.min(y + 14, innerHeight - height - 8)) + "px";
  }

  net.hover = function (layer, channel, event, extra) {
    const card = by("hover-card");
    const name = key(layer, channel) + " " + net.now.model + " " + net.now.dataset;
    const { clientX: x, clientY: y } = event;
    if (hovered !== name) {
      hovered = name;
      clearTimeout(timer);
      card.className = "hover-card unit-card";
      const words = nnvis.h("div", { class: "unit-words" }, nnvis.h("b", {}, layer + " · " + channel), nnvis.h("span", {}, extra || ""));
      const images = nnvis.h("div", { class: "unit-images" });
      card.replaceChildren(words, images);
      const state = net.isFrozen(layer, channel) ? "frozen: passes zeros on" : "";
      if (state) words.append(nnvis.h("span", { class: "bad" }, state));
      if (tops.has(name)) fill(images, tops.get(name));
      else if (net.now.indexed) timer = setTimeout(() => ask(name, layer, channel, images, card, x, y), REST);
    }
    card.hidden = false;
    place(card, x, y);
  };

  async function ask(name, layer, channel, images, card, x, y) {
    const { dataset, model } = net.now;
    const found = await net.post("network/top", { dataset, model, layer, channel, n: 6, by: net.setting("by", "max"), plain: true });
    if (!found.problem) tops.set(name, found);
    if (hovered !== name || !images.isConnected) return;
    fill(images, found);
    place(card, x, y);
  }

  function fill(images, found) {
    const dataset = net.now.dataset;
    if (found.problem) images.replaceChildren(nnvis.h("span", { class: "label" }, found.problem));
    else if (!found.images.length) images.replaceChildren(nnvis.h("span", { class: "label" }, "silent on every image: a dead unit"));
    else images.replaceChildren(...found.images.map((one) => nnvis.h("img", { src: `image/${dataset}/${one.id}.png?side=64`, alt: "" })));
  }

  net.unhover = function () {
    if (!hovered) return;
    hovered = "";
    clearTimeout(timer);
    const card = by("hover-card");
    card.hidden = true;
    card.className = "hover-card";
  };

  /* --- colours: the scales of nnvis_dash/figures/theme.py ---------------------------------------------------------- */

  const HEAT = [[0, "0b0724"], [0.2, "3f0f72"], [0.4, "8c2981"], [0.6, "dd4a69"], [0.8, "fd9a6a"], [1, "fcf6b8"]];
  const EVIDENCE = [[0, "053061"], [0.2, "2f79b5"], [0.38, "a7cfe4"], [0.5, "ffffff"], [0.62, "f7b799"], [0.8, "ce4f45"], [1, "67001f"]];

  function table(scale) {
    const bytes = new Uint8Array(256 * 3);
    const part = (colour, channel) => parseInt(colour.slice(2 * channel, 2 * channel + 2), 16);
    for (let i = 0; i < 256; i += 1) {
      const t = i / 255;
      const at = Math.max(1, scale.findIndex(([position]) => position >= t));
      const [[low, from], [high, to]] = [scale[at - 1], scale[at]];
      for (let c = 0; c < 3; c += 1) bytes[3 * i + c] = Math.round(part(from, c) + ((part(to, c) - part(from, c)) * (t - low)) / (high - low));
    }
    return bytes;
  }
  net.rampBytes = table(HEAT);
  net.divergingBytes = table(EVIDENCE);
  function css(bytes, share) {
    const i = 3 * Math.max(0, Math.min(255, Math.round(255 * (share || 0))));
    return `rgb(${bytes[i]},${bytes[i + 1]},${bytes[i + 2]})`;
  }
  net.ramp = (t) => css(net.rampBytes, t);
  net.diverging = (t) => css(net.divergingBytes, (t + 1) / 2);

  /* --- jobs ------------------------------------------------------------------------------------------------------ */

  const runs = {};
  let number = 0;

  net.run = function (name, record) {
    number += 1;
    runs[name] = { ...record, number: `${Date.now()}-${number}` };
    nnvis.store("network-" + name + "-run", runs[name]);
    return runs[name];
  };
  net.stop = function (name) {
    runs[name] = null;
    nnvis.store("network-" + name + "-run", null);
  };
  net.running = (name) => runs[name] || null;

  const tell = (name, more) => window.dispatchEvent(new CustomEvent("nnvis-network-job", { detail: { name, ...more } }));
  for (const name of ["effect", "campaign", "smallest", "visualisation", "redrawn", "simulation", "battery", "breaking", "pairs", "suggestion", "review", "twins"]) {
    space[name + "Progress"] = function (progress) {
      if (progress && runs[name] && same(progress.request, runs[name])) tell(name, { record: runs[name], progress });
      return dash.no_update;
    };
    space[name + "Found"] = function (answer) {
      if (answer && runs[name] && same(answer.request, runs[name])) {
        const record = runs[name];
        runs[name] = null;
        tell(name, { record, answer });
      }
      return dash.no_update;
    };
  }
})();
