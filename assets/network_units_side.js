/* Beside the dots: of the unit that was clicked last, the images that it answers to most, where in them and of which
 * classes, and an image made to excite it; with no unit selected, the layers, or the units that answer most. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dots = (nnvis.dots = nnvis.dots || {});
  const by = (id) => document.getElementById(id);
  const svg = (...parts) => nnvis.svg(...parts);
  const net = () => nnvis.network;
  const SHOWN = 12; // images of a unit
  const LISTED = 24; // units that answer most
  const CLASSES = 5; // that are listed, the others together
  const KEPT = 200; // answers

  const tops = new Map(); // answers by question, without areas and with them
  const waits = new Set();
  const made = new Map(); // feature visualisations by what they are of
  let state = null; // what dots.side was last told
  let drawn = "";
  let pictures = new Map(); // images that are shown, by address: they are shown on without being loaded again
  let running = null; // {key, share, problem} of the visualisation that is made

  const keyOf = (record) => JSON.stringify(record);
  const unitText = (unit) => JSON.stringify(unit);

  function keep(map, key, value) {
    map.set(key, value);
    if (map.size > KEPT) map.delete(map.keys().next().value);
  }

  /* Asks for a unit's images, then where in them, which takes the classifier. */
  async function ask(record) {
    const key = keyOf(record);
    if (tops.has(key) || waits.has(key)) return;
    waits.add(key);
    const found = await net().post("network/top", record);
    waits.delete(key);
    if (found.problem && found.again) setTimeout(() => draw(), 1500);
    else keep(tops, key, found);
    draw();
  }

  dots.side = function (told) {
    state = told;
    draw();
  };

  function question(unit, areas) {
    const { dataset, model } = net().now;
    return { dataset, model, layer: unit[0], channel: unit[1], n: SHOWN, by: net().setting("by", "max"), areas: areas };
  }

  function draw() {
    if (!state || !net().now || net().now.tab !== "units") return;
    const unit = state.focus;
    let found = null;
    if (unit && net().now.indexed) {
      const [plain, whole] = [question(unit, false), question(unit, true)];
      found = tops.get(keyOf(whole)) || tops.get(keyOf(plain));
      ask(tops.has(keyOf(plain)) ? whole : plain);
    }
    // What is shown already is left as it is: nothing loses the focus or its place.
    const { answer } = state;
    const now = net().now;
    const key = keyOf([
      now.dataset, now.model, now.indexed, unit, now.units, unit ? found && [found.images && found.images.some((one) => "outline" in one), found.problem, now.settings.by] : [answer && answer.key, answer && Boolean(answer.values), now.layer],
      now.frozen, running, unit ? made.has(visualKey({ layer: unit[0], channel: unit[1] })) : target && made.has(visualKey({ target: Number(target) })), now.sample, target, unit && answer && answer.key,
    ]);
    if (key === drawn) return;
    drawn = key;
    const pane = by("units-side");
    const top = pane.dataset.of === unitText(unit) ? pane.scrollTop : 0;
    pane.dataset.of = unitText(unit);
    const held = pane.contains(document.activeElement) && document.activeElement.dataset.key;
    pictures = new Map(Array.from(pane.querySelectorAll(".unit-image img"), (image) => [image.getAttribute("src"), image]));
    pane.replaceChildren(...(unit ? ofUnit(unit, found) : ofLayers()));
    pane.scrollTop = top;
    if (held) {
      const again = pane.querySelector(`[data-key="${held}"]`);
      if (again) again.focus();
    }
  }

  /* --- one unit ------------------------------------------------------------------------------------------------- */

  function ofUnit(unit, found) {
    const h = nnvis.h;
    const [layer, channel] = unit;
    const now = net().now;
    const frozen = net().isFrozen(layer, channel);
    const freeze = h("button", { type: "button", class: "act freeze", "data-key": "freeze", "aria-pressed": String(frozen), title: frozen ? "Let it work again" : "Freeze it: it passes zeros on", onclick: () => net().freeze([unit], !frozen) }, frozen ? "frozen" : "freeze");
    const said = state.told(layer, channel);
    const head = h(
      "div",
      { class: "unit-head" },
      h("b", { title: layer + ", unit " + channel }, h("span", {}, layer), " · " + channel),
      h("button", { type: "button", class: "act quiet", title: "Select no unit", "aria-label": "select no unit", onclick: () => net().setUnits([]) }, "×")
    );
    const parts = [head];
    if (now.units.length > 1) parts.push(chips(unit));
    if (!now.indexed) return [...parts, h("p", { class: "empty" }, "Its images are known when the dataset is indexed."), ...visual({ layer, channel })];
    if (!found) return [...parts, h("div", { class: "unit-top waiting" }, ...Array.from({ length: SHOWN }, () => h("span", { class: "unit-image" })))];
    if (found.problem) return [...parts, h("div", { class: "failure" }, found.problem)];
    const share = Math.round(1000 * found.active) / 10;
    const facts = [found.active ? `active on ${share >= 99.95 ? "all" : share.toFixed(share < 10 ? 1 : 0) + " % of"} images` : "", said && answered() + said].filter(Boolean);
    if (facts.length) parts.push(h("p", { class: "unit-facts" }, facts.map((text) => h("span", {}, text))));
    if (!found.images.length) return [...parts, h("p", { class: "unit-dead" }, "This unit is dead: it is 0 on every image of the dataset. Freezing it changes nothing here."), h("div", { class: "unit-acts" }, freeze), ...visual({ layer, channel })];
    const areas = found.images.some((image) => "outline" in image);
    const [lined, boxed] = ["outline", "box"].map((name) => found.images.some((image) => image[name]));
    parts.push(h("div", { class: "unit-top" + (areas ? "" : " unmarked") }, found.images.map((image) => thumbnail(image, found.images[0].value))));
    const key = lined || boxed ? [...(lined ? [h("i", { class: "outline" }), "active"] : []), ...(boxed ? [h("i", { class: "box" }), "seen by its peak"] : [])] : areas ? ["A neuron answers to the whole image."] : ["…"];
    parts.push(h("p", { class: "unit-key" }, key.map((one) => (typeof one === "string" ? h("span", {}, one) : one))));
    const n = nnvis.decodeIds(found.samples).length;
    parts.push(...histogram(found, n));
    parts.push(
      h(
        "div",
        { class: "unit-acts" },
        h("button", { type: "button", class: "act", id: "units-select-images", "data-key": "select", title: "Select the images that it answers to most, in every view", onclick: () => nnvis.select(nnvis.decodeIds(found.samples), "network") }, n === 1 ? "select this image" : `select these ${n}`),
        freeze
      )
    );
    return [...parts, ...visual({ layer, channel })];
  }

  const answered = () => ({ mean: "mean ", max: "strongest ", rest: "difference ", samples: "difference ", classes: "difference " })[state.answer && state.answer.colour] || "";

  function chips(unit) {
    const h = nnvis.h;
    const units = net().now.units;
    const some = units.slice(0, 40).map((one) =>
      h("button", { type: "button", class: "act chip", "data-key": unitText(one).replace(/["\\]/g, "'"), "aria-pressed": String(unitText(one) === unitText(unit)), title: one[0] + ", unit " + one[1], onclick: () => dots.focusOn(one) }, one[0].split("/").pop() + " · " + one[1])
    );
    return h("div", { class: "unit-chips", role: "group", "aria-label": "selected units" }, some, units.length > 40 ? h("span", { class: "label" }, `and ${units.length - 40} more`) : null);
  }

  function thumbnail(image, most) {
    const h = nnvis.h;
    const { dataset, model, classNames, sample } = net().now;
    const address = `image/${dataset}/${image.id}.png?fit=${model}&side=160`;
    const wrong = image.label >= 0 && image.label !== image.prediction;
    const words = [`#${image.id}`, dots.number(image.value), image.label >= 0 ? classNames[image.label] : "", wrong ? "predicted " + classNames[image.prediction] : ""];
    const over = svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    // What lies outside the area is dimmed, as in the figures of Zhou et al.
    if (image.outline) over.append(svg("path", { d: "M0 0H1V1H0Z" + image.outline, class: "outside", "fill-rule": "evenodd" }), svg("path", { d: image.outline, class: "outline" }));
    if (image.box) {
      const [x, y, width, height] = image.box;
      for (const name of ["box halo", "box"]) over.append(svg("rect", { x, y, width, height, class: name }));
    }
    return h(
      "button",
      {
        type: "button",
        class: "unit-image" + (wrong ? " mistake" : ""),
        title: words.filter(Boolean).join(" · "),
        "aria-pressed": String(image.id === sample),
        "data-sample": image.id,
        "data-key": "image " + image.id,
        "data-change": JSON.stringify({ kind: "primary", sample: image.id, origin: "network" }),
      },
      pictures.get(address) || h("img", { src: address, alt: `sample ${image.id}` }),
      over,
      h("i", { class: "unit-bar", style: { width: Math.max(4, (100 * image.value) / most) + "%" } })
    );
  }

  function histogram(found, n) {
    const h = nnvis.h;
    const { colours, classNames } = net().now;
    if (!found.classes) return [h("p", { class: "empty" }, "The dataset has no labels: the classes of these images aren't known.")];
    const counts = found.classes.map((count, i) => [count, i]).filter(([count]) => count).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    const all = counts.reduce((sum, [count]) => sum + count, 0);
    if (!all) return [h("p", { class: "empty" }, "None of these images has a label.")];
    const listed = counts.length > CLASSES + 1 ? counts.slice(0, CLASSES) : counts;
    const rest = all - listed.reduce((sum, [count]) => sum + count, 0);
    const row = (colour, name, count) =>
      h(
        "div",
        { class: "unit-class", title: `${name}: ${count} of ${all}` },
        h("span", { class: "unit-class-name" }, name),
        h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: (100 * count) / all + "%", background: colour } })),
        h("span", { class: "unit-class-share" }, Math.round((100 * count) / all) + " %")
      );
    return [
      h("h3", {}, all === 1 ? "Class of its only image" : `Classes of its ${n < 100 ? all : "top " + all} images`),
      h("div", { class: "unit-classes" }, listed.map(([count, i]) => row(colours[i], classNames[i] || String(i), count)), rest ? row("#b4bac4", `${counts.length - listed.length} others`, rest) : null),
    ];
  }

  /* --- an image that excites a unit or a class ---------------------------------------------------------------------- */

  let target = ""; // the class that is chosen in the list
  const visualKey = (of) => JSON.stringify([net().now.model, of.layer || null, of.layer ? of.channel : of.target]);

  function visual(of) {
    const h = nnvis.h;
    const key = visualKey(of);
    const has = made.get(key);
    const mine = running && running.key === key ? running : null;
    const what = of.layer ? "it" : "this class";
    const start = function () {
      running = { key: key, share: 0 };
      net().run("visualisation", { model: net().now.model, ...of });
      draw();
    };
    const stop = function () {
      net().stop("visualisation");
      running = null;
      draw();
    };
    const parts = [];
    if (of.layer) parts.push(h("h3", {}, "What excites it most"));
    if (has && !has.problem) {
      const gain = `${dots.number(has.before)} → ${dots.number(has.activation)}`;
      parts.push(
        h("figure", { class: "unit-visual" }, h("img", { src: `network/visualisation/${has.key}.png`, alt: "an image made to excite " + what }), h("figcaption", { title: "Its activation on the image that the ascent began with, and on this one" }, gain)),
        has.note ? h("p", { class: "reference" }, has.note) : null
      );
    } else if (mine && !mine.problem) {
      parts.push(
        h("div", { class: "unit-visual-run" }, h("span", { class: "job-bar" }, h("span", { class: "job-done", style: { width: 100 * mine.share + "%" } })), h("button", { type: "button", class: "act quiet", title: "Stop", "aria-label": "stop the visualisation", onclick: stop }, "×"))
      );
    } else {
      const problem = (has && has.problem) || (mine && mine.problem);
      if (problem) parts.push(h("div", { class: "failure" }, problem));
      parts.push(h("button", { type: "button", class: "act", "data-key": "visualise", "data-visualise": of.layer ? "unit" : "class", title: "Make an image that excites " + what + " as strongly as possible, by gradient ascent; takes some seconds", onclick: start }, of.layer ? "Make such an image" : "Make"));
    }
    return parts.filter(Boolean);
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, record, progress, answer } = event.detail;
    if (name !== "visualisation" || !net().now) return;
    const key = JSON.stringify([record.model, record.layer || null, record.layer ? record.channel : record.target]);
    if (answer) {
      keep(made, key, answer);
      if (running && running.key === key) running = null;
    } else if (progress && running && running.key === key) {
      running = { key: key, share: progress.total ? Math.round((20 * progress.done) / progress.total) / 20 : 0 };
    }
    draw();
  });

  /* --- no unit: layers, or what answers most ------------------------------------------------------------------------ */

  function ofLayers() {
    const { answer, look } = state;
    const ranked = answer && answer.values && answer.colour !== "layer";
    return [...(ranked ? ranking(answer, look) : list()), ...classVisual()];
  }

  function list() {
    const h = nnvis.h;
    const { layers, answer } = state;
    const colours = dots.depth(layers.length);
    const most = Math.max(...layers.map((layer) => layer.n_units));
    const rows = layers.map(function (layer, i) {
      const dead = answer && answer.dead ? answer.dead.subarray(layer.first, layer.first + layer.n_units).reduce((sum, one) => sum + one, 0) : 0;
      return h(
        "button",
        { type: "button", class: "units-row", "data-key": "layer " + i, "aria-pressed": String(net().now.layer === layer.name), title: `${layer.name}: ${layer.kind}, ${layer.output_shape.map((side) => side ?? "?").join(" × ")}` + (dead ? `, ${dead} dead` : ""), onclick: () => net().chooseLayer(layer.name) },
        h("span", { class: "units-row-name" }, layer.name),
        h("span", { class: "units-row-bar" }, h("i", { style: { width: Math.max(2, (100 * layer.n_units) / most) + "%", background: colours[i] } })),
        h("span", { class: "units-row-value" }, layer.n_units.toLocaleString("en"))
      );
    });
    return [h("h3", {}, "Units by layer"), h("div", { class: "units-rows" }, rows), h("p", { class: "units-hint" }, "Click a unit for the images that it answers to most; with Shift, one more. The wheel zooms.")];
  }

  function ranking(answer, look) {
    const h = nnvis.h;
    const { layers } = state;
    let best;
    if (answer.standardised) {
      best = Array.from(answer.values.keys()).sort((a, b) => Math.abs(answer.values[b]) - Math.abs(answer.values[a])).slice(0, LISTED);
    } else {
      best = layers.map(function ({ first, n_units: n }) {
        let at = first;
        for (let i = first; i < first + n; i += 1) if (Math.abs(answer.values[i]) > Math.abs(answer.values[at])) at = i;
        return at;
      });
    }
    const whole = Math.max(1e-12, ...best.map((at) => Math.abs(answer.values[at])));
    const rows = best.filter((at) => answer.values[at] !== 0).map(function (at) {
      const layer = layers.findLast((one) => one.first <= at);
      const unit = [layer.name, at - layer.first];
      const share = Math.abs(answer.values[at]) / whole;
      const style = answer.standardised ? { width: Math.max(3, 100 * share) + "%" } : { width: "8px", height: "8px" };
      return h(
        "button",
        { type: "button", class: "units-row ranked" + (answer.standardised ? "" : " plain"), title: layer.name + ", unit " + unit[1], onclick: (event) => net().pick(...unit, event) },
        h("span", { class: "units-row-name" }, h("span", {}, layer.name), " · " + unit[1]),
        h("span", { class: "units-row-bar" + (answer.standardised ? "" : " dot") }, h("i", { style: { ...style, background: look.palette[look.tint[at]] } })),
        h("span", { class: "units-row-value" }, state.told(...unit))
      );
    });
    const title = answer.standardised ? "Strongest of all" : "Strongest per layer";
    return [h("h3", {}, title), rows.length ? h("div", { class: "units-rows" }, rows) : h("p", { class: "empty" }, "No unit differs.")];
  }

  function classVisual() {
    const h = nnvis.h;
    const { classNames } = net().now;
    const choose = h(
      "select",
      {
        class: "form-select",
        "data-key": "class",
        "aria-label": "class to make an image of",
        onchange: function (event) {
          target = event.target.value;
          draw();
        },
      },
      h("option", { value: "" }, "choose a class"),
      classNames.map((name, i) => h("option", { value: i, selected: String(i) === target }, name))
    );
    return [h("h3", {}, "What excites a class most"), h("div", { class: "units-class-visual" }, choose, ...(target !== "" && Number(target) < classNames.length ? visual({ target: Number(target) }) : []))];
  }
})();
