/* Draws the dots of units on a canvas: colours and sizes as they are given, and over them what is marked. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dots = (nnvis.dots = nnvis.dots || {});
  const FONT = '10px Inter, "Segoe UI", "DejaVu Sans", sans-serif';
  const INK = "#1f2733";
  const FAINT = "#7b8594";
  const ACCENT = "#1f6feb";
  const FROZEN = "#9aa2ae";
  const DEAD = "#b9c1cc";
  const PATH = "#e8590c";
  const SMALL = 4.5; // pixels from dot to dot below which they are squares

  const part = (hex, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  /* A table of n css colours along a scale of [place, "rrggbb"]. */
  dots.scale = function (scale, n) {
    return Array.from({ length: n }, function (_, i) {
      const t = n > 1 ? i / (n - 1) : 0;
      const at = Math.max(1, scale.findIndex(([place]) => place >= t));
      const [[low, from], [high, to]] = [scale[at - 1], scale[at]];
      const share = (t - low) / (high - low);
      return "rgb(" + [0, 1, 2].map((c) => Math.round(part(from, c) + share * (part(to, c) - part(from, c)))).join(",") + ")";
    });
  };
  // The depth of a layer; the same lightness nearly everywhere, so that no layer stands out.
  const DEPTH = [[0, "3f63c9"], [0.14, "3d8fd6"], [0.28, "27b0bd"], [0.42, "2bb37c"], [0.56, "63ad35"], [0.7, "a8a11f"], [0.85, "c98a1f"], [1, "b5632a"]];
  dots.depth = (n) => dots.scale(DEPTH, n);
  // On paper the strongest is the darkest: the scale of maps, turned around.
  const SEQUENTIAL = [[0, "e6e8ee"], [0.12, "f4d9c4"], [0.3, "fd9a6a"], [0.52, "dd4a69"], [0.75, "8c2981"], [1, "2c0f5c"]];
  const DIVERGING = [[0, "053061"], [0.2, "2f79b5"], [0.4, "a7cfe4"], [0.5, "e3e6eb"], [0.6, "f7b799"], [0.8, "ce4f45"], [1, "67001f"]];
  dots.sequential = dots.scale(SEQUENTIAL, 256);
  dots.diverging = dots.scale(DIVERGING, 256);

  /* A name as it fits: whole, with its words cut to their first letters but for the last, all of them cut, or a part of it. */
  function fitted(context, text, room) {
    const cut = (part) => part.replace(/[A-Za-z]+/g, (word) => word[0]);
    const last = text.slice(0, -1).search(/[A-Za-z]+[^A-Za-z]*$/);
    const ways = last > 0 ? [text, cut(text.slice(0, last)) + text.slice(last), cut(text)] : [text];
    for (let n = text.length - 1; n > 2; n -= 1) ways.push(last > 0 ? "…" + text.slice(-n) : text.slice(0, n) + "…");
    return ways.find((way) => context.measureText(way).width <= room) || "";
  }

  function disc(context, x, y, radius) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }

  /* All dots with their labels. scene: {layout, view: {k, x, y}, width, height, tint: Uint8Array of places in a palette,
   * palette, ofLayer: whether palette holds a colour a layer, size: Float32Array 0..1 or null, dead, frozen: name => Set,
   * layer: the chosen one, over: the block that the mouse is over}. */
  dots.paint = function (context, scene) {
    const { layout, view, width, height } = scene;
    const pitch = layout.pitch * view.k;
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.textBaseline = "bottom";
    const square = pitch < SMALL;
    const widest = square ? Math.max(1, pitch * 0.84) : pitch * 0.43;
    layout.blocks.forEach(function (block, number) {
      const [left, top] = [block.x * view.k + view.x, block.y * view.k + view.y];
      if (left > width || top - 14 > height || left + block.width * view.k < 0 || top + block.height * view.k < 0) return;
      if (block.name === scene.layer || block === scene.over) {
        context.fillStyle = block.name === scene.layer ? "#e7f0fe" : "#f4f6f9";
        const more = Math.min(3, layout.pitch / 2);
        context.beginPath();
        context.roundRect(left - more, top - more, block.width * view.k + 2 * more, block.height * view.k + 2 * more, 4);
        context.fill();
      }
      if (layout.label) {
        context.fillStyle = block.name === scene.layer ? ACCENT : block === scene.over ? INK : FAINT;
        const label = fitted(context, block.name, block.width * view.k + Math.max(2, block.gap * view.k - 4));
        context.fillText(label, left, top - 2);
      }
      dotsOf(context, scene, block, number, { pitch, square, widest });
    });
  };

  function dotsOf(context, scene, block, number, { pitch, square, widest }) {
    const { layout, view, width, height } = scene;
    const frozen = scene.frozen(block.name);
    const middle = (i) => [
      (block.x + ((i % block.columns) + 0.5) * layout.pitch) * view.k + view.x,
      (block.y + (Math.floor(i / block.columns) + 0.5) * layout.pitch) * view.k + view.y,
    ];
    const low = Math.max(0, Math.floor((-view.y / view.k - block.y) / layout.pitch) - 1) * block.columns;
    const high = Math.min(block.n, (Math.ceil(((height - view.y) / view.k - block.y) / layout.pitch) + 1) * block.columns);
    let last = "";
    for (let i = low; i < high; i += 1) {
      const [x, y] = middle(i);
      if (x < -pitch || x > width + pitch) continue;
      const at = block.first + i;
      const colour = frozen.has(i) ? FROZEN : scene.palette[scene.ofLayer ? number : scene.tint[at]];
      const share = scene.size && !frozen.has(i) ? scene.size[at] : 1;
      if (scene.dead && scene.dead[at]) {
        hollow(context, x, y, frozen.has(i) ? FROZEN : DEAD, square, widest);
        last = "";
        continue;
      }
      if (colour !== last) context.fillStyle = last = colour;
      if (square) {
        const side = widest * (0.72 + 0.28 * share);
        context.fillRect(x - side / 2, y - side / 2, side, side);
      } else {
        disc(context, x, y, widest * (0.6 + 0.4 * share));
        context.fill();
      }
      if (frozen.has(i) && !square) {
        context.strokeStyle = "#ffffff";
        context.lineWidth = Math.max(1, pitch / 9);
        context.beginPath();
        const arm = widest * 0.42;
        context.moveTo(x - arm, y - arm);
        context.lineTo(x + arm, y + arm);
        context.moveTo(x + arm, y - arm);
        context.lineTo(x - arm, y + arm);
        context.stroke();
      }
    }
  }

  function hollow(context, x, y, colour, square, widest) {
    context.strokeStyle = colour;
    if (square) {
      const side = Math.max(1, widest * 0.7);
      context.lineWidth = Math.max(0.5, widest / 5);
      context.strokeRect(x - side / 2, y - side / 2, side, side);
    } else {
      context.lineWidth = 1;
      disc(context, x, y, Math.max(1, widest * 0.72 - 0.5));
      context.stroke();
    }
  }

  /* A smooth curve through places, one a layer, as a part of a pattern's path (Catmull and Rom, 1974). */
  function curve(context, places) {
    context.moveTo(...places[0].at);
    for (let i = 0; i + 1 < places.length; i += 1) {
      const [before, from, to, after] = [places[i - 1] || places[i], places[i], places[i + 1], places[i + 2] || places[i + 1]].map((place) => place.at);
      context.bezierCurveTo(
        from[0] + (to[0] - before[0]) / 6, from[1] + (to[1] - before[1]) / 6,
        to[0] - (after[0] - from[0]) / 6, to[1] - (after[1] - from[1]) / 6,
        ...to
      );
    }
  }

  /* A pattern's path: a curve in each band, a dotted line from one band to the next. */
  function path(context, places, pitch) {
    const parts = [];
    for (const place of places) {
      const last = parts[parts.length - 1];
      if (last && last[0].band === place.band) last.push(place);
      else parts.push([place]);
    }
    context.lineCap = context.lineJoin = "round";
    for (const [colour, wide] of [["rgba(255,255,255,0.85)", 4.5], [PATH, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.beginPath();
      parts.forEach((part) => curve(context, part));
      context.stroke();
    }
    context.lineWidth = 1.2;
    context.setLineDash([1.5, 3.5]);
    context.beginPath();
    for (let i = 0; i + 1 < parts.length; i += 1) {
      context.moveTo(...parts[i][parts[i].length - 1].at);
      context.lineTo(...parts[i + 1][0].at);
    }
    context.stroke();
    context.setLineDash([]);
    for (const { at, colour } of places) {
      disc(context, ...at, Math.max(3.6, pitch * 0.42));
      context.fillStyle = colour;
      context.fill();
      context.strokeStyle = "#ffffff";
      context.lineWidth = 4;
      context.stroke();
      context.strokeStyle = PATH;
      context.lineWidth = 2;
      context.stroke();
    }
  }

  function ring(context, [x, y], radius, colour, wide) {
    disc(context, x, y, radius);
    context.strokeStyle = "#ffffff";
    context.lineWidth = wide + 2;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke();
  }

  /* What is marked, over the dots. marks: {path: [{at, band, colour}…], chosen, focus, hover, cursor}, places in the canvas's pixels. */
  dots.mark = function (context, marks, pitch) {
    const radius = Math.max(4.2, pitch * 0.5);
    if (marks.path.length) path(context, marks.path, pitch);
    marks.chosen.forEach((at) => ring(context, at, radius + 0.8, ACCENT, 2));
    if (marks.focus) ring(context, marks.focus, radius + 4, ACCENT, 1);
    if (marks.hover) ring(context, marks.hover, radius + 0.5, INK, 1.4);
    if (marks.cursor) {
      context.setLineDash([3, 2]);
      ring(context, marks.cursor, radius + 2.5, INK, 1.2);
      context.setLineDash([]);
    }
  };
})();
