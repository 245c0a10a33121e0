/* Dash's clientside callbacks that derive one store from others, the link in the address, the notice and the job tray. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const unless = (next, previous) => (same(next, previous) ? dash.no_update : next);

  /* What is explained, and how; the same in every request for an attribution. */
  const explaining = (selection, view) => ({
    layer: selection.layer,
    explained: view.explained,
    unit: view.explained === null ? null : view.unit,
    target: selection.target,
    method: view.attribution,
    parameters: view.attribution_parameters,
    output: view.output,
  });
  /* Which image is tested: the primary sample or one of the tray, under its edits. */
  const tested = (selection) => ({
    sample: selection.derived ? null : selection.primary,
    derived: selection.derived,
    edits: selection.edits,
  });
  const untested = { sample: null, derived: "", edits: [] };
  nnvis.tests = (request) => Boolean(request) && (request.sample !== null || Boolean(request.derived));
  nnvis.tested = tested;
  /* Whether the catalog is of the dataset and the classifier that the session has: else its names are on their way. */
  nnvis.catalogued = (catalog, session) => catalog.dataset === session.dataset && catalog.model === (session.classifiers[0] || null);

  nnvis.asked = (session, selection, view) => ({
    dataset: session.dataset,
    model: session.classifiers[0] || null,
    ...tested(selection),
    pair: view.lens === "whatif",
    ...explaining(selection, view),
    clip: view.clip,
    smooth: view.smooth,
  });

  /* What a prediction difference analysis is asked for; nothing while the other lens is looked through. */
  nnvis.analysed = (session, selection, view) => ({
    dataset: session.dataset,
    model: session.classifiers[0] || null,
    ...(view.lens === "difference" ? tested(selection) : untested),
    target: view.explained === null ? selection.target : null,
    layer: view.explained,
    unit: view.explained === null ? null : view.unit,
    parameters: view.difference,
    beside: view.beside,
    classifiers: view.beside === "classifiers" ? session.classifiers : [],
    samples: view.beside === "images" ? selection.samples : "",
  });

  /* What each view is asked for, from the state; what did not change is not asked again. */
  space.derive = function (session, selection, view, ...previous) {
    if (!session || !selection || !view) return previous.map(() => dash.no_update);
    nnvis.session = session;
    setTimeout(nnvis.stateStands);
    const { dataset, classifiers } = session;
    const model = classifiers[0] || null;
    const explained = explaining(selection, view);
    const filter = { session: session, classes: selection.classes, correctness: selection.correctness };
    const next = [
      dataset && model ? { dataset: dataset, classifiers: classifiers } : null,
      dataset && {
        dataset: dataset,
        model: model,
        features: model ? view.features : "pixels",
        method: view.method,
        n_samples: view.n_samples,
        seed: view.seed,
        parameters: view.parameters,
        start: view.start,
      },
      filter,
      { ...filter, samples: selection.samples },
      { session: session, ...explained, clip: view.clip, smooth: view.smooth, grey: view.grey, grid: view.grid, lens: view.lens, difference: view.difference, beside: view.beside, common: view.common, comparison: { ...view.comparison, page: null } },
      { ...nnvis.asked(session, selection, view), ...(["difference", "compare"].includes(view.lens) ? { method: null } : {}) },
      nnvis.analysed(session, selection, view),
      {
        dataset: dataset,
        classifiers: classifiers,
        model: model,
        ...(view.lens === "whatif" ? tested(selection) : untested),
        target: selection.target,
      },
    ];
    return next.map((request, i) => (request ? unless(request, previous[i]) : dash.no_update));
  };

  let noticed = "";
  space.applied = function (link, applied) {
    if (!applied) return dash.no_update;
    nnvis.applied(applied.number);
    const address = window.location.pathname + "?s=" + link;
    if (link && window.location.pathname + window.location.search !== address) {
      window.history.replaceState(window.history.state, "", address);
    }
    const problem = applied.problem || "";
    if (problem !== noticed) {
      const notice = document.getElementById("page-notice");
      notice.textContent = noticed = problem;
      notice.hidden = !problem;
    }
    return dash.no_update;
  };

  /* The job tray. A job runs from its request until an answer to that request is there. */
  const jobs = {};
  /* Jobs that a view starts and that the view's own scripts hear of (`nnvis.network.run`): `VIEW_JOBS` of layouts/ids.py. */
  nnvis.viewJobs = [
    ...["effect", "campaign", "smallest", "visualisation", "redrawn"],
    ...["simulation", "battery", "breaking", "pairs"],
    ...["suggestion", "reasons"],
    ...["similarity", "aligned", "review", "twins", "compare", "honesty"],
    ...["badges", "trust"],
  ];
  const ALL = ["index", "embedding", "testing", "difference", "responses", "attack", "evidence", ...nnvis.viewJobs];
  /* Requests that ask for nothing; a job of another name asks for something whenever it is asked. */
  const nothing = { testing: (r) => !nnvis.tests(r) || r.method === null, responses: (r) => !r.names.length };

  function tray(name) {
    const line = document.getElementById("tray-" + name);
    const { request, progress, answer } = jobs[name];
    if (!line) return;
    const running = Boolean(request) && !(nothing[name] && nothing[name](request)) && !(answer && same(answer.request, request));
    line.dataset.running = running ? "1" : "";
    if (!running) {
      line.hidden = true;
      return;
    }
    // What is done within a quarter of a second needs no line: it would only flicker.
    if (line.hidden) setTimeout(() => (line.hidden = !line.dataset.running), 250);
    const done = progress && progress.total ? progress.done / progress.total : 0;
    line.querySelector(".job-done").style.width = 100 * done + "%";
    const words = [progress && progress.of, progress && progress.total ? Math.round(100 * done) + " %" : ""];
    line.querySelector(".job-share").textContent = words.filter(Boolean).join(" · ");
    line.title = (progress && progress.message) || "";
    line.querySelector(".job-cancel").disabled = !(progress && progress.key);
  }

  /* What a change of a live parameter carries: the map of the same samples that is there, for the next one to go on from. */
  nnvis.continued = function () {
    const samples = ({ parameters, start, ...rest }) => rest;
    const { request, answer } = jobs.embedding;
    return request && answer && answer.key && same(samples(request), samples(answer.request)) ? { start: answer.key } : {};
  };

  let cancelled = 0;
  document.addEventListener("click", function (event) {
    const line = event.target.closest(".job-cancel") && event.target.closest(".job");
    const job = line && jobs[line.id.replace("tray-", "")];
    if (job && job.progress && job.progress.key) nnvis.store("job-cancel", { key: job.progress.key, number: (cancelled += 1) });
  });

  for (const name of ALL) {
    jobs[name] = { request: null, progress: null, answer: null };
    space[name + "Asked"] = function (request, progress, answer) {
      const reported = progress && same(progress.request, request) ? progress : null;
      jobs[name] = { request: request, progress: reported, answer: answer };
      tray(name);
      return dash.no_update;
    };
    space[name + "Answered"] = function (answer) {
      jobs[name].answer = answer;
      tray(name);
      if (name === "index" && answer) nnvis.store("index-done", answer);
      // A map may be there before its first progress is: it is played all the same.
      if (name === "embedding" && answer && answer.fresh) space.embeddingProgress(answer, jobs[name].request, null);
      return dash.no_update;
    };
  }
})();
