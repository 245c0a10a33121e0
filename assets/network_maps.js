/* The network view's feature maps: all channels of a layer for the tested image, beside the original's where units are
 * frozen and beside the weights where those are images; one channel in full on demand. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const net = () => nnvis.network;
  const tiles = () => nnvis.tiles;

  const SIDES = [56, 112, 224]; // positions of a tile's longer side that are asked for, by its size on the screen
  const LATE = 180; // milliseconds after which it shows that an answer is waited for

  let wall = null;
  let layers = []; // of the classifier, with channels or not
  let listed = ""; // the classifier whose layers the list holds
  let asked = ""; // what is on its way or shown
  let found = null; // what is shown: the answer, with `record`, what it was asked for
  let order = [];
  let withWeights = false;
  let weights = null; // {layer, model, tiles, reach} or {problem}
  let open = null; // {layer, channel} that is shown in full
  let full = null;
  let told = ""; // of the channel in full
  let sought = ""; // the layer and units that were brought into view
  let spoken = -1; // the channel that is pointed at

  /* --- what is asked --------------------------------------------------------------------------------------------- */

  const current = () => {
    const now = net().now;
    const units = now.units.map(([layer]) => layer);
    const known = [now.layer, ...units].map((name) => layers.find((one) => one.name === name)).find(Boolean);
    return (known || layers.find((one) => one.n_units) || layers[0] || { name: null }).name;
  };

  const frozen = () => Object.keys(net().now.frozen).length > 0;

  function record(layer) {
    const { dataset, model, frozen: ranges } = net().now;
    return { dataset, model, ...net().tested(), layer, frozen: ranges, pair: frozen(), side: side(layer) };
  }

  function side() {
    const height = wall.pictureHeight() * (window.devicePixelRatio || 1);
    const before = found ? found.record.side : SIDES[0];
    return Math.max(found && found.record.layer === current() ? before : SIDES[0], SIDES.find((one) => one >= height / 2) || SIDES[2]);
  }

  async function refresh() {
    if (!net().now || net().now.tab !== "maps" || !by("maps-wall")) return;
    build();
    by("network-maps").dataset.mode = net().mode;
    await list();
    const now = net().now;
    if (!now || now.tab !== "maps") return;
    if (!net().tests()) return nothing("Click a point on the map: its image's feature maps are shown here.");
    if (!layers.length) return;
    const layer = current();
    by("maps-layer").value = layer;
    if (open && open.layer !== layer) close();
    const wanted = record(layer);
    const text = JSON.stringify(wanted);
    if (text === asked) return found && (arrange(), arrive());
    asked = text;
    const timer = setTimeout(() => by("network-maps").classList.add("waiting"), LATE);
    const answer = await net().arrays("network/maps", wanted);
    clearTimeout(timer);
    if (text !== asked) return;
    by("network-maps").classList.remove("waiting");
    if (answer.problem) {
      if (answer.again) asked = "";
      return nothing(answer.problem);
    }
    if (!found || found.record.layer !== layer) spoken = -1;
    found = { ...answer, record: wanted };
    message("");
    if (withWeights) await askWeights();
    if (text !== asked) return;
    arrange();
    if (open) askFull();
    arrive();
    if (side() > wanted.side && answer.header.full.some((extent) => extent > wanted.side)) refresh(); // there is room for more
  }

  async function list() {
    const model = net().now.model;
    if (listed === model) return;
    const graph = await net().layers();
    if (!net().now || net().now.model !== model) return;
    layers = (graph.nodes || []).filter((node) => node.kind !== "Input" && node.kind !== "InputLayer");
    if (graph.problem) return nothing(graph.problem);
    listed = model;
    asked = "";
    const groups = new Map();
    for (const one of layers) {
      const group = (one.path && one.path[0]) || "";
      if (!groups.has(group)) groups.set(group, []);
      const size = one.output_shape.map((extent) => (extent === null ? "?" : extent)).join("×");
      groups.get(group).push(h("option", { value: one.name }, `${one.name}  ·  ${one.kind} ${size}`));
    }
    by("maps-layer").replaceChildren(...Array.from(groups, ([group, options]) => (group ? h("optgroup", { label: group }, options) : options)).flat());
  }

  async function askWeights() {
    const { model } = net().now;
    const layer = found.header.layer;
    if (!found.header.weights) return;
    if (weights && weights.model === model && weights.layer === layer) return;
    const answer = await net().arrays("network/weights", { model, layer });
    weights = { model, layer, problem: answer.problem, tiles: answer.tiles, reach: answer.reach };
  }

  /* --- the wall -------------------------------------------------------------------------------------------------- */

  function build() {
    if (wall) return;
    wall = tiles().wall(by("maps-wall"), {
      label: "feature maps: arrows move, Enter picks, space opens a channel in full",
      pick: (i, event) => pick(order[i], event),
      open: (i) => show(order[i]),
      hover: (i, event) => {
        const unit = found && found.header.unit_layer;
        say(order[i]);
        if (unit) net().hover(unit, order[i], event, facts(order[i]));
      },
      leave: () => {
        net().unhover();
        say(-1);
      },
      moved: (i) => say(order[i]),
    });
  }

  function pick(channel, event) {
    const unit = found.header.unit_layer;
    if (unit) net().pick(unit, channel, event);
    else say(channel, "its channels are no units of one layer, so there is nothing to select or freeze");
  }

  function facts(channel) {
    const short = tiles().short;
    const { least, most, mean, difference } = found;
    const parts = [least[channel] === most[channel] ? `${short(most[channel])} everywhere` : `${short(least[channel])} to ${short(most[channel])}, mean ${short(mean[channel])}`];
    if (found.header.difference) parts.push(`changed by ${short(difference[channel])}`);
    return parts.join(" · ");
  }

  function say(channel, more) {
    const line = by("maps-said");
    spoken = channel === undefined ? -1 : channel;
    if (open && !by("maps-channel").hidden) line.textContent = told;
    else if (!found || channel < 0 || channel === undefined) line.textContent = summary();
    else line.textContent = `${title(channel)}: ${more || facts(channel)}${isFrozen(channel) ? " · frozen: passes zeros on" : ""}`;
  }

  const title = (channel) => [`${found.header.layer} · ${channel}`, tiles().className(found.header, channel)].join(" ").trim();

  function summary() {
    if (!found) return "";
    const { header, least, most } = found;
    const silent = Array.from(most).filter((value, i) => value === 0 && least[i] === 0).length;
    const size = header.full[0] * header.full[1] > 1 ? `${header.n} maps of ${header.full[0]} × ${header.full[1]}` : `${header.n} values`;
    const parts = [`${header.layer}, ${header.kind}: ${size}`];
    if (silent) parts.push(`${silent} silent for this image`);
    if (header.unit_layer && header.unit_layer !== header.layer) parts.push(`units of ${header.unit_layer}`);
    if (header.difference) parts.push("left: with frozen units, right: the original's");
    return parts.join(" · ");
  }

  const isFrozen = (channel) => Boolean(found.header.unit_layer) && net().isFrozen(found.header.unit_layer, channel);

  function arrange() {
    if (!found) return;
    const { header } = found;
    const weighed = withWeights && header.weights && weights && weights.layer === header.layer && weights.tiles;
    const dense = header.height * header.width === 1;
    const shared = dense || Boolean(net().setting("shared", false));
    let sort = net().setting("sort", "activation");
    if (sort === "difference" && !header.difference) sort = "activation";
    order = sort === "index" ? Array.from({ length: header.n }, (_, i) => i) : Array.from(sort === "difference" ? found.order_difference : found.order_activation);
    const scale = tiles().scale(found, shared);
    const area = header.height * header.width;
    const which = [...(weighed ? ["weights"] : []), "tiles", ...(found.other ? ["other"] : [])];
    const silent = (channel) => !dense && found.least[channel] === 0 && found.most[channel] === 0;
    const measure = (channel) => (sort === "difference" ? tiles().brief(found.difference[channel]) : silent(channel) ? "silent" : tiles().brief(found.mean[channel]));
    const pattern = inPattern(header.unit_layer);
    const named = dense && which.length === 1 && header.classes;
    wall.show({
      count: order.length,
      per: which.length,
      aspect: named ? 6 : header.width / header.height,
      least: named ? 18 : dense ? 22 : which.length > 1 ? 44 : 40,
      most: named ? 26 : dense ? 56 : 190,
      draw: function (context, i, at, x, y, w, tall) {
        const channel = order[i];
        const grey = isFrozen(channel) && which[at] !== "other";
        if (which[at] === "weights") return drawWeights(context, channel, grey, x, y, w, tall);
        const colours = tiles().colours(found.low[channel], found.high[channel], scale.range(channel), scale.signed, grey);
        tiles().paint(context, found[which[at]], channel * area, header.width, header.height, colours, x, y, w, tall);
      },
      words: (i) => ({ left: String(order[i]), long: `${order[i]} ${tiles().className(header, order[i])}`.trim(), right: isFrozen(order[i]) ? "frozen" : measure(order[i]) }),
      mark: (i) => ({ frozen: isFrozen(order[i]) ? which.length - (found.other ? 1 : 0) : 0, chosen: Boolean(header.unit_layer) && net().isChosen(header.unit_layer, order[i]), pattern: pattern.has(order[i]) }),
    });
    seek(header);
    wall.canvas.dataset.layer = header.layer;
    wall.canvas.dataset.order = order.slice(0, 24).join(",");
    wall.canvas.dataset.pictures = which.join(",");
    by("maps-legend").replaceChildren(...tiles().legend(scale));
    press("mapsSort", "data-maps-sort", sort);
    press("mapsScale", "data-maps-scale", shared ? "shared" : "own");
    document.querySelector('[data-maps-scale="own"]').disabled = dense; // of one value each, all would look alike
    document.querySelector('[data-maps-sort="difference"]').disabled = !header.difference;
    const button = by("maps-weights");
    button.disabled = !header.weights;
    button.setAttribute("aria-pressed", String(Boolean(weighed)));
    button.title = header.weights ? "What each filter multiplies the pixels by, beside its map" : "This layer's weights are no images: it sees more than three channels";
    const image = by("maps-image");
    if (image.getAttribute("src") !== picture()) image.src = picture();
    image.hidden = false;
    image.title = header.answers.map((answer, i) => (i ? "without frozen units: " : "") + `${answer[0].name} ${(100 * answer[0].probability).toFixed(1)} %`).join("; ");
    say(spoken < header.n ? spoken : -1);
    if (open) drawFull();
  }

  /* Channels of this layer that the selected neural pattern goes through. */
  function inPattern(unit) {
    const path = net().patternUnits(net().now.pattern, layers.filter((one) => one.n_units));
    return new Set(path.filter(([layer]) => layer === unit).map(([, channel]) => channel));
  }

  /* A unit that was selected elsewhere is brought into view. */
  function seek(header) {
    const text = JSON.stringify([header.layer, net().now.units]);
    if (text === sought) return;
    sought = text;
    const at = order.findIndex((channel) => header.unit_layer && net().isChosen(header.unit_layer, channel));
    if (at < 0) return;
    wall.reveal(at);
    wall.draw();
  }

  function drawWeights(context, channel, grey, x, y, w, tall) {
    const [, height, width, colours] = weights.tiles.shape;
    const size = height * width * colours;
    if (colours === 3) return tiles().paintColours(context, weights.tiles, channel * size, width, height, grey, x, y, w, tall);
    const reach = weights.reach[channel];
    tiles().paint(context, weights.tiles, channel * size, width, height, tiles().colours((-128 / 127) * reach, reach, tiles().around(reach), true, grey), x, y, w, tall);
  }

  const picture = () => `image/${net().now.dataset}/${found.header.reference}.png?fit=${net().now.model}`;

  function press(key, attribute, value) {
    document.querySelectorAll(`[${attribute}]`).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset[key] === value)));
  }

  function nothing(text) {
    found = null;
    asked = "";
    close();
    wall.clear();
    message(text);
    by("maps-said").textContent = "";
    by("maps-legend").replaceChildren();
    by("maps-image").hidden = !net().tests();
    by("network-maps").classList.remove("waiting");
  }

  function message(text) {
    by("maps-message").textContent = text;
    by("maps-message").hidden = !text;
  }

  /* --- one channel in full --------------------------------------------------------------------------------------- */

  /* For other tabs: go to this one with a channel in full. */
  let coming = null;
  nnvis.maps = {
    show: function (layer, channel) {
      coming = { layer, channel };
      net().chooseLayer(layer);
      nnvis.send({ kind: "tab", tab: "maps", origin: "network" });
    },
  };

  function arrive() {
    if (!coming || coming.layer !== found.header.layer) return;
    const { channel } = coming;
    coming = null;
    show(channel);
  }

  function show(channel) {
    open = { layer: found.header.layer, channel };
    full = null;
    askFull();
  }

  function close() {
    if (!open) return;
    open = null;
    full = null;
    by("maps-channel").hidden = true;
    by("maps-wall").hidden = false;
    wall.layout();
  }

  async function askFull() {
    const { layer, channel } = open;
    const wanted = { ...record(layer), channels: [channel], side: 1024 };
    const answer = await net().arrays("network/maps", wanted);
    if (!open || open.layer !== layer || open.channel !== channel) return;
    full = answer;
    drawFull();
  }

  function drawFull() {
    if (!full || !found) return;
    const box = by("maps-channel");
    const { channel } = open;
    const unit = found.header.unit_layer;
    const held = box.contains(document.activeElement);
    const act = (label, title, does, more) => h("button", { type: "button", class: "act", title, onclick: does, ...more }, label);
    const step = (by_) => () => show(order[(order.indexOf(channel) + by_ + order.length) % order.length]);
    const bar = h(
      "div",
      { class: "maps-row" },
      act("all channels", "Back to the wall (Esc)", leave),
      act("‹", "The channel before it (←)", step(-1), { "aria-label": "the channel before it" }),
      h("b", {}, title(channel)),
      act("›", "The next channel (→)", step(1), { "aria-label": "the next channel" }),
      unit ? act("select", "Select this unit", (event) => net().pick(unit, channel, event), { "aria-pressed": String(net().isChosen(unit, channel)), disabled: net().mode !== "select" }) : null,
      unit ? act(isFrozen(channel) ? "frozen" : "freeze", "Let this unit pass zeros on", () => net().freeze([[unit, channel]], !isFrozen(channel)), { "aria-pressed": String(isFrozen(channel)) }) : null
    );
    if (full.problem) return place(box, bar, [h("div", { class: "failure" }, full.problem)], held, 1);
    const { header } = full;
    const scale = tiles().scale(full, false);
    const canvas = function (bytes, table, label) {
      const drawn = h("canvas", { width: header.width, height: header.height, class: "maps-full", role: "img", "aria-label": label });
      tiles().paint(drawn.getContext("2d"), bytes, 0, header.width, header.height, table, 0, 0, header.width, header.height);
      drawn.addEventListener("mousemove", (event) => read(event, drawn, bytes));
      drawn.addEventListener("mouseleave", () => (by("maps-said").textContent = told));
      return drawn;
    };
    const colours = tiles().colours(full.low[0], full.high[0], scale.range(0), scale.signed, false);
    const map = canvas(full.tiles, colours, "the channel's map");
    const ratio = header.width / header.height;
    const figure = (words, ...pictures) => h("figure", {}, h("div", { class: "maps-frame", style: { aspectRatio: String(ratio) } }, ...pictures), h("figcaption", {}, words));
    const image = () => h("img", { src: picture(), alt: "" });
    const figures = [];
    figures.push(figure("the image", image()));
    figures.push(figure(full.other ? "with frozen units" : "its map", map));
    if (full.other) {
      figures.push(figure("the original's", canvas(full.other, colours, "the original's map")));
      figures.push(figure("difference", canvas(full.apart, tiles().colours((-128 / 127) * full.reach[0], full.reach[0], tiles().around(full.reach[0]), true, false), "the difference")));
    }
    if (header.height * header.width > 1) {
      const over = h("canvas", { width: header.width, height: header.height, class: "maps-over" });
      shine(over, full.tiles, full.low[0], full.high[0]);
      figures.push(figure("where it answers", image(), over));
    }
    const short = tiles().short;
    told = `${title(channel)}: ${header.full[0]} × ${header.full[1]} positions, ${short(full.least[0])} to ${short(full.most[0])}, mean ${short(full.mean[0])}${isFrozen(channel) ? " · frozen: passes zeros on" : ""}`;
    place(box, bar, figures, held, ratio);

    function read(event, drawn, bytes) {
      const around = drawn.getBoundingClientRect();
      const column = Math.min(header.width - 1, Math.floor(((event.clientX - around.left) / around.width) * header.width));
      const row = Math.min(header.height - 1, Math.floor(((event.clientY - around.top) / around.height) * header.height));
      const q = bytes[row * header.width + column];
      const value = bytes === full.apart ? ((q - 128) / 127) * full.reach[0] : full.low[0] + ((full.high[0] - full.low[0]) * q) / 255;
      by("maps-said").textContent = `row ${row}, column ${column}: ${short(value)}`;
    }
  }

  const WORDS = 24; // pixels of height under a figure
  const GAP = 10;

  /* As many figures in a row as make them the largest. */
  function place(box, bar, figures, held, ratio) {
    const host = h("div", { class: "maps-figures" }, ...figures);
    box.replaceChildren(bar, host);
    box.hidden = false;
    by("maps-wall").hidden = true;
    let best = { wide: 0, columns: 1 };
    for (let columns = 1; columns <= figures.length; columns += 1) {
      const rows = Math.ceil(figures.length / columns);
      const wide = Math.min((host.clientWidth - (columns - 1) * GAP) / columns, ((host.clientHeight - (rows - 1) * GAP) / rows - WORDS) * ratio);
      if (wide > best.wide) best = { wide, columns };
    }
    host.style.gridTemplateColumns = `repeat(${best.columns}, ${Math.floor(best.wide)}px)`;
    by("maps-said").textContent = told;
    box.tabIndex = -1;
    if (held || document.activeElement === wall.canvas || document.activeElement === document.body) box.focus({ preventScroll: true });
  }

  /* The image shows through where the channel answers, and is dark where it is silent or negative. */
  function shine(canvas, bytes, low, high) {
    const context = canvas.getContext("2d");
    const dark = context.createImageData(canvas.width, canvas.height);
    const value = (q) => Math.max(0, low + ((high - low) * q) / 255);
    const top = value(bytes.reduce((most, q) => Math.max(most, q), 0));
    for (let i = 0; i < bytes.length; i += 1) dark.data[4 * i + 3] = Math.round(215 * (1 - (top > 0 ? Math.sqrt(value(bytes[i]) / top) : 0)));
    context.putImageData(dark, 0, 0);
  }

  function leave() {
    const at = order.indexOf(open.channel);
    close();
    arrange();
    wall.cursor = at;
    wall.reveal(at);
    wall.canvas.focus({ preventScroll: true });
    wall.draw();
  }

  /* --- controls -------------------------------------------------------------------------------------------------- */

  function go(step) {
    const at = layers.findIndex((one) => one.name === current());
    const next = layers[at + step];
    if (next) net().chooseLayer(next.name);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.mapsSort) net().set({ sort: button.dataset.mapsSort });
    else if (button.dataset.mapsScale) net().set({ shared: button.dataset.mapsScale === "shared" });
    else if (button.id === "maps-previous") go(-1);
    else if (button.id === "maps-next") go(1);
    else if (button.id === "maps-weights") {
      withWeights = button.getAttribute("aria-pressed") !== "true";
      (withWeights ? askWeights() : Promise.resolve()).then(arrange);
    }
  });

  document.addEventListener("change", function (event) {
    if (event.target.id === "maps-layer") net().chooseLayer(event.target.value);
  });

  document.addEventListener("keydown", function (event) {
    const here = event.target === document.body || (event.target.closest && event.target.closest("#network-panel"));
    if (!open || !here || by("maps-channel").hidden || net().now.tab !== "maps" || event.target.closest("select, [role=tab]")) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") leave();
    else if (step) show(order[(order.indexOf(open.channel) + step + order.length) % order.length]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  window.addEventListener("nnvis-network", refresh);
})();
