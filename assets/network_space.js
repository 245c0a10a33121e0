/* The network view's tab in space: asks for the stacks of all layers at once and for a layer's channels when it is opened,
 * and says what a click there means. The drawing itself is space_view.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const net = () => nnvis.network;

  const SIDE = { stack: 32, open: 56 }; // positions of a picture's longer side
  const LATE = 180; // milliseconds after which it shows that an answer is waited for
  const LOST = "The graphics device was lost; the picture comes back when it does.";
  const FLAT = "No WebGL2 here: a 2-D drawing of the same stacks.";

  const AGAIN = 1500; // milliseconds after which a busy engine is asked again

  let view = null;
  let again = 0; // the timer of that
  let detail = "main";
  let built = ""; // the classifier and detail whose layers stand there
  let asked = ""; // the request whose stacks are shown or on their way
  let stacks = null; // the answer
  let image = null; // {src, picture}: the tested image as the classifier gets it
  let hovered = null;
  let words = { drawing: "", image: "" }; // what the stage has to say
  const open = new Map(); // layer -> {asked, answer}
  let looks = ""; // what the marks were made of

  /* --- what is asked --------------------------------------------------------------------------------------------- */

  const record = (more) => ({ dataset: net().now.dataset, model: net().now.model, ...net().tested(), frozen: net().now.frozen, ...more });

  async function refresh() {
    if (!net() || !net().now || net().now.tab !== "space" || !by("space-stage")) return rest();
    build();
    press();
    const now = net().now;
    const key = now.model + " " + detail;
    if (built !== key) {
      const graph = await net().layers();
      if (net().now.model !== now.model || net().now.tab !== "space") return;
      if (graph.problem) return nothing(graph);
      if (built !== key) {
        built = key;
        [asked, stacks, looks] = ["", null, ""];
        open.clear();
        view.show(nnvis.space.graph(graph, detail));
      }
    }
    mark();
    if (!net().tests()) {
      asked = "";
      stacks = null;
      for (const layer of view.scene.layers) Object.assign(layer, { source: null, tiles: null });
      view.changed();
      return say("image", "Click a point on the map: what every layer makes of its image is shown here.");
    }
    await ask();
    for (const name of open.keys()) askOpen(name);
  }

  async function ask() {
    const names = view.scene.layers.filter((layer) => !layer.input).map((layer) => layer.name);
    const wanted = record({ stacks: names, side: SIDE.stack });
    const text = JSON.stringify(wanted);
    if (text === asked) return;
    asked = text;
    const timer = setTimeout(() => by("network-space").classList.add("waiting"), LATE);
    const answer = await net().arrays("network/maps", wanted);
    clearTimeout(timer);
    if (text !== asked) return;
    by("network-space").classList.remove("waiting");
    if (answer.problem) {
      asked = "";
      return problem(answer);
    }
    say("image", "");
    const first = !stacks || stacks.header.reference !== answer.header.reference;
    stacks = answer;
    picture(`image/${wanted.dataset}/${answer.header.reference}.png?fit=${wanted.model}`);
    pile();
    if (first) view.flow();
    describe();
    by("space-stage").dataset.image = answer.header.reference;
  }

  /* Ask for all channels of a layer that stands open. */
  async function askOpen(name) {
    const entry = open.get(name);
    const layer = view.scene.named(name);
    if (!layer || !stacks) return;
    const wanted = record({ layer: name, side: SIDE.open });
    const text = JSON.stringify(wanted);
    if (entry.asked === text) return;
    entry.asked = text;
    const answer = await net().arrays("network/maps", wanted);
    if (entry.asked !== text || open.get(name) !== entry) return;
    if (answer.problem) {
      entry.asked = "";
      return problem(answer);
    }
    entry.answer = answer;
    unfold(layer, answer);
    view.changed();
  }

  function picture(src) {
    if (image && image.src === src) return;
    const loading = new Image();
    image = { src, picture: image ? image.picture : null };
    loading.onload = function () {
      if (image.src !== src) return;
      image.picture = nnvis.space.photograph(loading);
      place();
      view.changed();
    };
    loading.src = src;
  }

  function place() {
    const first = view.scene && view.scene.layers.find((layer) => layer.input);
    if (first && image) first.source = image.picture;
  }

  /* --- values become pictures ------------------------------------------------------------------------------------ */

  const shared = () => Boolean(net().setting("shared", false));

  function pile() {
    const sheet = [];
    stacks.header.layers.forEach(function (told, i) {
      const layer = view.scene.named(told.layer);
      if (!layer) return;
      const [tiles, low, high] = [stacks["tiles_" + i], stacks["low_" + i], stacks["high_" + i]];
      const scale = nnvis.tiles.scale({ low: [...low, told.least], high: [...high, told.most] }, shared() || layer.flat);
      layer.scale = scale;
      const maps = { height: told.height, width: told.width, channels: low.length, data: tiles, low, high };
      if (layer.flat) {
        layer.tiles = nnvis.space.tiles(maps, scale, layer.face.cols);
        layer.values = low;
        layer.source = { picture: layer.tiles.picture, whole: layer.tiles.whole, texels: layer.tiles.size, signed: scale.signed };
        return;
      }
      const size = told.height * told.width;
      const data = nnvis.space.scaled(maps, scale);
      const cards = Array.from(low, (_, k) => ({ height: told.height, width: told.width, data: data.subarray(k * size, (k + 1) * size) }));
      layer.cardChannels = told.mean ? null : Array.from(stacks["channels_" + i]);
      sheet.push({ name: told.layer, cards, signed: scale.signed });
    });
    for (const [name, source] of nnvis.space.sheet(sheet)) view.scene.named(name).source = source;
    place();
    order();
    view.changed();
  }

  function unfold(layer, answer) {
    if (layer.flat) return;
    const { header, tiles, low, high } = answer;
    layer.scale = nnvis.tiles.scale(answer, shared());
    layer.tiles = nnvis.space.tiles({ height: header.height, width: header.width, channels: header.n, data: tiles, low, high }, layer.scale);
    layer.means = answer.mean;
    order();
  }

  /* In which order an open layer shows its channels. Dense layers stay as they are numbered. */
  function order() {
    const sort = net().setting("sort", "activation");
    for (const layer of view.scene.layers) {
      const entry = open.get(layer.name);
      const answer = entry && entry.answer;
      layer.order = !answer || layer.flat || sort === "index" ? null : sort === "difference" ? answer.order_difference : answer.order_activation;
    }
  }

  function redraw() {
    if (!stacks || !view.scene) return;
    pile();
    for (const [name, entry] of open) if (entry.answer) unfold(view.scene.named(name), entry.answer);
    view.changed();
    legend();
  }

  /* --- marks ----------------------------------------------------------------------------------------------------- */

  function mark() {
    const now = net().now;
    const text = JSON.stringify([built, now.layer, now.units, now.frozen, now.settings.shared, now.settings.sort]);
    if (text === looks) return;
    const before = looks ? JSON.parse(looks) : [];
    looks = text;
    for (const layer of view.scene.layers) {
      layer.marked = layer.name === now.layer;
      layer.frozen = layer.owner ? net().frozenOf(layer.owner) : new Set();
      layer.chosen = new Set(layer.owner ? now.units.filter(([name]) => name === layer.owner).map(([, channel]) => channel) : []);
    }
    if (before[4] !== now.settings.shared) redraw();
    else if (before[5] !== now.settings.sort) order();
    view.changed();
    describe();
  }

  function press() {
    const set = (name, value) =>
      document.querySelectorAll(`[data-space-${name}]`).forEach((one) => one.setAttribute("aria-pressed", String(one.getAttribute("data-space-" + name) === value)));
    set("detail", detail);
    set("scale", shared() ? "shared" : "own");
  }

  function legend() {
    const layer = hovered ? hovered.layer : view.scene && view.scene.layers.find((one) => one.opening);
    const scale = (layer && layer.scale) || { signed: false, shared: false };
    const table = scale.signed ? signed() : net().rampBytes;
    const stops = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => "rgb(" + table.subarray(3 * Math.round(31.875 * i), 3 * Math.round(31.875 * i) + 3).join(",") + ")");
    const end = scale.shared ? nnvis.tiles.short(scale.end) : (shared() ? "its layer's" : "its") + " most";
    const parts = [scale.signed ? "−" + end : "0", nnvis.h("i", { class: "tiles-ramp", style: { background: `linear-gradient(90deg, ${stops.join(",")})` } }), end];
    by("space-legend").replaceChildren(...(stacks ? parts.map((part) => (part instanceof Element ? part : nnvis.h("span", {}, part))) : []));
  }

  /* The scale around 0 on the dark stage: 0 is dark there, so that what answers shines either way. */
  function signed() {
    const stops = [[140, 205, 255], [47, 121, 200], [22, 29, 43], [206, 79, 69], [255, 190, 130]]; // prettier-ignore
    const bytes = new Uint8Array(768);
    for (let i = 0; i < 768; i += 1) {
      const at = (Math.floor(i / 3) / 255) * (stops.length - 1);
      const from = Math.min(stops.length - 2, Math.floor(at));
      bytes[i] = Math.round(stops[from][i % 3] + (stops[from + 1][i % 3] - stops[from][i % 3]) * (at - from));
    }
    return bytes;
  }

  /* --- words ----------------------------------------------------------------------------------------------------- */

  function say(about, text) {
    words[about] = text;
    const all = Object.values(words).filter(Boolean).join(" ");
    if (!by("space-message")) return;
    by("space-message").textContent = all;
    by("space-message").hidden = !all;
  }

  /* Say what is wrong; where the engine was only busy, ask again. */
  function problem(answer) {
    say("image", answer.problem);
    clearTimeout(again);
    if (answer.again) again = setTimeout(refresh, AGAIN);
  }

  function nothing(answer) {
    [built, asked, stacks] = ["", "", null];
    view.show(null);
    by("space-legend").replaceChildren();
    by("space-said").textContent = "";
    problem(answer);
  }

  const facts = (layer) =>
    [
      layer.name,
      layer.input ? "the tested image as the classifier gets it" : layer.kind,
      layer.size,
      layer.parameters ? layer.parameters.toLocaleString("en") + " parameters" : "",
      layer.activation && layer.activation !== "linear" ? layer.activation : "",
      layer.frozen.size ? layer.frozen.size + " frozen" : "",
    ]
      .filter(Boolean)
      .join(" · ");

  function describe() {
    const layer = hovered ? hovered.layer : view.scene && view.scene.layers.find((one) => one.marked);
    by("space-said").textContent = layer ? facts(layer) + (hovered && hovered.channel >= 0 ? " · channel " + hovered.channel : "") : summary();
    legend();
  }

  function summary() {
    if (!view.scene) return "";
    const { layers, edges } = view.scene;
    return `${layers.length} layers, ${edges.length} connections` + (stacks ? "; each stack: the channels that answer most, the strongest in front" : "");
  }

  /* --- the view -------------------------------------------------------------------------------------------------- */

  function build() {
    if (view) return;
    const stage = by("space-stage");
    view = nnvis.space.shown = nnvis.space.view(stage, {
      ramp: [net().rampBytes, signed()],
      say: (what) => say("drawing", what === "flat" ? FLAT : what === "lost" ? LOST : ""),
      layer: (name) => net().chooseLayer(name),
      channel: pick,
      hover: hover,
      leave: leave,
      answers: () =>
        stacks && stacks.header.answers.length
          ? stacks.header.answers[0].map((one) => ({ name: one.name, share: (100 * one.probability).toFixed(1) + " %", colour: one.colour }))
          : [],
      caption: caption,
      opened: opened,
      touched: () => by("network-space").classList.add("touched"),
    });
    by("space-spin").addEventListener("click", () => spin(by("space-spin").getAttribute("aria-pressed") !== "true"));
    by("space-fit").addEventListener("click", () => view.scene && view.reset());
    by("space-close").addEventListener("click", () => view.scene && view.collapse());
    by("space-save").addEventListener("click", save);
    by("network-space").addEventListener("click", function (event) {
      const button = event.target.closest("[data-space-detail], [data-space-scale]");
      if (!button) return;
      if (button.dataset.spaceScale) return net().set({ shared: button.dataset.spaceScale === "shared" });
      detail = button.dataset.spaceDetail;
      refresh();
    });
  }

  function spin(on) {
    by("space-spin").setAttribute("aria-pressed", String(on));
    view.spin(on);
  }

  /* Another tab is looked at. */
  function rest() {
    if (view && by("space-spin") && by("space-spin").getAttribute("aria-pressed") === "true") spin(false);
  }

  function opened(name, on) {
    if (!on) open.delete(name);
    else {
      open.set(name, { asked: "", answer: null });
      askOpen(name);
    }
    by("space-stage").dataset.open = [...open.keys()].join(",");
    describe();
  }

  /* What stands on a channel: its number, its value where it has one, and the class's name at the end. */
  function caption(layer, channel) {
    const value = layer.values ? nnvis.tiles.short(layer.values[channel]) : "";
    if (layer.last && net().now.classNames[channel]) return net().now.classNames[channel] + ": " + value;
    return channel + (value ? ": " + value : "");
  }

  function pick(layer, channel, event) {
    if (layer.owner) net().pick(layer.owner, channel, event);
    else net().chooseLayer(layer.name);
  }

  function hover(layer, channel, event) {
    hovered = { layer, channel };
    describe();
    if (channel < 0 || !layer.owner) return net().unhover();
    const value = layer.values ? layer.values[channel] : layer.means ? layer.means[channel] : null;
    const extra = value === null || value === undefined ? "" : (layer.values ? "" : "mean ") + nnvis.tiles.short(value);
    const name = layer.last && net().now.classNames[channel];
    net().hover(layer.owner, channel, event, [name, layer.owner === layer.name ? "" : "in " + layer.name, extra].filter(Boolean).join(" · "));
  }

  function leave() {
    hovered = null;
    net().unhover();
    describe();
  }

  function save() {
    if (!view.scene) return;
    view.picture().toBlob(function (blob) {
      const link = nnvis.h("a", { href: URL.createObjectURL(blob), download: `${net().now.modelName || "network"}-3d.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  window.addEventListener("nnvis-network", refresh);
})();
