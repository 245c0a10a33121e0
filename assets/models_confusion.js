/* Confusion: labels against predictions, or A's predictions against B's, a cell for each two classes. Cells beside the diagonal
 * have the warm colours; every cell picks its samples, and arrow keys go from one to the next. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const LARGEST = 30; // confusions that are listed
  const NUMBERED = [20, 12]; // pixels of the smallest cell with its number
  const CELL = { width: [9, 52], height: [9, 30] };
  const ROW = 72; // pixels that names take at the left

  md.parts.confusion = function (plot, answer) {
    const which = answer.matrices[md.now.settings.matrix] ? md.now.settings.matrix : Object.keys(answer.matrices)[0];
    if (!which) return plot.replaceChildren(h("div", { class: "empty" }, `No sample has a label, and only ${md.now.names[0]} is ticked: there is nothing to hold its answers against.`));
    const matrix = answer.matrices[which];
    const [a, b] = md.now.names;
    const sides = { a: ["label", `prediction of ${a}`, (s) => [s.label, s.a]], b: ["label", `prediction of ${b}`, (s) => [s.label, s.b]], ab: [`prediction of ${a}`, `prediction of ${b}`, (s) => [s.a, s.b]] }[which];
    md.say(said(matrix));
    const axis = h("div", { class: "models-axis" }, `rows: ${sides[0]}, columns: ${sides[1]}`);
    plot.replaceChildren(h("div", { class: "models-columns" }, h("div", {}, axis, table(plot, matrix, sides)), largest(matrix, sides)));
    plot.dataset.matrix = which;
  };

  function said({ classes, n_classes, left_out }) {
    if (n_classes === classes.length) return "";
    return `The ${classes.length} of ${n_classes} classes with the most confusion; ${md.count(left_out)} samples have others.`;
  }

  function table(plot, { classes, counts }, sides) {
    const n = classes.length;
    const names = classes.map(md.name);
    const wide = Math.min(0.7 * plot.clientWidth, plot.clientWidth - 150) - ROW;
    const within = ([low, high], size) => Math.max(low, Math.min(high, Math.floor(size)));
    const width = within(CELL.width, wide / n - 1);
    const tall = names.some((name) => name.length * 6.5 > width);
    const height = within(CELL.height, (plot.clientHeight - 24 - (tall ? 62 : 16)) / n - 1);
    const numbered = width >= NUMBERED[0] && height >= NUMBERED[1];
    const head = h("tr", { class: tall ? "tall" : "" }, h("th", {}), names.map((name) => h("th", { scope: "col", title: name, style: { width: width + "px" } }, name)));
    const body = counts.map(function (row, i) {
      const total = row.reduce((sum, count) => sum + count, 0);
      const cells = row.map(function (count, j) {
        const share = total ? count / total : 0;
        const style = { width: width + "px", height: height + "px", ...(count ? coloured(share, i === j) : {}) };
        const cell = h("td", { class: count ? "filled" : "", "data-cell": `${classes[i]}-${classes[j]}`, tabindex: i + j ? "-1" : "0", style }, numbered && count ? md.count(count) : "");
        const lines = [`${sides[0]}: ${names[i]}`, `${sides[1]}: ${names[j]}`, `${md.count(count)} samples, ${md.percent(share)} of the row`];
        return md.picks(cell, lines, (s) => same(sides[2](s), classes[i], classes[j]));
      });
      return h("tr", {}, h("th", { scope: "row", title: names[i] }, names[i]), cells);
    });
    const made = h("table", { class: "models-matrix", "aria-label": `${sides[0]} by ${sides[1]}` }, h("thead", {}, head), h("tbody", {}, body));
    made.addEventListener("keydown", walk);
    return made;
  }
  const same = ([row, column], i, j) => row === i && column === j;

  const DIAGONAL = [[246, 248, 251], [143, 184, 222]];
  const BESIDE = [[253, 243, 234], [240, 150, 90], [178, 24, 43]];
  function coloured(share, diagonal) {
    const scale = diagonal ? DIAGONAL : BESIDE;
    const at = (diagonal ? share : Math.min(1, Math.sqrt(share / 0.5))) * (scale.length - 1); // half of a row is as warm as it gets
    const i = Math.min(scale.length - 2, Math.floor(at));
    const mixed = scale[i].map((low, c) => Math.round(low + (scale[i + 1][c] - low) * (at - i)));
    const light = (0.3 * mixed[0] + 0.59 * mixed[1] + 0.11 * mixed[2]) / 255;
    return { background: `rgb(${mixed.join()})`, color: light < 0.5 ? "#fff" : "#1f2733" };
  }

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

  function largest({ classes, counts }, sides) {
    const pairs = counts.flatMap((row, i) => row.map((count, j) => [count, i, j])).filter(([count, i, j]) => count && i !== j);
    pairs.sort((one, other) => other[0] - one[0]);
    const buttons = pairs.slice(0, LARGEST).map(function ([count, i, j]) {
      const words = `${md.name(classes[i])} → ${md.name(classes[j])}`;
      const button = h("button", { type: "button", class: "act", title: `${sides[0]} ${md.name(classes[i])}, ${sides[1]} ${md.name(classes[j])}. Select them; Shift adds them` }, h("b", {}, md.count(count)), " " + words);
      button.addEventListener("click", (event) => md.pick((s) => same(sides[2](s), classes[i], classes[j]), event));
      return button;
    });
    return h("div", { class: "models-largest" }, h("div", { class: "label" }, pairs.length ? "most often" : "none beside the diagonal"), buttons);
  }
})();
