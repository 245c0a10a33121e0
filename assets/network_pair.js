/* The network view's two inputs: how far apart each layer is for the tested image and another one, as a curve to choose
 * layers on, and the maps of both with their difference, channel by channel. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const s = (...parts) => nnvis.svg(...parts);
  const net = () => nnvis.network;
  const tiles = () => nnvis.tiles;
  const LATE = 180; // milliseconds after which it shows that an answer is waited for
  const MOST = 3; // layers side by side

  let asked = "";
  let found = null; // the comparison that is shown, with `record`
  let more = []; // layers beside the chosen one, as they were shift-clicked
  const panes = new Map(); // by layer: {wall, box, found, asked}

  const percent = (share) => (100 * share).toFixed(share < 0.0995 || (share > 0.995 && share < 0.9995) ? 1 : 0) + " %";
  const far = (value) => (value < 0.0005 ? (value ? "< 0.001" : "0") : value.toFixed(3));

  /* --- the comparison -------------------------------------------------------------------------------------------- */

  async function refresh() {
    if (!net().now || net().now.tab !== "pair" || !by("pair-panes")) return;
    const now = net().now;
    const made = now.edits && (now.edits.length || now.derived);
    const before = by("pair-before");
    before.hidden = !made;
    before.setAttribute("aria-pressed", String(Boolean(made) && now.compared === null));
    const field = by("pair-number");
    field.max = now.n - 1;
    if (document.activeElement !== field) field.value = now.compared === null ? "" : String(now.compared);
    if (!net().tests()) return nothing("Click a point on the map; Shift-click another one to compare the two.", true);
    if (!made && now.compared === null)
      return nothing("Which image is this one to be compared with? Type its number into the field #, or Shift-click it on the map. An edited or attacked image is compared with what it was before.", true);
    const { dataset, model, frozen } = now;
    const record = { dataset, model, ...net().tested(), frozen, against: now.compared };
    const text = JSON.stringify(record);
    if (text === asked) return found && draw();
    asked = text;
    const timer = setTimeout(() => by("network-pair").classList.add("waiting"), LATE);
    const answer = await net().post("network/compare", record);
    clearTimeout(timer);
    if (text !== asked) return;
    by("network-pair").classList.remove("waiting");
    if (answer.problem) {
      if (answer.again) asked = "";
      return nothing(answer.problem, false, true);
    }
    if (found && found.record.model !== model) more = [];
    found = { ...answer, record };
    message("");
    status();
    draw();
  }

  function nothing(text, forget, wrong) {
    found = null;
    if (forget) asked = "";
    for (const pane of panes.values()) pane.box.remove();
    panes.clear();
    by("pair-curve").replaceChildren();
    by("pair-legend").replaceChildren();
    by("pair-said").textContent = "";
    by("pair-status").textContent = "";
    for (const side of ["a", "b"]) {
      by("pair-image-" + side).hidden = true;
      by("pair-said-" + side).replaceChildren();
    }
    if (net().tests() && net().now.reference !== null) {
      picture("a", net().now.reference);
      by("pair-said-a").textContent = net().now.derived ? "tested" : "#" + net().now.sample;
    }
    by("network-pair").classList.remove("waiting");
    message(text, wrong);
  }

  function message(text, wrong) {
    by("pair-message").textContent = text;
    by("pair-message").hidden = !text;
    by("pair-message").className = wrong ? "failure" : "pair-hint";
    by("network-pair").classList.toggle("nothing-to-compare", Boolean(text) && !wrong);
  }

  function picture(side, reference) {
    const image = by("pair-image-" + side);
    const source = `image/${net().now.dataset}/${reference}.png?fit=${net().now.model}`;
    if (image.getAttribute("src") !== source) image.src = source;
    image.hidden = false;
  }

  const names = () => found.layers.map(([name]) => name);
  /* The layer that is chosen for all views, where the curve has it; else where the two inputs part. */
  const chosen = () => (names().includes(net().now.layer) ? net().now.layer : found.parts_at || names()[0]);
  const shown = () => [chosen(), ...more.filter((name) => name !== chosen() && names().includes(name))].slice(0, MOST);

  function draw() {
    found.images.forEach(function (one, i) {
      const side = "ab"[i];
      picture(side, one.reference);
      const [first] = one.answers;
      const title = one.answers.map((answer) => `${answer.name} ${percent(answer.probability)}`).join("\n");
      const swatch = h("i", { class: "swatch", style: { background: first.colour } });
      by("pair-said-" + side).replaceChildren(h("span", {}, one.name), h("span", { title }, swatch, ` ${first.name} ${percent(first.probability)}`));
      by("pair-image-" + side).title = title;
    });
    const parts = found.parts_at ? [found.said.slice(0, found.said.length - found.parts_at.length), h("button", { type: "button", class: "act quiet strong", "data-pair-layer": found.parts_at }, found.parts_at)] : [found.said];
    by("pair-said").replaceChildren(...parts, h("span", { class: "label" }, ` · their pixels are ${far(found.pixels)} apart`));
    curve();
    press("pairSort", "data-pair-sort", net().setting("sort", "difference"));
    press("pairScale", "data-pair-scale", net().setting("shared", false) ? "shared" : "own");
    lay();
  }

  function press(key, attribute, value) {
    document.querySelectorAll(`[${attribute}]`).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset[key] === value)));
  }

  function status(text) {
    by("pair-status").textContent = text || "each channel: of the tested image, of the other one, and their difference";
  }

  /* --- the curve ------------------------------------------------------------------------------------------------- */

  function curve() {
    const host = by("pair-curve");
    const [width, height] = [host.clientWidth, host.clientHeight];
    if (!width || !height) return;
    const layers = found.layers;
    const n = layers.length;
    const room = { left: 26, right: 10, top: 6, bottom: 15 };
    const most = Math.max(1e-9, ...layers.map(([, , value]) => value));
    const x = (i) => room.left + ((width - room.left - room.right) * (i + 0.5)) / n;
    const y = (value) => height - room.bottom - ((height - room.top - room.bottom) * value) / most;
    const gap = (width - room.left - room.right) / n;
    const focused = host.contains(document.activeElement);
    const all = shown();
    const parts = layers.findIndex(([name]) => name === found.parts_at);
    const at = layers.findIndex(([name]) => name === chosen());
    const drawing = s("svg", {
      width, height, tabindex: 0, role: "slider", "aria-label": "distance of the two inputs in each layer", "aria-valuemin": 0, "aria-valuemax": n - 1,
      "aria-valuenow": at, "aria-valuetext": `${layers[at][0]}: ${far(layers[at][2])}`, "data-layers": n, "data-parts": found.parts_at || "",
    });
    drawing.append(s("title", {}, "Click a layer to choose it, Shift-click one to see it beside"));
    for (const value of [0, most / 2, most]) drawing.append(s("line", { x1: room.left, x2: width - room.right, y1: y(value), y2: y(value), class: "pair-grid" }));
    drawing.append(s("text", { x: room.left - 4, y: y(0) + 3, class: "pair-tick", "text-anchor": "end" }, "0"));
    drawing.append(s("text", { x: room.left - 4, y: y(most) + 5, class: "pair-tick", "text-anchor": "end" }, most < 0.005 ? most.toExponential(0) : most.toFixed(2)));
    const points = layers.map(([, , value], i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
    drawing.append(s("polygon", { points: [`${x(0)},${y(0)}`, ...points, `${x(n - 1)},${y(0)}`].join(" "), class: "pair-area" }));
    if (parts >= 0) drawing.append(s("line", { x1: x(parts), x2: x(parts), y1: room.top, y2: y(0), class: "pair-parts" }));
    drawing.append(s("polyline", { points: points.join(" "), class: "pair-line" }));
    layers.forEach(function ([name, , value], i) {
      const kind = all[0] === name ? " chosen" : all.includes(name) ? " also" : i === parts ? " parts" : "";
      drawing.append(s("circle", { cx: x(i), cy: y(value), r: kind ? 4.5 : gap > 7 ? 3 : 2, class: "pair-dot" + kind }));
    });
    labels(drawing, layers, x, gap, height, parts, at, width);
    const guide = s("line", { x1: -9, x2: -9, y1: room.top, y2: y(0), class: "pair-guide" });
    drawing.append(guide);
    const near = (event) => Math.max(0, Math.min(n - 1, Math.floor((event.clientX - drawing.getBoundingClientRect().left - room.left) / gap)));
    drawing.addEventListener("mousemove", function (event) {
      const i = near(event);
      guide.setAttribute("x1", x(i));
      guide.setAttribute("x2", x(i));
      status(`${layers[i][0]} (${layers[i][1]}): ${far(layers[i][2])} apart${i === parts ? " · the first with half of the greatest distance" : ""}`);
    });
    drawing.addEventListener("mouseleave", function () {
      guide.setAttribute("x1", -9);
      guide.setAttribute("x2", -9);
      status();
    });
    drawing.addEventListener("click", (event) => choose(layers[near(event)][0], event.shiftKey));
    drawing.addEventListener("keydown", function (event) {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: n - 1 }[event.key];
      if (to === undefined || !layers[to]) return;
      event.preventDefault();
      choose(layers[to][0], false);
    });
    host.replaceChildren(drawing);
    if (focused) drawing.focus({ preventScroll: true });
  }

  /* Names of layers along the axis, as many as there is room for; where they part and what is chosen come first. */
  function labels(drawing, layers, x, gap, height, parts, at, width) {
    const taken = [];
    const order = [parts, at, 0, layers.length - 1, ...layers.keys()].filter((i) => i >= 0);
    for (const i of new Set(order)) {
      const text = layers[i][0].split("/").pop();
      const half = text.length * 2.75 + 5;
      const middle = Math.max(half + 2, Math.min(width - half, x(i)));
      if (taken.some(([low, high]) => middle + half > low && middle - half < high)) continue;
      taken.push([middle - half, middle + half]);
      drawing.append(s("text", { x: middle, y: height - 3, "text-anchor": "middle", class: "pair-tick" + (i === at ? " chosen" : i === parts ? " parts" : "") }, text));
    }
  }

  function choose(name, also) {
    if (!also) {
      more = [];
      return net().chooseLayer(name);
    }
    if (name === chosen()) return;
    more = more.includes(name) ? more.filter((one) => one !== name) : [...more, name].slice(-(MOST - 1));
    draw();
  }

  /* --- the maps of both ------------------------------------------------------------------------------------------ */

  function lay() {
    const layers = shown();
    for (const [name, pane] of panes)
      if (!layers.includes(name)) {
        // The wall of a layer that is left goes on with the next one's maps, so that nothing is blank meanwhile.
        const heir = layers.find((one) => !panes.has(one));
        panes.delete(name);
        if (heir) panes.set(heir, pane);
        else pane.box.remove();
      }
    for (const name of layers) {
      if (!panes.has(name)) panes.set(name, pane());
      ask(name, panes.get(name));
    }
    layers.forEach((name) => by("pair-panes").append(panes.get(name).box));
    by("pair-panes").dataset.count = layers.length;
  }

  function pane() {
    const title = h("div", { class: "pair-pane-title" });
    const host = h("div", { class: "tiles-host" });
    const made = { box: h("section", { class: "pair-pane" }, title, host), title, found: null, asked: "", order: [] };
    made.wall = tiles().wall(host, {
      label: "maps of both inputs and their difference: arrows move, Enter picks, space opens the channel in Maps",
      pick: (i, event) => made.found.header.unit_layer && net().pick(made.found.header.unit_layer, made.order[i], event),
      open: (i) => nnvis.maps.show(made.found.header.layer, made.order[i]),
      hover: function (i, event) {
        const channel = made.order[i];
        status(facts(made, channel));
        if (made.found.header.unit_layer) net().hover(made.found.header.unit_layer, channel, event, `${tiles().short(made.found.difference[channel])} apart`);
      },
      leave: function () {
        net().unhover();
        status();
      },
      moved: (i) => status(facts(made, made.order[i])),
    });
    return made;
  }

  function facts(pane, channel) {
    const { header, difference, least, most, mean } = pane.found;
    const short = tiles().short;
    return `${header.layer} · ${channel}: ${short(difference[channel])} apart · the tested image's ${short(least[channel])} to ${short(most[channel])}, mean ${short(mean[channel])}`;
  }

  /* Positions of a tile's longer side that suit the pictures as they are drawn. */
  const side = (pane) => (pane.wall.pictureHeight() * (window.devicePixelRatio || 1) > 72 ? 112 : 56);

  async function ask(layer, pane) {
    const { against: _, ...record } = found.record;
    const wanted = { ...record, layer, against: found.images[1].reference, pair: true, side: Math.max(side(pane), pane.found && pane.found.layer === layer ? pane.found.side : 0) };
    const text = JSON.stringify(wanted);
    if (text === pane.asked) return pane.found && pane.found.layer === layer && arrange(pane);
    pane.asked = text;
    const answer = await net().arrays("network/maps", wanted);
    if (text !== pane.asked) return;
    if (answer.problem) {
      pane.found = null;
      pane.wall.clear();
      pane.title.replaceChildren(h("span", { class: "bad" }, answer.problem));
      if (answer.again) pane.asked = "";
      return;
    }
    pane.found = { ...answer, layer, side: wanted.side };
    arrange(pane);
    if (side(pane) > wanted.side && answer.header.full.some((extent) => extent > wanted.side)) ask(layer, pane);
  }

  function arrange(pane) {
    const data = pane.found;
    const { header } = data;
    const unit = header.unit_layer;
    const dense = header.height * header.width === 1;
    const shared = dense || Boolean(net().setting("shared", false));
    const sort = net().setting("sort", "difference");
    pane.order = sort === "index" ? Array.from({ length: header.n }, (_, i) => i) : Array.from(sort === "difference" ? data.order_difference : data.order_activation);
    const order = pane.order;
    const scale = tiles().scale(data, shared);
    const reach = data.reach.reduce((most, value) => Math.max(most, value), 0);
    const area = header.height * header.width;
    pane.wall.show({
      count: order.length,
      per: 3,
      aspect: header.width / header.height,
      least: dense ? 16 : 36,
      most: dense ? 32 : 150,
      draw: function (context, i, which, x, y, w, tall) {
        const channel = order[i];
        const grey = Boolean(unit) && net().isFrozen(unit, channel);
        const end = data.reach[channel];
        const colours =
          which === 2
            ? tiles().colours((-128 / 127) * end, end, tiles().around(shared ? reach : end), true, grey)
            : tiles().colours(data.low[channel], data.high[channel], scale.range(channel), scale.signed, grey);
        tiles().paint(context, [data.tiles, data.other, data.apart][which], channel * area, header.width, header.height, colours, x, y, w, tall);
      },
      words: (i) => ({ left: String(order[i]), long: `${order[i]} ${tiles().className(header, order[i])}`.trim(), right: "Δ " + tiles().brief(data.difference[order[i]]) }),
      mark: (i) => ({ frozen: unit && net().isFrozen(unit, order[i]) ? 3 : 0, chosen: Boolean(unit) && net().isChosen(unit, order[i]) }),
    });
    pane.wall.canvas.dataset.layer = header.layer;
    pane.wall.canvas.dataset.order = order.slice(0, 24).join(",");
    const distance = (found.layers.find(([name]) => name === header.layer) || [])[2];
    const close = more.includes(header.layer) && header.layer !== chosen();
    pane.title.replaceChildren(
      h("b", {}, header.layer),
      h("span", { class: "label" }, ` ${header.kind} · ${header.n} ${dense ? "values" : `maps of ${header.full[0]} × ${header.full[1]}`} · ${far(distance)} apart`),
      close ? h("button", { type: "button", class: "act quiet", title: "Close this layer", onclick: () => choose(header.layer, true) }, "×") : ""
    );
    if (header.layer === chosen()) by("pair-legend").replaceChildren(...tiles().legend(scale));
  }

  /* --- controls -------------------------------------------------------------------------------------------------- */

  function go(step) {
    if (!found) return;
    const next = names()[names().indexOf(chosen()) + step];
    if (next) choose(next, false);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.pairSort) net().set({ sort: button.dataset.pairSort });
    else if (button.dataset.pairScale) net().set({ shared: button.dataset.pairScale === "shared" });
    else if (button.dataset.pairLayer) choose(button.dataset.pairLayer, event.shiftKey);
    else if (button.id === "pair-previous") go(-1);
    else if (button.id === "pair-next") go(1);
    else if (button.id === "pair-before") nnvis.send({ kind: "compared", sample: null, origin: "network" });
  });

  document.addEventListener("change", function (event) {
    if (event.target.id !== "pair-number") return;
    const number = Number(event.target.value);
    if (event.target.value === "") nnvis.send({ kind: "compared", sample: null, origin: "network" });
    else if (Number.isInteger(number) && number >= 0 && number < net().now.n) nnvis.send({ kind: "compared", sample: number, origin: "network" });
    else message(`There is no sample ${event.target.value}: give a number from 0 to ${net().now.n - 1}.`, true);
  });

  window.addEventListener("nnvis-network", refresh);
})();
