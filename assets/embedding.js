/* The embedding map in the browser. Coordinates and attributes come once as typed arrays; colours, filters, hover, lasso and
 * the animation of a running projection happen here, and the server hears of a gesture once, when it ends.
 * The traces' order is that of nnvis_dash/figures/embedding_map.py. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const POINTS = 0, MISTAKES = 1;
  const AROUND = 14; // pixels between the points and the edges of the plot, so that a lasso gets around them below the tools
  const ACCENT = "#1f6feb";
  const GREY = "#b4bac4";

  let latest = null; // what was last asked to be drawn
  let points = null; // {key, n, ids, x, y, row}
  let attributes = null; // {key, label, prediction, confidence, entropy}
  let drawn = {};
  let live = null; // the animation that runs
  let asked = null; // the request of the projection, as text
  let wired = false;

  const graph = () => document.querySelector("#embedding-graph .js-plotly-plot");
  const element = (id) => document.getElementById(id);

  /* Draw the empty map into its place, once plotly's script is there. */
  async function appear() {
    const place = element("embedding-graph");
    const figure = JSON.parse(place.dataset.figure);
    delete place.dataset.figure;
    const inner = document.createElement("div");
    inner.style.height = "100%";
    place.replaceChildren(inner);
    await window.Plotly.newPlot(inner, figure.data, figure.layout, figure.config);
  }

  async function ready() {
    for (let i = 0; i < 400; i += 1) {
      if (window.Plotly && element("embedding-graph").dataset.figure) await appear();
      if (graph() && graph()._fullLayout) return graph();
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("the map did not appear");
  }

  const pending = new Map();
  function once(address) {
    if (!pending.has(address)) {
      pending.set(
        address,
        fetch(address)
          .then((answer) => (answer.ok ? answer.arrayBuffer() : null))
          .finally(() => pending.delete(address))
      );
    }
    return pending.get(address);
  }

  function rows(ids) {
    const row = new Map();
    ids.forEach((id, position) => row.set(id, position));
    return row;
  }

  async function loadPoints(key) {
    if (points && points.key === key) return points;
    const buffer = await once("map/" + key + "/points");
    if (!buffer) return null;
    const n = buffer.byteLength / 12;
    const ids = new Int32Array(buffer, 0, n);
    points = { key: key, n: n, ids: ids, x: new Float32Array(buffer, 4 * n, n), y: new Float32Array(buffer, 8 * n, n), row: rows(ids) };
    return points;
  }

  async function loadAttributes(catalog) {
    const key = [catalog.dataset, catalog.model, catalog.ready].join();
    if (attributes && attributes.key === key) return attributes;
    const address = "attributes/" + catalog.dataset + "/" + (catalog.model || "-") + (catalog.ready ? "?ready=1" : "");
    const buffer = await once(address);
    if (!buffer) return null;
    const n = buffer.byteLength / 16;
    attributes = {
      key: key,
      label: new Int32Array(buffer, 0, n),
      prediction: new Int32Array(buffer, 4 * n, n),
      confidence: new Float32Array(buffer, 8 * n, n),
      entropy: new Float32Array(buffer, 12 * n, n),
    };
    return attributes;
  }

  /* ---- colour ---- */
  const mix = (a, b, t) => Math.round(a + (b - a) * t);
  const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  function scaled(scale, value) {
    if (!(value >= 0)) return GREY;
    let i = 1;
    while (i < scale.length - 1 && scale[i][0] < value) i += 1;
    const [low, high] = [scale[i - 1], scale[i]];
    const t = Math.min(1, Math.max(0, (value - low[0]) / (high[0] - low[0])));
    const [from, to] = [channels(low[1]), channels(high[1])];
    return "rgb(" + from.map((part, c) => mix(part, to[c], t)).join(",") + ")";
  }

  function colourOf(id, by, catalog, meta) {
    const a = attributes;
    const named = (number) => (number >= 0 && number < catalog.colours.length ? catalog.colours[number] : GREY);
    if (by === "label") return named(a.label[id]);
    if (by === "prediction") return named(a.prediction[id]);
    if (by === "confidence") return scaled(meta.confidence, a.confidence[id]);
    if (by === "entropy") return scaled(meta.entropy, a.entropy[id]);
    const right = correct(id);
    return right === null ? GREY : right ? meta.right : meta.wrong;
  }

  function correct(id) {
    const { label, prediction } = attributes;
    return label[id] < 0 || prediction[id] < 0 ? null : label[id] === prediction[id];
  }

  function visible(id, selection) {
    const number = attributes.label[id] >= 0 ? attributes.label[id] : attributes.prediction[id];
    if (selection.classes.length && !selection.classes.includes(number)) return false;
    if (selection.correctness === "all") return true;
    return correct(id) === (selection.correctness === "right");
  }

  function legend(by, meta) {
    const box = element("embedding-legend");
    const bar = (scale, low, high) => {
      const stops = scale.map(([at, colour]) => colour + " " + 100 * at + "%").join(",");
      box.innerHTML = "";
      box.append(text(low), Object.assign(document.createElement("span"), { className: "ramp" }), text(high));
      box.querySelector(".ramp").style.background = "linear-gradient(90deg," + stops + ")";
    };
    const text = (words) => Object.assign(document.createElement("span"), { textContent: words });
    const spot = (colour) => {
      const dot = Object.assign(document.createElement("span"), { className: "swatch" });
      dot.style.background = colour;
      return dot;
    };
    if (by === "confidence") bar(meta.confidence, "confidence 0", "1");
    else if (by === "entropy") bar(meta.entropy, "entropy 0", "1 (of log K)");
    else if (by === "correct") {
      box.replaceChildren(spot(meta.right), text("right"), spot(meta.wrong), text("wrong"));
    } else box.replaceChildren(text("colour: " + by));
    box.append(Object.assign(document.createElement("span"), { className: "ring" }), text("mistake"));
  }

  /* ---- drawing ---- */
  function extent(x, y) {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < x.length; i += 1) {
      if (x[i] < x0) x0 = x[i];
      if (x[i] > x1) x1 = x[i];
      if (y[i] < y0) y0 = y[i];
      if (y[i] > y1) y1 = y[i];
    }
    const { clientWidth, clientHeight, layout } = graph();
    const { l, r, t, b } = layout.margin;
    return { "xaxis.range": around(x0, x1, (clientWidth || 600) - l - r), "yaxis.range": around(y0, y1, (clientHeight || 300) - t - b) };
  }

  /* The range of an axis of `length` pixels on which low to high leaves some free at both ends. */
  function around(low, high, length) {
    const margin = (AROUND * Math.max(high - low, 1e-6)) / Math.max(length - 2 * AROUND, 0.3 * length);
    return [low - margin, high + margin];
  }

  /* The extent of the points and of the path among them. */
  function everything() {
    const along = nnvis.path.places();
    return extent([...points.x, ...along.map((place) => place[0])], [...points.y, ...along.map((place) => place[1])]);
  }

  const lookOf = (key, known, view, selection) =>
    [key, known.key, view.colour, selection.classes.join(), selection.correctness].join("|");
  const pick = (array, kept) => Array.from(kept, (row) => array[row]);

  async function draw() {
    const gd = await ready();
    wire(gd);
    const { catalog, map, view, selection, placed } = latest || {};
    if (!catalog || !view || !selection) return;
    const current = map && map.key && map.request.dataset === catalog.dataset ? map : null;
    say();
    const [at, known] = await Promise.all([current ? loadPoints(current.key) : null, loadAttributes(catalog)]);
    if (latest.catalog !== catalog || latest.map !== map || !known || live) return;
    if (!at) return map && map.problem ? blank(gd) : undefined;
    const meta = gd.layout.meta;
    const look = lookOf(at.key, known, view, selection);
    if (drawn.look !== look) {
      const show = [];
      for (let row = 0; row < at.n; row += 1) if (visible(at.ids[row], selection)) show.push(row);
      const shown = new Set(show);
      const x = Array.from(at.x, (value, row) => (shown.has(row) ? value : null));
      const y = Array.from(at.y, (value, row) => (shown.has(row) ? value : null));
      const wrong = show.filter((row) => correct(at.ids[row]) === false);
      const colour = Array.from(at.ids, (id) => colourOf(id, view.colour, catalog, meta));
      const frame = drawn.key === at.key ? {} : extent(at.x, at.y);
      await window.Plotly.update(
        gd,
        {
          x: [x, pick(at.x, wrong)],
          y: [y, pick(at.y, wrong)],
          visible: [true, true],
          "marker.color": [colour, "#1f2733"],
          "marker.size": [size(at.n), size(at.n) + 4],
        },
        frame,
        [POINTS, MISTAKES]
      );
      legend(view.colour, meta);
      drawn = { look: look, key: at.key };
      gd.dataset.points = String(show.length);
      gd.dataset.look = look;
    }
    if (drawn.selected !== selection.samples + "|" + at.key) {
      const chosen = await nnvis.selected(selection.samples);
      const lit = chosen.length ? chosen.filter((id) => at.row.has(id)).map((id) => at.row.get(id)) : null;
      if (lit || gd.data[POINTS].selectedpoints) await window.Plotly.restyle(gd, { selectedpoints: [lit] }, [POINTS]);
      drawn.selected = selection.samples + "|" + at.key;
    }
    const marks = [selection.derived || selection.primary, placed && placed.sample, at.key].join("|");
    if (drawn.marks !== marks) {
      const extra = placed && placed.key === at.key && placed.x !== undefined ? placed : null;
      const row = at.row.get(selection.primary);
      const here = row !== undefined ? [at.x[row], at.y[row]] : extra && extra.sample === selection.primary ? [extra.x, extra.y] : null;
      drawn.marks = marks;
      const ring = here && !selection.derived ? [spot(here, 10, false)] : [];
      const shapes = [...(extra ? [spot([extra.x, extra.y], 5, true)] : []), ...ring];
      if (shapes.length || (gd.layout.shapes || []).length) await window.Plotly.relayout(gd, { shapes: shapes });
    }
    nnvis.path.draw();
    if (!performance.getEntriesByName("nnvis-map").length) performance.mark("nnvis-map");
  }

  /* A ring or a dot of so many pixels at a place of the map: a shape, so that no point is drawn again. */
  const spot = (at, radius, filled) => ({
    type: "circle",
    xsizemode: "pixel",
    ysizemode: "pixel",
    xanchor: at[0],
    yanchor: at[1],
    x0: -radius,
    x1: radius,
    y0: -radius,
    y1: radius,
    line: { color: ACCENT, width: 3 },
    fillcolor: filled ? "#ffffff" : "rgba(0,0,0,0)",
  });

  const SMALL = 420; // pixels of height below which points are drawn smaller
  const size = (n) => Math.max(3, (n > 20000 ? 3 : n > 5000 ? 4 : n > 2000 ? 5 : 7) - (element("embedding-graph").clientHeight < SMALL ? 2 : 0));

  function blank(gd) {
    drawn = {};
    nnvis.path.draw();
    return window.Plotly.update(gd, { x: [[], []], y: [[], []] }, { shapes: [] }, [POINTS, MISTAKES]);
  }

  let queue = Promise.resolve();
  function redraw() {
    queue = queue.then(draw).catch((problem) => console.error(problem));
    return queue;
  }

  /* What is known of every sample, for whoever else draws all of them; `passes` and `hover` once it is loaded. */
  nnvis.samples = { load: loadAttributes, passes: visible, correct: correct, hover: hover };

  nnvis.mapKey = () => points && points.key;

  /* The map that is drawn, with its classes' colours, for what lies over it; null while one is on its way. */
  nnvis.drawnMap = () => (points && drawn.key === points.key && !live ? { gd: graph(), at: points, colours: latest.catalog.colours } : null);

  function say() {
    const { map, placed } = latest || {};
    element("embedding-message").textContent = (map && map.problem) || (placed && placed.problem) || nnvis.path.problem();
  }
  nnvis.sayMap = say;

  space.embeddingDraw = async function (catalog, map, view, selection, placed) {
    latest = { catalog: catalog, map: map, view: view, selection: selection, placed: placed };
    if (live && map && map.problem) live = null;
    await redraw();
    return dash.no_update;
  };

  space.embeddingPlace = async function (map, selection, previous) {
    if (!map || !map.key || !selection || selection.primary === null) return previous ? null : dash.no_update;
    const at = await loadPoints(map.key);
    if (!at || at.row.has(selection.primary)) return previous ? null : dash.no_update;
    const next = { key: map.key, request: map.request, sample: selection.primary };
    return JSON.stringify(next) === JSON.stringify(previous) ? dash.no_update : next;
  };

  /* ---- the animation of a projection, while it is computed and again on request ---- */
  async function frames(key, after) {
    const answer = await fetch("map/" + key + "/frames?after=" + after);
    if (!answer.ok) return { n: 0, frames: [], last: after };
    const n = Number(answer.headers.get("X-Points"));
    const count = Number(answer.headers.get("X-Frames"));
    const buffer = await answer.arrayBuffer();
    const list = [];
    for (let i = 0; i < count; i += 1) {
      const start = 4 * n + 8 * n * i;
      list.push({ x: new Float32Array(buffer, start, n), y: new Float32Array(buffer, start + 4 * n, n) });
    }
    return { n: n, ids: n ? new Int32Array(buffer, 0, n) : null, frames: list, last: Number(answer.headers.get("X-Last")) };
  }

  async function animate(key, over) {
    const gd = await ready();
    wire(gd);
    if (live && live.key === key) return;
    const run = (live = { key: key, last: -1, played: 0, look: null, shown: null });
    const arrived = () => over || Boolean(latest && latest.map && latest.map.key === key);
    const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
    let started = false;
    while (live === run) {
      const last = arrived(); // before asking, so that no frame is missed
      const got = await frames(key, run.last);
      if (live !== run) break;
      run.last = got.last;
      if (!got.frames.length) {
        if (last) break;
        await pause(150);
        continue;
      }
      // Behind: skip, so that what is shown is what is computed; and end soon when the result is there.
      const skip = over ? 1 : Math.max(1, Math.ceil(got.frames.length / (last ? 24 : 12)));
      for (let i = 0; i < got.frames.length && live === run; i += skip) {
        await frame(gd, run, got.ids, got.frames[i], !started);
        started = true;
        run.played += 1;
        gd.dataset.frames = String(run.played);
        await pause(over ? 45 : 20);
      }
    }
    if (live === run) live = null;
    drawn = {};
    redraw();
  }

  async function frame(gd, run, ids, at, first) {
    const { catalog, view, selection } = latest || {};
    const known = catalog && view && selection ? await loadAttributes(catalog) : null;
    const style = { selectedpoints: [null], visible: [true] };
    if (first) {
      gd.dataset.points = "0";
      nnvis.path.draw();
      style["marker.size"] = size(ids.length);
      await window.Plotly.update(gd, { x: [[]], y: [[]] }, { shapes: [] }, [MISTAKES]);
    }
    const look = known ? lookOf(run.key, known, view, selection) : "";
    if (first || run.look !== look) {
      run.look = look;
      style["marker.color"] = [known ? Array.from(ids, (id) => colourOf(id, view.colour, catalog, gd.layout.meta)) : GREY];
      run.shown = known ? Array.from(ids, (id) => visible(id, selection)) : null;
      if (known) legend(view.colour, gd.layout.meta);
    }
    const passed = (values) => (run.shown ? Array.from(values, (value, row) => (run.shown[row] ? value : null)) : values);
    style.x = [passed(at.x)];
    style.y = [passed(at.y)];
    await window.Plotly.update(gd, style, extent(at.x, at.y), [POINTS]);
  }

  /* Watch the projection that is asked for; one that is asked for no longer is not shown any further. */
  space.embeddingProgress = function (progress, request, map) {
    const wanted = JSON.stringify(request);
    if (wanted !== asked) {
      asked = wanted;
      live = null;
    }
    const running = progress && progress.key && JSON.stringify(progress.request) === wanted;
    if (running && !(map && map.key === progress.key)) animate(progress.key, false);
    return dash.no_update;
  };

  /* ---- gestures ---- */
  function wire(gd) {
    if (wired) return;
    wired = true;
    const card = element("hover-card");
    const idAt = (point) => points.ids[point.pointNumber];
    gd.on("plotly_hover", function (event) {
      const point = event.points.find((entry) => entry.curveNumber === POINTS);
      if (!point || live || !points || !attributes) return;
      hover(card, idAt(point), event.event);
    });
    gd.on("plotly_unhover", () => (card.hidden = true));
    gd.on("plotly_click", function (event) {
      const point = event.points.find((entry) => entry.curveNumber === POINTS);
      if (point && points && !live) nnvis.send(nnvis.meant({ kind: "primary", sample: idAt(point), origin: "embedding" }, event.event || {}));
    });
    gd.on("plotly_selected", function (event) {
      if (!event || !event.points || live || !points) return; // an echo of a redraw, never a person's wish
      const ids = event.points.filter((p) => p.curveNumber === POINTS).map((p) => points.ids[p.pointNumber]);
      window.Plotly.relayout(gd, { selections: [] });
      drawn.selected = drawn.marks = null;
      if (ids.length) nnvis.select(ids, "embedding");
      else redraw();
    });
    document.querySelectorAll("[data-tool]").forEach(function (button) {
      button.addEventListener("click", () => tool(gd, button.dataset.tool));
    });
    mark("lasso");
  }

  function tool(gd, name) {
    if (name === "fit") return points && window.Plotly.relayout(gd, everything());
    if (name === "clear") return nnvis.send({ kind: "select", samples: "", origin: "embedding" });
    if (name === "replay") return latest && latest.map && latest.map.key && !live && animate(latest.map.key, true);
    window.Plotly.relayout(gd, { dragmode: name });
    mark(name);
  }

  function mark(name) {
    document.querySelectorAll("[data-tool]").forEach(function (button) {
      if (["lasso", "select", "pan"].includes(button.dataset.tool)) {
        button.setAttribute("aria-pressed", String(button.dataset.tool === name));
      }
    });
  }

  function hover(card, id, mouse) {
    const { catalog } = latest;
    const named = (number) => (number >= 0 ? catalog.names[number] || String(number) : "none");
    const line = (key, value, bad) => {
      const row = Object.assign(document.createElement("div"), { className: bad ? "bad" : "" });
      row.append(Object.assign(document.createElement("span"), { textContent: key, className: "label" }), " ", value);
      return row;
    };
    const image = Object.assign(document.createElement("img"), {
      src: "image/" + catalog.dataset + "/" + id + ".png?side=192",
      alt: "",
    });
    const { label, prediction, confidence } = attributes;
    const words = document.createElement("div");
    words.append(line("sample", "#" + id), line("label", named(label[id])));
    words.append(line("prediction", named(prediction[id]), correct(id) === false));
    if (confidence[id] >= 0) words.append(line("confidence", confidence[id].toFixed(3)));
    card.replaceChildren(image, words);
    card.hidden = false;
    const { innerWidth, innerHeight } = window;
    const box = card.getBoundingClientRect();
    card.style.left = Math.min(mouse.clientX + 16, innerWidth - box.width - 8) + "px";
    card.style.top = Math.max(8, Math.min(mouse.clientY + 16, innerHeight - box.height - 8)) + "px";
  }
})();
