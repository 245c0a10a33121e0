/* Walls of feature maps, for the tabs that show channels: as many cells as there are channels on one canvas that draws
 * only those in view, each of one or several pictures side by side. A cell is picked by click or Enter, opened in full by
 * double click, its corner or the space bar. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const tiles = (nnvis.tiles = {});
  const h = (...parts) => nnvis.h(...parts);

  const GAP = { y: 5, inner: 2, edge: 3 };
  const between = (per) => (per > 1 ? 11 : 6); // pixels from one cell to the next
  const CAPTION = 15; // pixels of height under a cell
  const ACCENT = "#1f6feb";
  const PATTERN = "#ee7733";
  const MUTED = "#5c6675";
  const FONT = '"Inter", "Segoe UI", "DejaVu Sans", "Helvetica Neue", Arial, sans-serif';

  function written(value, digits) {
    const size = Math.abs(value);
    const text = size < 1e-12 ? "0" : size < 1e-3 || size >= 1e6 ? value.toExponential(digits - 2) : Number(value.toPrecision(digits)).toString();
    return text.replace("e-", "e−").replace("e+", "e").replace(/^-/, "−");
  }
  tiles.short = (value) => written(value, 3);
  tiles.brief = (value) => written(value, 2);

  /* --- colours --------------------------------------------------------------------------------------------------- */

  const pack = (bytes, i) => (0xff000000 | (bytes[i + 2] << 16) | (bytes[i + 1] << 8) | bytes[i]) >>> 0;
  const grey = (colour) => {
    const light = Math.round(0.3 * (colour & 255) + 0.59 * ((colour >> 8) & 255) + 0.11 * ((colour >> 16) & 255));
    const softened = 60 + Math.round(light * 0.68);
    return (0xff000000 | (softened << 16) | (softened << 8) | softened) >>> 0;
  };

  /* 256 colours for the bytes of a tile that stand for low ... high. Values from `floor` on take the whole scale within
   * `span`; signed ones, its upper half above the floor and its lower half below it. */
  tiles.colours = function (low, high, range, signed, frozen) {
    const net = nnvis.network;
    const table = signed ? net.divergingBytes : net.rampBytes;
    const found = new Uint32Array(256);
    for (let q = 0; q < 256; q += 1) {
      const value = low + ((high - low) * q) / 255;
      const part = range.span > 0 ? (value - range.floor) / range.span : Math.sign(value);
      const share = signed ? 0.5 + part / 2 : part;
      const colour = pack(table, 3 * Math.max(0, Math.min(255, Math.round(255 * share))));
      found[q] = frozen ? grey(colour) : colour;
    }
    return found;
  };
  tiles.around = (reach) => ({ floor: 0, span: reach });

  /* How the values of a layer are coloured: from 0 up, or around 0 where they lie on both sides of it. On its own scale
   * a channel that is nowhere near 0 begins with what is nearest to it, so that its structure shows. */
  tiles.scale = function (found, shared) {
    const n = found.low.length;
    let [least, most] = [Infinity, -Infinity];
    for (let i = 0; i < n; i += 1) {
      least = Math.min(least, found.low[i]);
      most = Math.max(most, found.high[i]);
    }
    const signed = least < 0 && -least > 0.02 * most;
    const end = signed ? Math.max(-least, most) : most;
    const own = function (low, high) {
      const floor = low > 0 ? low : signed && high < 0 ? high : 0;
      return { floor, span: (signed ? Math.max(Math.abs(low), Math.abs(high)) : high) - Math.abs(floor) };
    };
    return { signed, shared, end, range: (i) => (shared ? tiles.around(end) : own(found.low[i], found.high[i])) };
  };

  const scratch = document.createElement("canvas");
  const brush = scratch.getContext("2d");

  /* Draws one tile, its bytes through a table of colours; in full positions, never smeared. */
  tiles.paint = function (context, bytes, offset, width, height, colours, x, y, w, tall) {
    if (scratch.width !== width || scratch.height !== height) [scratch.width, scratch.height] = [width, height];
    const picture = brush.createImageData(width, height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = colours[bytes[offset + i]];
    stamp(context, picture, x, y, w, tall);
  };

  /* Draws a picture of red, green and blue bytes. */
  tiles.paintColours = function (context, bytes, offset, width, height, frozen, x, y, w, tall) {
    if (scratch.width !== width || scratch.height !== height) [scratch.width, scratch.height] = [width, height];
    const picture = brush.createImageData(width, height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) {
      const colour = pack(bytes, offset + 3 * i);
      pixels[i] = frozen ? grey(colour) : colour;
    }
    stamp(context, picture, x, y, w, tall);
  };

  function stamp(context, picture, x, y, w, tall) {
    brush.putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = picture.width > w * (window.devicePixelRatio || 1);
    context.drawImage(scratch, x, y, w, tall);
    context.strokeStyle = "rgba(31, 39, 51, 0.18)"; // where a white picture ends
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, w - 1, tall - 1);
  }

  /* Draws the stripes that mark what passes zeros on. */
  tiles.hatch = function (context, x, y, w, tall) {
    context.save();
    context.beginPath();
    context.rect(x, y, w, tall);
    context.clip();
    context.strokeStyle = "rgba(255, 255, 255, 0.55)";
    context.lineWidth = 1.2;
    context.beginPath();
    for (let at = -tall; at < w; at += 7) {
      context.moveTo(x + at, y + tall);
      context.lineTo(x + at + tall, y);
    }
    context.stroke();
    context.restore();
  };

  /* The name of a channel where the layer's channels are the classes. */
  tiles.className = function (header, channel) {
    const { classNames } = nnvis.network.now;
    return header.classes && classNames.length === header.n ? classNames[channel] : "";
  };

  tiles.legend = function (scale, words) {
    const net = nnvis.network;
    const stops = Array.from({ length: 9 }, (_, i) => (scale.signed ? net.diverging(i / 4 - 1) : net.ramp(i / 8))).join(",");
    const bar = h("i", { class: "tiles-ramp", style: { background: `linear-gradient(90deg, ${stops})` } });
    const end = scale.shared ? tiles.short(scale.end) : "its most";
    const from = scale.shared ? (scale.signed ? tiles.short(-scale.end) : "0") : scale.signed ? "− its most" : "its least";
    return [h("span", {}, from), bar, h("span", {}, end), ...(words ? [h("span", { class: "tiles-words" }, words)] : [])];
  };

  /* --- the wall -------------------------------------------------------------------------------------------------- */

  tiles.wall = function (host, does) {
    const canvas = h("canvas", { class: "tiles-canvas", tabindex: "0", role: "group", "aria-label": does.label });
    const spacer = h("div", { "aria-hidden": "true" });
    const box = h("div", { class: "tiles-wall" }, canvas, spacer);
    host.append(box);
    const context = canvas.getContext("2d");
    const wall = { box, canvas, cursor: -1, grid: null };
    let shown = null;
    let zoom = 1;
    let hovered = -1;
    let waiting = 0;

    /* {count, per (pictures a cell), aspect (width / height), least and most (pixels of a picture's height), draw (one
     * picture), words (under a cell: left, or long where there is room, and right), mark (of a cell: chosen, in the
     * pattern, and how many of its pictures are frozen)} */
    wall.show = function (what) {
      shown = what;
      if (wall.cursor >= what.count) wall.cursor = -1;
      wall.layout();
    };
    wall.clear = function () {
      shown = null;
      context.clearRect(0, 0, canvas.width, canvas.height);
      spacer.style.height = "0";
    };

    function fitted(width, height) {
      const { count, per, aspect, least, most } = shown;
      const gap = between(per);
      const of = (tall) => {
        const w = per * tall * aspect + (per - 1) * GAP.inner;
        const caption = w >= 34 ? CAPTION : 0;
        const columns = Math.max(1, Math.floor((width - 2 * GAP.edge + gap) / (w + gap)));
        const step = tall + caption + GAP.y;
        return { tall, columns, caption, step, w, rows: Math.ceil(count / columns) };
      };
      const [low, high] = [least * zoom, most * zoom];
      let found = of(low);
      for (let tall = low; tall <= high; tall += 1) {
        const next = of(tall);
        if (next.rows * next.step + 2 * GAP.edge > height && tall > low) break;
        found = next;
      }
      // What is left of the width goes to the pictures, where that doesn't make them taller than they may be.
      const w = (width - 2 * GAP.edge + gap) / found.columns - gap;
      const tall = Math.floor((w - (per - 1) * GAP.inner) / (per * aspect));
      const wider = of(Math.min(tall, Math.max(found.tall, high)));
      if (wider.columns === found.columns && (wider.rows * wider.step + 2 * GAP.edge <= height || found.rows * found.step + 2 * GAP.edge > height)) found = wider;
      const left = found.columns > 1 && found.rows > 1 ? (width - 2 * GAP.edge - found.columns * found.w) / (found.columns - 1) : gap;
      return { ...found, gap: Math.min(left, 3 * gap) };
    }

    wall.layout = function () {
      const [width, height] = [box.clientWidth, box.clientHeight];
      if (!shown || !width || !height) return;
      const dots = window.devicePixelRatio || 1;
      const grid = fitted(width, height);
      const total = grid.rows * grid.step + 2 * GAP.edge;
      if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
        [canvas.width, canvas.height] = [Math.round(width * dots), Math.round(height * dots)];
        [canvas.style.width, canvas.style.height] = [width + "px", height + "px"];
      }
      spacer.style.height = Math.max(0, total - height) + "px";
      wall.grid = { ...grid, dots, width, height };
      canvas.dataset.cells = shown.count;
      canvas.dataset.columns = grid.columns;
      canvas.dataset.picture = Math.round(grid.tall);
      wall.draw();
    };
    wall.pictureHeight = () => (wall.grid ? wall.grid.tall : 0);
    wall.zoom = function (factor) {
      zoom = Math.max(0.6, Math.min(6, zoom * factor));
      wall.layout();
    };

    /* Where a cell is, in the canvas as it is scrolled. */
    wall.place = function (i) {
      const { columns, w, tall, step, caption, gap } = wall.grid;
      return { x: GAP.edge + (i % columns) * (w + gap), y: GAP.edge + Math.floor(i / columns) * step - box.scrollTop, w, tall, caption };
    };

    wall.draw = function () {
      if (!shown || !wall.grid) return;
      const { columns, step, dots, width, height, tall, rows } = wall.grid;
      const picture = tall * shown.aspect;
      context.setTransform(dots, 0, 0, dots, 0, 0);
      context.clearRect(0, 0, width, height);
      const first = Math.max(0, Math.floor((box.scrollTop - GAP.edge) / step));
      const last = Math.min(rows, Math.ceil((box.scrollTop + height) / step));
      for (let i = first * columns; i < Math.min(shown.count, last * columns); i += 1) {
        const at = wall.place(i);
        for (let which = 0; which < shown.per; which += 1) shown.draw(context, i, which, at.x + which * (picture + GAP.inner), at.y, picture, tall);
        const mark = shown.mark(i);
        if (mark.frozen) tiles.hatch(context, at.x, at.y, mark.frozen * (picture + GAP.inner) - GAP.inner, tall);
        if (at.caption) caption(at, shown.words(i), mark);
        if (mark.pattern) frame(at, PATTERN, 2.5);
        if (mark.chosen) frame(at, ACCENT, 2.5);
        if (i === hovered || (i === wall.cursor && document.activeElement === canvas)) frame(at, mark.chosen ? ACCENT : "#111827", i === hovered ? 1.5 : 2.5);
        if (i === hovered && at.w >= 34) corner(at);
      }
    };

    function frame(at, colour, thick) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.strokeRect(at.x - thick / 2, at.y - thick / 2, at.w + thick, at.tall + thick);
    }

    function caption(at, words, mark) {
      context.font = `9.5px ${FONT}`;
      context.textBaseline = "top";
      const width = (text) => context.measureText(text).width;
      const room = at.w - width(words.right) - 3;
      let left = words.left;
      if (words.long && words.long !== words.left) {
        left = words.long;
        while (left.length > 3 && width(left) > room) left = left.slice(0, -2).trimEnd() + "…";
        if (left.length < words.left.length + 4) left = words.left;
      }
      context.textAlign = "left";
      context.fillStyle = mark.chosen ? ACCENT : "#1f2733";
      context.fillText(left, at.x, at.y + at.tall + 4);
      if (width(left) > room) return;
      context.fillStyle = MUTED;
      context.textAlign = "right";
      context.fillText(words.right, at.x + at.w, at.y + at.tall + 4);
    }

    const CORNER = 13;
    function corner(at) {
      const [x, y] = [at.x + at.w - CORNER - 1, at.y + 1];
      context.fillStyle = "rgba(255, 255, 255, 0.92)";
      context.fillRect(x, y, CORNER, CORNER);
      context.strokeStyle = "#1f2733";
      context.lineWidth = 1.2;
      context.beginPath();
      context.moveTo(x + 4, y + 9);
      context.lineTo(x + 9, y + 4);
      context.moveTo(x + 5.5, y + 3.6);
      context.lineTo(x + 9.4, y + 3.6);
      context.lineTo(x + 9.4, y + 7.5);
      context.stroke();
    }

    function under(event) {
      if (!shown || !wall.grid) return { i: -1 };
      const around = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - around.left - GAP.edge, event.clientY - around.top + box.scrollTop - GAP.edge];
      const { columns, w, step, tall, gap } = wall.grid;
      const [column, row] = [Math.floor(x / (w + gap)), Math.floor(y / step)];
      const [right, down] = [x - column * (w + gap), y - row * step];
      const i = row * columns + column;
      if (x < 0 || y < 0 || column >= columns || i >= shown.count || right > w || down > step - GAP.y + 1) return { i: -1 };
      return { i, corner: w >= 34 && right > w - CORNER - 2 && down < CORNER + 2 && down <= tall };
    }

    function hover(i, event) {
      if (i !== hovered) {
        hovered = i;
        wall.draw();
      }
      canvas.style.cursor = i < 0 ? "default" : "pointer";
      if (i < 0) does.leave();
      else does.hover(i, event);
    }

    canvas.addEventListener("mousemove", (event) => hover(under(event).i, event));
    canvas.addEventListener("mouseleave", () => hover(-1));
    canvas.addEventListener("click", function (event) {
      const { i, corner } = under(event);
      if (i < 0) return;
      wall.cursor = i;
      if (corner) does.open(i);
      // The second click of a double click selects nothing again, and takes back what the first one froze.
      else if (event.detail < 2 || nnvis.network.mode === "freeze") does.pick(i, event);
      wall.draw();
    });
    canvas.addEventListener("dblclick", function (event) {
      const { i, corner } = under(event);
      if (i >= 0 && !corner) does.open(i);
    });
    canvas.addEventListener("keydown", function (event) {
      if (!shown || !wall.grid || event.altKey || event.metaKey) return;
      const { columns, step } = wall.grid;
      const page = Math.max(1, Math.floor(wall.grid.height / step)) * columns;
      const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key in moves) {
        const to = wall.cursor < 0 ? 0 : wall.cursor + moves[event.key];
        wall.cursor = Math.max(0, Math.min(shown.count - 1, to));
        reveal(wall.cursor);
        does.moved(wall.cursor);
      } else if (event.key === "Enter" && wall.cursor >= 0) does.pick(wall.cursor, event);
      else if (event.key === " " && wall.cursor >= 0) does.open(wall.cursor);
      else if (event.key === "+" || event.key === "-") wall.zoom(event.key === "+" ? 1.25 : 0.8);
      else return;
      event.preventDefault();
      wall.draw();
    });
    canvas.addEventListener("focus", () => wall.draw());
    canvas.addEventListener("blur", () => wall.draw());

    function reveal(i) {
      if (!wall.grid) return;
      const { y, tall, caption } = wall.place(i);
      if (y < 0) box.scrollTop += y - GAP.edge;
      else if (y + tall + caption > wall.grid.height) box.scrollTop += y + tall + caption + GAP.edge - wall.grid.height;
    }
    wall.reveal = reveal;

    box.addEventListener("scroll", function () {
      if (hovered >= 0) {
        hovered = -1;
        does.leave();
      }
      if (!waiting)
        waiting = requestAnimationFrame(function () {
          waiting = 0;
          wall.draw();
        });
    });
    new ResizeObserver(() => wall.layout()).observe(box);
    return wall;
  };
})();
