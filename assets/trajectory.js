/* The path of an edited or derived image across the embedding map: a ring at the original, small dots in the colours of the
 * predictions on the way, a large one at the image itself. It lies in a layer of its own over the map, so that it moves
 * without any point being drawn again; assets/embedding.js says which map is drawn, and draws the path with it. */
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
    const row = Number.isInteger(answer.origin) ? at.rowOf(answer.origin) : -1;
    if (row >= 0) steps[0] = at.place(row);
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
  function drawing({ pixel, colours }) {
    const at = places.map(pixel);
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
    if (begun !== answer) {
      const to = goal(map.at);
      const from = places.length === to.length ? places : to.map(() => to[0]);
      [begun, places] = [answer, from];
      move(from, to);
    }
    if (!layer.firstChild) layer.append(svg("svg", {}));
    layer.firstChild.replaceChildren(...drawing(map));
    layer.dataset.path = !current() ? "old" : moving ? "moving" : "there";
    point(map, places[places.length - 1]);
  }

  /* Say where the image lies when that is outside of what the map shows. */
  function point(map, place) {
    const sign = element("embedding-outside");
    if (!sign) return;
    const { width, height } = place ? map.plane : {};
    const [x, y] = place ? map.pixel(place) : [0, 0];
    sign.hidden = !place || (x >= 0 && x <= width && y >= 0 && y <= height);
    if (sign.hidden) return;
    const clamp = (value, room) => Math.max(MARGIN, Math.min(value, room - MARGIN));
    sign.style.left = clamp(x - sign.offsetWidth / 2, width - sign.offsetWidth) + "px";
    sign.style.top = clamp(y - sign.offsetHeight / 2, height - sign.offsetHeight) + "px";
    const turned = Math.atan2(y - height / 2, x - width / 2);
    sign.querySelector(".arrow").style.transform = "rotate(" + turned + "rad)";
  }

  nnvis.path = {
    draw: draw,
    places: () => places,
    problem: () => (current() && answer.problem ? "No path on the map: " + answer.problem : ""),
  };
})();
