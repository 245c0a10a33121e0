/* The third axis of the suggestion's scatter: how far the classifiers' heatmaps part on each sample. A job compares them when
 * a person asks for it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sug = (nnvis.suggestion = nnvis.suggestion || {});
  const MOST = 20; // samples that a click selects
  let known = { key: "" }; // {key, values}, or {key, problem}, or {key} while it is asked for

  /* The disagreement of every sample, NaN where it isn't known; null where it isn't asked for or not there yet. */
  sug.reasons = function () {
    const { settings, dataset, models } = sug.now;
    if (settings.colour !== "reason") return null;
    const wanted = { dataset, models };
    const key = JSON.stringify(wanted);
    if (known.key !== key) {
      known = { key };
      nnvis.network.run("reasons", wanted);
    }
    return known.values || null;
  };

  sug.reasonsProblem = () => (sug.now.settings.colour === "reason" && known.problem) || "";

  window.addEventListener("nnvis-network-job", async function (event) {
    const { name, record, answer } = event.detail;
    if (name !== "reasons" || !answer) return;
    const wanted = { dataset: record.dataset, models: record.models };
    const key = JSON.stringify(wanted);
    if (key !== known.key) return;
    const found = answer.problem ? answer : await nnvis.network.arrays("suggestion/reasons", wanted);
    if (key !== known.key) return;
    known = found.problem ? { key, problem: found.problem } : { key, values: found.disagreement };
    sug.redraw();
  });

  /* Ask again for what went wrong, or was cancelled. */
  sug.reasonsAgain = function () {
    if (!known.values && !nnvis.network.running("reasons")) known = { key: "" };
  };

  /* Those that all classifiers answer alike for the most different reasons, the most different first. */
  sug.differentReasons = function (answer, passes) {
    const alike = [];
    for (let id = 0; id < known.values.length; id += 1) if (passes[id] && answer.distinct[id] === 1 && !Number.isNaN(known.values[id])) alike.push(id);
    return alike.sort((a, b) => known.values[b] - known.values[a]).slice(0, MOST);
  };
})();
