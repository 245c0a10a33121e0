/* Minimal evidence in the what-if lens: two parts of the tested image, each with what the classifier says of it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);

  let request = null; // what is tested, while the lens is looked through
  let run = null;
  let answer = null;
  let number = 0;

  const tests = () => Boolean(request && request.model && nnvis.tests(request));
  const running = () => Boolean(run && !answer);
  const subject = (record) => ["dataset", "model", "sample", "derived", "edits", "target"].map((name) => record[name]);

  space.evidenceShown = function (wanted) {
    request = wanted;
    if (run && tests() && !same(subject(run), subject(wanted))) forget();
    draw();
    return dash.no_update;
  };

  space.evidenceProgress = function (progress) {
    if (progress && running() && same(progress.request, run) && progress.total) {
      by("evidence-status").textContent = Math.round((100 * progress.done) / progress.total) + " %";
    }
    return dash.no_update;
  };

  space.evidenceAnswer = function (found) {
    if (!found || !run || !same(found.request, run)) return dash.no_update;
    answer = found;
    draw();
    return dash.no_update;
  };

  function start() {
    if (!tests()) return;
    number += 1;
    answer = null;
    const { dataset, model, sample, derived, edits, target } = request;
    run = { dataset, model, sample, derived, edits, target, filling: by("evidence-filling").value, least: Number(by("evidence-least").value), number: `${Date.now()}-${number}` };
    nnvis.store("evidence-run", run);
    draw();
  }

  function forget() {
    const waited = running();
    run = answer = null;
    if (waited) nnvis.store("evidence-run", null);
    draw();
  }

  document.addEventListener("click", function (event) {
    if (!event.target.closest("#evidence-run-button")) return;
    if (running()) forget();
    else start();
  });
  document.addEventListener("change", function (event) {
    if (["evidence-filling", "evidence-least"].includes(event.target.id) && run) start();
  });

  function draw() {
    if (!by("evidence-run-button")) return;
    const busy = running();
    const good = Boolean(answer && answer.key);
    by("evidence-run-button").disabled = !busy && !tests();
    by("evidence-run-button").textContent = busy ? "Cancel" : "Find";
    by("evidence-run-button").dataset.state = busy ? "running" : "idle";
    by("evidence-status").textContent = busy ? "searching …" : "";
    by("evidence-result").title = good ? `The classifier was asked about ${answer.evaluated.toLocaleString("en-US")} images` : "";
    by("evidence-message").textContent = answer && answer.problem ? answer.problem : "";
    by("evidence-summary").textContent = good ? answer.summary : "";
    by("evidence-result").hidden = !good;
    if (!good) return;
    for (const what of ["sufficient", "necessary"]) {
      const image = by(`evidence-${what}-image`);
      image.hidden = false;
      image.onload = () => image.classList.toggle("coarse", image.naturalWidth <= 96);
      image.src = `evidence/${answer.key}/${what}.png`;
      image.alt = answer[what].words.join("");
      const [before, name, after] = answer[what].words;
      by(`evidence-${what}-caption`).replaceChildren(before, h("b", {}, name), after);
    }
  }
})();
