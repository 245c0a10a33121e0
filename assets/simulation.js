/* The simulation view's core: what is looked at, for all of its tabs; the settings, the questions and the jobs of each. A tab
 * has a script of its own, which says what it asks and draws the answer. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const sim = (nnvis.simulation = nnvis.simulation || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const USUAL = { change: "rotation", other: "brightness", by: "probability", split: "primary", precision: "float32", tab: "curves" };
  const REST = 80; // milliseconds without a change after which a question is asked
  const PACE = 1000; // milliseconds between two looks at what is being computed

  sim.now = null;
  let shown = [null, null, null, null]; // catalog, session, selection, view
  let settings = null; // as they were clicked, until the state has them

  /* Tabs by name. Each gives `path` (of its route), `job` (that it starts; "" for none), `question()` and `subject()` (what
   * the route and the job get), `state(answer)` ("none", "part" or "whole" of what the job computes), `draw()`, and `live`
   * where its answers grow while the job runs. The rest is kept here. */
  const tabs = {};
  sim.add = (name, tab) => (tabs[name] = Object.assign(tab, { answer: null, asked: null, ran: null, turn: 0, timer: 0, asking: false }));

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.simulationShown = function (catalog, session, selection, view) {
    shown = [catalog, session, selection, view];
    if (!catalog || !selection || !view) return dash.no_update;
    if (settings && Object.entries(settings).every(([name, value]) => (view.simulation[name] ?? null) === value)) settings = null;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view] = shown;
    if (!catalog || !session || !selection || !view || !by("simulation-tools")) return;
    if (!nnvis.catalogued(catalog, session)) return;
    sim.now = {
      dataset: catalog.dataset,
      n: catalog.n,
      models: session.classifiers,
      classNames: catalog.names,
      colours: catalog.colours,
      samples: selection.samples,
      correctness: catalog.ready ? selection.correctness : "all",
      classes: selection.classes,
      primary: selection.primary,
      settings: { ...view.simulation, ...settings },
    };
    const name = sim.tab();
    const nothing = by("simulation-nothing");
    nothing.hidden = Boolean(catalog.model);
    nothing.textContent = catalog.model ? "" : "No classifier fits this dataset. Add one to simulate.";
    by("simulation-tools").hidden = !catalog.model;
    for (const one of Object.keys(tabs)) {
      by("simulation-tab-" + one).setAttribute("aria-selected", String(one === name));
      by("simulation-" + one).hidden = !catalog.model || one !== name;
    }
    if (!catalog.model) return;
    tools(name);
    sim.ask();
    draw();
  }

  function draw() {
    if (!sim.now || !sim.now.models.length) return;
    runButton();
    tabs[sim.tab()].draw();
  }
  window.addEventListener("resize", draw);

  sim.setting = (name) => sim.now.settings[name] ?? USUAL[name] ?? null;
  sim.tab = () => (tabs[sim.setting("tab")] ? sim.setting("tab") : "curves");
  sim.set = function (values) {
    const more = "change" in values && (values.change ?? USUAL.change) !== sim.setting("change") ? { degree: null, low: null, high: null, steps: null } : {};
    settings = { ...settings, ...more, ...values };
    nnvis.send({ kind: "simulation", parameters: values });
    look();
  };
  sim.title = (list) => (by(list || "simulation-change").selectedOptions[0] || { textContent: "" }).textContent;

  /* --- tools ----------------------------------------------------------------------------------------------------- */

  function tools(name) {
    document.querySelectorAll("#simulation-tools [data-simulation]").forEach(function (holder) {
      const input = holder.querySelector("select, input");
      if (input !== document.activeElement || input.tagName === "SELECT") input.value = sim.setting(holder.dataset.simulation) ?? "";
    });
    document.querySelectorAll("#simulation-tools [data-tabs]").forEach((part) => (part.hidden = !part.dataset.tabs.split(" ").includes(name)));
    const own = ["low", "high", "steps"].some((one) => sim.setting(one) !== null) || sim.setting("precision") !== "float32";
    by("simulation-degrees").firstElementChild.classList.toggle("set", own);
  }

  function runButton() {
    const button = by("simulation-run");
    const tab = tabs[sim.tab()];
    button.hidden = !tab.job;
    if (!tab.job) return;
    const running = sim.running();
    const state = sim.current() ? tab.state(tab.answer) : "none";
    button.textContent = running ? "Cancel" : { none: "Simulate", part: "Go on", whole: "Simulated" }[state];
    button.disabled = !running && state === "whole";
  }

  document.addEventListener("change", function (event) {
    const holder = event.target.closest("#simulation-tools [data-simulation]");
    if (!holder || !sim.now || event.target.validity.badInput) return;
    const value = event.target.value;
    const name = holder.dataset.simulation;
    sim.set({ [name]: value === "" || value === USUAL[name] ? null : event.target.type === "number" ? Number(value) : value });
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("#simulation-run")) return sim.running() ? stop() : start();
  });

  /* --- questions ------------------------------------------------------------------------------------------------- */

  const SIMULATED = ["change", "low", "high", "steps", "precision"];
  sim.subject = () => ({ dataset: sim.now.dataset, models: sim.now.models, ...Object.fromEntries(SIMULATED.map((name) => [name, sim.setting(name)])) });
  sim.selection = () => ({ samples: sim.now.samples, correctness: sim.now.correctness });
  /* Whether a tab's answer, that of the one that is shown or of another, is one to what is looked at now. */
  sim.current = function (name) {
    const tab = tabs[name || sim.tab()];
    return Boolean(tab.answer && !tab.answer.problem && same(tab.asked, tab.question()));
  };

  /* Ask what the tab that is shown wants to know, unless its answer is there. */
  sim.ask = function () {
    const tab = tabs[sim.tab()];
    if (!same(tab.question(), tab.asked)) soon(tab, REST);
  };

  function soon(tab, wait) {
    clearTimeout(tab.timer);
    tab.timer = setTimeout(function () {
      tab.timer = 0;
      ask(tab);
    }, wait);
  }

  /* While a job runs whose answers grow, it is asked again and again, each time after the answer before. */
  async function ask(tab) {
    const wanted = tab.question();
    const mine = (tab.turn += 1);
    tab.asking = true;
    const found = await nnvis.post("simulation/" + tab.path, wanted);
    if (mine !== tab.turn) return;
    tab.asking = false;
    tab.answer = found;
    tab.asked = wanted;
    if (found.again && !document.hidden) soon(tab, 2 * PACE);
    else if (tab === tabs[sim.tab()] && !same(wanted, tab.question())) soon(tab, REST);
    else if (tab.live && sim.running(tab)) soon(tab, PACE);
    draw();
  }

  /* --- jobs ------------------------------------------------------------------------------------------------------ */

  sim.running = function (given) {
    const tab = given || tabs[sim.tab()];
    return Boolean(tab.job && tab.ran && nnvis.network.running(tab.job) && same(tab.ran.subject, tab.subject()));
  };
  sim.problem = function () {
    const { ran, answer, subject } = tabs[sim.tab()];
    return (ran && same(ran.subject, subject()) && ran.problem) || (answer && !answer.again && answer.problem) || "";
  };
  /* How far the job of the tab that is shown is, in words; empty where none runs. */
  sim.doing = function () {
    const progress = sim.running() && tabs[sim.tab()].ran.progress;
    return progress && progress.total ? `${Math.round((100 * progress.done) / progress.total)} % · ${progress.message || ""}` : "";
  };

  function start() {
    const tab = tabs[sim.tab()];
    tab.ran = { subject: tab.subject(), problem: "", progress: null };
    nnvis.network.run(tab.job, tab.subject());
    if (tab.live) soon(tab, PACE / 2);
    draw();
  }

  function stop() {
    const tab = tabs[sim.tab()];
    nnvis.network.stop(tab.job);
    soon(tab, REST);
    draw();
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, progress, answer } = event.detail;
    const tab = Object.values(tabs).find((one) => one.job === name);
    if (!tab || !tab.ran || !sim.now) return;
    if (progress) tab.ran.progress = progress;
    if (answer) tab.ran.problem = answer.problem || "";
    if (answer) soon(tab, 0);
    else if (tab.live && !tab.asking && !tab.timer) soon(tab, PACE);
    if (tab === tabs[sim.tab()] && (answer || !tab.live)) draw();
  });

  /* --- words and pictures ---------------------------------------------------------------------------------------- */

  const short = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");
  sim.short = short;
  sim.degree = function (value, unit) {
    if (unit === "pixel values") return "ε " + short(value);
    return short(value) + (["°", "%", "×"].includes(unit) ? unit : unit ? " " + unit : "");
  };
  /* The same where there is little room: a unit that is a word is left out. */
  sim.brief = (value, unit) => sim.degree(value, (unit || "").length > 2 && unit !== "pixel values" ? "" : unit);
  sim.count = (n) => n.toLocaleString("en-US");
  sim.colourOf = function (name, index) {
    const at = sim.now.classNames.indexOf(name);
    return sim.now.colours[at >= 0 ? at : index % Math.max(1, sim.now.colours.length)] || "#5c6675";
  };
  /* Whether the page's class filter leaves a class out. */
  sim.filtered = (name) => sim.now.classes.length > 0 && !sim.now.classes.includes(sim.now.classNames.indexOf(name));
  sim.className = (index) => sim.now.classNames[index] || "class " + index;

  /* An image as a button that tests it, changed where `edits` says so. */
  sim.thumb = function (sample, { image, edits, title, words, mistake }) {
    const h = nnvis.h;
    const picture = h("img", { src: `image/${sim.now.dataset}/${encodeURIComponent(image ?? sample)}.png?side=96`, alt: "", draggable: "false" });
    const button = h("button", { type: "button", class: "act sim-thumb" + (mistake ? " mistake" : ""), "data-sample": sample, title: title + "; click to test it" }, picture, h("span", {}, words));
    button.addEventListener("click", function (event) {
      const change = nnvis.meant({ kind: "primary", sample: sample, origin: "simulation" }, event);
      nnvis.send(change);
      if (change.kind === "primary") nnvis.send({ kind: "edits", edits: edits || [], origin: "simulation" });
    });
    return button;
  };

  /* A card beside what is looked at, above `y`. */
  sim.card = function (x, y, ...children) {
    const card = by("hover-card");
    card.className = "hover-card sim-card";
    card.replaceChildren(nnvis.h("div", {}, ...children));
    card.hidden = false;
    const { width, height } = card.getBoundingClientRect();
    card.style.left = Math.max(8, Math.min(x - width / 2, innerWidth - width - 8)) + "px";
    card.style.top = Math.max(8, y - height - 4) + "px";
  };
  sim.uncard = function () {
    const card = by("hover-card");
    if (!card.classList.contains("sim-card")) return;
    card.hidden = true;
    card.className = "hover-card";
  };
})();
