/* Feature maps as pictures that cards are cut from: one sheet for the stacks of all layers, one for each open layer's channels.
 * A picture is {key, width, height, values: bytes} or {key, width, height, colours: an image or canvas}; places in it are
 * [left, top, width, height] in shares of it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const WIDEST = 2048; // pixels; every WebGL2 device takes as much
  let count = 0;
  const picture = (width, height, more) => ({ key: (count += 1), width, height, ...more });

  /* Bytes of colour for the bytes of maps {height, width, channels, data, low, high}, which stand for low[c] to high[c]. The
   * scale says for each channel where the colours begin and how far they reach, range(c) = {floor, span}; a signed one has
   * its middle there (nnvis.tiles.scale makes such). */
  space.scaled = function (maps, scale) {
    const size = maps.height * maps.width;
    const bytes = new Uint8Array(maps.data.length);
    const table = new Uint8Array(256);
    for (let c = 0; c < maps.channels; c += 1) {
      const { floor, span } = scale.range(c);
      const [low, step] = [maps.low[c], (maps.high[c] - maps.low[c]) / 255];
      for (let q = 0; q < 256; q += 1) {
        const value = low + step * q;
        const part = span > 0 ? (value - floor) / span : Math.sign(value);
        table[q] = Math.max(0, Math.min(255, Math.round(255 * (scale.signed ? 0.5 + part / 2 : part))));
      }
      for (let i = c * size; i < (c + 1) * size; i += 1) bytes[i] = table[maps.data[i]];
    }
    return bytes;
  };

  /* Put boxes [{width, height}] side by side on shelves; return their places in pixels and the sheet's size. */
  function shelves(boxes) {
    const area = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
    const width = Math.min(WIDEST, Math.max(64, ...boxes.map((box) => box.width), Math.ceil(Math.sqrt(area) * 1.1)));
    const order = boxes.map((_, i) => i).sort((a, b) => boxes[b].height - boxes[a].height);
    const places = [];
    let [x, y, tall] = [0, 0, 0];
    for (const i of order) {
      if (x + boxes[i].width > width) [x, y, tall] = [0, y + tall, 0];
      places[i] = [x, y];
      x += boxes[i].width;
      tall = Math.max(tall, boxes[i].height);
    }
    return { places, width, height: y + tall };
  }

  function copyIn(into, width, left, top, data, from, w, h) {
    for (let row = 0; row < h; row += 1) into.set(data.subarray(from + row * w, from + (row + 1) * w), (top + row) * width + left);
  }

  /* One sheet of the stacks' pictures. `stacks`: [{name, signed, cards: [{height, width, data}]}], front first.
   * Returns a Map of name -> {picture, cards: places, texels, signed}. */
  space.sheet = function (stacks) {
    const boxes = stacks.flatMap((stack) => stack.cards);
    const { places, width, height } = shelves(boxes);
    const values = new Uint8Array(width * height);
    const sheet = picture(width, height, { values });
    const found = new Map();
    let next = 0;
    for (const stack of stacks) {
      const cut = stack.cards.map((card) => {
        const [left, top] = places[(next += 1) - 1];
        copyIn(values, width, left, top, card.data, 0, card.width, card.height);
        return [left / width, top / height, card.width / width, card.height / height];
      });
      found.set(stack.name, { picture: sheet, cards: cut, texels: [stack.cards[0].width, stack.cards[0].height], signed: stack.signed });
    }
    return found;
  };

  /* A picture of all channels of a layer. `maps`: {height, width, channels, data, low, high}; `cols` channels a line.
   * Returns {picture, at: channel -> place, texels, whole, size, signed}. */
  space.tiles = function (maps, scale, columns) {
    const { height: h, width: w, channels: n } = maps;
    const cols = Math.min(columns || Math.ceil(Math.sqrt((n * h) / w)), Math.max(1, Math.floor(WIDEST / w)));
    const rows = Math.ceil(n / cols);
    const bytes = space.scaled(maps, scale);
    const values = new Uint8Array(cols * w * rows * h);
    for (let c = 0; c < n; c += 1) copyIn(values, cols * w, (c % cols) * w, Math.floor(c / cols) * h, bytes, c * w * h, w, h);
    return {
      picture: picture(cols * w, rows * h, { values }),
      at: (c) => [(c % cols) / cols, Math.floor(c / cols) / rows, 1 / cols, 1 / rows],
      texels: [w, h],
      whole: [0, 0, 1, 1],
      size: [cols * w, rows * h],
      signed: scale.signed,
    };
  };

  /* The tested image itself. */
  space.photograph = function (image) {
    const [width, height] = [image.naturalWidth || image.width, image.naturalHeight || image.height];
    return { picture: picture(width, height, { colours: image }), image: true, texels: [width, height] };
  };
})();
