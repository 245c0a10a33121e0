/* Attribution methods beside one another: a row a method, a column an image, drawn as they arrive. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  let last = [null, null, null];
  space.grid = function (request, progress, answer) {
    last = [request, progress, answer];
    draw(request, progress, answer);
    return dash.no_update;
  };

  space.gridAnswer = function (answer) {
    last[2] = answer;
    draw(...last);
    return dash.no_update;
  };

  function draw(request, progress, answer) {
    const place = document.getElementById("testing-grid");
    const wanted = Boolean(request && request.methods && request.methods.length);
    place.hidden = !wanted;
    if (!wanted) {
      place.replaceChildren();
      return;
    }
    const current = [answer, progress].find((found) => found && same(found.request, request));
    place.classList.toggle("pending", !(answer && same(answer.request, request)));
    if (!current) return;
    const h = nnvis.h;
    const rows = new Map(current.rows.map((row) => [row.name, row]));
    const image = (sample) => h("img", { src: `image/${request.dataset}/${sample}.png?side=160`, alt: "sample " + sample });
    const open = (sample) => JSON.stringify({ kind: "primary", sample: sample, origin: "grid" });
    const heads = current.samples.map((sample) =>
      h("th", {}, typeof sample === "number" ? h("button", { type: "button", class: "act cell", title: "Test sample " + sample, "data-change": open(sample) }, image(sample)) : image(sample))
    );
    const lines = request.methods.map(function (name) {
      const row = rows.get(name);
      const choose = JSON.stringify({ kind: "attribution", attribution: name });
      const title = h("th", { scope: "row" }, h("button", { type: "button", class: "act quiet", "data-change": choose, title: "Show this method above" }, row ? row.title : name));
      if (row && row.problem) return h("tr", {}, title, h("td", { colspan: current.samples.length, class: "label" }, row.problem));
      const cells = current.samples.map((sample, column) =>
        h("td", {}, row ? h("img", { src: row.cells[column], alt: `${row.title} of sample ${sample}` }) : h("span", { class: "waiting" }))
      );
      return h("tr", {}, title, cells);
    });
    const problem = current.problem ? h("div", { class: "failure", role: "alert" }, current.problem) : null;
    place.replaceChildren(...[problem, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}), heads)), h("tbody", {}, lines))].filter(Boolean));
    place.classList.toggle("coarse", !request.smooth);
  }
})();
