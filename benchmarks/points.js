/* Who draws points, each with the same five gestures on the same points: scattergl, regl-scatterplot, the plane of this project
 * with points alone, and the whole map as the page has it. benchmarks/points.py loads this page and asks for times. */
(function () {
  "use strict";

  const [WIDTH, HEIGHT] = [900, 600];
  const ROOM = { left: 20, right: 20, top: 30, bottom: 20 };
  const SIDES = 60; // of the lasso
  const HALF = 13.5; // the points lie within -HALF and HALF
  const REACH = 2.6; // of a lasso around a group: it holds about a tenth of all
  const GROUPS = 10;

  /* Animation frames are given at once, to all alike, so that nobody waits for the screen. */
  const { port1, port2 } = new MessageChannel();
  const frames = new Map();
  let last = 0;
  window.requestAnimationFrame = function (give) {
    frames.set((last += 1), give);
    port2.postMessage(last);
    return last;
  };
  window.cancelAnimationFrame = (number) => frames.delete(number);
  port1.onmessage = function ({ data: number }) {
    const give = frames.get(number);
    frames.delete(number);
    if (give) give(performance.now());
  };

  /* n points in ten groups around a circle, the same every time: sample i is of group i % 10. */
  function groups(n) {
    let seed = 1;
    const random = () => (seed = (seed * 1664525 + 1013904223) % 4294967296) / 4294967296;
    const [x, y, group] = [new Float32Array(n), new Float32Array(n), new Uint8Array(n)];
    for (let i = 0; i < n; i += 1) {
      group[i] = i % GROUPS;
      const [angle, far, turn] = [(2 * Math.PI * group[i]) / GROUPS, Math.sqrt(-2 * Math.log(random() + 1e-4)), 2 * Math.PI * random()];
      x[i] = 9 * Math.cos(angle) + far * Math.cos(turn);
      y[i] = 9 * Math.sin(angle) + far * Math.sin(turn);
    }
    return { n, x, y, group };
  }

  /* The same points a little further in an animation. */
  function turned({ n, x, y }, step) {
    const [cos, sin] = [Math.cos(0.05 * step), Math.sin(0.05 * step)];
    return { x: Float32Array.from({ length: n }, (_, i) => x[i] * cos - y[i] * sin), y: Float32Array.from({ length: n }, (_, i) => x[i] * sin + y[i] * cos) };
  }

  const onGrid = (value) => Math.round(((value + HALF) / (2 * HALF)) * 65535);
  function gridded({ x, y }) {
    const xy = new Uint16Array(2 * x.length);
    for (let i = 0; i < x.length; i += 1) {
      xy[2 * i] = onGrid(x[i]);
      xy[2 * i + 1] = onGrid(y[i]);
    }
    return xy;
  }

  /* A lasso around a group. */
  function lasso(group) {
    const angle = (2 * Math.PI * group) / GROUPS;
    const [x, y] = [9 * Math.cos(angle), 9 * Math.sin(angle)];
    return Array.from({ length: SIDES }, (_, i) => [x + REACH * Math.cos((2 * Math.PI * i) / SIDES), y + REACH * Math.sin((2 * Math.PI * i) / SIDES)]);
  }

  const pixel = new Uint8Array(4);
  const finish = (gl) => gl && gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  const stage = () => document.getElementById("stage");
  const sizeOf = (n) => (n > 20000 ? 3 : n > 5000 ? 4 : 5);

  /* ---- scattergl ---- */

  function scattergl(points) {
    const { n, x, y, group } = points;
    const plot = stage();
    const end = () => plot.querySelectorAll("canvas").forEach((canvas) => finish(canvas.getContext("webgl2") || canvas.getContext("webgl")));
    let chosen = 0;
    return {
      prepare: {
        recolour: (i) => group.map((value) => (value + i + 1) % GROUPS),
        select: (i) => Array.from({ length: n / GROUPS }, (_, k) => GROUPS * k + ((i + 1) % GROUPS)),
        move: (i) => turned(points, i + 1),
      },
      first: async function () {
        const marker = { size: sizeOf(n), color: group, colorscale: "Viridis", opacity: 0.9 };
        const layout = { width: WIDTH, height: HEIGHT, dragmode: "lasso", hovermode: "closest", margin: { l: 20, r: 20, t: 30, b: 20 } };
        await window.Plotly.newPlot(plot, [{ type: "scattergl", mode: "markers", x, y, marker }], layout, { displayModeBar: false });
        end();
      },
      pan: async function (i) {
        await window.Plotly.relayout(plot, { "xaxis.range": [-HALF + 0.2 * i, HALF + 0.2 * i], "yaxis.range": [-HALF, HALF] });
        end();
      },
      recolour: async function (i, colours) {
        await window.Plotly.restyle(plot, { "marker.color": [colours] });
        end();
      },
      select: async function (i, rows) {
        await window.Plotly.restyle(plot, { selectedpoints: [rows] });
        end();
        chosen = rows.length;
      },
      move: async function (i, moved) {
        await window.Plotly.restyle(plot, { x: [moved.x], y: [moved.y] });
        end();
      },
      chosen: () => chosen,
    };
  }

  /* ---- regl-scatterplot ---- */

  function reglScatterplot(points) {
    const { n, group } = points;
    const scaled = ({ x, y }, z) => ({ x: x.map((value) => value / HALF), y: y.map((value) => value / HALF), z });
    const columns = scaled(points, group);
    let plot = null;
    let chosen = 0;
    const counts = new Uint32Array(GROUPS);
    const drawn = () => new Promise((done) => plot.subscribe("drawing", done, 1));
    const end = () => finish(plot.get("renderer").canvas.getContext("webgl"));
    const after = async function (act) {
      const there = drawn();
      const told = act();
      await there;
      end();
      return told;
    };
    return {
      prepare: { recolour: (i) => ({ ...columns, z: group.map((value) => (value + i + 1) % GROUPS) }), move: (i) => scaled(turned(points, i + 1), group) },
      first: async function () {
        const canvas = stage().appendChild(document.createElement("canvas"));
        const colours = Array.from({ length: GROUPS }, (_, i) => "#" + (0x336699 + 0x101520 * i).toString(16).padStart(6, "0").slice(-6));
        plot = window.reglScatterplot({ canvas, width: WIDTH, height: HEIGHT, pointSize: sizeOf(n), opacity: 0.9, colorBy: "category", pointColor: colours, backgroundColor: "#ffffff" });
        plot.subscribe("select", function ({ points: rows }) {
          counts.fill(0);
          for (const row of rows) counts[group[row]] += 1;
          chosen = rows.length;
        });
        await after(() => plot.draw(columns));
      },
      settled: () => new Promise((done) => setTimeout(done, 50)),
      pan: (i) => after(() => plot.zoomToArea({ x: -1 + 0.02 * i, y: -1, width: 2, height: 2 })),
      recolour: (i, fresh) => after(() => plot.draw(fresh, { preventFilterReset: true, spatialIndex: plot.get("spatialIndex") })),
      select: (i) => after(() => plot.lassoSelect(lasso((i + 1) % GROUPS).map(([x, y]) => [x / HALF, y / HALF]), { isGl: true })),
      move: (i, moved) => after(() => plot.draw(moved, { preventFilterReset: true, spatialIndex: plot.get("spatialIndex") })),
      chosen: () => chosen,
    };
  }

  /* ---- this project's ---- */

  const LOOKS = ["prediction", "confidence", "label", "entropy"];
  const nowhere = { classes: [], correctness: "all" };

  async function plane(points, whole) {
    const { n, group } = points;
    const { catalog, scales } = window.bench;
    const nnvis = window.nnvis;
    const attributes = await nnvis.samples.load({ ...catalog, n });
    const ids = Int32Array.from({ length: n }, (_, i) => i);
    let xy = gridded(points);
    let chosen = 0;
    let drawing = null;
    const counts = new Uint32Array(GROUPS);

    function look(by) {
      const visible = whole ? nnvis.samples.passing(ids, nowhere) : null;
      const ringed = [];
      if (whole) for (let row = 0; row < n; row += 1) if (visible[row] && nnvis.samples.correct(row) === false) ringed.push(row);
      drawing.setLook({ ...nnvis.samples.look(by, ids, catalog, scales), visible, ringed: Uint32Array.from(ringed) });
      if (whole) nnvis.mapParts.looked({ at: { xy, ids, n }, attributes, view: { colour: by }, catalog, selection: nowhere, visible, scales });
    }
    const end = function () {
      drawing.drawNow();
      drawing.finish();
    };
    return {
      prepare: { move: (i) => gridded(turned(points, i + 1)) },
      first: async function () {
        drawing = nnvis.plane(stage(), { room: ROOM, square: true });
        if (whole) drawing.layers.push(...nnvis.mapParts.layers);
        drawing.setPoints(xy);
        look("label");
        drawing.fit();
        end();
      },
      pan: async function (i) {
        drawing.pan(i % 2 ? -8 : 8, 0);
        end();
      },
      recolour: async function (i) {
        look(LOOKS[i % LOOKS.length]);
        end();
      },
      select: async function (i) {
        const path = lasso((i + 1) % GROUPS).map((place) => drawing.pixel(place.map(onGrid)));
        const { mask, count } = drawing.within(path);
        chosen = count;
        if (whole) nnvis.rowsOf(mask, count).map((row) => ids[row]);
        drawing.setLit(mask);
        if (whole) nnvis.mapParts.chosen(mask);
        else {
          counts.fill(0);
          for (let row = 0; row < n; row += 1) if (mask[row]) counts[group[row]] += 1;
        }
        end();
      },
      moving: () => whole && nnvis.mapParts.looked(null),
      move: async function (i, moved) {
        drawing.setPoints((xy = moved), true);
        drawing.fit();
        end();
      },
      chosen: () => chosen,
    };
  }

  const WHO = { scattergl, "regl-scatterplot": reglScatterplot, plane: (points) => plane(points, false), map: (points) => plane(points, true) };

  /* Milliseconds of every gesture, `times` times each, and how many points were selected last. */
  window.bench = {
    catalog: null,
    scales: null,
    measure: async function (who, n, times) {
      const one = await WHO[who](groups(n));
      const took = { first: [], pan: [], recolour: [], select: [], move: [] };
      for (const gesture of Object.keys(took)) {
        if (gesture === "move" && one.moving) one.moving();
        for (let i = 0; i < (gesture === "first" ? 1 : times); i += 1) {
          const given = one.prepare[gesture] ? one.prepare[gesture](i) : null;
          const begin = performance.now();
          await one[gesture](i, given);
          took[gesture].push(performance.now() - begin);
          if (one.settled) await one.settled();
        }
      }
      return { took, chosen: one.chosen() };
    },
  };
})();
