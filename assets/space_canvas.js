/* Draws the same scene on a 2-D canvas, for browsers without WebGL2: the camera has no perspective there, so that every card
 * is an exact parallelogram, and the farthest is drawn first. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const EMPTY = "#212a3b";
  const ACCENT = "#59a8ff";
  const LINES = { line: "rgba(107,125,153,0.6)", skip: "rgba(250,168,77,0.8)", turn: "rgba(107,125,153,0.3)", lit: ACCENT };

  space.flat = function (canvas, ramp) {
    const context = canvas.getContext("2d");
    const painted = new Map(); // pictures in their colours, by key

    function coloured(picture, signed) {
      if (picture.colours) return picture.colours;
      const key = picture.key + (signed ? " signed" : "");
      if (!painted.has(key)) {
        const made = document.createElement("canvas");
        [made.width, made.height] = [picture.width, picture.height];
        const table = ramp[signed ? 1 : 0];
        const pixels = new ImageData(picture.width, picture.height);
        for (let i = 0; i < picture.values.length; i += 1) {
          const colour = 3 * picture.values[i];
          pixels.data.set([table[colour], table[colour + 1], table[colour + 2], 255], 4 * i);
        }
        made.getContext("2d").putImageData(pixels, 0, 0);
        painted.set(key, made);
      }
      return painted.get(key);
    }

    /* One card; `corner` is its top left on the screen, `across` and `down` its sides there. */
    function card(batch, i, corner, across, down, ratio) {
      const f = batch.floats;
      const at = i * space.CARD_FLOATS;
      const flags = f[at + 12];
      const { blank, frozen, chosen, hovered, marked } = space.LOOK;
      const source = batch.source;
      context.setTransform(across[0], across[1], down[0], down[1], corner[0], corner[1]);
      context.fillStyle = EMPTY;
      if (flags & blank || !source) context.fillRect(0, 0, 1, 1);
      else {
        const cut = [f[at + 7] * source.width, f[at + 8] * source.height, f[at + 9] * source.width, f[at + 10] * source.height];
        context.drawImage(coloured(source, flags & space.LOOK.signed), ...cut, 0, 0, 1, 1);
        if (f[at + 11] < 1) {
          context.globalAlpha = 1 - f[at + 11];
          context.fillRect(0, 0, 1, 1);
          context.globalAlpha = 1;
        }
      }
      if (flags & frozen) {
        context.fillStyle = "rgba(140,146,156,0.85)";
        context.fillRect(0, 0, 1, 1);
      }
      const strong = flags & (chosen | marked | hovered);
      if (Math.hypot(...across) < 7 * ratio && !strong) return;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.lineWidth = (flags & chosen ? 2.4 : strong ? 1.6 : 0.8) * ratio;
      context.strokeStyle = flags & (chosen | marked) ? ACCENT : flags & hovered ? "#ffffff" : "rgba(200,214,240,0.4)";
      context.beginPath();
      context.moveTo(corner[0], corner[1]);
      context.lineTo(corner[0] + across[0], corner[1] + across[1]);
      context.lineTo(corner[0] + across[0] + down[0], corner[1] + across[1] + down[1]);
      context.lineTo(corner[0] + down[0], corner[1] + down[1]);
      context.closePath();
      context.stroke();
    }

    function draw(scene, camera, ratio, lit) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = false;
      context.lineJoin = "round";
      for (const line of scene.lines()) {
        const on = line.from === lit || line.to === lit;
        context.beginPath();
        for (const point of line.points) {
          const [x, y] = camera.project(point);
          context.lineTo(x * ratio, y * ratio);
        }
        context.strokeStyle = on ? LINES.lit : line.skip ? LINES.skip : line.turn ? LINES.turn : LINES.line;
        context.lineWidth = (on ? 2.4 : 1.4) * ratio;
        context.stroke();
      }
      // Without perspective a step in the scene is the same step on the screen everywhere.
      const origin = camera.project([0, 0, 0]);
      const steps = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis) => camera.project(axis).map((v, i) => v - origin[i])); // prettier-ignore
      const along = (x, y, z) => [0, 1].map((i) => (steps[0][i] * x + steps[1][i] * y + steps[2][i] * z) * ratio);
      const order = [];
      const used = new Set();
      for (const batch of scene.batches()) {
        if (batch.source) used.add(batch.source.key + "").add(batch.source.key + " signed");
        const f = batch.floats;
        for (let i = 0, at = 0; i < batch.n; i += 1, at += space.CARD_FLOATS)
          order.push([steps[0][2] * f[at] + steps[1][2] * f[at + 1] + steps[2][2] * f[at + 2], batch, i]);
      }
      order.sort((a, b) => b[0] - a[0]);
      for (const [, batch, i] of order) {
        const f = batch.floats;
        const at = i * space.CARD_FLOATS;
        const centre = along(f[at], f[at + 1], f[at + 2]);
        const across = along(f[at + 3] * f[at + 5], 0, f[at + 4] * f[at + 5]);
        const down = along(0, -f[at + 6], 0);
        const corner = [0, 1].map((c) => origin[c] * ratio + centre[c] - (across[c] + down[c]) / 2);
        if (corner[0] > canvas.width || corner[0] + across[0] < 0 || corner[1] > canvas.height) continue;
        card(batch, i, corner, across, down, ratio);
      }
      for (const key of painted.keys()) if (!used.has(key)) painted.delete(key);
    }

    return { kind: "2d", draw, restore: () => painted.clear(), lose: () => null };
  };
})();
