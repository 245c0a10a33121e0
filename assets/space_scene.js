/* The layers in space: where every card of every stack stands, how a stack opens into the grid of its channels, and what lies
 * under a line of sight. The two drawings (space_webgl.js, space_canvas.js) show the cards and lines of this and know no more.
 *
 * The axis of depth is x, to the right; y is up; what comes later in a long network stands on a lower, nearer step. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const CARD_GAP = 0.045; // between two cards of a stack
  const GAP = 0.16; // between two stacks, and a share of how wide they are
  const SHARE = 0.5;
  const REST = 0.42; // radians by which a stack is turned towards the eye, so that its front is seen from the side
  const LANE = 0.28; // between two branches
  const STEP = 0.24; // between two rows, from bottom to top
  const OPEN_HEIGHT = 2.3; // of the grid of an open layer, at most
  const TILE = 0.9; // share of a channel's place that it fills
  const QUICK = 7; // per second, as the camera's
  const FLOATS = 16; // of a card: centre 3, right 2, size 2, place in the picture 4, reveal 1, look 1, texels 2, depth 1
  const SPAN = 14; // pieces of a curve
  space.CARD_FLOATS = FLOATS;
  space.LOOK = { blank: 1, frozen: 2, chosen: 4, hovered: 8, marked: 16, image: 32, plain: 64, signed: 128 };

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  function face(layer, largest) {
    if (layer.flat) {
      const n = layer.channels;
      if (n <= 24) return { w: 0.14, h: clamp(n * 0.085, 0.2, 1.25), cols: 1, rows: n };
      const cols = Math.ceil(Math.sqrt(n));
      const side = clamp(0.22 + 0.045 * Math.log2(n), 0.3, 0.8);
      return { w: side, h: (side * Math.ceil(n / cols)) / cols, cols, rows: Math.ceil(n / cols) };
    }
    const longer = Math.max(layer.height, layer.width);
    const side = Math.max(0.24, Math.pow(longer / largest, 0.38));
    return { w: Math.max(0.05, (side * layer.width) / longer), h: Math.max(0.05, (side * layer.height) / longer) };
  }

  function cards(layer, most) {
    if (layer.input || layer.flat) return 1;
    return clamp(Math.round(1.4 + 0.9 * Math.log2(layer.channels)), 2, most);
  }

  /* The grid that a layer opens into, `shape` times as wide as high: the one with the largest cells, the fullest of equals. */
  function grid(layer, shape) {
    const n = layer.channels;
    const aspect = layer.flat ? 1 : clamp(layer.width / layer.height, 0.1, 10);
    const most = layer.flat ? 0.2 : 1;
    let best = { value: -1 };
    for (let cols = 1; cols <= n; cols += 1) {
      const rows = Math.ceil(n / cols);
      const h = Math.min(OPEN_HEIGHT / rows, most, (OPEN_HEIGHT * shape) / cols / aspect);
      const value = h * (1 - (0.25 * (cols * rows - n)) / (cols * rows)) - (1e-4 * Math.abs(cols * aspect - rows * shape)) / n;
      if (value > best.value) best = { value, cols, rows, w: h * aspect, h };
    }
    return best;
  }

  /* `most`: cards of a stack. */
  space.scene = function (graph, most) {
    const largest = Math.max(1, ...graph.layers.filter((l) => !l.flat).map((l) => Math.max(l.height, l.width)));
    const layers = graph.layers.map((layer) => {
      const size = face(layer, largest);
      const n = cards(layer, most);
      return {
        ...layer, face: size, grid: grid(layer, 1.5), cards: n, thick: (cards(layer, 10) - 1) * CARD_GAP,
        at: [0, 0, 0], goal: [0, 0, 0], open: 0, opening: 0, reveal: 1, row: 0,
        source: null, tiles: null, order: null, cardChannels: null, frozen: new Set(), chosen: new Set(), marked: false, hovered: -2,
      }; // prettier-ignore
    });
    let rowCount = 1;
    let air = 1; // how much farther apart the stacks of a row stand than they must
    let wave = null; // seconds since the values began to come in
    let version = 0; // rises whenever a card or line changed

    /* How much room a layer takes when it has opened as far as it is going to. */
    function room(layer) {
      const [w, h] = layer.opening ? [layer.grid.cols * layer.grid.w, layer.grid.rows * layer.grid.h] : [0, 0];
      return {
        x: Math.max(layer.thick + SHARE * layer.face.w, w / Math.cos(space.YAW)),
        y: Math.max(layer.face.h, h),
        z: Math.max(layer.face.w, w * Math.sin(space.YAW)),
      };
    }

    function columns() {
      const found = [];
      for (const layer of layers) (found[layer.depth] = found[layer.depth] || []).push(layer);
      return found;
    }

    /* Rows of about equal length, each a list of columns. */
    function rows(count) {
      const all = columns().map((list) => ({ list, x: (Math.max(...list.map((l) => room(l).x)) + GAP) * air }));
      const total = all.reduce((sum, column) => sum + column.x, 0);
      const found = [[]];
      let length = 0;
      for (const column of all) {
        if (found.length < count && length + column.x / 2 > (total * found.length) / count && found[found.length - 1].length) found.push([]);
        found[found.length - 1].push(column);
        length += column.x;
      }
      return found;
    }

    /* Say where every layer is to stand. */
    function place(count) {
      let [y, z, bottom, behind] = [0, 0, 0, 0];
      rows(count).forEach((row, number) => {
        const here = row.flatMap((column) => column.list);
        const tall = new Map();
        for (const layer of here) tall.set(layer.lane, Math.max(tall.get(layer.lane) || 0, room(layer).y));
        const height = new Map([[0, 0]]); // of each lane's middle above the row's axis
        const half = (lane) => (tall.get(lane) || 0) / 2;
        const used = [...tall.keys(), 0].sort((a, b) => a - b);
        for (let i = used.indexOf(0) + 1, up = half(0); i < used.length; i += 1) {
          if (used[i] === 0) continue;
          height.set(used[i], up + LANE + half(used[i]));
          up += LANE + 2 * half(used[i]);
        }
        for (let i = used.indexOf(0) - 1, down = half(0); i >= 0; i -= 1) {
          height.set(used[i], -(down + LANE + half(used[i])));
          down += LANE + 2 * half(used[i]);
        }
        const top = Math.max(...used.map((lane) => height.get(lane) + half(lane)));
        const low = Math.min(...used.map((lane) => height.get(lane) - half(lane)));
        const wide = Math.max(...here.map((layer) => room(layer).z));
        if (number) {
          y = bottom - STEP - top;
          z += behind / 2 + 0.1;
        }
        let x = 0;
        for (const column of row) {
          for (const layer of column.list) {
            layer.goal = [x + column.x / 2, y + height.get(layer.lane), z];
            layer.row = number;
          }
          x += column.x;
        }
        bottom = y + low;
        behind = wide;
      });
    }

    /* Corners of everything, or of the layers given, where they are going to be. */
    function corners(some) {
      const points = [];
      for (const layer of some || layers) {
        if (layer.opening) {
          const { right } = directions({ open: 1 });
          const [w, h] = [(layer.grid.cols * layer.grid.w) / 2, (layer.grid.rows * layer.grid.h) / 2];
          for (const [x, y] of [[-w, -h], [w, -h], [-w, h], [w, h]]) // prettier-ignore
            points.push([layer.goal[0] + right[0] * x, layer.goal[1] + y, layer.goal[2] + right[2] * x]);
          continue;
        }
        const box = { x: layer.thick + layer.face.w * Math.sin(REST), y: layer.face.h, z: layer.face.w * Math.cos(REST) };
        for (let i = 0; i < 8; i += 1)
          points.push([0, 1, 2].map((a) => layer.goal[a] + ((i >> a) & 1 ? 0.5 : -0.5) * [box.x, box.y, box.z][a]));
      }
      return points;
    }

    /* Lay the network out in as many rows as show it largest through this camera, as airy as that allows; open layers
     * become `shape` times as wide as high. */
    function arrange(camera, margins, shape) {
      for (const layer of layers) layer.grid = grid(layer, shape);
      const distance = (count, wide) => {
        air = wide;
        place(count);
        return camera.fitted(corners(), space.YAW, space.PITCH, margins).distance;
      };
      let best = [Infinity, 1];
      for (let count = 1; count <= 8 && count <= layers.length; count += 1) {
        const needed = distance(count, 1);
        if (needed < best[0] * 0.99) best = [needed, count];
      }
      rowCount = best[1];
      const wider = [1.9, 1.7, 1.5, 1.35, 1.2, 1.1].find((wide) => distance(rowCount, wide) < best[0] * 1.03) || 1;
      distance(rowCount, wider);
    }

    function settle() {
      for (const layer of layers) {
        layer.at = [...layer.goal];
        layer.open = layer.opening;
      }
      version += 1;
    }

    function step(seconds) {
      const share = 1 - Math.exp(-QUICK * seconds);
      let moved = false;
      for (const layer of layers) {
        const left = Math.max(Math.abs(layer.opening - layer.open), ...layer.goal.map((v, i) => Math.abs(v - layer.at[i])));
        if (left === 0) continue;
        moved = true;
        if (left < 1e-3) {
          layer.at = [...layer.goal];
          layer.open = layer.opening;
        } else {
          layer.at = layer.at.map((v, i) => v + (layer.goal[i] - v) * share);
          layer.open += (layer.opening - layer.open) * share;
        }
      }
      if (wave !== null) {
        moved = true;
        wave += seconds;
        const deepest = Math.max(1, ...layers.map((layer) => layer.depth));
        for (const layer of layers) layer.reveal = clamp((wave - (0.7 * layer.depth) / deepest) / 0.3, 0, 1);
        if (wave > 1.1) wave = null;
      }
      if (moved) version += 1;
      return moved;
    }

    /* Let the values come in from the first layer to the last. */
    function flow() {
      wave = 0;
      for (const layer of layers) layer.reveal = 0;
    }

    /* A layer's directions: `right` along its faces, `back` through its stack. */
    function directions(layer) {
      const angle = REST + (Math.PI / 2 - space.YAW - REST) * layer.open;
      return { right: [Math.sin(angle), 0, Math.cos(angle)], back: [Math.cos(angle), 0, -Math.sin(angle)] };
    }

    /* Middle of the place of the channel that stands at `rank` of the open grid. */
    function cell(layer, rank, right) {
      const { cols, rows: tall, w, h } = layer.grid;
      const x = ((rank % cols) - (cols - 1) / 2) * w;
      const y = ((tall - 1) / 2 - Math.floor(rank / cols)) * h;
      return [layer.at[0] + right[0] * x, layer.at[1] + y, layer.at[2] + right[2] * x];
    }

    function write(into, at, centre, right, w, h, uv, layer, look, texels) {
      into.set(centre, at);
      into[at + 3] = right[0];
      into[at + 4] = right[2];
      into[at + 5] = w;
      into[at + 6] = h;
      into.set(uv, at + 7);
      into[at + 11] = layer.reveal;
      into[at + 12] = look;
      into.set(texels, at + 13);
      into[at + 15] = layer.number;
    }

    const WHOLE = [0, 0, 1, 1];
    const { blank, frozen, chosen, hovered, marked, image, plain, signed } = space.LOOK;

    function look(layer, channel) {
      let flags = channel < 0 && layer.marked ? marked : 0;
      if (layer.hovered === channel || (channel < 0 && layer.hovered >= -1)) flags |= hovered;
      if (channel >= 0) flags |= (layer.frozen.has(channel) ? frozen : 0) | (layer.chosen.has(channel) ? chosen : 0);
      return flags;
    }

    /* A closed layer: its stack. Each card has its own picture where the source holds several. */
    function stack(layer, into, channelOf) {
      const { right, back } = directions(layer);
      const gap = layer.thick / Math.max(1, layer.cards - 1);
      const source = layer.source;
      let at = 0;
      for (let card = 0; card < layer.cards; card += 1) { // the front first: what it hides is then not shaded
        const off = card * gap - layer.thick / 2;
        const centre = layer.at.map((v, i) => v + back[i] * off);
        const uv = !source ? WHOLE : source.cards ? source.cards[card % source.cards.length] : source.whole || WHOLE;
        const texels = source ? source.texels : [1, 1];
        const shown = layer.cardChannels && source ? layer.cardChannels[card % layer.cardChannels.length] : -1;
        const held = shown >= 0 && layer.frozen.has(shown) ? frozen : 0;
        const flags = look(layer, -1) | held | (source ? (source.image ? image : 0) | (source.signed ? signed : 0) : blank);
        write(into, at, centre, right, layer.face.w, layer.face.h, uv, layer, flags, texels);
        channelOf.push(-1);
        at += FLOATS;
      }
    }

    /* An open layer: every channel on its way from the stack to its place. */
    function spread(layer, into, channelOf) {
      const { right, back } = directions(layer);
      const { w, h } = layer.grid;
      const e = layer.open;
      const tiles = layer.tiles;
      const gap = layer.thick / Math.max(1, layer.cards - 1);
      const n = layer.channels;
      for (let rank = 0; rank < n; rank += 1) {
        const channel = layer.order ? layer.order[rank] : rank;
        const off = (Math.min(rank * gap, layer.thick) - layer.thick / 2) * (1 - e);
        const goal = cell(layer, rank, right);
        const centre = layer.at.map((v, i) => v + back[i] * off + (goal[i] - v) * e);
        const uv = tiles ? tiles.at(channel) : WHOLE;
        const texels = tiles ? tiles.texels : [1, 1];
        const flags = look(layer, channel) | (tiles ? (tiles.signed ? signed : 0) : blank) | (layer.flat ? plain : 0);
        const start = layer.flat ? [layer.face.w / layer.face.cols, layer.face.h / layer.face.rows] : [layer.face.w, layer.face.h];
        const size = [start[0] + (w * TILE - start[0]) * e, start[1] + (h * TILE - start[1]) * e];
        write(into, rank * FLOATS, centre, right, size[0], size[1], uv, layer, flags, texels);
        channelOf.push(channel);
      }
    }

    let built = null;

    /* The cards to draw, by the picture that they are cut from: [{source, floats, n, layers, channels}]. */
    function batches() {
      if (built && built.version === version) return built.list;
      const bySource = new Map();
      for (const layer of layers) {
        const opened = layer.open > 0.02 && !layer.input;
        const n = opened ? layer.channels : layer.cards;
        const floats = new Float32Array(n * FLOATS);
        const channels = [];
        (opened ? spread : stack)(layer, floats, channels);
        const picture = opened ? layer.tiles : layer.source;
        const key = picture ? picture.picture : null;
        if (!bySource.has(key)) bySource.set(key, { source: key, parts: [], owners: [], n: 0 });
        const batch = bySource.get(key);
        batch.parts.push(floats);
        batch.owners.push([layer.number, channels]);
        batch.n += n;
      }
      const list = [...bySource.values()];
      for (const batch of list) {
        batch.floats = batch.parts.length === 1 ? batch.parts[0] : new Float32Array(batch.n * FLOATS);
        batch.layers = new Int32Array(batch.n);
        batch.channels = new Int32Array(batch.n);
        let at = 0;
        batch.parts.forEach((part, i) => {
          if (batch.parts.length > 1) batch.floats.set(part, at * FLOATS);
          const [number, channels] = batch.owners[i];
          batch.layers.fill(number, at, at + channels.length);
          batch.channels.set(channels, at);
          at += channels.length;
        });
        delete batch.parts;
        delete batch.owners;
      }
      built = { version, list };
      return list;
    }

    /* Where lines leave a layer (side 1) or reach it (side -1): its last or first card, the edge of an open one. */
    function end(layer, side) {
      const { right, back } = directions(layer);
      const off = (side * layer.thick * (1 - layer.open)) / 2;
      const beside = ((side * layer.grid.w * layer.grid.cols) / 2) * layer.open;
      return layer.at.map((v, i) => v + back[i] * off + right[i] * beside);
    }

    /* The connections, as lines through points: [{points, skip, from, to}]. */
    function lines() {
      return graph.edges.map(([i, j]) => {
        const [a, b] = [layers[i], layers[j]];
        const [start, stop] = [end(a, 1), end(b, -1)];
        const beside = a.row === b.row && a.lane === b.lane && b.depth - a.depth === 1;
        if (beside) return { points: [start, stop], skip: false, from: i, to: j };
        const skip = a.row === b.row && a.lane === b.lane;
        let control;
        if (skip) {
          const between = layers.filter((l) => l.row === a.row && l.lane === a.lane && l.depth > a.depth && l.depth < b.depth);
          const top = Math.max(0, ...between.map((l) => l.at[1] - a.at[1] + l.face.h / 2 + l.open * Math.max(0, (l.grid.rows * l.grid.h - l.face.h) / 2)));
          const rise = ((top + 0.1 + 0.02 * (b.depth - a.depth)) * 4) / 3;
          const pull = Math.min(0.12, (stop[0] - start[0]) / 4);
          control = [
            [start[0] + pull, start[1] + rise, start[2]],
            [stop[0] - pull, stop[1] + rise, stop[2]],
          ];
        } else if (a.row === b.row) {
          const pull = Math.max(0.2, (stop[0] - start[0]) / 2);
          control = [
            [start[0] + pull, start[1], start[2]],
            [stop[0] - pull, stop[1], stop[2]],
          ];
        } else {
          const half = (start[1] + stop[1]) / 2;
          control = [
            [start[0] + 0.9, half, start[2]],
            [stop[0] - 0.9, half, stop[2]],
          ];
        }
        const points = [];
        for (let k = 0; k <= SPAN; k += 1) {
          const t = k / SPAN;
          const [p, q] = [(1 - t) * (1 - t), t * t];
          points.push(
            [0, 1, 2].map(
              (c) => p * (1 - t) * start[c] + 3 * p * t * control[0][c] + 3 * q * (1 - t) * control[1][c] + q * t * stop[c]
            )
          );
        }
        return { points, skip: skip || a.lane !== b.lane, turn: a.row !== b.row, from: i, to: j };
      });
    }

    /* What a line of sight meets first: {layer, channel}, channel -1 for a stack, or null. */
    function pick({ from, along }) {
      let nearest = null;
      for (const batch of batches()) {
        const f = batch.floats;
        for (let i = 0, at = 0; i < batch.n; i += 1, at += FLOATS) {
          const [rx, rz] = [f[at + 3], f[at + 4]];
          const facing = along[0] * -rz + along[2] * rx; // the card's normal is (-rz, 0, rx)
          if (Math.abs(facing) < 1e-9) continue;
          const [dx, dy, dz] = [f[at] - from[0], f[at + 1] - from[1], f[at + 2] - from[2]];
          const t = (dx * -rz + dz * rx) / facing;
          if (t <= 0 || (nearest && t >= nearest.t)) continue;
          const x = (along[0] * t - dx) * rx + (along[2] * t - dz) * rz;
          const y = along[1] * t - dy;
          const slack = batch.channels[i] >= 0 ? 1 / TILE : 1;
          if (Math.abs(x) > (f[at + 5] / 2) * slack || Math.abs(y) > (f[at + 6] / 2) * slack) continue;
          nearest = { t, layer: layers[batch.layers[i]], channel: batch.channels[i] };
        }
      }
      return nearest && { layer: nearest.layer, channel: nearest.channel };
    }

    function setOpen(layer, opened) {
      layer.opening = opened ? 1 : 0;
      place(rowCount);
      version += 1;
    }

    return {
      layers, edges: graph.edges, arrange, settle, step, flow, corners, batches, lines, pick, setOpen, cell, directions,
      named: (name) => layers.find((layer) => layer.name === name) || null,
      get version() { return version; },
      get rows() { return rowCount; },
      changed: () => (version += 1),
    }; // prettier-ignore
  };
})();
