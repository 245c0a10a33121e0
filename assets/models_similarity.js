/* How alike the layers of both classifiers see the same samples: linear CKA, A's layers down, B's across. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const SCALE = [[250, 250, 252], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];

  md.parts.similarity = function (plot, answer) {
    if (answer.alone) return plot.replaceChildren(h("div", { class: "empty" }, `Only ${md.now.names[0]} is ticked. Tick another classifier on the left to hold its layers against these.`));
    const { rows, columns, values } = answer;
    const [a, b] = md.now.names;
    const front = md.now.models.indexOf(md.now.catalog.model); // whose layers the network view shows
    const best = values.map((row) => Math.max(...row));
    const cell = function (i, j) {
      const value = values[i][j];
      const own = front < 0 ? null : [rows[i], columns[j]][front];
      const lines = [`${a}: ${rows[i]}`, `${b}: ${columns[j]}`, `CKA ${value.toFixed(3)}${value === best[i] ? ": the most alike of B's" : ""}`, own ? `click: the network view shows ${own}` : ""];
      return { id: `${i}-${j}`, text: value.toFixed(2), colour: md.mixed(SCALE, value), bold: value === best[i], lines: lines.filter(Boolean), act: own ? () => nnvis.network.chooseLayer(own) : null };
    };
    md.say(`Linear CKA over ${md.count(answer.n)} samples, whatever the filters, in ${answer.batches} minibatches: 1 where both see them alike. Bold: the most alike of each row.`);
    const axis = h("div", { class: "models-axis" }, `rows: layers of ${a}, columns: layers of ${b}`);
    plot.replaceChildren(axis, md.matrix(plot, { label: `layers of ${a} by layers of ${b}`, rows, columns, share: 0.96, cell, chosen: front < 0 ? null : { [["row", "col"][front]]: md.now.selection.layer } }));
  };

  /* What is drawn comes from a job. */
  md.parts.similarity.own = function () {
    if (md.now.models.length < 2) return { alone: true };
    const request = { dataset: md.now.catalog.dataset, models: md.now.models, samples: md.now.settings.samples };
    return md.job("similarity", request);
  };
})();
