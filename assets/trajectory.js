/* The path of an edited or derived image across the embedding map: a ring at the original, small dots in the colours of the
 * predictions on the way, a large one at the image itself. It lies in a layer of its own over the map, so that it moves
 * without any point being drawn again; assets/embedding.js says which map is drawn, and Plotly's events how it is moved. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const svg = (...parts) => nnvis.svg(...parts);
  const GREY = "#b4bac4";
  const REST = 120; // milliseconds without a change after which the path is asked for
  const MOVE = 200; // milliseconds in which it moves to its new place
  const MARGIN = 8; // pixels between the map's edge and the sign that points beyond it
  const STEP = 4; // radii of the dots, pixels
  const IMAGE = 7;
  const ORIGINAL = 10; // the ring of the primary sample, drawn on it

  let wanted = null; // the path that the state asks for
  let answer = null; // the last one that came
  let begun = null; // the answer that is drawn
  let places = []; // [x, y] of its steps, as they are drawn now
  let moving = false;
  let turn = 0; // the number of the last movement
  let wired = null; // the graph whose events are heard

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const element = (id) => document.getElementById(id);
  const current = () => Boolean(answer && wanted && same(answer.wanted, wanted));
  const subject = (record) => [record.key, record.sample, record.derived].join();

  function asked(map, selection) {
    if (!map || !map.key || !selection) return null;
    const image = nnvis.tested(selection);
    if (!image.derived && (image.sample === null || !image.edits.length)) return null;
    return { key: map.key, request: map.request, ...image };
  }

  let calls = 0;
  space.embeddingPath = async function (map, selection, previous) {
    const call = (calls += 1);
    wanted = asked(map, selection);
    draw();
    nnvis.sayMap();
    if (wanted) await new Promise((resolve) => setTimeout(resolve, REST));
    if (call !== calls || same(wanted, previous || null)) return dash.no_update;
    return wanted;
  };

  space.embeddingPathed = function (pathed) {
    answer = pathed;
    draw();
    nnvis.sayMap();
    return dash.no_update;
  };

  /* ---- moving ---- */

  /* Where the path leads; the original stands where the map has it. */
  function goal(at) {
    const steps = answer.x.map((x, i) => [x, answer.y[i]]);
    const row = Number.isInteger(answer.origin) ? at.row.get(answer.origin) : undefined;
    if (row !== undefined) steps[0] = [at.x[row], at.y[row]];
    return steps;
  }

  /* Move there from where the path was, or out of the original. */
  async function move(from, to) {
    const mine = (turn += 1);
    moving = true;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const began = performance.now();
    for (let share = 0; share < 1; ) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (mine !== turn) return;
      share = still ? 1 : Math.min(1, (performance.now() - began) / MOVE);
      const eased = share * (2 - share);
      places = to.map((place, i) => place.map((value, axis) => from[i][axis] + (value - from[i][axis]) * eased));
      moving = share < 1;
      draw();
    }
  }

  /* ---- drawing ---- */
  /* Pixels of a place within the plot. The range is right in the midst of a drag, too; Plotly's own d2p is not. */
  function pixel(gd, place) {
    const { xaxis, yaxis } = gd._fullLayout;
    const share = (axis, value) => (value - axis.range[0]) / (axis.range[1] - axis.range[0]);
    return [share(xaxis, place[0]) * xaxis._length, (1 - share(yaxis, place[1])) * yaxis._length];
  }

  function drawing(gd, colours) {
    const at = places.map((place) => pixel(gd, place));
    const last = at.length - 1;
    const way = at.map((point) => point.join(",")).join(" ");
    const dot = (i, radius, name, fill) => svg("circle", { cx: at[i][0], cy: at[i][1], r: radius, class: name, fill: fill });
    const colour = (i) => colours[begun.predictions[i]] || GREY;
    return [
      ...(last ? ["halo", "line"].map((name) => svg("polyline", { points: way, class: name })) : []),
      ...(last ? [dot(0, ORIGINAL, "original", "none")] : []),
      ...at.slice(1, -1).map((_, i) => dot(i + 1, STEP, "step", colour(i + 1))),
      dot(last, IMAGE, "image", colour(last)),
    ];
  }

  /* Draw the path that is known for the map that is drawn; nothing on another one. */
  function draw() {
    const layer = element("embedding-path-layer");
    const map = nnvis.drawnMap && nnvis.drawnMap();
    if (!layer) return;
    const known = map && wanted && answer && answer.x && answer.key === map.at.key && subject(answer.wanted) === subject(wanted);
    if (!known) {
      turn += 1;
      begun = null;
      places = [];
      layer.replaceChildren();
      layer.dataset.path = "";
      return point(null, null);
    }
    wire(map.gd);
    if (begun !== answer) {
      const to = goal(map.at);
      const from = places.length === to.length ? places : to.map(() => to[0]);
      [begun, places] = [answer, from];
      move(from, to);
    }
    if (!layer.firstChild) layer.append(svg("svg", {}));
    const { xaxis, yaxis } = map.gd._fullLayout;
    Object.assign(layer.style, {
      left: xaxis._offset + "px",
      top: yaxis._offset + "px",
      width: xaxis._length + "px",
      height: yaxis._length + "px",
    });
    layer.firstChild.replaceChildren(...drawing(map.gd, map.colours));
    layer.dataset.path = !current() ? "old" : moving ? "moving" : "there";
    point(map.gd, places[places.length - 1]);
  }

  function wire(gd) {
    if (wired === gd) return;
    wired = gd;
    for (const name of ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"]) gd.on(name, draw);
  }

  /* Say where the image lies when that is outside of what the map shows. */
  function point(gd, place) {
    const sign = element("embedding-outside");
    if (!sign) return;
    const { xaxis, yaxis } = place ? gd._fullLayout : {};
    const [x, y] = place ? pixel(gd, place) : [0, 0];
    sign.hidden = !place || (x >= 0 && x <= xaxis._length && y >= 0 && y <= yaxis._length);
    if (sign.hidden) return;
    const clamp = (value, room) => Math.max(MARGIN, Math.min(value, room - MARGIN));
    sign.style.left = xaxis._offset + clamp(x - sign.offsetWidth / 2, xaxis._length - sign.offsetWidth) + "px";
    sign.style.top = yaxis._offset + clamp(y - sign.offsetHeight / 2, yaxis._length - sign.offsetHeight) + "px";
    const turned = Math.atan2(y - yaxis._length / 2, x - xaxis._length / 2);
    sign.querySelector(".arrow").style.transform = "rotate(" + turned + "rad)";
  }

  nnvis.path = {
    draw: draw,
    places: () => places,
    problem: () => (current() && answer.problem ? "No path on the map: " + answer.problem : ""),
  };
})();
