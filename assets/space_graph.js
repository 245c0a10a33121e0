/* From a classifier's architecture to what is drawn in space: which layers are shown, which of them are connected once the
 * others are left out, how deep each one lies and in which lane of its branch. No page, no drawing: plain values in and out. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const MERGES = /^(Add|Concatenate|Multiply|Average|Maximum|Minimum|Subtract)$/;
  const POOLS = /(Pooling|UpSampling)\dD$/;
  const RESHAPES = /^(Flatten|Reshape|Permute|RepeatVector)$/;
  // What hands every channel on by itself, so that its channel c belongs to unit c of the layer before.
  const PER_CHANNEL =
    /^(Activation|ReLU|ReLU6|LeakyReLU|PReLU|ELU|Softmax|BatchNormalization|Dropout|SpatialDropout2D|ZeroPadding2D|Cropping2D|\w*Pooling2D|UpSampling2D|Identity)$/;

  /* The size of a layer's maps: {height, width, channels}, flat where it has no positions, null where it can't be drawn. */
  function sizes(node) {
    const shape = node.output_shape;
    if (shape.some((size) => !(size > 0))) return null;
    if (shape.length === 3) return { height: shape[0], width: shape[1], channels: shape[2], flat: false };
    if (shape.length === 2) return { height: shape[0], width: 1, channels: shape[1], flat: false };
    if (shape.length === 1) return { height: 1, width: 1, channels: shape[0], flat: true };
    return null;
  }

  function shown(node, ends, detail) {
    const size = sizes(node);
    if (!size) return false;
    if (ends) return true;
    if (RESHAPES.test(node.kind)) return false;
    if (detail === "all") return true;
    return node.n_units > 0 || (!size.flat && (MERGES.test(node.kind) || POOLS.test(node.kind)));
  }

  function before(record) {
    const into = new Map(record.nodes.map((node) => [node.name, []]));
    for (const [from, to] of record.edges) into.get(to).push(from);
    return into;
  }

  /* The unit whose work each layer's channels are: the layer itself, or the one that it follows channel by channel. */
  function owners(record, into) {
    const known = new Map(record.nodes.map((node) => [node.name, node]));
    const owner = new Map();
    for (const node of record.nodes) {
      const channels = node.output_shape[node.output_shape.length - 1];
      const from = into.get(node.name);
      if (node.n_units > 0) owner.set(node.name, node.name);
      else if (from.length === 1 && PER_CHANNEL.test(node.kind) && owner.has(from[0])) {
        const source = known.get(owner.get(from[0]));
        if (source.n_units === channels) owner.set(node.name, source.name);
      }
    }
    return owner;
  }

  /* Edges between the shown layers, through those that are left out. */
  function contracted(record, into, number) {
    const sources = new Map(); // of a layer that is left out: the shown layers that reach it
    const edges = new Map();
    for (const node of record.nodes) {
      const reached = new Set();
      for (const from of into.get(node.name)) {
        for (const source of number.has(from) ? [from] : sources.get(from)) reached.add(source);
      }
      if (!number.has(node.name)) sources.set(node.name, reached);
      else for (const source of reached) edges.set(source + "\n" + node.name, [number.get(source), number.get(node.name)]);
    }
    return [...edges.values()];
  }

  /* Longest way from the input, in shown layers. They come in the order in which they are computed. */
  function depths(n, edges) {
    const depth = new Int32Array(n);
    const into = Array.from({ length: n }, () => []);
    for (const [from, to] of edges) into[to].push(from);
    for (let i = 0; i < n; i += 1) for (const from of into[i]) depth[i] = Math.max(depth[i], depth[from] + 1);
    return depth;
  }

  /* A lane for each layer: the longest way from input to output has lane 0, every other branch the nearest free one. */
  function lanes(n, edges, depth) {
    const lane = new Int32Array(n).fill(-1000);
    const next = Array.from({ length: n }, () => []);
    const into = Array.from({ length: n }, () => []);
    for (const [from, to] of edges) {
      next[from].push(to);
      into[to].push(from);
    }
    const left = new Set(Array.from({ length: n }, (_, i) => i));
    const taken = []; // [lane, first depth, last depth]
    while (left.size) {
      const best = new Map(); // layer -> [length of the longest chain of layers that are left, the next in it]
      let start = -1;
      for (let i = n - 1; i >= 0; i -= 1) {
        if (!left.has(i)) continue;
        let longest = [1, -1];
        for (const to of next[i]) if (left.has(to) && best.get(to)[0] + 1 > longest[0]) longest = [best.get(to)[0] + 1, to];
        best.set(i, longest);
        if (start < 0 || longest[0] >= best.get(start)[0]) start = i;
      }
      const chain = [];
      for (let i = start; i >= 0; i = best.get(i)[1]) chain.push(i);
      const first = Math.min(depth[chain[0]], ...into[chain[0]].map((i) => depth[i] + 1));
      const last = Math.max(depth[chain[chain.length - 1]], ...next[chain[chain.length - 1]].map((i) => depth[i] - 1));
      let at = 0;
      for (let tried = 0; taken.some(([other, a, b]) => other === at && a <= last && first <= b); tried += 1)
        at = tried % 2 ? -(tried + 1) / 2 : tried / 2 + 1;
      taken.push([at, first, last]);
      for (const i of chain) {
        lane[i] = at;
        left.delete(i);
      }
    }
    return lane;
  }

  /* What is drawn of an architecture: {layers, edges}. `detail` is "main" (input, output, layers with units, pooling and
   * merges) or "all". */
  space.graph = function (record, detail) {
    const into = before(record);
    const owner = owners(record, into);
    const layers = record.nodes
      .filter((node, i) => shown(node, i === 0 || i === record.nodes.length - 1, detail))
      .map((node) => ({
        name: node.name,
        kind: node.kind,
        ...sizes(node),
        units: node.n_units,
        owner: owner.get(node.name) || null,
        input: node === record.nodes[0],
        parameters: node.parameters,
        activation: node.activation,
        path: node.path,
      }));
    const number = new Map(layers.map((layer, i) => [layer.name, i]));
    const edges = contracted(record, into, number);
    const depth = depths(layers.length, edges);
    const lane = lanes(layers.length, edges, depth);
    layers.forEach((layer, i) => Object.assign(layer, { number: i, depth: depth[i], lane: lane[i] }));
    return { layers, edges };
  };
})();
