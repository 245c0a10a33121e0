/* What is known of every sample of a dataset, for all views that draw all of them: label, prediction, confidence, entropy; which
 * pass the filters; their colours; the card that a pointer opens. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const element = (id) => document.getElementById(id);
  const GREY = "#b4bac4";
  const NONE = 0; // the tone of what has no colour
  const TONES = 255; // tones of a palette beside it
  const SHARE = 65534; // what stands for 1

  let known = null; // {key, label, prediction, confidence, entropy}
  let shown = null; // the catalog that is looked at
  const pending = new Map();

  /* The bytes at an address, or null; one request for several askers. */
  nnvis.bytes = function (address) {
    if (!pending.has(address)) {
      const asked = fetch(address).then(async (answer) => (answer.ok ? { headers: answer.headers, buffer: await answer.arrayBuffer() } : null));
      pending.set(address, asked.finally(() => pending.delete(address)));
    }
    return pending.get(address);
  };

  const numbers = function (bytes, none) {
    return Int32Array.from(bytes, (value) => (value === none ? -1 : value));
  };
  const shares = (values) => Float32Array.from(values, (value) => (value > SHARE ? NaN : value / SHARE));

  async function load(catalog) {
    shown = catalog;
    const key = [catalog.dataset, catalog.model, catalog.ready].join();
    if (known && known.key === key) return known;
    // `form`: a browser keeps these for ever, and may still have them as they travelled before.
    const address = `attributes/${catalog.dataset}/${catalog.model || "-"}?form=2${catalog.ready ? "&ready=1" : ""}`;
    const answer = await nnvis.bytes(address);
    if (!answer) return null;
    if (known && known.key === key) return known;
    const width = Number(answer.headers.get("X-Width"));
    const n = answer.buffer.byteLength / (2 * width + 4);
    const [classes, none] = width === 1 ? [Uint8Array, 255] : [Uint16Array, 65535];
    const { buffer } = answer;
    // The shares begin at an even byte, or are copied to one.
    const share = (at) => shares(new Uint16Array(buffer.slice(2 * width * n + 2 * at * n, 2 * width * n + 2 * (at + 1) * n)));
    known = {
      key,
      label: numbers(new classes(buffer, 0, n), none),
      prediction: numbers(new classes(buffer, width * n, n), none),
      confidence: share(0),
      entropy: share(1),
    };
    return known;
  }

  function correct(id) {
    const { label, prediction } = known;
    return label[id] < 0 || prediction[id] < 0 ? null : label[id] === prediction[id];
  }

  /* Whether a sample passes the filters of classes and correctness. */
  function passes(id, selection) {
    const number = known.label[id] >= 0 ? known.label[id] : known.prediction[id];
    if (selection.classes.length && !selection.classes.includes(number)) return false;
    if (selection.correctness === "all") return true;
    return correct(id) === (selection.correctness === "right");
  }

  /* A mask of those of n samples that pass: of the ids, or of the first n where they are null. */
  function passing(ids, selection, n = ids.length) {
    const { label, prediction } = known;
    const { classes, correctness } = selection;
    const mask = new Uint8Array(n);
    const kept = classes.length ? new Uint8Array(65536) : null;
    if (kept) for (const number of classes) kept[number] = 1;
    for (let row = 0; row < n; row += 1) {
      const id = ids ? ids[row] : row;
      const [said, answer] = [label[id], prediction[id]];
      if (kept) {
        const number = said >= 0 ? said : answer;
        if (number < 0 || !kept[number]) continue;
      }
      if (correctness === "all") mask[row] = 1;
      else if (said >= 0 && answer >= 0 && (said === answer) === (correctness === "right")) mask[row] = 1;
    }
    return mask;
  }

  /* ---- colours ---- */

  const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

  function paletteOf(colours) {
    const palette = new Uint8Array(1024);
    [GREY, ...colours].forEach((colour, tone) => palette.set([...(typeof colour === "string" ? channels(colour) : colour), 255], 4 * tone));
    return palette;
  }

  /* A scale of [[position, colour], ...] in TONES steps. */
  function ramp(scale) {
    return Array.from({ length: TONES }, function (_, step) {
      const value = step / (TONES - 1);
      let i = 1;
      while (i < scale.length - 1 && scale[i][0] < value) i += 1;
      const [low, high] = [scale[i - 1], scale[i]];
      const share = Math.min(1, Math.max(0, (value - low[0]) / (high[0] - low[0])));
      const [from, to] = [channels(low[1]), channels(high[1])];
      return from.map((part, c) => Math.round(part + (to[c] - part) * share));
    });
  }

  /* Tones for numbers from 0 to 1 of these ids, along a scale; NaN: grey. `values` by row where `ids` is null. */
  function graded(values, ids, scale) {
    const n = ids ? ids.length : values.length;
    const tones = new Uint8Array(n);
    for (let row = 0; row < n; row += 1) {
      const value = values[ids ? ids[row] : row];
      tones[row] = value >= 0 ? 1 + Math.round(Math.min(1, value) * (TONES - 1)) : NONE;
    }
    return { tones, palette: paletteOf(ramp(scale)) };
  }

  /* Tones for classes: each its own colour; from the 256th on the nearest of the others'. By row where `ids` is null. */
  function classed(numbers, ids, colours) {
    const own = colours.slice(0, TONES);
    const tone = new Uint8Array(65537);
    colours.forEach((colour, number) => (tone[number + 1] = number < TONES ? number + 1 : 1 + nearest(channels(colour), own)));
    const n = ids ? ids.length : numbers.length;
    const tones = new Uint8Array(n);
    for (let row = 0; row < n; row += 1) tones[row] = tone[numbers[ids ? ids[row] : row] + 1];
    return { tones, palette: paletteOf(own) };
  }

  function nearest(colour, others) {
    const far = (other) => channels(other).reduce((sum, part, c) => sum + (part - colour[c]) ** 2, 0);
    return others.reduce((best, other, i) => (far(other) < far(others[best]) ? i : best), 0);
  }

  /* Tones and palette for ids by label, prediction, confidence, entropy or correctness, else grey; `scales`: see layouts/embedding.py. */
  function look(by, ids, catalog, scales) {
    if (by === "label" || by === "prediction") return classed(known[by], ids, catalog.colours);
    if (by === "confidence" || by === "entropy") return graded(known[by], ids, scales[by]);
    const tones = new Uint8Array(ids.length);
    for (let row = 0; by === "correct" && row < ids.length; row += 1) {
      const right = correct(ids[row]);
      tones[row] = right === null ? NONE : right ? 1 : 2;
    }
    return { tones, palette: paletteOf([scales.right, scales.wrong]) };
  }

  /* Tones for n points of whom `colourOf(row)` says one of a few colours. */
  function few(n, colourOf) {
    const colours = new Map([[GREY, NONE]]);
    const tones = new Uint8Array(n);
    for (let row = 0; row < n; row += 1) {
      const colour = colourOf(row);
      if (!colours.has(colour)) colours.set(colour, colours.size);
      tones[row] = colours.get(colour);
    }
    return { tones, palette: paletteOf([...colours.keys()].slice(1)) };
  }

  /* ---- the card of a sample ---- */

  function hover(card, id, mouse) {
    const catalog = shown;
    const named = (number) => (number >= 0 ? catalog.names[number] || String(number) : "none");
    const line = (key, value, bad) => nnvis.h("div", { class: bad ? "bad" : "" }, nnvis.h("span", { class: "label" }, key), " ", value);
    const words = nnvis.h("div", {}, line("sample", "#" + id), line("label", named(known.label[id])));
    words.append(line("prediction", named(known.prediction[id]), correct(id) === false));
    if (known.confidence[id] >= 0) words.append(line("confidence", known.confidence[id].toFixed(3)));
    const source = "image/" + catalog.dataset + "/" + id + ".png?side=192";
    const before = card.querySelector("img");
    const image = before && before.getAttribute("src") === source ? before : nnvis.h("img", { src: source, alt: "" });
    card.replaceChildren(image, words);
    card.hidden = false;
    const box = card.getBoundingClientRect();
    card.style.left = Math.min(mouse.clientX + 16, window.innerWidth - box.width - 8) + "px";
    card.style.top = Math.max(8, Math.min(mouse.clientY + 16, window.innerHeight - box.height - 8)) + "px";
  }

  nnvis.samples = { load, passes, passing, correct, hover, look, graded, classed, few, paletteOf, left: () => (element("hover-card").hidden = true) };
})();
