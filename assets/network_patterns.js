/* The network view's tab `patterns`: units that are the most active ones together in many images, a row each, with all their
 * paths through the layers above them. The support is a live slider: the next question goes out when the last is answered. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const s = (...parts) => nnvis.svg(...parts);
  const drawing = () => nnvis.patterns;
  const STEPS = 1000; // of the slider, which is logarithmic
  const TELLING = 20; // images of a class, from which its lift says something
  const WORDS = 4; // units that are named before some are left out
  const LATER = 2000; // milliseconds until an engine that was busy is asked again

  let asked = ""; // the request whose answer is shown or on its way, as text
  let busy = false; // whether an answer is on its way
  let answer = null;
  let live = null; // support while the slider is dragged
  let drawn = "";
  let pointed = null; // text of the pattern that the pointer or the keyboard is on

  /* --- the request ------------------------------------------------------------------------------------------------- */

  const most = () => Math.max(10, Math.floor(nnvis.network.now.n / 2));
  const gaps = () => Boolean(nnvis.network.setting("gaps", false));
  const usual = () => Math.max(5, Math.min(500, Math.round(nnvis.network.now.n / (gaps() ? 20 : 100)))); // with gaps there are many more
  const support = () => live ?? Math.min(nnvis.network.setting("support", usual()), nnvis.network.now.n);
  const toSupport = (position) => Math.max(2, Math.round(2 * Math.pow(most() / 2, position / STEPS)));
  const toPosition = (value) => Math.round((STEPS * Math.log(Math.max(2, value) / 2)) / Math.log(most() / 2));
  const of = () => nnvis.network.setting("of", "all");
  /* Of all images the most telling patterns come first, where classes have images enough to tell; of a selection those that
   * most of it has in common. */
  function order() {
    const { n, labelled, classNames } = nnvis.network.now;
    const telling = labelled && of() === "all" && n >= TELLING * classNames.length;
    const wanted = nnvis.network.setting("order", telling ? "lift" : "support");
    return labelled ? wanted : wanted.replace("lift", "support");
  }

  function request() {
    const net = nnvis.network;
    const { dataset, model, samples, classes, correctness, units, target, labelled } = net.now;
    const record = {
      dataset: dataset,
      model: model,
      by: net.setting("by", "max"),
      support: support(),
      length: net.setting("length", 2),
      gaps: gaps(),
      order: order(),
      of: of(),
    };
    if (record.of === "selection") Object.assign(record, samples ? { samples: samples } : { classes: classes, correctness: correctness });
    if (record.of === "units") record.units = units;
    if (labelled) record.label = classes.length === 1 ? classes[0] : target;
    if (net.now.pattern) record.pattern = net.now.pattern;
    return record;
  }

  async function ask() {
    if (busy) return; // the newest question is asked when this one is answered
    const record = request();
    const text = JSON.stringify(record);
    if (text === asked) return;
    asked = text;
    busy = true;
    const slow = setTimeout(() => by("patterns-list").classList.add("waiting"), 250);
    const found = await nnvis.network.post("network/patterns", record);
    clearTimeout(slow);
    busy = false;
    by("patterns-list").classList.remove("waiting");
    const net = nnvis.network;
    if (!net.now || net.now.tab !== "patterns") return void (asked = "");
    if (net.now.dataset === record.dataset && net.now.model === record.model) {
      answer = { ...found, record: record };
      draw();
    }
    if (found.again) return void setTimeout(() => ((asked = ""), show()), LATER);
    show();
  }

  /* --- the paths of all patterns, through all layers ------------------------------------------------------------------ */

  function paths(all, layers) {
    const host = by("patterns-paths");
    const { clientWidth: width, clientHeight: height } = host;
    if (!width || !layers.length) return host.replaceChildren();
    const [left, right, top, bottom] = [34, 34, 12, 20];
    const step = layers.length > 1 ? (width - left - right) / (layers.length - 1) : 0;
    const svg = s("svg", { role: "img", "aria-label": "paths of the patterns through the layers" });
    const used = new Set(all.flatMap((one) => one.columns));
    let free = -Infinity;
    layers.forEach(function (layer, column) {
      const x = left + step * column;
      const line = s("line", { class: "paths-layer" + (used.has(column) ? " on" : ""), x1: x, x2: x, y1: top, y2: height - bottom, "stroke-width": Math.max(1, Math.min(5, step / 3)) });
      line.append(s("title", {}, `${layer.name}: ${layer.n_units} units`));
      svg.append(line);
      const words = layer.name.length > 14 ? "…" + layer.name.slice(-13) : layer.name;
      const half = 2.9 * words.length;
      const middle = Math.min(Math.max(half + 2, x), width - half - 2);
      if (middle - half < free) return;
      free = middle + half + 7;
      svg.append(s("text", { class: "paths-name", x: middle, y: height - 6 }, words));
    });
    const n = Math.max(1, nnvis.network.now.n);
    for (const one of all.slice().reverse()) {
      const points = drawing().spots(one, layers, width, height, left, right, top, bottom);
      const d = drawing().through(points);
      const weight = 1.2 + 5 * Math.sqrt(one.support / n);
      svg.append(
        s("path", { class: "paths-line casing", d: d, "stroke-width": weight + 4, "data-text": one.text }),
        s("path", { class: "paths-line", d: d, stroke: drawing().colourOf(one), "stroke-width": weight, "data-text": one.text }),
        s("path", { class: "paths-hit", d: d, "data-text": one.text })
      );
    }
    svg.append(s("g", { class: "paths-marks" }));
    svg.addEventListener("pointermove", (event) => point(event.target.dataset.text || (event.target.closest("[data-unit]") ? pointed : null), event.target));
    svg.addEventListener("pointerleave", () => (point(null), nnvis.network.unhover()));
    svg.addEventListener("pointermove", function (event) {
      const unit = event.target.closest("[data-unit]");
      if (unit) nnvis.network.hover(...JSON.parse(unit.dataset.unit), event);
      else nnvis.network.unhover();
    });
    svg.addEventListener("click", function (event) {
      const unit = event.target.closest("[data-unit]");
      if (unit) nnvis.network.pick(...JSON.parse(unit.dataset.unit), event);
      else if (event.target.dataset.text) choose(event.target.dataset.text);
    });
    host.replaceChildren(svg);
    host.dataset.lines = all.length;
    emphasise();
  }

  /* The pattern that is pointed at, else the chosen one, before all others; its units with their numbers. */
  function emphasise() {
    const svg = by("patterns-paths").querySelector("svg");
    if (!svg || !shown.length) return;
    const text = pointed || nnvis.network.now.pattern;
    const one = shown.find((entry) => entry.text === text);
    svg.classList.toggle("emphasis", Boolean(one));
    svg.querySelectorAll(".paths-line").forEach((line) => line.classList.toggle("on", line.dataset.text === text));
    const marks = svg.querySelector(".paths-marks");
    if (!one) return marks.replaceChildren();
    const { clientWidth: width, clientHeight: height } = by("patterns-paths");
    const points = drawing().spots(one, layersNow, width, height, 34, 34, 12, 20);
    let free = -Infinity;
    marks.replaceChildren(
      ...points.flatMap(function ([x, y], i) {
        const [layer, channel] = one.units[i];
        const dot = s("circle", { class: "paths-dot", cx: x, cy: y, r: 4.5, fill: drawing().colourOf(one), "data-unit": JSON.stringify([layer, channel]) });
        const words = String(channel);
        if (x - 3.2 * words.length < free) return [dot];
        free = x + 3.2 * words.length + 3;
        return [dot, s("text", { class: "paths-channel", x: x, y: y > 26 ? y - 7 : y + 15 }, words)];
      })
    );
    // The line goes on top of the others, beneath the marks.
    for (const line of svg.querySelectorAll(".paths-line.on")) svg.insertBefore(line, marks);
  }

  function point(text) {
    if (pointed === text) return;
    pointed = text;
    emphasise();
  }

  /* --- rows ------------------------------------------------------------------------------------------------------------ */

  const choose = (text) => nnvis.send({ kind: "pattern", pattern: nnvis.network.now.pattern === text ? null : text, origin: "network" });

  /* A layer's name where there is little room: "b4_c2" for "block4_conv2". */
  function brief(name) {
    const last = name.split("/").pop();
    if (last.length <= 8) return last;
    const shorter = last.replace(/[a-z]{2,}(?=\d)/gi, (word) => word[0]);
    return shorter.length <= 11 ? shorter : shorter.slice(0, 5) + "…" + shorter.slice(-4);
  }

  function words(one) {
    const unit = function ([layer, channel]) {
      return h("span", { class: "pattern-unit", "data-unit": JSON.stringify([layer, channel]) }, h("span", { class: "pattern-layer", "data-brief": brief(layer) }, layer), ":", h("b", {}, String(channel)));
    };
    const arrow = () => h("span", { class: "pattern-arrow" }, " → ");
    const all = one.units;
    const cut = all.length > WORDS;
    const first = cut ? all.slice(0, 2) : all;
    const parts = first.flatMap((entry, i) => (i ? [arrow(), unit(entry)] : [unit(entry)]));
    if (cut) parts.push(arrow(), h("span", { class: "pattern-more" }, all.length - 3 + " more"), arrow(), unit(all[all.length - 1]));
    return parts;
  }

  const percent = (share) => (100 * share).toFixed(share < 0.1 ? 1 : 0) + " %";
  const times = (value) => "×" + value.toPrecision(value < 10 ? 2 : 3);

  function row(one, number, record) {
    const path = one.units.map(([layer, channel]) => layer + ":" + channel).join(" → ");
    const lift = one.lift && one.lift.notable ? ` · ${one.lift.name} ${times(one.lift.times)}` : "";
    const among = { selection: `${one.inside} of the selected, `, errors: `${one.inside} mistakes, ` }[record.of] || "";
    const dataset = nnvis.network.now.dataset;
    const strip = one.samples.map(function (id, i) {
      const change = JSON.stringify({ kind: "primary", sample: id, origin: "network" });
      const title = `#${id}` + (one.wrong[i] ? ", misclassified" : "") + ": click to test it";
      return h("button", { type: "button", class: "act thumb sample-" + id + (one.wrong[i] ? " mistake" : ""), "data-change": change, title: title }, h("img", { src: `image/${dataset}/${id}.png?side=64`, alt: "sample " + id, loading: "lazy" }));
    });
    const side = [h("button", { type: "button", class: "act pattern-select", title: "Select all images of this pattern" }, "select " + one.support.toLocaleString("en-US"))];
    if (one.more !== null) side.push(h("span", { class: "pattern-tag errors", title: `${one.errors} of ${one.counted} images are misclassified (${percent(one.errors / one.counted)}), q = ${one.q.toPrecision(2)}` }, "errors " + times(one.more)));
    else if (one.kind) side.push(h("span", { class: "pattern-tag " + one.kind, title: one.said }, one.kind));
    if (one.more !== null && one.kind) side.push(h("span", { class: "pattern-tag wide " + one.kind, title: one.said }, one.kind));
    return h(
      "li",
      { class: "pattern", "data-text": one.text, "data-support": one.support },
      h("span", { class: "pattern-number" }, number),
      drawing().small(one, layersNow, dots),
      h(
        "div",
        { class: "pattern-words" },
        h("button", { type: "button", class: "pattern-choose", title: path, "aria-pressed": "false" }, words(one)),
        h("div", { class: "pattern-said", title: one.said + lift }, among + one.said + lift)
      ),
      h("div", { class: "pattern-strip" }, strip),
      one.pie.length ? drawing().pie(one) : h("span", {}),
      h("div", { class: "pattern-side" }, side)
    );
  }

  function empty({ record, found, images }) {
    const fewer = record.support > 2 ? " Lower the support, or allow gaps." : "";
    if (!found) return `No pattern of ${record.length} units and more has ${record.support.toLocaleString("en-US")} of the ${images.toLocaleString("en-US")} images.` + fewer;
    return { selection: "No pattern goes through the selected images.", units: "No pattern has one of the selected units.", errors: "No pattern's images are misclassified more often than chance explains." }[record.of] + fewer;
  }

  let shown = []; // patterns that are drawn, the chosen one too
  let layersNow = [];
  let dots = ""; // behind the small pictures

  async function draw() {
    const found = answer;
    const layers = await nnvis.network.unitLayers();
    if (answer !== found || !nnvis.network.now) return;
    if (!found.problem && layers.length !== found.layers.length) return void setTimeout(() => answer === found && draw(), LATER);
    layersNow = layers;
    const list = by("patterns-list");
    const status = by("patterns-status");
    if (found.problem) {
      const text = found.problem;
      shown = [];
      by("patterns-paths").replaceChildren();
      const enough = /min_support of ([\d,]+) would do/.exec(text);
      const mend = enough ? [" ", h("button", { type: "button", class: "act", "data-enough": enough[1].replaceAll(",", "") }, "Use " + enough[1])] : [];
      list.replaceChildren(h("div", { class: /^(Nothing|No unit) /.test(text) ? "empty" : "failure" }, text, mend));
      status.textContent = "";
      return;
    }
    dots = drawing().dotted(layers);
    const { patterns, chosen, record } = found;
    const apart = chosen && !patterns.some((one) => one.text === chosen.text);
    shown = apart ? [...patterns, chosen] : patterns;
    const rows = patterns.map((one, i) => row(one, String(i + 1), record));
    if (apart) rows.unshift(row(chosen, "•", record));
    const scrolled = list.scrollTop;
    list.replaceChildren(rows.length ? h("ol", {}, rows) : "", patterns.length ? "" : h("div", { class: "empty" }, empty(found)));
    list.scrollTop = scrolled;
    list.dataset.found = found.found;
    list.dataset.support = record.support;
    list.dataset.order = record.order;
    list.dataset.model = nnvis.network.now.modelName;
    const whole = found.fitting.toLocaleString("en-US") + (found.fitting === 1 ? " pattern" : " patterns");
    const first = found.fitting > patterns.length ? `first ${patterns.length} of ` : "";
    const whose = {
      all: "",
      selection: ` of ${found.selected.toLocaleString("en-US")} ${record.samples ? "selected" : "filtered"} images`,
      units: ` with one of ${(record.units || []).length} units`,
      errors: " of mistakes, least likely first",
    }[record.of];
    status.textContent = first + whole + whose + (record.by === "mean" ? " · by mean activation" : "");
    status.title = status.textContent;
    paths(shown, layers);
    marks();
  }

  /* What is chosen, selected and frozen: marked without drawing the rows again. */
  function marks() {
    const net = nnvis.network;
    by("patterns-list").querySelectorAll(".pattern").forEach(function (element) {
      const mine = element.dataset.text === net.now.pattern;
      element.classList.toggle("chosen", mine);
      element.querySelector(".pattern-choose").setAttribute("aria-pressed", String(mine));
    });
    by("patterns-list").querySelectorAll("[data-unit]").forEach(function (element) {
      const unit = JSON.parse(element.dataset.unit);
      element.classList.toggle("picked", net.isChosen(...unit));
      element.classList.toggle("frozen", net.isFrozen(...unit));
    });
    emphasise();
  }

  /* --- controls -------------------------------------------------------------------------------------------------------- */

  function controls() {
    const net = nnvis.network;
    const { n, labelled } = net.now;
    const value = support();
    const slider = by("patterns-support");
    if (document.activeElement !== slider || live === null) slider.value = toPosition(value);
    by("patterns-count").replaceChildren(h("b", {}, value.toLocaleString("en-US")), ` images · ${percent(value / Math.max(1, n))}`);
    document.querySelectorAll("[data-patterns-of]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.patternsOf === of()));
      if (button.dataset.patternsOf === "errors") button.disabled = !labelled;
    });
    const first = by("patterns-order");
    first.disabled = of() === "errors"; // those stand in the order of their p-values
    first.value = first.disabled ? "chance" : order();
    first.querySelector('[value="chance"]').hidden = !first.disabled;
    first.querySelector('[value="lift"]').disabled = !labelled;
    const length = by("patterns-length");
    if (document.activeElement !== length) length.value = net.setting("length", 2);
    by("patterns-gaps").setAttribute("aria-pressed", String(gaps()));
  }

  const shows = () => nnvis.network.now && nnvis.network.now.tab === "patterns";

  document.addEventListener("input", function (event) {
    if (event.target.id !== "patterns-support" || !shows()) return;
    live = Math.min(toSupport(Number(event.target.value)), nnvis.network.now.n);
    controls();
    ask();
  });
  document.addEventListener("change", function (event) {
    if (!shows()) return;
    const { id, value } = event.target;
    if (id === "patterns-support") nnvis.network.set({ support: support() });
    else if (id === "patterns-order") nnvis.network.set({ order: value });
    else if (id === "patterns-length" && event.target.checkValidity() && value) nnvis.network.set({ length: Number(value) });
  });
  document.addEventListener("click", async function (event) {
    const net = nnvis.network;
    if (!shows()) return;
    const whose = event.target.closest("[data-patterns-of]");
    if (whose) return net.set({ of: whose.dataset.patternsOf });
    if (event.target.closest("#patterns-gaps")) return net.set({ gaps: !gaps() });
    const enough = event.target.closest("[data-enough]");
    if (enough) return net.set({ support: Number(enough.dataset.enough) });
    const element = event.target.closest("#patterns-list .pattern");
    if (!element || event.target.closest(".thumb")) return;
    const unit = event.target.closest("[data-unit]");
    if (unit) return net.pick(...JSON.parse(unit.dataset.unit), event);
    if (!event.target.closest(".pattern-select")) return choose(element.dataset.text);
    const { dataset, model } = net.now;
    const found = await net.post("network/pattern/samples", { dataset, model, by: net.setting("by", "max"), pattern: element.dataset.text });
    if (found.problem) by("patterns-status").textContent = found.problem;
    else nnvis.send({ kind: "select", samples: found.samples, origin: "network" });
  });
  document.addEventListener("pointerover", function (event) {
    if (!shows() || !event.target.closest) return;
    const list = event.target.closest("#patterns-list");
    if (!list) return;
    const element = event.target.closest(".pattern");
    point(element ? element.dataset.text : null);
    const unit = event.target.closest("[data-unit]");
    if (unit) nnvis.network.hover(...JSON.parse(unit.dataset.unit), event);
    else nnvis.network.unhover();
    if (!list.onpointerleave) list.onpointerleave = () => (point(null), nnvis.network.unhover());
  });
  document.addEventListener("focusin", function (event) {
    const element = event.target.closest("#patterns-list .pattern");
    if (element) point(element.dataset.text);
  });
  document.addEventListener("keydown", function (event) {
    const here = event.target.closest && event.target.closest("#patterns-list .pattern");
    if (!here || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const next = event.key === "ArrowDown" ? here.nextElementSibling : here.previousElementSibling;
    if (next) next.querySelector(".pattern-choose").focus();
    event.preventDefault();
  });

  /* --- when anything changed --------------------------------------------------------------------------------------------- */

  let wide = 0;
  function show() {
    const net = nnvis.network;
    if (!shows()) return;
    if (live !== null && !busy && net.setting("support", usual()) === live) live = null;
    controls();
    if (!net.now.indexed) {
      asked = "";
      answer = null;
      shown = [];
      by("patterns-paths").replaceChildren();
      by("patterns-status").textContent = "";
      by("patterns-list").replaceChildren(h("div", { class: "empty" }, "Patterns come from the index of the dataset: they appear when it is there."));
      return;
    }
    const width = by("patterns-paths").clientWidth + by("patterns-paths").clientHeight;
    if (answer && !answer.problem && width !== wide) paths(shown, layersNow);
    wide = width;
    if (answer) marks();
    ask();
  }
  window.addEventListener("nnvis-network", show);
})();
