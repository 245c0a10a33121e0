/* Where the dots of units stand: a block a layer, in reading order, in as many bands as make the dots largest. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dots = (nnvis.dots = nnvis.dots || {});
  const LARGEST = [17, 26]; // pixels from one dot to the next, in a small room and in a large one
  const NARROW = [4, 10]; // columns that a block has at least, where it has the units: as many as its label is wide
  const LABELLED = 32; // pixels that a short label takes
  // What stands between blocks, from generous to nothing: it gives way where units are many.
  const SPACES = [
    { label: 16, gap: 14, margin: 10, enough: 5.5 },
    { label: 13, gap: 8, margin: 8, enough: 3.4 },
    { label: 11, gap: 5, margin: 6, enough: 2 },
    { label: 0, gap: 3, margin: 3, enough: 0 },
  ];

  /* Columns and rows of each layer's block where none is higher than `most` rows. */
  function shapes(layers, most, narrow) {
    return layers.map(function ({ n_units: n }) {
      const columns = Math.max(Math.min(narrow, n), Math.ceil(n / most));
      return { columns: columns, rows: Math.ceil(n / columns) };
    });
  }

  /* Blocks in bands of a width, and the height of them all. */
  function bands(blocks, width, pitch, space) {
    const found = [];
    let band = null;
    let x = 0;
    blocks.forEach(function (block, i) {
      const wide = block.columns * pitch;
      if (!band || x + wide > width) {
        band = { first: i, rows: 0, width: 0 };
        found.push(band);
        x = 0;
      }
      band.rows = Math.max(band.rows, block.rows);
      band.last = i;
      band.width = x + wide;
      x += wide + space.gap;
    });
    return found;
  }

  const tall = (list, pitch, space) => list.reduce((sum, band) => sum + band.rows * pitch + space.label, 0) + (list.length - 1) * space.gap * 0.6;
  const fits = (list, width, height, pitch, space) => tall(list, pitch, space) <= height && list.every((band) => band.width <= width + 0.01);

  /* The largest pitch at which these blocks fit. */
  function largest(blocks, width, height, space) {
    let [low, high] = [0, width > 640 ? LARGEST[1] : LARGEST[0]];
    for (let i = 0; i < 14; i += 1) {
      const pitch = (low + high) / 2;
      if (fits(bands(blocks, width, pitch, space), width, height, pitch, space)) low = pitch;
      else high = pitch;
    }
    return low;
  }

  function best(layers, width, height, space) {
    const highest = Math.max(...layers.map((layer) => layer.n_units));
    let found = null;
    for (let most = 3; most < 1.25 * Math.max(4, Math.min(highest, height)); most = Math.max(most + 1, Math.floor(most * 1.09))) {
      let blocks = shapes(layers, most, NARROW[0]);
      let pitch = largest(blocks, width, height, space);
      const wanted = Math.min(NARROW[1], Math.round((LABELLED - space.gap) / pitch));
      if (space.label && wanted > NARROW[0]) {
        blocks = shapes(layers, most, wanted);
        pitch = largest(blocks, width, height, space);
      }
      if (!(pitch > 0)) continue;
      const list = bands(blocks, width, pitch, space);
      // Among much the same sizes of dots, the fewest bands; and what fills the room it has.
      const worth = pitch * (1 - 0.025 * list.length) * (1 + 0.04 * Math.min(1, tall(list, pitch, space) / height));
      if (!found || worth > found.worth) found = { worth, pitch, blocks, list };
    }
    return found;
  }

  /* The same number of bands, as even as can be: the narrowest width that takes no more of them. */
  function even({ pitch, blocks, list }, width, height, space) {
    let [low, high, found] = [0, width, list];
    for (let i = 0; i < 10; i += 1) {
      const tried = (low + high) / 2;
      const other = bands(blocks, tried, pitch, space);
      if (other.length <= list.length && fits(other, width, height, pitch, space)) [high, found] = [tried, other];
      else low = tried;
    }
    return found;
  }

  /* Place every layer's units in a room of width × height pixels.
   * layers: [{name, n_units, first}]. Returns {pitch, label, blocks: [{name, n, first, columns, rows, x, y, width, height,
   * band}]}: x, y the upper left corner of the first dot's cell; its label stands above it. */
  dots.layout = function (layers, width, height) {
    if (!layers.length || width < 20 || height < 20) return { pitch: 0, label: 0, blocks: [] };
    let found = null;
    let space = null;
    for (space of SPACES) {
      found = best(layers, width - 2 * space.margin, height - 2 * space.margin, space);
      if (found && found.pitch >= space.enough) break;
    }
    const { blocks } = found;
    const pitch = found.pitch < 3 ? found.pitch : Math.floor(2 * found.pitch) / 2; // rows of pixels in step
    const list = even({ ...found, pitch }, width - 2 * space.margin, height - 2 * space.margin, space);
    const room = height - 2 * space.margin - tall(list, pitch, space);
    const apart = space.gap * 0.6 + Math.min(22, room / Math.max(1, list.length));
    let y = space.margin + (list.length === 1 ? Math.min(room / 3, 40) : 0);
    const placed = [];
    list.forEach(function (band, number) {
      const inner = band.last - band.first;
      const spare = width - 2 * space.margin - band.width;
      const last = number === list.length - 1 && list.length > 1;
      const before = number > 0 ? placed[placed.length - 1].gap : 0;
      const gap = space.gap + (inner ? Math.min(last ? before - space.gap : 26, spare / inner) : 0);
      let x = space.margin;
      for (let i = band.first; i <= band.last; i += 1) {
        const { columns, rows } = blocks[i];
        const { name, n_units: n, first } = layers[i];
        placed.push({ name, n, first, columns, rows, x: Math.round(x), y: Math.round(y + space.label), width: columns * pitch, height: rows * pitch, band: number, gap });
        x += columns * pitch + gap;
      }
      y += space.label + band.rows * pitch + apart;
    });
    return { pitch: pitch, label: space.label, blocks: placed };
  };

  /* The middle of a unit's dot. */
  dots.middle = function (layout, block, channel) {
    const column = channel % block.columns;
    return [block.x + (column + 0.5) * layout.pitch, block.y + ((channel - column) / block.columns + 0.5) * layout.pitch];
  };

  /* What is at a place: {block, channel}, the channel null on a label or between dots; null where nothing is. */
  dots.at = function (layout, x, y) {
    for (const block of layout.blocks) {
      const [over, down] = [x - block.x, y - block.y];
      if (over < 0 || over >= Math.max(block.width, 30) || down < -layout.label || down >= block.height) continue;
      if (down < 0) return { block: block, channel: null };
      if (over >= block.width) continue;
      const channel = Math.floor(down / layout.pitch) * block.columns + Math.floor(over / layout.pitch);
      return { block: block, channel: channel < block.n ? channel : null };
    }
    return null;
  };

  /* The unit that an arrow key leads to from another one; at the edge of a block, the nearest one of the next block. */
  dots.step = function (layout, number, channel, key) {
    const block = layout.blocks[number];
    const [column, row] = [channel % block.columns, Math.floor(channel / block.columns)];
    const into = (next, c, r) => (next < 0 || next >= layout.blocks.length ? [number, channel] : [next, clamp(layout.blocks[next], c, r)]);
    if (key === "Home") return [number, 0];
    if (key === "End") return [number, block.n - 1];
    if (key === "PageDown") return into(number + 1, 0, 0);
    if (key === "PageUp") return into(number - 1, 0, 0);
    if (key === "ArrowRight") return column + 1 < block.columns && channel + 1 < block.n ? [number, channel + 1] : into(number + 1, 0, row);
    if (key === "ArrowLeft") return column ? [number, channel - 1] : into(number - 1, Infinity, row);
    if (key === "ArrowDown" && channel + block.columns < block.n) return [number, channel + block.columns];
    if (key === "ArrowUp" && row) return [number, channel - block.columns];
    if (key !== "ArrowDown" && key !== "ArrowUp") return [number, channel];
    const down = key === "ArrowDown";
    const wanted = layout.blocks.map((one, i) => [one, i]).filter(([one]) => one.band === block.band + (down ? 1 : -1));
    if (!wanted.length) return [number, channel];
    const x = block.x + column * layout.pitch;
    const [next, at] = wanted.reduce((a, b) => (Math.abs(b[0].x + b[0].width / 2 - x) < Math.abs(a[0].x + a[0].width / 2 - x) ? b : a));
    return [at, clamp(next, Math.round((x - next.x) / layout.pitch), down ? 0 : Infinity)];
  };

  function clamp(block, column, row) {
    const c = Math.max(0, Math.min(block.columns - 1, column));
    const r = Math.max(0, Math.min(block.rows - 1, row));
    const channel = r * block.columns + c;
    return channel < block.n ? channel : Math.min(block.n - 1, Math.max(0, channel - block.columns));
  }
})();
