/* A table of coloured cells, for confusion and for layers: every cell acts on a click or Enter, arrow keys go among them. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const NUMBERED = [20, 12]; // pixels of the smallest cell with its number
  const CELL = { width: [9, 52], height: [9, 30] };
  const ROW = 92; // pixels that names take at the left
  const STANDING = [44, 76]; // and at the top, where they stand upright: where rows would be lower than this, and else
  const LOW = 16;
  const LETTER = 6.5; // pixels

  /* `cell(i, j)`: {id, text, colour: [r, g, b] or null, bold, lines, act(event) or null}; `share` of the plot's width is free; the
   * names in `chosen` are bold. */
  md.matrix = function (plot, { label, rows, columns, share, cell, chosen }) {
    const within = ([low, high], size) => Math.max(low, Math.min(high, Math.floor(size)));
    const width = within(CELL.width, (share * plot.clientWidth - ROW) / columns.length - 1);
    const tall = columns.some((name) => name.length * LETTER > width);
    const standing = STANDING[plot.clientHeight - 24 - STANDING[1] < rows.length * LOW ? 0 : 1];
    const height = within(CELL.height, (plot.clientHeight - 24 - (tall ? standing : 16)) / rows.length - 1);
    const small = { lineHeight: height + "px", fontSize: Math.min(11, height) + "px" };
    const numbered = width >= NUMBERED[0] && height >= NUMBERED[1];
    const named = (name, side, style) => h("th", { scope: side, title: name, class: chosen && chosen[side] === name ? "strong" : "", style }, name);
    const head = h("tr", { class: tall ? "tall" : "" }, h("th", {}), columns.map((name) => named(name, "col", { width: width + "px", ...(tall ? { lineHeight: width + "px", fontSize: Math.min(11, width) + "px", maxHeight: standing + "px", height: standing + "px" } : {}) })));
    const body = rows.map((name, i) => h("tr", {}, named(name, "row", small), columns.map((_, j) => one(cell(i, j), i + j, width, height, numbered))));
    const made = h("table", { class: "models-matrix", "aria-label": label }, h("thead", {}, head), h("tbody", {}, body));
    made.addEventListener("keydown", walk);
    return made;
  };

  function one({ id, text, colour, bold, lines, act }, place, width, height, numbered) {
    const style = { width: width + "px", height: height + "px", ...(colour ? shaded(colour) : {}) };
    const made = h("td", { class: (act ? "filled" : "") + (bold ? " strong" : ""), "data-cell": id, tabindex: place ? "-1" : "0", style }, numbered ? text : "");
    return md.acts(made, lines, act || (() => {}));
  }

  function shaded(colour) {
    const light = (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255;
    return { background: `rgb(${colour.join()})`, color: light < 0.5 ? "#fff" : "#1f2733" };
  }

  /* A colour between those of a scale, at 0..1. */
  md.mixed = function (scale, share) {
    const at = Math.max(0, Math.min(1, share)) * (scale.length - 1);
    const i = Math.min(scale.length - 2, Math.floor(at));
    return scale[i].map((low, c) => Math.round(low + (scale[i + 1][c] - low) * (at - i)));
  };

  /* Arrow keys move among the cells; only one of them is reached by Tab. */
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  function walk(event) {
    const step = STEPS[event.key];
    const cell = event.target.closest("td");
    if (!step || !cell) return;
    event.preventDefault();
    const row = event.currentTarget.tBodies[0].rows[cell.parentElement.sectionRowIndex + step[0]];
    const next = row && row.cells[cell.cellIndex + step[1]];
    if (!next || next.tagName !== "TD") return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
})();
