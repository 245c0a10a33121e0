/* A plane of points that a person zooms, pans, hovers, clicks and lassoes: the map of the samples, the suggestion's scatter.
 *
 * Near, points are discs drawn with WebGL2; far, where there are more than DENSE in view, their density; without WebGL2 the same
 * on a plain canvas, and the plane says so. All gestures are answered in the browser: whoever made the plane hears of them once,
 * when they end. Coordinates are those of points_index.js; a camera maps them to CSS pixels of the frame. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const ACCENT = "#1f6feb";
  const INK = [0.122, 0.153, 0.2, 0.9];
  const DENSE = 100000; // points in view from which on their density is drawn
  const BIN = 2; // device pixels along a side of a bin of the density
  const NEAR = 8; // pixels within which the pointer is on a point
  const CLICK = 5; // pixels that a click may move
  const LIVE = 200000; // points up to which a lasso counts while it is drawn
  const DEEPEST = 400; // how far one can zoom in
  const STEP = 60; // pixels by which an arrow key pans
  const FULL = 65535;

  function extent(xy) {
    let [x0, y0, x1, y1] = [FULL, FULL, 0, 0];
    for (let i = 0; i < xy.length; i += 2) {
      const [x, y] = [xy[i], xy[i + 1]];
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    return xy.length ? [x0, y0, x1, y1] : [0, 0, FULL, FULL];
  }

  const sizeOf = (n, low) => Math.max(3, (n > 20000 ? 3 : n > 5000 ? 4 : n > 2000 ? 5 : 7) - (low ? 2 : 0));

  /* `options`: {square, room: {left, right, top, bottom}, hover(row, event), left(), click(row, event),
   * select(mask, count, event), lassoing(mask or null),
   * current(), shown()}; all but the room may be left out.
   * `square`: both axes at one scale, and what is fitted is the points; else the whole range of the coordinates. */
  nnvis.plane = function (frame, options) {
    const back = frame.appendChild(nnvis.h("canvas", {})); // what layers draw under the points
    const svg = frame.appendChild(nnvis.svg("svg", { class: "points-gesture" }));
    const front = frame.appendChild(nnvis.h("canvas", { class: "points-front" })); // what layers draw over the points
    const plain = nnvis.h("canvas", { class: "points-canvas" }); // where there is no WebGL2
    const room = options.room;
    frame.tabIndex = 0;
    frame.setAttribute("role", "application");
    frame.classList.add("plane");

    const data = { xy: new Uint16Array(0), tones: new Uint8Array(0), crowd: new Uint8Array(0), palette: new Uint8Array(1024), states: new Uint8Array(0) };
    const gpu = nnvis.pointsOnGpu(data);
    const plane = { frame, data, n: 0, index: null, camera: { kx: 1, ky: 1, ox: 0, oy: 0 }, fitted: 1, layers: [], under: [], mode: "lasso", webgl: Boolean(gpu), dense: false, inView: 0, width: 0, height: 0 };
    let passes = null;
    let lit = null;
    let rings = null; // a mask of the points that have one
    let moved = false; // whether a person has moved the camera since it was fitted
    let whole = null; // the lists of a view of everything, until the states change
    let extra = []; // further places that a fit shows
    let version = 0;
    let bounds = [0, 0, FULL, FULL]; // of the points: least x and y, largest x and y

    /* ---- what is drawn ---- */

    /* New points: xy, 2 n numbers. `moving`: a frame of an animation, which is drawn and not asked about. */
    plane.setPoints = function (xy, moving) {
      const same = xy.length === data.xy.length;
      data.xy = xy;
      plane.n = xy.length / 2;
      plane.index = moving ? null : nnvis.pointIndex(xy);
      bounds = extent(xy);
      if (!same || !moving) data.crowd = plane.index ? plane.index.crowds() : new Uint8Array(plane.n);
      if (!same) {
        data.tones = new Uint8Array(plane.n);
        data.states = new Uint8Array(plane.n).fill(2);
        passes = lit = null;
        rings = null;
      }
      if (gpu) gpu.stale("xy", ...(same && moving ? [] : ["crowd", "tones"]));
      whole = null;
    };

    /* Colours: a palette of 256 RGBA colours and a number of it for each point; which points pass the filters; which are ringed, as masks. */
    plane.setLook = function ({ tones, palette, visible, ringed }) {
      data.tones = tones;
      data.palette = palette;
      passes = visible;
      rings = ringed || null;
      if (gpu) gpu.stale("tones", "palette");
      states();
    };

    /* The selected points as a mask, or null where nothing is selected. */
    plane.setLit = function (mask) {
      lit = mask;
      states();
    };

    function states() {
      const { states: all } = data;
      for (let row = 0; row < plane.n; row += 1) all[row] = passes && !passes[row] ? 0 : lit && !lit[row] ? 1 : 2;
      whole = null;
      version += 1;
    }

    /* ---- the camera ---- */

    plane.pixel = ([x, y]) => [x * plane.camera.kx + plane.camera.ox, plane.camera.oy - y * plane.camera.ky];
    plane.place = ([px, py]) => [(px - plane.camera.ox) / plane.camera.kx, (plane.camera.oy - py) / plane.camera.ky];
    plane.zoomed = () => plane.camera.kx / plane.fitted;

    /* Show everything, with these places among it. */
    plane.fit = function (places) {
      extra = places || [];
      moved = false;
      measure();
      let [x0, y0, x1, y1] = options.square ? bounds : [0, 0, FULL, FULL];
      for (const [x, y] of extra) [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
      const [w, h] = [Math.max(40, plane.width - room.left - room.right), Math.max(40, plane.height - room.top - room.bottom)];
      let [kx, ky] = [w / Math.max(x1 - x0, 1), h / Math.max(y1 - y0, 1)];
      if (options.square) kx = ky = Math.min(kx, ky);
      const [mx, my] = [room.left + w / 2, room.top + h / 2];
      plane.camera = { kx, ky, ox: mx - (kx * (x0 + x1)) / 2, oy: my + (ky * (y0 + y1)) / 2 };
      plane.fitted = kx;
      plane.draw();
    };

    plane.zoom = function (factor, px, py) {
      const { camera, fitted } = plane;
      const by = Math.min((DEEPEST * fitted) / camera.kx, Math.max((0.4 * fitted) / camera.kx, factor));
      const [x, y] = px === undefined ? [plane.width / 2, plane.height / 2] : [px, py];
      plane.camera = { kx: camera.kx * by, ky: camera.ky * by, ox: x - (x - camera.ox) * by, oy: y - (y - camera.oy) * by };
      moved = true;
      plane.draw();
    };

    plane.pan = function (dx, dy) {
      plane.camera = { ...plane.camera, ox: plane.camera.ox + dx, oy: plane.camera.oy + dy };
      moved = true;
      plane.draw();
    };

    plane.moved = () => moved;
    plane.bounds = () => bounds;
    plane.ringed = (row) => Boolean(rings && rings[row]);
    plane.version = () => version; // changes with colours and states

    /* Put a place into the middle. */
    plane.centre = function (place) {
      const [px, py] = plane.pixel(place);
      plane.pan(plane.width / 2 - px, plane.height / 2 - py);
    };

    function measure() {
      plane.width = frame.clientWidth;
      plane.height = frame.clientHeight;
    }

    /* ---- drawing ---- */

    let asked = 0;
    plane.draw = function () {
      if (!asked) asked = requestAnimationFrame(plane.drawNow);
    };

    plane.drawNow = function () {
      if (asked) cancelAnimationFrame(asked);
      asked = 0;
      measure();
      if (plane.width < 20 || plane.height < 20 || (options.shown && !options.shown())) return;
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [Math.round(plane.width * ratio), Math.round(plane.height * ratio)];
      const camera = Object.fromEntries(Object.entries(plane.camera).map(([name, value]) => [name, value * ratio]));
      const rows = seen();
      count(rows);
      plane.dense = plane.inView > DENSE;
      if (gpu) {
        gpu.begin(svg, width, height);
        if (plane.dense) density(rows, camera, width, height, gpu.picture);
        else gpu.points(lists(rows, ratio), camera, width, height, plane.index ? plane.index.side : 1);
      } else {
        if (plain.parentNode !== frame) svg.before(plain);
        Object.assign(plain, { width, height });
        const context = plain.getContext("2d");
        if (plane.dense) density(rows, camera, width, height, (bytes, w, h) => painted(context, bytes, w, h, width, height));
        else nnvis.plainPoints(context, data, lists(rows, ratio), camera);
      }
      paint(back, plane.under, width, height, ratio);
      paint(front, plane.layers, width, height, ratio);
      frame.dataset.view = plane.dense ? "density" : "points";
      frame.dataset.webgl = gpu ? "yes" : "no";
    };

    /* Whether its points are on the screen: the page's one WebGL canvas may be another plane's now. */
    plane.holds = () => (gpu ? gpu.canvas() : plain).parentNode === frame;

    /* The rows that may be in view. */
    function seen() {
      if (!plane.index) return null;
      const [x0, y1] = plane.place([-4, -4]);
      const [x1, y0] = plane.place([plane.width + 4, plane.height + 4]);
      return plane.index.covering(x0, y0, x1, y1);
    }

    function count(rows) {
      if (rows && plane.index && rows !== plane.index.rows) {
        plane.inView = 0;
        for (let i = 0; i < rows.length; i += 1) if (data.states[rows[i]]) plane.inView += 1;
      } else plane.inView = split(rows).total;
    }

    /* Rows that are veiled, that are shown, that are ringed; kept while everything is in view. */
    function split(rows) {
      const all = !rows || (plane.index && rows === plane.index.rows);
      if (all && whole) return whole;
      const n = rows ? rows.length : plane.n;
      const [veiled, shown, ringed] = [new Uint32Array(n), new Uint32Array(n), new Uint32Array(rings ? n : 0)];
      let [v, s, r] = [0, 0, 0];
      for (let i = 0; i < n; i += 1) {
        const row = rows ? rows[i] : i;
        const state = data.states[row];
        if (state === 2) shown[s++] = row;
        else if (state === 1) veiled[v++] = row;
        if (rings && rings[row] && state) ringed[r++] = row;
      }
      const parts = { veiled: veiled.subarray(0, v), shown: shown.subarray(0, s), ringed: ringed.subarray(0, r), total: v + s };
      if (all) whole = parts;
      return parts;
    }

    function lists(rows, ratio) {
      const { veiled, shown, ringed } = split(rows);
      const size = plane.pointSize() * ratio;
      return [
        { rows: veiled, size, strength: 0.14 },
        { rows: shown, size, strength: 0.9 },
        { rows: ringed, size: size + 4 * ratio, strength: lit ? 0.45 : 1, hole: size / 2 + 0.5 * ratio, ink: INK },
      ];
    }

    /* The diameter of a point in CSS pixels: small where there are many, larger when nearer. */
    plane.pointSize = () => Math.min(14, sizeOf(plane.n, plane.height < 420) * Math.max(1, plane.zoomed() ** 0.3));

    function density(rows, camera, width, height, paint) {
      const [w, h] = [Math.ceil(width / BIN), Math.ceil(height / BIN)];
      const binned = Object.fromEntries(Object.entries(camera).map(([name, value]) => [name, value / BIN]));
      const all = plane.index && rows === plane.index.rows;
      paint(nnvis.density(data, all ? null : rows, binned, w, h), w, h);
    }

    function painted(context, bytes, w, h, width, height) {
      const small = new OffscreenCanvas(w, h);
      small.getContext("2d").putImageData(new ImageData(bytes, w, h), 0, 0);
      context.drawImage(small, 0, 0, width, height);
    }

    /* Draw what lies over the points again, and no point. */
    plane.cover = () => front.width && paint(front, plane.layers, front.width, front.height, window.devicePixelRatio || 1);

    function paint(canvas, layers, width, height, ratio) {
      if (!layers.length) return;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      for (const layer of layers) layer(context, plane);
    }

    /* Everything in one picture, `scale` times the size on the screen: {canvas}. */
    plane.picture = function (scale) {
      plane.drawNow();
      const canvas = nnvis.h("canvas", { width: Math.round(plane.width * scale), height: Math.round(plane.height * scale) });
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      for (const part of [back, gpu ? gpu.canvas() : plain, front]) if (part.width) context.drawImage(part, 0, 0, canvas.width, canvas.height);
      return canvas;
    };

    plane.finish = () => gpu && gpu.finish();
    window.addEventListener("nnvis-points-restored", plane.draw);
    new ResizeObserver(function () {
      measure();
      if (moved) plane.draw();
      else plane.fit(extra);
    }).observe(frame);

    /* ---- gestures ---- */

    const at = (event) => {
      const box = frame.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };

    /* The row under a pixel, or -1. */
    plane.rowAt = function (px, py) {
      if (!plane.index) return -1;
      const pictured = plane.pictured ? plane.pictured(px, py) : -1;
      if (pictured >= 0) return pictured;
      const [x, y] = plane.place([px, py]);
      const reach = Math.max(NEAR, plane.pointSize());
      return plane.index.near(x, y, reach / plane.camera.kx, reach / plane.camera.ky, passes);
    };

    /* The rows within a polygon of pixels. */
    plane.within = (path) => plane.index.within(path.map(plane.place), passes);

    let drag = null; // {kind, path, pointer}
    frame.addEventListener("pointerdown", function (event) {
      if (event.button > 1 || event.target.closest(".plane-extra")) return;
      frame.focus({ preventScroll: true });
      delete frame.dataset.keys;
      event.preventDefault();
      frame.setPointerCapture(event.pointerId);
      drag = { kind: event.button === 1 || event.altKey ? "pan" : plane.mode, path: [at(event)], far: 0, turn: 0 };
    });
    frame.addEventListener("pointermove", function (event) {
      const [px, py] = at(event);
      if (!drag) {
        const row = event.buttons ? -1 : plane.rowAt(px, py);
        if (row >= 0 && options.hover) options.hover(row, event);
        else if (options.left) options.left();
        return;
      }
      const [first, last] = [drag.path[0], drag.path[drag.path.length - 1]];
      drag.far = Math.max(drag.far, Math.hypot(px - first[0], py - first[1]));
      if (options.left) options.left();
      if (drag.kind === "pan") {
        plane.pan(px - last[0], py - last[1]);
        drag.path = [first, [px, py]];
        return;
      }
      if (drag.kind === "select") drag.path = [first, [px, first[1]], [px, py], [first[0], py]];
      else if (Math.hypot(px - last[0], py - last[1]) >= 1.5) drag.path.push([px, py]);
      svg.replaceChildren(nnvis.svg("polygon", { points: drag.path.map((place) => place.join()).join(" "), fill: ACCENT, "fill-opacity": 0.09, stroke: ACCENT, "stroke-width": 1.5 }));
      if (!drag.turn && options.lassoing && plane.index && plane.n <= LIVE) {
        drag.turn = requestAnimationFrame(function () {
          if (!drag) return;
          drag.turn = 0;
          options.lassoing(plane.within(drag.path).mask);
        });
      }
    });
    const end = function (event) {
      if (!drag) return;
      const { kind, path, far } = drag;
      drag = null;
      svg.replaceChildren();
      if (options.lassoing) options.lassoing(null);
      if (event.type === "pointercancel" || !plane.index) return;
      if (far < CLICK) {
        const row = plane.rowAt(...path[0]);
        if (row >= 0 && options.click) options.click(row, event);
        return;
      }
      if (kind === "pan") return;
      const { mask, count } = plane.within(path);
      if (count && options.select) options.select(mask, count, event);
    };
    frame.addEventListener("pointerup", end);
    frame.addEventListener("pointercancel", end);
    frame.addEventListener("pointerleave", () => options.left && options.left());
    frame.addEventListener(
      "wheel",
      function (event) {
        if (event.target.closest(".plane") !== frame) return;
        event.preventDefault();
        plane.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.0018)), ...at(event));
      },
      { passive: false }
    );

    /* Arrows pan, with Shift they go from sample to sample; plus and minus zoom; 0 shows everything. */
    const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    frame.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target !== frame) return;
      frame.dataset.keys = "used";
      if (event.key === "Escape" && drag) {
        drag = null;
        svg.replaceChildren();
        if (options.lassoing) options.lassoing(null);
      } else if (KEYS[event.key] && event.shiftKey) step(KEYS[event.key], event);
      else if (KEYS[event.key]) plane.pan(-KEYS[event.key][0] * STEP, -KEYS[event.key][1] * STEP);
      else if (event.key === "+" || event.key === "=") plane.zoom(1.4);
      else if (event.key === "-") plane.zoom(1 / 1.4);
      else if (event.key === "0") plane.fit(extra);
      else return;
      event.preventDefault();
    });

    /* The nearest point in a direction from the one in question: within 60 degrees of it. */
    function step([dx, dy], event) {
      const from = options.current ? options.current() : null;
      if (!plane.index || !options.click) return;
      const [px, py] = from === null ? [plane.width / 2, plane.height / 2] : plane.pixel([data.xy[2 * from], data.xy[2 * from + 1]]);
      let [best, found] = [Infinity, -1];
      for (let row = 0; row < plane.n; row += 1) {
        if (row === from || (passes && !passes[row])) continue;
        const x = data.xy[2 * row] * plane.camera.kx + plane.camera.ox - px;
        const y = plane.camera.oy - data.xy[2 * row + 1] * plane.camera.ky - py;
        const far = Math.hypot(x, y);
        if (far < best && far > 0 && x * dx + y * dy >= 0.5 * far) [best, found] = [far, row];
      }
      if (found >= 0) options.click(found, event);
    }

    return plane;
  };

  /* Lists of points on a plain canvas: squares where there are many, discs else. */
  nnvis.plainPoints = function (context, { xy, tones, palette }, lists, { kx, ky, ox, oy }) {
    const styles = new Map();
    for (const { rows, size, strength, hole, ink } of lists) {
      context.globalAlpha = strength;
      if (hole !== undefined) {
        context.strokeStyle = `rgb(${ink.slice(0, 3).map((part) => Math.round(255 * part))})`;
        context.lineWidth = Math.max(1, size / 2 - hole);
      }
      for (const row of rows) {
        const [px, py] = [xy[2 * row] * kx + ox, oy - xy[2 * row + 1] * ky];
        const tone = tones[row];
        if (!styles.has(tone)) styles.set(tone, `rgb(${palette.slice(4 * tone, 4 * tone + 3)})`);
        context.fillStyle = styles.get(tone);
        if (hole === undefined && rows.length > 5000) context.fillRect(px - size / 2, py - size / 2, size, size);
        else {
          context.beginPath();
          context.arc(px, py, hole === undefined ? size / 2 : (size / 2 + hole) / 2, 0, 2 * Math.PI);
          if (hole === undefined) context.fill();
          else context.stroke();
        }
      }
    }
    context.globalAlpha = 1;
  };
})();
