/* The network view's tab `layers`: the classifier as a graph that is dragged, zoomed, searched and walked with the keyboard; a
 * click on a layer chooses it for every view. Where layers stand is worked out in network_layers_layout.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const s = (...parts) => nnvis.svg(...parts);
  const MARGIN = 12, LEGEND = 20; // pixels around the whole network, and below it
  const MOST = 2, CLOSEST = 1.25; // scale: when zoomed by hand, when the network is small
  const FAR = 0.34, MID = 0.6; // scales below which there is less text
  const LARGE = 48, HUGE = 150; // layers from which the graph begins compact, with its nested models closed
  const FAMILIES = [
    ["convolution", "#4477aa", /^(?!Depthwise|Separable).*Conv|^Conv/],
    ["depthwise", "#0f9d8f", /^(Depthwise|Separable)/],
    ["dense", "#e2711d", /Dense|^Einsum|^Matmul/],
    ["attention, recurrent", "#aa3377", /Attention|LSTM|GRU|RNN|Bidirectional|TimeDistributed/],
    ["pooling", "#7b6fd0", /Pool|UpSampling|Resizing/],
    ["merge", "#228833", /^(Add|Concatenate|Multiply|Average|Subtract|Maximum|Minimum|Dot)$/],
    ["normalisation", "#9aa5b4", /Norm|Rescaling|LayerScale/],
    ["activation", "#c2a51f", /^(Activation|ReLU|Relu|LeakyReLU|PReLU|ELU|Softmax|Silu|Gelu|Sigmoid|Tanh|Hard)/],
    ["model", "#1f6feb", /^Model$/],
    ["other", "#6b7686", /./],
  ];
  const family = (node) => FAMILIES.find(([, , pattern]) => pattern.test(node.kind));

  let record = null; // of the classifier that is drawn
  let laid = null; // where everything stands
  let drawn = ""; // what was drawn last, as text
  let view = { x: 0, y: 0, k: 1 };
  let byHand = false; // whether a person has dragged or zoomed
  let focused = null; // index of the node that the keyboard is on
  let elements = { svg: null, scene: null, nodes: [], edges: [] };
  let model = null;
  let closed = new Set();
  let compact = false;
  let matches = [];

  /* --- numbers in words ------------------------------------------------------------------------------------------ */

  function short(value) {
    for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= limit) return (value / limit).toPrecision(3).replace(/\.0+$|(\.\d*?)0+$/, "$1") + " " + unit;
    }
    return String(value);
  }
  const shape = (node) => node.output_shape.map((side) => side ?? "?").join(" × ");
  const LINE = 22, NAME = 18, BRIEF = 15; // letters of a line beneath a name, of a name, of one that is seen from afar
  const cost = (macs) => (macs === null ? "MACs not known" : short(macs) + " MACs");
  const share = (part, whole) => (whole && part ? ` (${(100 * part / whole).toPrecision(part / whole < 0.1 ? 1 : 2)} %)` : "");
  const clip = (text, most) => (text.length <= most ? text : text.slice(0, most - 1) + "…");
  const cut = (text, most) => (text.length <= most ? text : text.slice(0, Math.ceil(most * 0.55) - 1) + "…" + text.slice(text.length - Math.floor(most * 0.45)));

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  /* What a node is, with its activation and the layers that are shown within it. */
  function kinds(node) {
    if (node.group) return node.members.length + " layers";
    const alone = node.kind === "Activation";
    const own = alone ? node.kind + (node.activation ? " · " + node.activation : "") : node.kind;
    const activation = !alone && node.activation && node.activation !== "linear" ? " · " + node.activation : "";
    const folded = node.folded.map((one) => " + " + (one.kind === "Activation" ? one.activation : one.kind.replace("BatchNormalization", "BN")));
    return (own + activation + folded.join("")).replaceAll("Normalization", "Norm").replace("DepthwiseConv", "DWConv").replace("GlobalAveragePooling", "GlobalAvgPool").replace("ZeroPadding", "Padding");
  }

  function drawNode(node, at, most) {
    const [width, height] = nnvis.layerLayout.size;
    const colour = family(node)[1];
    const name = node.name.split("/").pop();
    const sizes = shape(node).replaceAll(" ", "");
    const lines = [
      s("rect", { class: "body", width: width, height: height, rx: 7 }),
      s("path", { class: "side", d: `M7 0H5A5 5 0 0 0 0 5V${height - 5}A5 5 0 0 0 5 ${height}H7Z` }),
      s("text", { class: "name", x: 14, y: 18 }, cut(node.group ? "⊞ " + name : name, NAME)),
      s("text", { class: "name short", x: 14, y: 23 }, cut(node.group ? "⊞ " + name : name, BRIEF)),
      s("text", { class: "line", x: 14, y: 32 }, clip(kinds(node), Math.max(8, LINE - sizes.length))),
      s("text", { class: "line shape", x: width - 8, y: 32 }, sizes),
      s("text", { class: "brief", x: 14, y: 41 }, sizes),
    ];
    if (node.kind !== "Input") {
      const costs = [node.parameters ? short(node.parameters) + " par." : "", node.macs ? cost(node.macs) : node.macs === null ? "MACs ?" : ""].filter(Boolean).join(" · ");
      lines.push(s("text", { class: "line", x: 14, y: 46 }, costs));
      if (node.macs && !node.group) lines.push(s("rect", { class: "cost", x: 7, y: height - 5, width: Math.max(1, (width - 12) * (node.macs / most)), height: 3, rx: 1.5 }));
    }
    const element = s("g", { class: "layers-node" + (node.group ? " model" : ""), id: "layers-node-" + at, role: "option", transform: `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})`, style: "--family:" + colour, "data-at": at, "aria-label": told(node) }, ...lines);
    return element;
  }

  /* A nested model's box, and its name, which stands above the edges. */
  function drawBox(box) {
    const words = (box.begins ? "⊟ " : "⊟ … ") + box.group.split("/").pop();
    const held = (part) => s("g", { class: "layers-box", "data-group": box.group }, s("title", {}, "Click to close " + box.group), part);
    return [
      held(s("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 9 })),
      held(s("text", { x: box.x + 8, y: box.y + 13 }, cut(words, Math.max(6, Math.floor(box.width / 8))))),
    ];
  }

  function draw() {
    const host = by("layers-graph");
    const most = Math.max(1, ...laid.nodes.map((node) => (node.group ? 0 : node.macs || 0)));
    const svg = s("svg", { tabindex: 0, role: "listbox", "aria-label": "layers; arrow keys walk along the connections, Enter chooses" });
    const arrow = s("marker", { id: "layers-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 5, markerHeight: 5, orient: "auto" }, s("path", { d: "M0 0.5L8 4L0 7.5Z", fill: "#9aa5b4" }));
    const scene = s("g", { class: "layers-scene" });
    elements = { svg: svg, scene: scene, nodes: [], edges: [] };
    const boxes = laid.boxes.sort((a, b) => a.depth - b.depth).map(drawBox);
    scene.append(...boxes.map(([box]) => box));
    for (const edge of laid.edges) {
      const path = s("path", { class: "layers-edge" + (edge.back ? " back" : ""), d: edge.path, "marker-end": "url(#layers-arrow)" });
      elements.edges.push(path);
      scene.append(path);
    }
    scene.append(...boxes.map(([, name]) => name));
    laid.nodes.forEach(function (node, at) {
      const element = drawNode(node, at, most);
      elements.nodes.push(element);
      scene.append(element);
    });
    svg.append(s("defs", {}, arrow), scene);
    wire(svg);
    const present = FAMILIES.filter((one) => laid.nodes.some((node) => family(node) === one));
    const legend = nnvis.h("div", { class: "layers-legend" }, present.map(([name, colour]) => nnvis.h("span", {}, nnvis.h("i", { class: "swatch", style: { background: colour } }), name)));
    host.replaceChildren(svg, legend);
    host.dataset.nodes = laid.nodes.length;
    host.dataset.edges = laid.edges.length;
    host.dataset.crossings = laid.crossings;
  }

  function summary() {
    const layers = record.nodes.length - 1;
    const words = nnvis.h("span", {}, nnvis.h("b", {}, layers.toLocaleString("en-US")), layers === 1 ? " layer · " : " layers · ", nnvis.h("b", {}, short(record.parameters)), " params · ", nnvis.h("b", {}, (record.uncounted.length ? "> " : "") + short(record.macs)), " MACs");
    by("layers-summary").replaceChildren(words);
    by("layers-summary").title = "MACs: multiplications with an addition, for one image." + (record.uncounted.length ? ` Those of ${record.uncounted.length} layers can't be counted.` : "");
    document.querySelectorAll("[data-layers]").forEach(function (button) {
      if (button.dataset.layers === "compact") button.setAttribute("aria-pressed", String(compact));
      if (button.dataset.layers === "models") {
        button.hidden = !record.groups.length;
        button.textContent = closed.size ? "Open all" : "Close all";
      }
    });
  }

  /* --- what is known of a layer ------------------------------------------------------------------------------------ */

  function told(node) {
    if (node.kind === "Input") return `${node.name}: the image, ${shape(node)}`;
    const parts = [
      node.group ? `a model of ${node.members.length} layers` : node.kind + (node.activation && node.activation !== "linear" ? " with " + node.activation : ""),
      shape(node),
      node.parameters.toLocaleString("en-US") + " parameters" + share(node.parameters, record.parameters),
      node.macs || node.macs === null ? cost(node.macs) + share(node.macs, record.macs) : "",
      node.n_units ? node.n_units.toLocaleString("en-US") + " units" : "",
      node.folded.length ? "with " + node.folded.map((one) => `${one.name} (${one.kind})`).join(", ") : "",
    ];
    return node.name + ": " + parts.filter(Boolean).join(" · ");
  }

  function say(at) {
    const status = by("layers-status");
    const node = at === null ? null : laid.nodes[at];
    const [name, rest] = node ? [node.name, told(node).slice(node.name.length)] : ["", "Drag to move, wheel to zoom, click a layer to choose it for every view."];
    status.replaceChildren(nnvis.h("b", {}, name), rest);
    status.title = name + rest;
    const near = new Set();
    if (at !== null) laid.edges.forEach((edge, i) => (edge.from === at || edge.to === at) && near.add(i));
    elements.edges.forEach((path, i) => path.classList.toggle("near", near.has(i)));
  }

  /* --- marks: what is chosen, frozen, selected ------------------------------------------------------------------------ */

  function marks() {
    const net = nnvis.network;
    const counted = (name) => [net.frozenOf(name).size, net.now.units.filter(([layer]) => layer === name).length];
    const chosen = net.now.layer === null ? undefined : laid.holder.get(net.now.layer);
    laid.nodes.forEach(function (node, at) {
      const element = elements.nodes[at];
      const mine = node.id === chosen;
      element.classList.toggle("chosen", mine);
      element.setAttribute("aria-selected", String(mine));
      element.classList.toggle("found", matches.includes(at));
      element.classList.toggle("focused", at === focused);
      const [frozen, selected] = node.members.reduce(function ([f, u], name) {
        const [frozen, units] = counted(name);
        return [f + frozen, u + units];
      }, [0, 0]);
      const wanted = frozen + " " + selected;
      if ((element.dataset.marks || "0 0") === wanted) return;
      element.dataset.marks = wanted;
      element.querySelectorAll(".mark").forEach((mark) => mark.remove());
      let right = nnvis.layerLayout.size[0] - 6;
      for (const [count, word, kind] of [[frozen, "frozen", ""], [selected, selected === 1 ? "unit" : "units", " units"]]) {
        if (!count) continue;
        const words = count + " " + word;
        const width = 7 + 5.4 * words.length;
        element.append(s("g", { class: "mark" + kind, transform: `translate(${right - width} -6)` }, s("rect", { width: width, height: 14, rx: 7 }), s("text", { x: width / 2, y: 10.5 }, words)));
        right -= width + 4;
      }
    });
    elements.svg.setAttribute("aria-activedescendant", focused === null ? "" : "layers-node-" + focused);
  }

  /* --- the part that is seen ------------------------------------------------------------------------------------------- */

  const room = () => ({ width: by("layers-graph").clientWidth, height: by("layers-graph").clientHeight });

  function look(smoothly) {
    const { scene, svg } = elements;
    scene.classList.toggle("moved", Boolean(smoothly));
    scene.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
    svg.classList.toggle("far", view.k < FAR);
    svg.classList.toggle("mid", view.k >= FAR && view.k < MID);
    by("layers-graph").dataset.scale = view.k.toFixed(3);
  }

  function fit(smoothly) {
    const { width, height } = room();
    const k = Math.min(CLOSEST, (width - 2 * MARGIN) / laid.width, (height - 2 * MARGIN - LEGEND) / laid.height);
    view = { k: k, x: (width - k * laid.width) / 2, y: (height - LEGEND - k * laid.height) / 2 };
    byHand = false;
    look(smoothly);
  }

  function zoom(factor, at) {
    const { width, height } = room();
    const [x, y] = at || [width / 2, height / 2];
    const least = Math.min(0.5, (0.6 * width) / laid.width, (0.6 * height) / laid.height);
    const k = Math.max(least, Math.min(MOST, view.k * factor));
    view = { k: k, x: x - (k / view.k) * (x - view.x), y: y - (k / view.k) * (y - view.y) };
    byHand = true;
    look(!at);
  }

  /* Move what is seen so that a node is in it, near enough to be read. */
  function reveal(at, near) {
    const { width, height } = room();
    const [w, h] = nnvis.layerLayout.size;
    const node = laid.nodes[at];
    const k = near ? Math.max(view.k, 0.8) : view.k;
    const [x, y] = [node.x * k + view.x, node.y * k + view.y];
    const inside = k === view.k && x >= 8 && y >= 8 && x + w * k <= width - 8 && y + h * k <= height - 8;
    if (inside) return;
    view = { k: k, x: width / 2 - (node.x + w / 2) * k, y: height / 2 - (node.y + h / 2) * k };
    byHand = true;
    look(true);
  }

  /* --- what a person does ---------------------------------------------------------------------------------------------- */

  function choose(at) {
    const node = laid.nodes[at];
    if (node.group) {
      closed.delete(node.group);
      return again();
    }
    if (node.kind === "Input") return;
    nnvis.network.chooseLayer(node.name);
  }

  function focus(at, near) {
    focused = at;
    marks();
    say(at);
    if (at !== null) reveal(at, near);
  }

  function step(key) {
    if (focused === null) return focus(laid.place.get(laid.holder.get(nnvis.network.now.layer)) ?? 0);
    const here = laid.nodes[focused];
    const nearest = (list) => list.sort((a, b) => Math.abs(laid.nodes[a].row - here.row) - Math.abs(laid.nodes[b].row - here.row) || Math.abs(laid.nodes[a].x - here.x) - Math.abs(laid.nodes[b].x - here.x))[0];
    let next;
    if (key === "ArrowDown") next = nearest(laid.edges.filter((edge) => edge.from === focused).map((edge) => edge.to));
    else if (key === "ArrowUp") next = nearest(laid.edges.filter((edge) => edge.to === focused).map((edge) => edge.from));
    else {
      const right = key === "ArrowRight";
      const beside = laid.nodes.map((_, at) => at).filter((at) => laid.nodes[at].row === here.row && (right ? laid.nodes[at].x > here.x : laid.nodes[at].x < here.x));
      next = beside.sort((a, b) => Math.abs(laid.nodes[a].x - here.x) - Math.abs(laid.nodes[b].x - here.x))[0];
      if (next === undefined) next = focused + (right ? 1 : -1); // nothing beside it: the one computed next or before
    }
    if (laid.nodes[next]) focus(next);
  }

  function wire(svg) {
    const spot = function (event) {
      const box = svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let drag = null;
    svg.addEventListener("pointerdown", function (event) {
      if (event.button !== 0) return;
      drag = { from: spot(event), view: { ...view }, moved: false };
    });
    svg.addEventListener("pointermove", function (event) {
      if (drag) {
        const [x, y] = spot(event);
        const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
        if (!drag.moved && Math.hypot(dx, dy) < 4) return;
        if (!drag.moved) svg.setPointerCapture(event.pointerId);
        drag.moved = byHand = true;
        svg.classList.add("dragging");
        view = { k: view.k, x: drag.view.x + dx, y: drag.view.y + dy };
        return look();
      }
      const node = event.target.closest(".layers-node");
      say(node ? Number(node.dataset.at) : focused);
    });
    const end = function () {
      drag = null;
      svg.classList.remove("dragging");
    };
    svg.addEventListener("pointerup", function (event) {
      const moved = !drag || drag.moved;
      end();
      if (moved) return;
      const node = event.target.closest(".layers-node");
      const box = event.target.closest(".layers-box");
      if (node) {
        focused = Number(node.dataset.at);
        choose(focused);
        if (elements.svg === svg) marks();
      } else if (box) {
        closed.add(box.dataset.group);
        again();
      }
    });
    svg.addEventListener("pointercancel", end);
    svg.addEventListener("pointerleave", () => drag || say(focused));
    svg.addEventListener("dblclick", (event) => event.target.closest(".layers-node, .layers-box") || fit(true));
    svg.addEventListener(
      "wheel",
      function (event) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), spot(event));
      },
      { passive: false }
    );
    svg.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key.startsWith("Arrow")) step(event.key);
      else if (event.key === "Enter" || event.key === " ") focused === null ? step("ArrowDown") : choose(focused);
      else if (event.key === "+" || event.key === "=") zoom(1.3);
      else if (event.key === "-") zoom(1 / 1.3);
      else if (event.key === "0") fit(true);
      else if (event.key === "Escape") focus(null);
      else return;
      event.preventDefault();
    });
    svg.addEventListener("blur", function () {
      if (elements.svg === svg && focused !== null) focus(null);
    });
  }

  const ACTS = {
    in: () => zoom(1.3),
    out: () => zoom(1 / 1.3),
    fit: () => fit(true),
    compact: function () {
      compact = !compact;
      again();
    },
    models: function () {
      closed = closed.size ? new Set() : new Set(record.groups);
      again();
    },
  };
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-layers]");
    if (button && laid) ACTS[button.dataset.layers]();
  });

  /* Layers whose name or kind has the text; Enter goes from one to the next. Closed models that hold one are opened. */
  let visited = -1;
  document.addEventListener("input", function (event) {
    if (event.target.id !== "layers-search" || !laid) return;
    visited = -1;
    search(event.target.value);
    if (matches.length) reveal(matches[0], false);
  });
  document.addEventListener("keydown", function (event) {
    if (event.target.id !== "layers-search" || event.key !== "Enter" || !laid) return;
    event.preventDefault();
    const text = event.target.value.trim().toLowerCase();
    const hidden = text ? record.nodes.filter((node) => node.name.toLowerCase().includes(text) && node.path.some((group) => closed.has(group))) : [];
    if (hidden.length) {
      for (const node of hidden) for (const group of node.path) closed.delete(group);
      again();
    }
    if (!matches.length) return;
    visited = (visited + (event.shiftKey ? matches.length - 1 : 1)) % matches.length;
    reveal(matches[visited], true);
    say(matches[visited]);
  });

  function search(text) {
    const wanted = text.trim().toLowerCase();
    const has = (node) => [node.kind, ...node.members, ...node.folded.map((one) => one.kind)].some((word) => word.toLowerCase().includes(wanted));
    matches = wanted ? laid.nodes.map((node, at) => (has(node) ? at : -1)).filter((at) => at >= 0) : [];
    by("layers-search").classList.toggle("none", Boolean(wanted) && !matches.length);
    marks();
  }

  /* --- when anything changed ------------------------------------------------------------------------------------------- */

  function again() {
    drawn = "";
    focused = null;
    byHand = false;
    show();
  }

  function show() {
    const { width, height } = room();
    if (!width || !height || !record || record.problem) return;
    const wanted = JSON.stringify([model, width, height, [...closed], compact]);
    if (wanted !== drawn) {
      // What a person has zoomed to stays, if only the room changed.
      const before = drawn ? JSON.parse(drawn) : null;
      const same = before && byHand && before[0] === model;
      if (!same) {
        laid = nnvis.layerLayout(record, { width: width - 2 * MARGIN, height: height - 2 * MARGIN - LEGEND }, closed, compact);
        draw();
        summary();
        fit(false);
        search(by("layers-search").value);
        say(null);
      }
      drawn = wanted;
    }
    marks();
  }

  const LATER = 2000; // milliseconds until an engine that was busy is asked again
  let layer; // the one that was chosen last
  window.addEventListener("nnvis-network", changed);
  async function changed() {
    const net = nnvis.network;
    if (!net.now || net.now.tab !== "layers") return;
    if (net.now.model !== model || !record || record.problem) {
      const wanted = net.now.model;
      const found = await net.layers();
      if (!net.now || net.now.model !== wanted) return;
      if (wanted !== model) {
        model = wanted;
        focused = null;
        byHand = false;
        drawn = "";
        layer = undefined;
        by("layers-search").value = "";
        compact = Boolean(found.nodes) && found.nodes.length > LARGE;
        closed = new Set(found.nodes && found.nodes.length > HUGE ? found.groups : []);
      }
      record = found;
      by("layers-message").hidden = !found.problem;
      by("layers-message").textContent = found.problem || "";
      by("layers-graph").hidden = Boolean(found.problem);
      if (found.again) setTimeout(changed, LATER);
      if (found.problem) {
        laid = null;
        by("layers-summary").replaceChildren();
        by("layers-status").replaceChildren();
      }
    }
    show();
    if (laid && net.now.layer !== layer) {
      const at = laid.place.get(laid.holder.get(net.now.layer));
      if (layer !== undefined && at !== undefined && view.k >= FAR) reveal(at, false);
      layer = net.now.layer;
    }
  }
})();
