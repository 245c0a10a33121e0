/* Confusion: labels against predictions, or A's predictions against B's, a cell for each two classes. Cells beside the diagonal
 * have the warm colours; every cell selects its samples. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const LARGEST = 30; // confusions that are listed
  const DIAGONAL = [[246, 248, 251], [143, 184, 222]];
  const BESIDE = [[253, 243, 234], [240, 150, 90], [178, 24, 43]];
  const WARMEST = 0.5; // share of a row beside the diagonal from which a cell is as warm as it gets

  md.parts.confusion = function (plot, answer) {
    const which = answer.matrices[md.now.settings.matrix] ? md.now.settings.matrix : Object.keys(answer.matrices)[0];
    if (!which) return plot.replaceChildren(h("div", { class: "empty" }, `No sample has a label, and only ${md.now.names[0]} is ticked: there is nothing to hold its answers against.`));
    const { classes, counts, n_classes, left_out } = answer.matrices[which];
    const [a, b] = md.now.names;
    const [down, across, of] = { a: ["label", `prediction of ${a}`, (s) => [s.label, s.a]], b: ["label", `prediction of ${b}`, (s) => [s.label, s.b]], ab: [`prediction of ${a}`, `prediction of ${b}`, (s) => [s.a, s.b]] }[which];
    if (n_classes > classes.length) md.say(`The ${classes.length} of ${n_classes} classes with the most confusion; ${md.count(left_out)} samples have others.`);
    const names = classes.map(md.name);
    const totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
    const picks = (i, j) => (event) => md.pick((s) => of(s)[0] === classes[i] && of(s)[1] === classes[j], event);
    const cell = function (i, j) {
      const count = counts[i][j];
      const share = totals[i] ? count / totals[i] : 0;
      const colour = i === j ? md.mixed(DIAGONAL, share) : md.mixed(BESIDE, Math.sqrt(share / WARMEST));
      const lines = [`${down}: ${names[i]}`, `${across}: ${names[j]}`, `${md.count(count)} samples, ${md.percent(share)} of the row`];
      return { id: `${classes[i]}-${classes[j]}`, text: count ? md.count(count) : "", colour: count ? colour : null, lines, act: count ? picks(i, j) : null };
    };
    const axis = h("div", { class: "models-axis" }, `rows: ${down}, columns: ${across}`);
    const table = md.matrix(plot, { label: `${down} by ${across}`, rows: names, columns: names, share: 0.74, cell });
    const pairs = counts.flatMap((row, i) => row.map((count, j) => [count, i, j])).filter(([count, i, j]) => count && i !== j);
    pairs.sort((one, other) => other[0] - one[0]);
    const buttons = pairs.slice(0, LARGEST).map(([count, i, j]) => h("button", { type: "button", class: "act", onclick: picks(i, j), title: `${down} ${names[i]}, ${across} ${names[j]}. Select them; Shift adds them` }, h("b", {}, md.count(count)), ` ${names[i]} → ${names[j]}`));
    const largest = h("div", { class: "models-largest" }, h("div", { class: "label" }, pairs.length ? "most often" : "none beside the diagonal"), buttons);
    plot.replaceChildren(h("div", { class: "models-columns" }, h("div", {}, axis, table), largest));
    plot.dataset.matrix = which;
  };
})();
