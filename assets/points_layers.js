/* What lies over the points of a plane: names of classes where their points are densest, small images instead of points when one
 * is near, and a small map of the whole while one sees a part. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const INK = "#1f2733";
  const FONT = '"Inter", "Segoe UI", "DejaVu Sans", sans-serif';

  /* ---- names ---- */

  const BINS = 48; // along a side, in which a class's densest place is looked for
  const MOST = 40; // names at most
  const ABOVE = 13; // CSS pixels between a name and its place
  const LEAST = 0.004; // share of the shown points that a class needs for a name

  /* Where each class's points are densest: [{name, at: [x, y], count}], the largest first. `numbers` by id. */
  nnvis.densest = function ({ xy, ids, visible, numbers, names }) {
    const counts = new Uint32Array(names.length);
    let total = 0;
    for (let row = 0; row < ids.length; row += 1) {
      const number = numbers[ids[row]];
      if (!visible[row] || !(number >= 0 && number < names.length)) continue;
      counts[number] += 1;
      total += 1;
    }
    const named = Array.from(counts, (count, number) => [number, count]).filter(([, count]) => count && count >= LEAST * total).sort((a, b) => b[1] - a[1]).slice(0, MOST); // prettier-ignore
    const place = new Int32Array(names.length + 1).fill(-1); // its last: of no class
    named.forEach(([number], i) => (place[number] = i));
    const bins = new Uint32Array(named.length * BINS * BINS);
    const binOf = (row, i) => (i * BINS + Math.floor((xy[2 * row + 1] * BINS) / 65536)) * BINS + Math.floor((xy[2 * row] * BINS) / 65536);
    const each = function (visit) {
      for (let row = 0; row < ids.length; row += 1) {
        const number = numbers[ids[row]];
        const i = visible[row] && number >= 0 ? place[Math.min(number, names.length)] : -1;
        if (i >= 0) visit(row, i);
      }
    };
    each((row, i) => (bins[binOf(row, i)] += 1));
    const best = named.map((_, i) => {
      let [most, found] = [-1, 0];
      for (let cell = 0; cell < BINS * BINS; cell += 1) {
        const [y, x] = [Math.floor(cell / BINS), cell % BINS];
        let sum = 0;
        for (let dy = -1; dy <= 1; dy += 1) for (let dx = -1; dx <= 1; dx += 1) if (y + dy >= 0 && y + dy < BINS && x + dx >= 0 && x + dx < BINS) sum += bins[i * BINS * BINS + (y + dy) * BINS + x + dx];
        if (bins[i * BINS * BINS + cell] && sum > most) [most, found] = [sum, cell];
      }
      return found;
    });
    const sums = named.map(() => [0, 0, 0]);
    each(function (row, i) {
      if (binOf(row, i) - i * BINS * BINS !== best[i]) return;
      sums[i][0] += xy[2 * row];
      sums[i][1] += xy[2 * row + 1];
      sums[i][2] += 1;
    });
    return named.map(([number, count], i) => ({ name: names[number] || String(number), at: [sums[i][0] / sums[i][2], sums[i][1] / sums[i][2]], count }));
  };

  /* Draw names where there is room; the larger class goes first. */
  nnvis.drawNames = function (context, plane, named) {
    const taken = [];
    context.font = "600 11px " + FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const { name, at } of named) {
      const words = name.length > 22 ? name.slice(0, 21) + "…" : name;
      const [x, middle] = plane.pixel(at);
      const y = middle - ABOVE;
      const half = context.measureText(words).width / 2 + 3;
      const room = [x - half, y - 8, x + half, y + 8];
      if (room[0] < 0 || room[1] < 0 || room[2] > plane.width || room[3] > plane.height) continue;
      if (taken.some((other) => room[0] < other[2] && room[2] > other[0] && room[1] < other[3] && room[3] > other[1])) continue;
      taken.push(room);
      context.strokeStyle = "rgba(255,255,255,0.85)";
      context.lineWidth = 3.5;
      context.strokeText(words, x, y);
      context.fillStyle = INK;
      context.fillText(words, x, y);
    }
    return taken.length;
  };

  /* ---- images ---- */

  const SIDES = [72, 40]; // CSS pixels of an image: the larger where there is room
  const TILE = 4; // cells along a side of what is fetched at once
  const NEAR = 1.5; // zoomed in at least so far
  const CROWD = [0.8, 8]; // points at most for so many pixels of the view, for either
  const LARGEST = 160; // device pixels
  const REST = 140; // milliseconds without a movement after which images are fetched
  const KEPT = 160; // sheets

  /* A layer of images: `dataset()` its fingerprint, `idOf(row)`. Cells of the plane have one image each, of the sample next to
   * their middle, so they stay while one pans; a tile of cells is fetched at once. */
  nnvis.thumbnails = function (plane, { dataset, idOf }) {
    const sheets = new Map(); // address: {image, there}
    let timer = 0;

    function cellsInView(size) {
      const unit = 2 ** Math.ceil(Math.log2(size / plane.camera.kx));
      const tile = unit * TILE;
      const [x0, y1] = plane.place([0, 0]);
      const [x1, y0] = plane.place([plane.width, plane.height]);
      const ends = [Math.floor(x0 / tile), Math.floor(y0 / tile), Math.ceil(x1 / tile), Math.ceil(y1 / tile)];
      const best = new Map(); // cell: [distance, row]
      for (const row of plane.index.covering(ends[0] * tile, ends[1] * tile, ends[2] * tile - 1, ends[3] * tile - 1)) {
        const state = plane.data.states[row];
        if (!state) continue;
        const [u, v] = [plane.data.xy[2 * row] / unit, plane.data.xy[2 * row + 1] / unit];
        const [cx, cy] = [Math.floor(u), Math.floor(v)];
        if (cx < ends[0] * TILE || cy < ends[1] * TILE || cx >= ends[2] * TILE || cy >= ends[3] * TILE) continue;
        const far = (u - cx - 0.5) ** 2 + (v - cy - 0.5) ** 2 + (state === 1 ? 9 : 0);
        const key = cx + "," + cy;
        if (!best.has(key) || far < best.get(key)[0]) best.set(key, [far, row, cx, cy]);
      }
      const tiles = new Map();
      for (const [, row, cx, cy] of best.values()) {
        const key = Math.floor(cx / TILE) + "," + Math.floor(cy / TILE);
        if (!tiles.has(key)) tiles.set(key, []);
        tiles.get(key).push({ row, id: idOf(row), cell: [cx * unit, cy * unit, unit] });
      }
      for (const found of tiles.values()) found.sort((a, b) => a.id - b.id);
      return Array.from(tiles.values());
    }

    let drawn = []; // [left, top, side, row] of the images on the screen
    const layer = function (context) {
      drawn = [];
      plane.frame.dataset.images = "0";
      const chosen = CROWD.findIndex((crowd, i) => plane.inView <= (crowd * plane.width * plane.height) / SIDES[i] ** 2);
      if (!plane.index || plane.dense || plane.zoomed() < NEAR || chosen < 0) return;
      const size = SIDES[chosen];
      const side = Math.min(LARGEST, Math.round(size * (window.devicePixelRatio || 1)));
      const missing = [];
      for (const tile of cellsInView(size)) {
        const address = `sheet/${dataset()}.png?side=${side}&ids=${nnvis.encodeIds(tile.map((one) => one.id))}`;
        const sheet = sheets.get(address);
        if (!sheet) missing.push(address);
        if (sheet && sheet.there) tile.forEach((one, i) => image(context, one, sheet.image, i, size));
      }
      plane.frame.dataset.images = String(drawn.length);
      plane.frame.dataset.waiting = missing.length ? "yes" : "";
      clearTimeout(timer);
      if (missing.length) timer = setTimeout(() => missing.forEach(load), REST);
    };

    function image(context, { row, cell }, sheet, i, size) {
      const [px, py] = plane.pixel([plane.data.xy[2 * row], plane.data.xy[2 * row + 1]]);
      const [x0, y1] = plane.pixel([cell[0], cell[1]]);
      const [x1, y0] = plane.pixel([cell[0] + cell[2], cell[1] + cell[2]]);
      const left = Math.min(x1 - size, Math.max(x0, px - size / 2)) + 2;
      const top = Math.min(y1 - size, Math.max(y0, py - size / 2)) + 2;
      const side = size - 4;
      const of = sheet.naturalHeight;
      context.globalAlpha = plane.data.states[row] === 1 ? 0.3 : 1;
      context.drawImage(sheet, i * of, 0, of, of, left, top, side, side);
      const tone = 4 * plane.data.tones[row];
      context.strokeStyle = `rgb(${plane.data.palette.slice(tone, tone + 3)})`;
      context.lineWidth = 2;
      context.strokeRect(left, top, side, side);
      if (plane.ringed(row)) {
        context.strokeStyle = INK;
        context.lineWidth = 1.2;
        context.strokeRect(left - 2, top - 2, side + 4, side + 4);
      }
      context.globalAlpha = 1;
      drawn.push([left, top, side, row]);
    }

    function load(address) {
      if (sheets.has(address)) return;
      const sheet = { image: new Image(), there: false };
      sheets.set(address, sheet);
      while (sheets.size > KEPT) sheets.delete(sheets.keys().next().value);
      sheet.image.onload = function () {
        sheet.there = true;
        plane.cover();
      };
      sheet.image.src = address;
    }

    /* The row under a pixel whose image is drawn there, or -1. */
    plane.pictured = function (px, py) {
      const found = drawn.find(([left, top, side]) => px >= left && px <= left + side && py >= top && py <= top + side);
      return found ? found[3] : -1;
    };
    /* Where the image of a row is: [left, top, side], CSS pixels. */
    plane.imageOf = (row) => (drawn.find((one) => one[3] === row) || []).slice(0, 3);
    return layer;
  };

  /* ---- the whole, small ---- */

  const WIDE = 116; // CSS pixels

  /* A layer that shows the whole map in a corner while one sees a part of it; a drag in it moves the view. */
  nnvis.minimap = function (plane) {
    const canvas = plane.frame.appendChild(nnvis.h("canvas", { class: "minimap plane-extra", hidden: true, title: "The whole map; drag to move the view" }));
    let drawn = null; // {states, tones, xy, version, image}
    const layer = function () {
      const { camera, data } = plane;
      const shown = plane.index && plane.n && plane.zoomed() > 1.25;
      canvas.hidden = !shown;
      if (!shown) return;
      const ratio = window.devicePixelRatio || 1;
      const [x0, y0, x1, y1] = plane.bounds();
      const scale = (WIDE - 8) / Math.max(x1 - x0, y1 - y0, 1);
      const [width, height] = [WIDE, Math.max(40, Math.round((y1 - y0) * scale) + 8)];
      const small = { kx: scale, ky: scale, ox: 4 - x0 * scale, oy: height - 4 + y0 * scale };
      if (!drawn || drawn.xy !== data.xy || drawn.version !== plane.version()) {
        const image = nnvis.density(data, null, small, width, height);
        drawn = { xy: data.xy, version: plane.version(), image: new ImageData(image, width, height), small };
      }
      if (canvas.width !== width * ratio || canvas.height !== height * ratio) Object.assign(canvas, { width: width * ratio, height: height * ratio });
      canvas.style.width = width + "px";
      canvas.style.height = height + "px";
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (ratio === 1) context.putImageData(drawn.image, 0, 0);
      else {
        const plain = new OffscreenCanvas(width, height);
        plain.getContext("2d").putImageData(drawn.image, 0, 0);
        context.drawImage(plain, 0, 0, canvas.width, canvas.height);
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const at = ([px, py]) => [(px - camera.ox) / camera.kx, (camera.oy - py) / camera.ky];
      const [left, low] = at([0, plane.height]);
      const [right, high] = at([plane.width, 0]);
      context.strokeStyle = "#1f6feb";
      context.lineWidth = 1.5;
      context.strokeRect(left * small.kx + small.ox, small.oy - high * small.ky, (right - left) * small.kx, (high - low) * small.ky);
    };
    const move = function (event) {
      if (!(event.buttons & 1) || !drawn) return;
      event.stopPropagation();
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const { small } = drawn;
      plane.centre([(event.clientX - box.left - small.ox) / small.kx, (small.oy - (event.clientY - box.top)) / small.ky]);
    };
    canvas.addEventListener("pointerdown", function (event) {
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", move);
    return layer;
  };
})();
