/* Points on a grid: which one is under the pointer, which ones a lasso holds, which ones are in view; and their density.
 *
 * Coordinates are pairs of unsigned 16-bit numbers, as they come over the wire and as WebGL draws them. The points of a cell
 * stand in an order that has nothing to do with their rows, so that what is drawn last is of no one class. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const PER_CELL = 6; // points on average
  const FINEST = 512; // cells along a side
  const FULL = 65535;

  /* An index over xy, 2 n numbers. Building it costs about two passes over the points. */
  nnvis.pointIndex = function (xy) {
    const n = xy.length / 2;
    const bits = Math.min(Math.log2(FINEST), Math.max(2, Math.ceil(Math.log2(Math.sqrt(n / PER_CELL) || 1))));
    const side = 1 << bits;
    const shift = 16 - bits;
    const cellOf = (row) => ((xy[2 * row + 1] >> shift) << bits) | (xy[2 * row] >> shift);
    const starts = new Uint32Array(side * side + 1);
    for (let row = 0; row < n; row += 1) starts[cellOf(row) + 1] += 1;
    for (let cell = 0; cell < side * side; cell += 1) starts[cell + 1] += starts[cell];
    const rows = new Uint32Array(n);
    const next = starts.slice(0, -1);
    const step = coprime(n);
    for (let i = 0, row = 0; i < n; i += 1, row = (row + step) % n) rows[next[cellOf(row)]++] = row;

    const clamp = (value) => Math.min(side - 1, Math.max(0, value >> shift));
    const cells = (x0, y0, x1, y1) => [clamp(Math.max(0, x0)), clamp(Math.max(0, y0)), clamp(Math.min(FULL, x1)), clamp(Math.min(FULL, y1))];

    /* The row nearest to a place within radii along x and y, or -1; `passes[row]` 0: as if it weren't there. */
    function near(x, y, rx, ry, passes) {
      const [cx0, cy0, cx1, cy1] = cells(x - rx, y - ry, x + rx, y + ry);
      let [best, found] = [1, -1];
      for (let cy = cy0; cy <= cy1; cy += 1) {
        for (let i = starts[(cy << bits) | cx0]; i < starts[((cy << bits) | cx1) + 1]; i += 1) {
          const row = rows[i];
          if (passes && !passes[row]) continue;
          const [dx, dy] = [(xy[2 * row] - x) / rx, (xy[2 * row + 1] - y) / ry];
          const far = dx * dx + dy * dy;
          if (far < best || (far === best && row < found)) [best, found] = [far, row];
        }
      }
      return found;
    }

    /* The rows in a rectangle of cells that covers the corners: a little more than what lies within. */
    function covering(x0, y0, x1, y1) {
      if (x1 < 0 || y1 < 0 || x0 > FULL || y0 > FULL) return rows.subarray(0, 0);
      const [cx0, cy0, cx1, cy1] = cells(x0, y0, x1, y1);
      if (cx0 === 0 && cy0 === 0 && cx1 === side - 1 && cy1 === side - 1) return rows;
      let count = 0;
      for (let cy = cy0; cy <= cy1; cy += 1) count += starts[((cy << bits) | cx1) + 1] - starts[(cy << bits) | cx0];
      const found = new Uint32Array(count);
      count = 0;
      for (let cy = cy0; cy <= cy1; cy += 1) {
        const part = rows.subarray(starts[(cy << bits) | cx0], starts[((cy << bits) | cx1) + 1]);
        found.set(part, count);
        count += part.length;
      }
      return found;
    }

    /* A mask of the rows within a polygon of [x, y]: cells that no edge touches are in or out as a whole. */
    function within(polygon, passes) {
      const mask = new Uint8Array(n);
      if (polygon.length < 3) return { mask, count: 0 };
      const px = Float64Array.from(polygon, ([x]) => x);
      const py = Float64Array.from(polygon, ([, y]) => y);
      const bounds = [px, py].map((values) => [Math.min(...values), Math.max(...values)]);
      const [cx0, cy0, cx1, cy1] = cells(bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1]);
      const touched = edges(px, py);
      const cell = 1 << shift;
      let count = 0;
      for (let cy = cy0; cy <= cy1; cy += 1) {
        for (let cx = cx0; cx <= cx1; cx += 1) {
          const at = (cy << bits) | cx;
          if (starts[at] === starts[at + 1]) continue;
          const each = touched[at] === 1;
          if (!each && !inside(px, py, (cx + 0.5) * cell, (cy + 0.5) * cell)) continue;
          for (let i = starts[at]; i < starts[at + 1]; i += 1) {
            const row = rows[i];
            if ((passes && !passes[row]) || (each && !inside(px, py, xy[2 * row], xy[2 * row + 1]))) continue;
            mask[row] = 1;
            count += 1;
          }
        }
      }
      return { mask, count };
    }

    /* Which cells an edge of the polygon may touch. */
    function edges(px, py) {
      const touched = new Uint8Array(side * side);
      const cell = 1 << shift;
      for (let i = 0, j = px.length - 1; i < px.length; j = i, i += 1) {
        const [low, high] = py[i] < py[j] ? [i, j] : [j, i];
        const [first, last] = [clamp(Math.max(0, py[low])), clamp(Math.min(FULL, py[high]))];
        const slope = py[high] > py[low] ? (px[high] - px[low]) / (py[high] - py[low]) : 0;
        for (let cy = first; cy <= last; cy += 1) {
          const xs =
            py[high] > py[low]
              ? [cy * cell, (cy + 1) * cell].map((y) => px[low] + slope * (Math.min(py[high], Math.max(py[low], y)) - py[low]))
              : [px[low], px[high]];
          const [from, to] = [clamp(Math.max(0, Math.min(...xs) - 1)), clamp(Math.max(0, Math.min(FULL, Math.max(...xs) + 1)))];
          for (let cx = from; cx <= to; cx += 1) touched[(cy << bits) | cx] = 1;
        }
      }
      return touched;
    }

    /* For each point how crowded it stands: 8 times log2 of the points in its cell. */
    function crowds() {
      const crowd = new Uint8Array(n);
      for (let cell = 0; cell < side * side; cell += 1) {
        const value = Math.min(255, Math.round(8 * Math.log2(1 + starts[cell + 1] - starts[cell])));
        for (let i = starts[cell]; i < starts[cell + 1]; i += 1) crowd[rows[i]] = value;
      }
      return crowd;
    }

    return { n, side, rows, near, covering, within, crowds };
  };

  function inside(px, py, x, y) {
    let odd = false;
    for (let i = 0, j = px.length - 1; i < px.length; j = i, i += 1) {
      if (py[i] > y !== py[j] > y && x < ((px[j] - px[i]) * (y - py[i])) / (py[j] - py[i]) + px[i]) odd = !odd;
    }
    return odd;
  }
  /* The rows of a mask, ascending. */
  nnvis.rowsOf = function (mask, count) {
    const rows = new Int32Array(count);
    for (let row = 0, i = 0; row < mask.length; row += 1) if (mask[row]) rows[i++] = row;
    return rows;
  };

  /* A test whether a place is within a polygon of [x, y]. */
  nnvis.insidePolygon = function (polygon) {
    const [px, py] = [0, 1].map((axis) => polygon.map((place) => place[axis]));
    return (x, y) => inside(px, py, x, y);
  };

  /* A step through n rows that visits each once and leaps far. */
  function coprime(n) {
    const common = (a, b) => (b ? common(b, a % b) : a);
    let step = Math.max(1, Math.round(n * 0.6180339887));
    while (common(n, step) > 1) step += 1;
    return step % n || 1;
  }

  /* --- density --------------------------------------------------------------------------------------------------- */

  let sums = new Float32Array(0);

  /* A picture of so many pixels: each the mean colour of its points, the more opaque the more there are (log).
   *
   * `camera` maps a coordinate to a pixel: x · kx + ox, oy − y · ky. `rows`: which points, or null for all. `states[row]`:
   * 0 hidden, 1 veiled (grey, behind), 2 shown. `palette`: 256 RGBA colours for `tones[row]`. Returns RGBA bytes, not
   * premultiplied. */
  nnvis.density = function ({ xy, tones, palette, states }, rows, camera, width, height) {
    const cells = width * height;
    if (sums.length < 5 * cells) sums = new Float32Array(5 * cells);
    sums.fill(0, 0, 5 * cells);
    const { kx, ky, ox, oy } = camera;
    const count = rows ? rows.length : xy.length / 2;
    for (let i = 0; i < count; i += 1) {
      const row = rows ? rows[i] : i;
      const state = states[row];
      if (!state) continue;
      const px = xy[2 * row] * kx + ox;
      const py = oy - xy[2 * row + 1] * ky;
      if (!(px >= 0 && py >= 0 && px < width && py < height)) continue;
      const at = 5 * ((py | 0) * width + (px | 0));
      if (state === 1) {
        sums[at + 4] += 1;
        continue;
      }
      const tone = tones[row] << 2;
      sums[at] += palette[tone];
      sums[at + 1] += palette[tone + 1];
      sums[at + 2] += palette[tone + 2];
      sums[at + 3] += 1;
    }
    let [most, veiled] = [1, 1];
    for (let at = 0; at < 5 * cells; at += 5) {
      if (sums[at + 3] > most) most = sums[at + 3];
      if (sums[at + 4] > veiled) veiled = sums[at + 4];
    }
    const [full, behind] = [1 / Math.log(1 + most), 1 / Math.log(1 + veiled)];
    const image = new Uint8ClampedArray(4 * cells);
    for (let cell = 0, at = 0, to = 0; cell < cells; cell += 1, at += 5, to += 4) {
      const points = sums[at + 3];
      if (points) {
        image[to] = sums[at] / points;
        image[to + 1] = sums[at + 1] / points;
        image[to + 2] = sums[at + 2] / points;
        image[to + 3] = 255 * (0.35 + 0.65 * Math.log(1 + points) * full);
      } else if (sums[at + 4]) {
        image[to] = image[to + 1] = image[to + 2] = 150;
        image[to + 3] = 255 * (0.08 + 0.2 * Math.log(1 + sums[at + 4]) * behind);
      }
    }
    return image;
  };
})();
