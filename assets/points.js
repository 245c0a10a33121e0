/* Points on a canvas: the canvas itself, and what a pointer does on them: hover, a click on one, a lasso around several. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const ACCENT = "#1f6feb";
  const NEAR = 8; // pixels within which the pointer is on a point

  /* A drawing's own canvas over the whole plot, in device pixels, with its context scaled to CSS pixels. */
  nnvis.canvas = function (plot, drawing) {
    let canvas = plot.querySelector(`canvas[data-drawing="${drawing}"]`);
    if (!canvas) plot.replaceChildren((canvas = nnvis.h("canvas", { "data-drawing": drawing })));
    const { clientWidth: width, clientHeight: height } = plot;
    const scale = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '10.5px "Inter", "Segoe UI", "DejaVu Sans", sans-serif';
    return { canvas, context, width, height };
  };

  /* `points()`: {n, xs, ys, passes} as they are drawn, or null; the others get the number of a point, or a list of them. */
  nnvis.lasso = function (canvas, { points, hover, click, select, leave }) {
    if (canvas.dataset.wired) return;
    canvas.dataset.wired = "1";
    const card = document.getElementById("hover-card");
    let path = null;
    let layer = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const left = function () {
      card.hidden = true;
      if (leave) leave();
    };
    canvas.addEventListener("pointerdown", function (event) {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      path = [at(event)];
    });
    canvas.addEventListener("pointermove", function (event) {
      const [px, py] = at(event);
      if (!path) {
        const found = points() ? nearest(points(), px, py) : -1;
        if (found < 0) left();
        else hover(found, event);
        return;
      }
      left();
      path.push([px, py]);
      if (!layer) canvas.after((layer = nnvis.svg("svg", { style: "position:absolute;inset:0;width:100%;height:100%;pointer-events:none" })));
      layer.replaceChildren(nnvis.svg("polygon", { points: path.map((place) => place.join()).join(" "), fill: ACCENT, "fill-opacity": 0.1, stroke: ACCENT, "stroke-width": 1.5 }));
    });
    const end = function (event) {
      const drag = path;
      path = null;
      if (layer) layer.remove();
      layer = null;
      if (!drag || !points() || event.type === "pointercancel") return;
      const [px, py] = at(event);
      if (drag.length < 4 && Math.hypot(px - drag[0][0], py - drag[0][1]) < 5) {
        const found = nearest(points(), px, py);
        if (found >= 0) click(found, event);
        return;
      }
      const { n, xs, ys, passes } = points();
      const chosen = [];
      const within = nnvis.insidePolygon(drag);
      for (let i = 0; i < n; i += 1) if (passes[i] && within(xs[i], ys[i])) chosen.push(i);
      if (chosen.length) select(chosen, event);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", left);
  };

  function nearest({ n, xs, ys, passes }, px, py) {
    let [best, found] = [NEAR * NEAR, -1];
    for (let i = 0; i < n; i += 1) {
      if (!passes[i]) continue;
      const [dx, dy] = [xs[i] - px, ys[i] - py];
      const far = dx * dx + dy * dy;
      if (far < best) [best, found] = [far, i];
    }
    return found;
  }
})();
