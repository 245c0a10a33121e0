/* The review: doubtful labels, twins, outliers and slices as lists over the map, with what was decided about each sample. What is
 * looked at, the questions, decisions and the selection stand here; the rows are drawn in review_rows.js. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const rev = (nnvis.review = nnvis.review || {});
  const by = (id) => document.getElementById(id);
  const PARTS = ["labels", "twins", "outliers", "slices"];
  const PAGE = 200; // rows at first, and more at a time
  const MOST_MODELS = 8;
  const KEPT = 6; // answers
  const JOBS = { review: "review/found", twins: "review/twins" };
  const text = JSON.stringify;

  rev.now = null; // what is looked at
  rev.parts = {}; // by name: {list(answer), row(one, answer), ids(one), say(answer, n)}; review_rows.js
  let shown = [null, null, null, null]; // catalog, session, selection, view
  let count = PAGE;
  let drawn = ""; // what the rows were drawn of
  const answers = new Map(); // by job and question, as text: the arrays, {problem}, or null while they are asked for
  const decided = new Map(); // by dataset: {decisions, datasets}, or a promise of them
  rev.named = new Map(); // named slices by question, as text

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.reviewShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view] = shown;
    if (!catalog || !session || !selection || !view || !by("review")) return;
    if (!nnvis.catalogued(catalog, session)) return;
    const open = nnvis.overview(view) === "review";
    const settings = { by: "together", other: null, ...view.review };
    const part = PARTS.includes(settings.part) ? settings.part : "labels";
    if (rev.now && (rev.now.part !== part || rev.now.dataset !== session.dataset)) count = PAGE;
    rev.now = { catalog, selection, settings, open, part, dataset: session.dataset, models: session.classifiers.slice(0, MOST_MODELS) };
    if (!open) return;
    tools();
    ask();
    draw();
  }

  function tools() {
    const { part, settings, dataset } = rev.now;
    for (const name of PARTS) document.querySelector(".review-part-" + name).setAttribute("aria-pressed", String(name === part));
    for (const name of ["outliers", "twins", "slices"]) by(`review-${name}-tools`).hidden = name !== part;
    by("review-by-select").value = settings.by;
    const list = by("review-other-select");
    known().then(function (found) {
      if (list.dataset.of !== dataset && rev.now.dataset === dataset) {
        list.replaceChildren(list.options[0], ...(found.datasets || []).map(([fingerprint, name]) => new Option("between this and " + name, fingerprint)));
        list.dataset.of = dataset;
      }
      list.value = rev.now.settings.other || "-";
    });
  }

  /* A click on the tab, or on a part, asks again for what went wrong. */
  document.addEventListener("click", function (event) {
    if (!rev.now || !event.target.closest("#overview-tab-review, #review-parts button")) return;
    const key = keyOf(question());
    if (answers.get(key) && answers.get(key).problem) answers.delete(key);
    look();
  });

  /* --- questions ------------------------------------------------------------------------------------------------- */

  function question() {
    const { part, dataset, models, settings } = rev.now;
    return part === "twins" ? { job: "twins", dataset, other: settings.other || "" } : { job: "review", dataset, models };
  }
  const keyOf = ({ job, ...wanted }) => job + text(wanted);

  const asked = {}; // by job: the key of its last question
  function ask() {
    const { job, ...wanted } = question();
    const key = job + text(wanted);
    if ((job === "review" && !wanted.models.length) || answers.has(key)) return;
    if (answers.get(asked[job]) === null) answers.delete(asked[job]); // a job that is asked for no longer doesn't answer
    asked[job] = key;
    answers.set(key, null);
    nnvis.network.run(job, wanted);
  }

  window.addEventListener("nnvis-network-job", async function (event) {
    const { name, record, answer } = event.detail;
    if (!JOBS[name] || !answer) return;
    const { number, ...wanted } = record;
    const found = answer.problem ? { problem: answer.problem } : await nnvis.network.arrays(JOBS[name], wanted);
    const key = name + text(wanted);
    answers.delete(key);
    answers.set(key, found);
    while (answers.size > KEPT) answers.delete(answers.keys().next().value);
    if (rev.now && rev.now.open) draw();
  });

  /* What was decided about this dataset's samples. */
  function known() {
    const { dataset } = rev.now;
    if (!decided.has(dataset)) {
      decided.set(
        dataset,
        nnvis.network.post("review/decisions", { dataset }).then(function (found) {
          if (found.problem) decided.delete(dataset);
          return found;
        })
      );
    }
    return decided.get(dataset);
  }

  rev.decide = async function (samples, decision, more) {
    const { dataset } = rev.now;
    const found = await nnvis.network.post("review/decide", { dataset, samples, decision, ...more });
    by("review-message").textContent = found.problem || "";
    if (found.problem) return;
    const { decisions } = await known();
    for (const sample of found.samples) {
      if (found.decision) decisions[sample] = found.decision;
      else delete decisions[sample];
    }
    rev.decisions = decisions;
    tell();
    rev.redraw(found.samples);
  };

  function tell() {
    const n = Object.keys(rev.decisions).length;
    by("review-decided").textContent = n ? `${n.toLocaleString("en-US")} decided` : "";
    by("review-decided").dataset.decided = String(n);
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  let turn = 0;
  async function draw() {
    const mine = (turn += 1);
    const { part, models, catalog, selection, dataset, settings } = rev.now;
    const wanted = question();
    const answer = answers.get(keyOf(wanted));
    const problem = !models.length && part !== "twins" ? "No classifier fits this dataset. Add one." : (answer && answer.problem) || "";
    by("review-message").textContent = problem;
    const list = by("review-list");
    if (!answer || problem) {
      list.replaceChildren();
      list.dataset.drawn = drawn = "";
      by("review-status").textContent = problem ? "" : part === "twins" ? "The images are being compared." : "The dataset is being reviewed.";
      return;
    }
    const [found, attributes] = await Promise.all([known(), nnvis.samples.load(catalog)]);
    if (mine !== turn || !rev.now.open) return;
    rev.decisions = found.decisions || {};
    rev.label = (id) => catalog.names[attributes.label[id]];
    rev.answer = answer;
    tell();
    const key = text([part, wanted, selection.classes, selection.correctness, settings.by, count]);
    if (drawn !== key) {
      rev.shown = rev.parts[part].list(answer).slice(0, count);
      const all = rev.parts[part].list(answer).length;
      const more = all > rev.shown.length ? nnvis.h("button", { type: "button", class: "act review-more", onclick: () => ((count += PAGE), draw()) }, `${Math.min(PAGE, all - rev.shown.length)} more`) : null;
      list.replaceChildren(...rev.shown.map((one) => rev.parts[part].row(one, answer)), ...(more ? [more] : []));
      list.scrollTop = count > PAGE ? list.scrollTop : 0;
      list.dataset.rows = String(rev.shown.length);
      list.dataset.part = part;
      by("review-status").textContent = rev.parts[part].say(answer, all);
      list.dataset.drawn = drawn = key;
    }
    if (part === "slices") rev.nameSlices(dataset, models);
    mark();
  }

  /* The tested sample's rows. */
  function mark() {
    const { selection } = rev.now;
    const primary = selection.derived ? null : selection.primary;
    document.querySelectorAll("#review-list [data-sample]").forEach((row) => row.classList.toggle("here", row.dataset.sample === String(primary)));
  }

  /* --- the selection --------------------------------------------------------------------------------------------- */

  rev.test = (id, event) => nnvis.send(nnvis.meant({ kind: "primary", sample: id, origin: "review" }, event));
  rev.select = function (ids, event) {
    const before = event && event.shiftKey ? nnvis.selected(rev.now.selection.samples) : Promise.resolve([]);
    before.then((kept) => nnvis.select([...kept, ...ids], "review"));
  };

  document.addEventListener("click", function (event) {
    if (!rev.now || !rev.now.open) return;
    if (event.target.closest("#review-select") && rev.shown) rev.select(rev.shown.flatMap((one) => rev.parts[rev.now.part].ids(one, rev.answer)), event);
    if (event.target.closest("#review-save")) save();
    if (event.target.closest("#review-export")) nnvis.h("a", { href: `review/${rev.now.dataset}.csv`, download: "" }).click();
  });
  document.addEventListener("keydown", (event) => event.key === "Enter" && event.target.id === "review-name" && save());

  async function save() {
    const { dataset, models, selection } = rev.now;
    const name = by("review-name").value;
    const found = await nnvis.network.post("review/slice", { dataset, name, samples: selection.samples });
    by("review-message").textContent = found.problem || "";
    if (found.problem) return;
    by("review-name").value = "";
    rev.named.clear();
    rev.nameSlices(dataset, models);
  }
})();
