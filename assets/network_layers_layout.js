/* Where the layers of a classifier stand when they are drawn as a graph: pure functions of the record that the server sends
 * (nnvis_dash/analysis/architecture.py), so that drawing, search and tests all see the same.
 *
 * Rows are longest paths from the input. Edges that pass a row get a lane in it; rows are ordered so that few edges cross
 * (medians, as Gansner et al., "A technique for drawing directed graphs", 1993), and places are the least squares that keep
 * order and distance. A deep network is then cut into columns, as a text into lines, where fewest edges are cut. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const WIDTH = 176, HEIGHT = 58, ROW = 24; // of a node, and the space between rows
  const LANE = 9, GAP = 18; // width of an edge's lane, space between nodes
  const GUTTER = 30, STEP = 6, TITLE = 19; // between columns, between edges in a gutter, of a nested model's name
  const SWEEPS = 12;
  // Layers that change what passes through, and nothing else: shown as a part of the layer before them.
  const FOLDED = new Set(
    ("Activation AlphaDropout BatchNormalization Dropout ELU GaussianDropout GaussianNoise GELU GroupNormalization " +
      "LayerNormalization LeakyReLU PReLU ReLU Relu Relu6 Selu Silu Softmax SpatialDropout1D SpatialDropout2D ZeroPadding2D Identity")
      .split(" ")
  );

  /* The nodes and edges that are drawn: `closed` nested models stand for all within them, and in the `compact` graph layers
   * without weights of a kind in FOLDED are parts of the one before. Each node: {id, name, kind, ..., members, folded, group}. */
  function visible(record, closed, compact) {
    const outer = (node) => node.path.find((group) => closed.has(group)) || null;
    const into = new Map(record.nodes.map((node) => [node.name, []]));
    for (const [source, target] of record.edges) into.get(target).push(source);
    const holder = new Map(); // a layer's name to the id of what is drawn for it
    const nodes = new Map();
    for (const node of record.nodes) {
      const group = outer(node);
      const before = into.get(node.name);
      const ahead = before.length === 1 ? nodes.get(holder.get(before[0])) : null;
      if (group) {
        const id = "group " + group;
        holder.set(node.name, id);
        if (!nodes.has(id)) nodes.set(id, { id, group, name: group, kind: "Model", path: parents(group), members: [], folded: [], parameters: 0, macs: 0, n_units: 0, activation: "" });
        const held = nodes.get(id);
        held.members.push(node.name);
        held.parameters += node.parameters;
        held.macs = held.macs === null || node.macs === null ? null : held.macs + node.macs;
        held.output_shape = node.output_shape;
      } else if (compact && !node.n_units && FOLDED.has(node.kind) && ahead && !ahead.group && ahead.kind !== "Input" && String(ahead.path) === String(node.path)) {
        holder.set(node.name, ahead.id);
        ahead.members.push(node.name);
        ahead.folded.push(node);
        ahead.parameters += node.parameters;
        ahead.output_shape = node.output_shape;
      } else {
        holder.set(node.name, node.name);
        nodes.set(node.name, { ...node, id: node.name, group: null, members: [node.name], folded: [] });
      }
    }
    const list = [...nodes.values()];
    const place = new Map(list.map((node, at) => [node.id, at]));
    const seen = new Set();
    const edges = [];
    for (const [source, target] of record.edges) {
      const [from, to] = [place.get(holder.get(source)), place.get(holder.get(target))];
      const key = from + " " + to;
      if (from === to || seen.has(key)) continue;
      seen.add(key);
      edges.push([from, to]);
    }
    return { nodes: list, edges, place, holder };
  }

  function parents(group) {
    const parts = group.split("/").slice(0, -1);
    return parts.map((_, depth) => parts.slice(0, depth + 1).join("/"));
  }

  /* The row of each node: the longest path that leads to it. Edges that lead back (a nested model that is called before and
   * after something) don't count. */
  function rows(graph) {
    const row = new Int32Array(graph.nodes.length);
    const out = graph.nodes.map(() => []);
    const degree = new Int32Array(graph.nodes.length);
    for (const [from, to] of graph.edges) {
      if (from > to) continue;
      out[from].push(to);
      degree[to] += 1;
    }
    // The server lists layers in the order in which they are computed, so one pass does.
    graph.nodes.forEach(function (_, from) {
      for (const to of out[from]) row[to] = Math.max(row[to], row[from] + 1);
    });
    return row;
  }

  /* Nodes and lanes, row by row, with their neighbours above and below. */
  function laned(graph, row) {
    const items = graph.nodes.map((node, at) => ({ node: at, row: row[at], width: WIDTH, up: [], down: [], x: 0 }));
    const chains = graph.edges.map(function ([from, to]) {
      const chain = [from];
      if (from < to) {
        for (let r = row[from] + 1; r < row[to]; r += 1) {
          items.push({ node: -1, row: r, width: LANE, up: [], down: [], x: 0 });
          chain.push(items.length - 1);
        }
      }
      chain.push(to);
      if (from < to) {
        for (let i = 1; i < chain.length; i += 1) {
          items[chain[i - 1]].down.push(chain[i]);
          items[chain[i]].up.push(chain[i - 1]);
        }
      }
      return { from, to, chain, back: from > to };
    });
    const levels = [];
    items.forEach((item, at) => (levels[item.row] = levels[item.row] || []).push(at));
    return { items, chains, levels };
  }

  function crossings(items, levels) {
    let count = 0;
    for (let r = 1; r < levels.length; r += 1) {
      const ends = [];
      for (const at of levels[r - 1]) ends.push(...items[at].down.map((to) => items[to].order).sort((a, b) => a - b));
      if (levels[r - 1].length === 1 || levels[r].length === 1) continue;
      const tree = new Int32Array(levels[r].length + 1); // of how many edges end at or before a place
      let before = 0;
      for (const end of ends) {
        let upto = 0;
        for (let i = end + 1; i > 0; i -= i & -i) upto += tree[i];
        count += before - upto;
        before += 1;
        for (let i = end + 1; i < tree.length; i += i & -i) tree[i] += 1;
      }
    }
    return count;
  }

  const median = function (values) {
    const sorted = values.slice().sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };

  function ordered(items, levels) {
    const number = (level) => level.forEach((at, place) => (items[at].order = place));
    levels.forEach(number);
    let best = levels.map((level) => level.slice());
    let least = crossings(items, levels);
    for (let sweep = 0; sweep < SWEEPS && least; sweep += 1) {
      const down = sweep % 2 === 0;
      for (let i = 1; i < levels.length; i += 1) {
        const level = levels[down ? i : levels.length - 1 - i];
        const key = new Map(
          level.map(function (at) {
            const near = down ? items[at].up : items[at].down;
            return [at, near.length ? median(near.map((other) => items[other].order)) : items[at].order];
          })
        );
        level.sort((a, b) => key.get(a) - key.get(b) || items[a].order - items[b].order);
        number(level);
      }
      const now = crossings(items, levels);
      if (now < least) {
        least = now;
        best = levels.map((level) => level.slice());
      }
    }
    levels.forEach((level, r) => level.splice(0, level.length, ...best[r]));
    levels.forEach(number);
    return least;
  }

  /* Places in one row: as near as possible to those wanted, in the given order and at the given distances (pooling of
   * adjacent violators, which is exact). */
  function settle(wanted, weights, offsets) {
    const blocks = [];
    wanted.forEach(function (value, i) {
      let block = { sum: (value - offsets[i]) * weights[i], weight: weights[i], count: 1 };
      while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
        const last = blocks.pop();
        block = { sum: block.sum + last.sum, weight: block.weight + last.weight, count: block.count + last.count };
      }
      blocks.push(block);
    });
    const places = [];
    for (const { sum, weight, count } of blocks) for (let i = 0; i < count; i += 1) places.push(sum / weight + offsets[places.length]);
    return places;
  }

  function placed(items, levels) {
    const offsets = levels.map(function (level) {
      let at = 0;
      return level.map(function (id, i) {
        if (i) at += (items[level[i - 1]].width + items[id].width) / 2 + (items[id].node < 0 && items[level[i - 1]].node < 0 ? 3 : GAP);
        return at;
      });
    });
    levels.forEach((level, r) => level.forEach((id, i) => (items[id].x = offsets[r][i] - offsets[r][level.length - 1] / 2)));
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      const down = sweep % 2 === 0;
      for (let i = 0; i < levels.length; i += 1) {
        const r = down ? i : levels.length - 1 - i;
        const wanted = levels[r].map(function (id) {
          const all = sweep < SWEEPS - 2 ? (down ? items[id].up : items[id].down) : [...items[id].up, ...items[id].down];
          const nodes = all.filter((other) => items[other].node >= 0); // a layer stands below layers, its lanes aside
          const near = items[id].node >= 0 && nodes.length ? nodes : all;
          return near.length ? median(near.map((other) => items[other].x)) : items[id].x;
        });
        const weights = levels[r].map((id) => (items[id].node < 0 ? 0.001 : 1));
        settle(wanted, weights, offsets[r]).forEach((x, at) => (items[levels[r][at]].x = x));
      }
    }
  }

  /* Where the rows are cut into so many columns: near equal parts, where fewest edges are cut. */
  function cuts(edgesAbove, n, columns) {
    const slack = Math.max(1, Math.round((0.16 * n) / columns));
    const found = [0];
    for (let c = 1; c < columns; c += 1) {
      const ideal = Math.round((c * n) / columns);
      let best = -1;
      for (let r = Math.max(found[c - 1] + 1, ideal - slack); r <= Math.min(n - 1, ideal + slack); r += 1) {
        if (best < 0 || edgesAbove[r] < edgesAbove[best] || (edgesAbove[r] === edgesAbove[best] && Math.abs(r - ideal) < Math.abs(best - ideal))) best = r;
      }
      if (best < 0) break;
      found.push(best);
    }
    return found;
  }

  /* Give rows their columns and heights; returns the size of the whole. */
  function columned(graph, items, levels, starts, edgesAbove) {
    const columns = starts.map((from, c) => ({ from, to: c + 1 < starts.length ? starts[c + 1] : levels.length }));
    const top = new Float64Array(levels.length);
    let x = 0, height = 0;
    const boxes = [];
    for (const [c, column] of columns.entries()) {
      const begun = new Map(); // nested models in this column
      let left = Infinity, right = -Infinity, y = c ? STEP * edgesAbove[column.from] + 14 : 0;
      for (let r = column.from; r < column.to; r += 1) {
        const begin = new Set();
        for (const id of levels[r]) {
          const item = items[id];
          left = Math.min(left, item.x - item.width / 2);
          right = Math.max(right, item.x + item.width / 2);
          if (item.node < 0) continue;
          const path = graph.nodes[item.node].path;
          path.forEach(function (group, depth) {
            if (!begun.has(group)) {
              begun.set(group, { group, depth, left: Infinity, right: -Infinity, first: r, last: r });
              begin.add(group);
            }
            const box = begun.get(group);
            box.left = Math.min(box.left, item.x - WIDTH / 2);
            box.right = Math.max(box.right, item.x + WIDTH / 2);
            box.last = r;
          });
        }
        y += TITLE * begin.size;
        top[r] = y;
        y += HEIGHT + ROW;
      }
      const deepest = Math.max(0, ...[...begun.values()].map((box) => box.depth + 1));
      const margin = 8 * deepest;
      column.shift = x + margin - left;
      column.left = x;
      x += right - left + 2 * margin;
      column.right = x;
      column.bottom = y - ROW + 4 * deepest;
      height = Math.max(height, column.bottom + (c + 1 < columns.length ? STEP * edgesAbove[columns[c + 1].from] + 10 : 0));
      const nest = (box) => Math.max(0, ...[...begun.values()].filter((other) => other.group.startsWith(box.group + "/")).map((other) => other.depth - box.depth));
      for (const box of begun.values()) {
        const inner = nest(box);
        const above = [...begun.values()].filter((other) => other.first === box.first && other.depth > box.depth).length;
        boxes.push({
          group: box.group,
          depth: box.depth,
          x: box.left + column.shift - 8 * (inner + 1),
          y: top[box.first] - TITLE * (above + 1) - 1,
          width: box.right - box.left + 16 * (inner + 1),
          height: top[box.last] + HEIGHT - top[box.first] + TITLE * (above + 1) + 8 + 3 * inner,
          begins: column.from === 0 || !boxes.some((other) => other.group === box.group),
        });
      }
      if (c + 1 < columns.length) x += GUTTER + STEP * edgesAbove[columns[c + 1].from];
    }
    return { columns, top, width: x, height, boxes };
  }

  /* A line along points, its corners round. */
  function rounded(points) {
    let path = `M${points[0][0].toFixed(1)} ${points[0][1].toFixed(1)}`;
    for (let i = 1; i < points.length; i += 1) {
      const [x, y] = points[i];
      if (i === points.length - 1) path += `L${x.toFixed(1)} ${y.toFixed(1)}`;
      else {
        const [px, py] = points[i - 1], [nx, ny] = points[i + 1];
        const before = Math.hypot(x - px, y - py), after = Math.hypot(nx - x, ny - y);
        const r = Math.min(7, before / 2, after / 2);
        const [ax, ay] = before ? [x - ((x - px) / before) * r, y - ((y - py) / before) * r] : [x, y];
        const [bx, by] = after ? [x + ((nx - x) / after) * r, y + ((ny - y) / after) * r] : [x, y];
        path += `L${ax.toFixed(1)} ${ay.toFixed(1)}Q${x.toFixed(1)} ${y.toFixed(1)} ${bx.toFixed(1)} ${by.toFixed(1)}`;
      }
    }
    return path;
  }

  function routes(chains, items, plan) {
    const { columns, top } = plan;
    const columnOf = (r) => columns.findIndex((column) => r >= column.from && r < column.to);
    const number = new Map(); // of edges in each gutter
    const at = (id) => items[id].x + columns[columnOf(items[id].row)].shift;
    return chains.map(function ({ from, to, chain, back }) {
      if (back) {
        const [x1, y1, x2, y2] = [at(from) + WIDTH / 2, top[items[from].row] + HEIGHT / 2, at(to) + WIDTH / 2, top[items[to].row] + HEIGHT / 2];
        const out = Math.max(x1, x2) + 22;
        return { from, to, back, path: rounded([[x1, y1], [out, y1], [out, y2], [x2, y2]]) };
      }
      let path = "";
      for (let i = 1; i < chain.length; i += 1) {
        const [a, b] = [items[chain[i - 1]], items[chain[i]]];
        const [ca, cb] = [columnOf(a.row), columnOf(b.row)];
        const [x1, y1, x2, y2] = [at(chain[i - 1]), top[a.row] + HEIGHT, at(chain[i]), top[b.row]];
        if (ca === cb) {
          const bend = Math.min(22, (y2 - y1) / 2 + Math.abs(x2 - x1) / 24);
          path += `${path ? "L" : "M"}${x1.toFixed(1)} ${y1.toFixed(1)}C${x1.toFixed(1)} ${(y1 + bend).toFixed(1)} ${x2.toFixed(1)} ${(y2 - bend).toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`;
        } else {
          const lane = number.get(cb) || 0;
          number.set(cb, lane + 1);
          const aside = columns[ca].right + GUTTER / 2 + STEP * lane;
          const low = columns[ca].bottom + 10 + STEP * lane, high = y2 - 12 - STEP * lane;
          const turn = rounded([[x1, y1], [x1, low], [aside, low], [aside, high], [x2, high], [x2, y2]]);
          path += path ? "L" + turn.slice(1) : turn;
        }
        if (b.node < 0) path += `L${x2.toFixed(1)} ${(y2 + HEIGHT).toFixed(1)}`;
      }
      return { from, to, back, path };
    });
  }

  /* Lay a record out for a space of so many pixels.
   *
   * Returns {nodes: [{..., x, y}] (left top corners), edges: [{from, to, path}], boxes, width, height, crossings, scale, holder, rows}. */
  nnvis.layerLayout = function (record, space, closed, compact) {
    const graph = visible(record, closed || new Set(), Boolean(compact));
    const row = rows(graph);
    const { items, chains, levels } = laned(graph, row);
    const least = ordered(items, levels);
    placed(items, levels);
    const edgesAbove = levels.map((level) => level.reduce((sum, id) => sum + items[id].up.length, 0));
    let plan = null;
    for (let columns = 1; columns <= Math.min(levels.length, 40); columns += 1) {
      const tried = columned(graph, items, levels, cuts(edgesAbove, levels.length, columns), edgesAbove);
      const scale = Math.min(space.width / tried.width, space.height / tried.height);
      if (plan && scale <= plan.scale) {
        if (scale < 0.7 * plan.scale) break;
        continue;
      }
      plan = { ...tried, scale };
    }
    const shiftOf = (r) => plan.columns.find((column) => r >= column.from && r < column.to).shift;
    graph.nodes.forEach(function (node, at) {
      node.x = items[at].x + shiftOf(row[at]) - WIDTH / 2;
      node.y = plan.top[row[at]];
      node.row = row[at];
    });
    return {
      nodes: graph.nodes,
      edges: routes(chains, items, plan),
      boxes: plan.boxes,
      width: plan.width,
      height: plan.height,
      scale: plan.scale,
      crossings: least,
      holder: graph.holder,
      place: graph.place,
    };
  };
  nnvis.layerLayout.size = [WIDTH, HEIGHT];
})();
