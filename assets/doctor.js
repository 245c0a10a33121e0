/* The doctor at the end of adding a classifier: which preprocessing, and which order of classes, the images bear out. Nothing
 * is changed before a person says so. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const WORDS = {
    raw: "0 … 255",
    unit: "0 … 1",
    symmetric: "−1 … 1",
    imagenet: "ImageNet mean and deviation",
    caffe: "BGR, ImageNet mean",
  };
  const percent = (share) => (share === null || share === undefined ? "" : (100 * share).toFixed(1));
  const place = () => document.getElementById("intake-doctor");

  function pixels(record) {
    const [name, swapped] = record.name.endsWith("_bgr") ? [record.name.slice(0, -4), ", BGR"] : [record.name, ""];
    const words = WORDS[name] ? nnvis.h("span", { class: "label" }, " " + WORDS[name] + swapped) : null;
    return [record.name, words];
  }

  /* Datasets that can say most first: labelled ones of as many classes, of the same size, the one on the page. */
  function suited(card) {
    const rank = (d) => (d.labelled && d.n_classes === card.n_classes ? 0 : !d.labelled ? 1 : 2);
    const size = (d) => Number(JSON.stringify(d.image_shape) !== JSON.stringify(card.input_shape));
    const here = (d) => Number(!nnvis.session || nnvis.session.dataset !== d.fingerprint);
    const order = (a, b) => rank(a) - rank(b) || size(a) - size(b) || here(a) - here(b);
    return [...nnvis.workspace.datasets].sort(order);
  }

  nnvis.doctor = function (card, again) {
    const h = nnvis.h;
    const datasets = suited(card);
    place().hidden = false;
    if (!datasets.length) {
      place().replaceChildren(
        h("p", { class: "label" }, "Add images as well: the doctor then finds out whether the preprocessing is right."),
        h("div", { class: "intake-buttons end" }, again)
      );
      return;
    }
    const select = h(
      "select",
      { class: "form-select form-select-sm", id: "doctor-dataset", "aria-label": "images" },
      datasets.map((d) => h("option", { value: d.fingerprint }, d.name + " · " + d.n_samples.toLocaleString("en") + (d.labelled ? "" : ", no labels")))
    );
    const report = h("div", { id: "doctor-report" });
    const run = h("button", { type: "button", class: "act", id: "doctor-run", onclick: () => examine(card, select.value, report) }, "Examine");
    const opened = h("button", { type: "button", class: "act primary", id: "intake-open", onclick: () => enter(card, select.value) }, "Open");
    place().replaceChildren(
      h("div", { class: "row" }, h("b", {}, "Doctor"), h("label", { class: "field" }, h("span", { class: "label" }, "with"), select, run)),
      report,
      h("div", { class: "intake-buttons end" }, again, opened)
    );
    const best = datasets[0];
    if (best.labelled && best.n_classes === card.n_classes) examine(card, best.fingerprint, report);
    else report.append(h("p", { class: "label" }, "Choose images, and see which preprocessing they bear out. Labelled ones of the same classes say most."));
  };

  function enter(card, dataset) {
    const session = nnvis.session || {};
    const others = session.dataset === dataset ? session.classifiers.filter((fingerprint) => fingerprint !== card.fingerprint) : [];
    nnvis.send({ kind: "dataset", dataset: dataset, classifiers: [card.fingerprint, ...others] });
    nnvis.intake.close();
    nnvis.intake.stage("zone");
  }

  async function examine(card, dataset, report) {
    const h = nnvis.h;
    const bar = h("span", { class: "job-done" });
    const said = h("span", { class: "label" }, "waiting for the engine");
    const abort = new AbortController();
    const cancel = h("button", { type: "button", class: "job-cancel", title: "Cancel", onclick: () => abort.abort() }, "×");
    report.replaceChildren(h("div", { class: "intake-step now" }, h("span", {}, "Examining"), h("span", { class: "job-bar" }, bar), said, cancel));
    const buttons = place().querySelectorAll("#doctor-run, #doctor-dataset");
    buttons.forEach((b) => (b.disabled = true));
    nnvis.intake.begin({ abort: abort, job: null });
    try {
      const begun = await nnvis.ask("POST", "doctor", { model: card.fingerprint, dataset: dataset });
      if (begun.problem) throw new Error(begun.problem);
      abort.signal.addEventListener("abort", () => nnvis.ask("DELETE", "jobs/" + begun.job).catch(() => null));
      const found = await nnvis.intake.finished(begun.job, function (row) {
        bar.style.width = (row.total ? (100 * row.done) / row.total : 0) + "%";
        said.textContent = row.message;
      });
      report.replaceChildren(...draw(card, dataset, begun.job, found.diagnosis));
    } catch (error) {
      report.replaceChildren(h("div", { class: "failure", role: "alert" }, abort.signal.aborted ? "Cancelled." : error.message));
    } finally {
      nnvis.intake.end();
      buttons.forEach((b) => (b.disabled = false));
    }
  }

  function draw(card, dataset, job, diagnosis) {
    const h = nnvis.h;
    const labelled = diagnosis.criterion === "accuracy";
    const use = (number, order) => keep(card, dataset, job, number, order);
    const lines = [...diagnosis.problems.map((text) => h("div", { class: "failure", role: "alert" }, text))];
    lines.push(h("p", { class: "doctor-reason" }, diagnosis.reason));
    const head = labelled ? ["pixels", "fitting", "accuracy, %", "", "confidence, %", ""] : ["pixels", "fitting", "uncertainty, %", "", "confidence, %", ""];
    const rows = diagnosis.candidates.slice(0, 8).map(function (candidate, number) {
      const current = number === diagnosis.current;
      const proposed = number === diagnosis.proposal;
      const value = labelled ? candidate.accuracy : candidate.entropy;
      const interval = labelled
        ? h("span", { class: "doctor-interval", style: { left: 100 * candidate.accuracy_low + "%", width: 100 * (candidate.accuracy_high - candidate.accuracy_low) + "%" } })
        : null;
      return h(
        "tr",
        { class: proposed ? "proposed" : "" },
        h("td", {}, pixels(candidate.preprocessing)),
        h("td", {}, candidate.resize),
        h("td", { class: "number" }, percent(value)),
        h("td", { class: "doctor-track", title: labelled ? `95 %: ${percent(candidate.accuracy_low)} to ${percent(candidate.accuracy_high)}, ${candidate.n} images` : `${candidate.n} images` },
          h("span", { class: "doctor-bar", style: { width: 100 * (value || 0) + "%" } }), interval),
        h("td", { class: "number" }, percent(candidate.confidence)),
        h("td", {}, current ? h("span", { class: "label" }, "in use") : h("button", { type: "button", class: "act" + (proposed ? " primary" : ""), onclick: () => use(number, false) }, "Use"))
      );
    });
    lines.push(h("table", { class: "doctor-table" }, h("thead", {}, h("tr", {}, head.map((text) => h("th", {}, text)))), h("tbody", {}, rows)));
    const order = diagnosis.class_order;
    if (order) {
      lines.push(
        h("p", {}, h("b", {}, "The classes seem to be in another order. "), order.reason),
        h("button", { type: "button", class: "act", id: "doctor-order", onclick: () => use(diagnosis.proposal ?? diagnosis.current, true) }, "Use the order found")
      );
    }
    lines.push(...diagnosis.notes.map((text) => h("p", { class: "label" }, text)));
    return lines;
  }

  async function keep(card, dataset, job, number, order) {
    const answer = await nnvis.ask("POST", "models/" + card.fingerprint, { job: job, candidate: number, class_order: order });
    if (answer.problem) return nnvis.intake.problem(answer.problem);
    await nnvis.lookAtWorkspace();
    const now = nnvis.workspace.models.find((entry) => entry.fingerprint === answer.fingerprint);
    enter(now, dataset);
  }
})();
