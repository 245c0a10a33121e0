/* Does the evidence fit? Five small buttons under every cell of the comparison, one of which is chosen; kept by the server at
 * once. Arrows choose as in any group of radio buttons, digits too, and Delete or a second click takes the rating away. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const cmp = (nnvis.comparison = nnvis.comparison || {});
  const h = (...parts) => nnvis.h(...parts); // elements.js comes later
  const WORDS = ["", "not at all", "hardly", "in part", "mostly", "entirely"];

  let dataset = null;
  let given = new Map(); // by cell: {rating, explained}
  let means = new Map(); // by classifier and method: [mean, n]

  const cellOf = (sample, model, method) => [sample, model, method].join(" ");
  const columnOf = (model, method) => model + " " + method;

  /* Take what a page says of its ratings. */
  cmp.known = function (of, page) {
    if (dataset !== of) [dataset, given] = [of, new Map()];
    for (const row of page.rows) for (const model of page.models) for (const [method] of page.methods) given.delete(cellOf(row.sample, model.fingerprint, method));
    for (const [sample, model, method, rating, explained] of page.ratings) given.set(cellOf(sample, model, method), { rating, explained });
    took(page.means);
  };

  function took(list) {
    means = new Map(list.map(([model, method, mean, n]) => [columnOf(model, method), [mean, n]]));
    document.querySelectorAll("#comparison-table .mean").forEach((place) => tell(place));
  }

  /* The mean rating of a classifier and method, in the head of their column. */
  cmp.mean = function (model, method) {
    const place = h("span", { class: "label mean", "data-column": columnOf(model, method) });
    tell(place);
    return place;
  };

  function tell(place) {
    const known = means.get(place.dataset.column);
    place.textContent = known ? `★ ${known[0].toFixed(1)} (${known[1]})` : "";
    place.title = known ? `mean of ${known[1]} rating${known[1] === 1 ? "" : "s"} on this dataset` : "";
  }

  cmp.rating = function (row, model, method, title) {
    const group = h("span", { class: "rating", role: "radiogroup", "aria-label": `does the evidence fit? ${title} of ${model.name}, ${row.name}`, title: "Does the evidence fit? 1: not at all, 5: entirely" });
    const cell = { sample: row.sample, model: model.fingerprint, method: method, explained: row.explained };
    for (let value = 1; value <= 5; value += 1) {
      group.append(h("button", { type: "button", role: "radio", class: "star", "data-value": value, "aria-label": `${value}: ${WORDS[value]}` }, String(value)));
    }
    const known = given.get(cellOf(cell.sample, cell.model, cell.method));
    mark(group, known ? known.rating : null, known && known.explained);
    group.dataset.saved = known ? known.rating : "";
    group.addEventListener("click", function (event) {
      const button = event.target.closest(".star");
      if (!button) return;
      const value = Number(button.dataset.value);
      rate(group, cell, button.getAttribute("aria-checked") === "true" ? null : value);
    });
    group.addEventListener("keydown", function (event) {
      const now = Number(group.dataset.rating) || 0;
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      let value;
      if (step) value = Math.min(5, Math.max(1, now + step));
      else if (/^[1-5]$/.test(event.key)) value = Number(event.key);
      else if (["0", "Delete", "Backspace"].includes(event.key)) value = null;
      else return;
      event.preventDefault();
      rate(group, cell, value);
      group.querySelector('[tabindex="0"]').focus();
    });
    return group;
  };

  function mark(group, rating, explained) {
    group.dataset.rating = rating || "";
    if (explained) group.title = `Does the evidence fit? Rated for ${explained}`;
    for (const button of group.children) {
      const value = Number(button.dataset.value);
      button.setAttribute("aria-checked", String(value === rating));
      button.tabIndex = value === (rating || 1) ? 0 : -1;
    }
  }

  let turn = Promise.resolve(); // one after the other, so that the last one said is the one that is kept
  function rate(group, cell, rating) {
    const asked = dataset;
    mark(group, rating, cell.explained);
    turn = turn.then(async function () {
      const found = await nnvis.post("comparison/rate", { ...cell, dataset: asked, rating });
      const key = cellOf(cell.sample, cell.model, cell.method);
      if (found.problem) {
        document.getElementById("comparison-message").textContent = found.problem;
        const before = given.get(key);
        return mark(group, before ? before.rating : null, before && before.explained);
      }
      if (asked !== dataset) return;
      if (rating === null) given.delete(key);
      else given.set(key, { rating, explained: cell.explained });
      group.dataset.saved = rating || "";
      took(found.means);
    });
  }
})();
