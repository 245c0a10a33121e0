/* The embedding map in the browser. Coordinates and attributes come once as typed arrays; colours, filters, hover, lasso and
 * the animation of a running projection happen here, and the server hears of a gesture once, when it ends.
 * The points themselves are drawn by a plane (points_plane.js). */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const ROOM = { left: 20, right: 20, top: 54, bottom: 44 }; // so that a lasso gets around the points below the tools
  const ACCENT = "#1f6feb";
  const HONEST = ["trustworthiness", "continuity"];
  const WORST = 0.75; // what either is at the scale's end; see docs/projection.md
  const FRAME = 12; // bytes of a map's frame: least x and y, unit

  let latest = null; // what was last asked to be drawn
  let points = null; // {key, n, ids, rows, xy, frame}
  let known = null; // what is known of every sample
  let drawn = {};
  let live = null; // the animation that runs
  let asked = null; // the request of the projection, as text
  let plane = null;
  let marks = []; // [{at, radius, filled}]: the primary sample, the placed one

  const element = (id) => document.getElementById(id);
  const box = () => element("embedding-graph");

  function appear() {
    if (plane) return;
    plane = nnvis.plane(box(), {
      room: ROOM,
      square: true,
      hover: (row, event) => !live && points && known && (nnvis.samples.hover(element("hover-card"), points.ids[row], event), nnvis.mapParts.hovered(points.key, row)),
      left: () => (nnvis.samples.left(), nnvis.mapParts.hovered(null, -1)),
      click: (row, event) => !live && points && nnvis.send(nnvis.meant({ kind: "primary", sample: points.ids[row], origin: "embedding" }, event)),
      select,
      lassoing: (mask) => !live && nnvis.mapParts.lassoing(mask),
      shown: () => latest && latest.view && nnvis.overview(latest.view) === "map",
      current: () => (points && latest && latest.selection && points.rowOf(latest.selection.primary) >= 0 ? points.rowOf(latest.selection.primary) : null),
    });
    plane.layers.push(...nnvis.mapParts.layers, marked, () => nnvis.path.draw());
    document.querySelectorAll("[data-tool]").forEach((button) => button.addEventListener("click", () => tool(button.dataset.tool)));
    press("lasso");
  }

  /* ---- what is drawn ---- */

  /* Places by row, in the map's own coordinates or as the plane knows them. */
  function mapped(key, n, ids, frame, xy) {
    const [x0, y0, unit] = frame;
    let rows = null;
    const rowOf = function (id) {
      if (!rows) {
        rows = new Int32Array(n ? ids[n - 1] + 1 : 0).fill(-1);
        for (let row = 0; row < n; row += 1) rows[ids[row]] = row;
      }
      return id >= 0 && id < rows.length ? rows[id] : -1;
    };
    return { key, n, ids, xy, unit, rowOf, place: (row) => [x0 + unit * xy[2 * row], y0 + unit * xy[2 * row + 1]], within: ([x, y]) => [(x - x0) / unit, (y - y0) / unit] };
  }

  async function loadPoints(key) {
    if (points && points.key === key) return points;
    const answer = await nnvis.bytes("map/" + key + "/points");
    if (!answer) return null;
    if (points && points.key === key) return points;
    const { buffer } = answer;
    const [n, all] = new Uint32Array(buffer, 0, 2);
    const xy = new Uint16Array(buffer, 8 + FRAME, 2 * n);
    const bits = new Uint8Array(buffer, 8 + FRAME + 4 * n);
    const ids = new Int32Array(n);
    for (let id = 0, row = 0; id < all; id += 1) if (n === all || bits[id >> 3] & (1 << (id & 7))) ids[row++] = id;
    points = mapped(key, n, ids, new Float32Array(buffer, 8, 3), xy);
    return points;
  }

  const lookOf = (key, attributes, view, selection, honest) => [key, attributes.key, view.colour, selection.classes.join(), selection.correctness, honest ? "honest" : ""].join("|");

  /* Trustworthiness or continuity by row, 0 where it is `WORST` or less; null where the colour is another or it isn't there yet. */
  async function honestyOf(key, colour) {
    if (!HONEST.includes(colour)) return null;
    const found = await nnvis.honesty(key);
    return found && found[colour].map((value) => Math.max(0, (value - WORST) / (1 - WORST)));
  }

  /* Tones and palette by row of the map. */
  function coloured(view, ids, catalog, honest) {
    if (honest) return nnvis.samples.graded(honest, null, scales()[view.colour]);
    return nnvis.samples.look(HONEST.includes(view.colour) ? "none" : view.colour, ids, catalog, scales());
  }

  async function draw() {
    const { catalog, map, view, selection, placed, honesty } = latest || {};
    if (!catalog || !view || !selection || !box()) return;
    appear();
    const current = map && map.key && map.request.dataset === catalog.dataset ? map : null;
    say();
    const [at, attributes] = await Promise.all([current ? loadPoints(current.key) : null, nnvis.samples.load(catalog)]);
    if (latest.catalog !== catalog || latest.map !== map || !attributes || live) return;
    known = attributes;
    if (!at) return map && map.problem ? blank() : undefined;
    const measured = honesty && honesty.map === at.key && !honesty.problem;
    const honest = measured ? await honestyOf(at.key, view.colour) : null;
    if (latest.view !== view || live) return;
    const look = lookOf(at.key, attributes, view, selection, honest);
    let again = false;
    if (drawn.look !== look) {
      const visible = nnvis.samples.passing(at.ids, selection);
      const fresh = drawn.key !== at.key;
      if (fresh) plane.setPoints(at.xy);
      plane.setLook({ ...coloured(view, at.ids, catalog, honest), visible, ringed: mistakes(at, visible) });
      if (fresh) {
        plane.setLit(null);
        plane.fit();
      }
      drawn = { look, key: at.key }; // the selection is lit and counted anew: its bars go by the colour
      nnvis.mapParts.looked({ at, attributes, view, catalog, selection, visible, scales: scales(), honest });
      box().dataset.points = String(visible.reduce((sum, one) => sum + one, 0));
      box().dataset.look = look;
      again = true;
    }
    if (drawn.selected !== selection.samples + "|" + at.key) {
      const chosen = await nnvis.selected(selection.samples);
      if (latest.selection !== selection || live) return;
      const lit = chosen.length ? maskOf(at, chosen) : null;
      plane.setLit(lit);
      nnvis.mapParts.chosen(lit);
      drawn.selected = selection.samples + "|" + at.key;
      again = true;
    }
    mark(at, selection, placed);
    if (again || !plane.holds()) plane.drawNow();
    else plane.cover();
    summary();
    if (!performance.getEntriesByName("nnvis-map").length) performance.mark("nnvis-map");
  }

  const scales = () => JSON.parse(box().dataset.scales);

  function mistakes(at, visible) {
    const found = new Uint8Array(at.n);
    for (let row = 0; row < at.n; row += 1) if (visible[row] && nnvis.samples.correct(at.ids[row]) === false) found[row] = 1;
    return found;
  }

  function maskOf(at, ids) {
    const mask = new Uint8Array(at.n);
    for (let i = 0; i < ids.length; i += 1) {
      const row = at.rowOf(ids[i]);
      if (row >= 0) mask[row] = 1;
    }
    return mask;
  }

  /* The primary sample gets a ring, one that was placed a dot: they move without any point being drawn again. */
  function mark(at, selection, placed) {
    const extra = placed && placed.key === at.key && placed.x !== undefined ? placed : null;
    const row = at.rowOf(selection.primary === null ? -1 : selection.primary);
    const here = row >= 0 ? [at.xy[2 * row], at.xy[2 * row + 1]] : extra && extra.sample === selection.primary ? at.within([extra.x, extra.y]) : null;
    marks = [
      ...(extra ? [{ at: at.within([extra.x, extra.y]), radius: 5, filled: true }] : []),
      ...(here && !selection.derived ? [{ at: here, radius: 10, filled: false }] : []),
    ];
    box().dataset.marks = String(marks.length);
  }

  function marked(context) {
    if (live) return;
    context.strokeStyle = ACCENT;
    context.lineWidth = 3;
    context.fillStyle = "#ffffff";
    for (const { at, radius, filled } of marks) {
      context.beginPath();
      context.arc(...plane.pixel(at), radius, 0, 2 * Math.PI);
      if (filled) context.fill();
      context.stroke();
    }
  }

  function summary() {
    const { catalog, view, selection } = latest;
    const words = [`Map of ${plane.n.toLocaleString("en-US")} samples of ${catalog.n.toLocaleString("en-US")}, ${box().dataset.points} shown, colour by ${view.colour}.`, nnvis.mapParts.said()];
    if (selection.primary !== null) words.push(`Sample ${selection.primary} is tested.`);
    box().setAttribute("aria-label", words.concat("Arrows pan, plus and minus zoom, 0 shows everything, Shift with an arrow goes to the next sample.").filter(Boolean).join(" "));
  }

  function blank() {
    drawn = {};
    marks = [];
    box().dataset.points = "0";
    plane.setPoints(new Uint16Array(0));
    nnvis.mapParts.looked(null);
    plane.drawNow();
  }

  let queue = Promise.resolve();
  function redraw() {
    queue = queue.then(draw).catch((problem) => console.error(problem));
    return queue;
  }

  nnvis.mapKey = () => points && points.key;

  /* The map that is drawn, with its classes' colours, for what lies over it; null while one is on its way. `pixel` takes a place in
   * the map's own coordinates to CSS pixels of the frame. */
  nnvis.drawnMap = () =>
    points && drawn.key === points.key && !live ? { plane, at: points, colours: latest.catalog.colours, selection: latest.selection, pixel: (place) => plane.pixel(points.within(place)) } : null;

  function say() {
    const { map, placed, honesty, view } = latest || {};
    const unmeasured = honesty && view && HONEST.includes(view.colour) && map && honesty.map === map.key ? honesty.problem : "";
    element("embedding-message").textContent = (map && map.problem) || (placed && placed.problem) || unmeasured || nnvis.path.problem();
  }
  nnvis.sayMap = say;

  space.embeddingDraw = async function (catalog, map, view, selection, placed, honesty) {
    latest = { catalog, map, view, selection, placed, honesty };
    if (live && map && map.problem) live = null;
    await redraw();
    return dash.no_update;
  };

  space.embeddingPlace = async function (map, selection, previous) {
    if (!map || !map.key || !selection || selection.primary === null) return previous ? null : dash.no_update;
    const at = await loadPoints(map.key);
    if (!at || at.rowOf(selection.primary) >= 0) return previous ? null : dash.no_update;
    const next = { key: map.key, request: map.request, sample: selection.primary };
    return JSON.stringify(next) === JSON.stringify(previous) ? dash.no_update : next;
  };

  /* ---- the animation of a projection, while it is computed and again on request ---- */

  async function frames(key, after) {
    const answer = await fetch("map/" + key + "/frames?after=" + after);
    if (!answer.ok) return { ids: null, frames: [], last: after };
    const n = Number(answer.headers.get("X-Points"));
    const count = Number(answer.headers.get("X-Frames"));
    const buffer = await answer.arrayBuffer();
    const list = Array.from({ length: count }, (_, i) => new Uint16Array(buffer, 4 * n + (i + 1) * FRAME + 4 * n * i, 2 * n));
    return { ids: n ? new Int32Array(buffer, 0, n) : null, frames: list, last: Number(answer.headers.get("X-Last")) };
  }

  async function animate(key, over) {
    if (!box()) return;
    appear();
    if (live && live.key === key) return;
    const run = (live = { key: key, last: -1, played: 0, look: null });
    box().dataset.points = "0";
    drawn = {};
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
        await frame(run, got.ids, got.frames[i], !started);
        started = true;
        run.played += 1;
        box().dataset.frames = String(run.played);
        await pause(over ? 45 : 20);
      }
    }
    if (live === run) live = null;
    drawn = {};
    redraw();
  }

  async function frame(run, ids, xy, first) {
    const { catalog, view, selection } = latest || {};
    const attributes = catalog && view && selection ? await nnvis.samples.load(catalog) : null;
    if (live !== run) return;
    if (first) nnvis.mapParts.looked(null);
    plane.setPoints(xy, true);
    const look = attributes ? lookOf(run.key, attributes, view, selection) : "";
    if (first || run.look !== look) {
      run.look = look;
      if (attributes) {
        plane.setLook({ ...coloured(view, ids, catalog, null), visible: nnvis.samples.passing(ids, selection) });
        nnvis.mapParts.legend(view, scales());
      } else plane.setLook({ tones: new Uint8Array(ids.length), palette: nnvis.samples.paletteOf([]), visible: null });
      plane.setLit(null);
    }
    plane.fit();
    plane.drawNow();
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

  function select(mask, count, event) {
    if (live || !points) return;
    const ids = nnvis.rowsOf(mask, count).map((row) => points.ids[row]);
    if (!event.shiftKey) {
      plane.setLit(mask); // at once; the state says the same in a moment
      nnvis.mapParts.chosen(mask);
      plane.drawNow();
    }
    nnvis.selectBeside(ids, event, latest.selection.samples, "embedding");
  }

  function tool(name) {
    if (name === "fit") return points && plane.fit(nnvis.path.places().map(points.within));
    if (name === "clear") return nnvis.send({ kind: "select", samples: "", origin: "embedding" });
    if (name === "replay") return latest && latest.map && latest.map.key && !live && animate(latest.map.key, true);
    plane.mode = name;
    press(name);
  }

  function press(name) {
    document.querySelectorAll("[data-tool]").forEach(function (button) {
      if (["lasso", "select", "pan"].includes(button.dataset.tool)) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
    });
    box().dataset.mode = name;
  }
})();
