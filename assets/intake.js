/* The dialog to add a classifier or images (layouts/intake.py): files are chosen or dropped, sent, added by a job of the
 * engine, and a classifier is then looked at by the doctor. Text from files is only ever set as text. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const MODEL = /\.(keras|h5|hdf5|hdf|tflite|onnx|pb|pt|pth|safetensors|mlmodel|ckpt)$/i;
  const IMAGE = /\.(png|jpe?g|jpe|jfif|webp|bmp|dib|gif|tiff?)$/i;
  const LOOK = 300; // milliseconds between two looks at a job
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const show = (id, shown) => (by(id).hidden = !shown);

  let files = []; // [{path, file}]
  let name = "";
  let kind = "dataset";
  let extra = {}; // sidecar files: labels, classes
  let sent = null; // {id, files}: an upload that is still on the server
  let work = null; // {abort, job}: what runs now

  const megabytes = (bytes) => (bytes < 1e6 ? Math.max(1, Math.round(bytes / 1e3)) + " kB" : (bytes / 1e6).toFixed(1) + " MB");

  /* --- choosing ------------------------------------------------------------------------------------------------ */

  function open() {
    if (!by("intake").open) by("intake").showModal();
    if (!work && by("intake-result").hidden && by("intake-form").hidden) stage("zone");
  }

  function stage(now) {
    show("intake-zone", now === "zone");
    show("intake-form", now === "form");
    show("intake-steps", now === "steps");
    show("intake-result", now === "result");
    if (now !== "result") show("intake-doctor", false);
    if (now !== "form") problem("");
  }

  function problem(text) {
    by("intake-problem").textContent = text;
    show("intake-problem", Boolean(text));
  }

  function setKind(next) {
    kind = next;
    show("intake-model-form", kind === "model");
    show("intake-dataset-form", kind === "dataset");
    document.querySelectorAll("#intake [data-kind]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.kind === kind));
  }

  function take(list) {
    if (work) return;
    open();
    if (!list.length) {
      stage("zone");
      return problem("There are no files in what was chosen.");
    }
    const top = list[0].path.split("/")[0];
    const folder = list.every(({ path }) => path.startsWith(top + "/"));
    files = folder ? list.map(({ path, file }) => ({ path: path.slice(top.length + 1), file: file })) : list;
    files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const models = files.filter(({ path }) => MODEL.test(path) || path.endsWith("saved_model.pb"));
    const first = folder ? top : (models[0] || files[0]).path;
    name = folder ? top : first.replace(/^.*\//, "").replace(/(\.gz|\.npz|\.npy|\.zip|\.keras|\.h5|\.hdf5|\.json|\.[a-z]{3,4})$/i, "");
    if (files.some(({ path }) => /idx\d-ubyte/.test(path))) name = folder ? top : first.replace(/[-.]?(images|labels)?[-.]idx.*$/, "");
    extra = {};
    drop(sent);
    by("intake-files").textContent =
      (files.length === 1 ? files[0].path : files.length.toLocaleString("en") + " files") +
      " · " + megabytes(files.reduce((sum, { file }) => sum + file.size, 0));
    by("intake-name").value = name;
    for (const id of ["labels", "classes"]) by("intake-" + id).textContent = "choose…";
    stage("form");
    setKind(models.length ? "model" : "dataset");
    if (kind === "dataset" && files.length === 1 && IMAGE.test(files[0].path)) start(); // one image needs no choices
  }

  function drop(upload) {
    if (upload) nnvis.ask("DELETE", "uploads/" + upload.id).catch(() => null);
    sent = null;
  }

  window.addEventListener("pagehide", () => sent && !work && fetch("uploads/" + sent.id, { method: "DELETE", keepalive: true }));

  function pick(options, then) {
    const input = h("input", { type: "file", ...options });
    input.addEventListener("change", () => then(nnvis.chosen(input.files)));
    input.click();
  }

  function sidecar(id, accept) {
    pick({ accept: accept }, function ([chosen]) {
      if (!chosen) return;
      extra[id] = { path: id + chosen.path.match(/(\.[^.]*)?$/)[0].toLowerCase(), file: chosen.file };
      by("intake-" + id).textContent = chosen.path;
    });
  }

  function options() {
    if (kind === "dataset") {
      return by("intake-skip").checked ? { skip_unreadable: true } : {};
    }
    const value = (id) => by("intake-" + id).value.trim();
    const given = { preprocessing: value("preprocessing"), resize: value("resize") };
    if (value("output") !== "-") given.output = value("output");
    if (value("architecture")) given.architecture = value("architecture");
    if (value("head")) given.head = /^\d+$/.test(value("head")) ? Number(value("head")) : value("head");
    if (value("size")) {
      const sides = value("size").split(/\s*[x×,]\s*/).map(Number);
      given.input_size = sides.length === 1 ? [sides[0], sides[0]] : sides;
    }
    return given;
  }

  /* --- sending and adding --------------------------------------------------------------------------------------- */

  const STEPS = { upload: "Upload", add: "Check and add" };

  function steps(now, done, total, words) {
    const names = Object.keys(STEPS);
    const at = names.indexOf(now);
    by("intake-steps").replaceChildren(
      h("div", { class: "label strong" }, name),
      ...names.map((step, number) => {
        const share = number < at ? 1 : number > at ? 0 : total ? done / total : 0;
        const bar = h("span", { class: "job-done", style: { width: 100 * share + "%" } });
        return h(
          "div",
          { class: "intake-step" + (number === at ? " now" : "") },
          h("span", {}, STEPS[step]),
          h("span", { class: "job-bar" + (number === at && !total ? " unknown" : "") }, bar),
          h("span", { class: "label" }, number === at ? words : number < at ? "done" : "")
        );
      }),
      h("div", { class: "intake-buttons end" }, h("button", { type: "button", class: "act", id: "intake-stop", onclick: stop }, "Cancel"))
    );
    const line = by("tray-intake");
    line.hidden = false;
    line.querySelector(".job-done").style.width = (total ? (100 * done) / total : 0) + "%";
    line.querySelector(".job-share").textContent = STEPS[now];
    line.title = words;
  }

  function stop() {
    if (!work) return;
    work.abort.abort();
    if (work.job) nnvis.ask("DELETE", "jobs/" + work.job).catch(() => null);
  }

  /* Waits for a job and resolves to its result; `report(row)` at each look. */
  async function finished(key, report) {
    work.job = key;
    for (let missed = 0; ; ) {
      await new Promise((done) => setTimeout(done, LOOK));
      let row;
      try {
        row = await nnvis.ask("GET", "jobs/" + key, undefined, work.abort.signal);
        missed = 0;
      } catch (error) {
        if (work.abort.signal.aborted || ++missed > 30) throw error;
        continue;
      }
      if (row.state === "done" && row.result) return row.result;
      if (row.problem) throw new Error(row.problem);
      report(row);
    }
  }

  async function start() {
    if (work) return;
    const all = [...files, ...Object.values(kind === "dataset" ? extra : {})];
    name = by("intake-name").value.trim() || name;
    work = { abort: new AbortController(), job: null };
    stage("steps");
    try {
      if (!sent || sent.files !== all.length + ":" + files.length) {
        drop(sent);
        steps("upload", 0, 1, "");
        const id = await nnvis.upload(
          all,
          (received, total) => steps("upload", received, total, megabytes(received) + " of " + megabytes(total)),
          work.abort.signal
        );
        sent = { id: id, files: all.length + ":" + files.length };
      }
      steps("add", 0, 0, "waiting for the engine");
      const begun = await nnvis.ask("POST", "uploads/" + sent.id + "/add", { kind: kind, name: name, options: options() });
      if (begun.problem) throw new Error(begun.problem);
      const result = await finished(begun.job, (row) => steps("add", row.done, row.total, row.message));
      sent = null;
      await look();
      end();
      if (kind === "model") await added(result);
      else gotImages(result);
    } catch (error) {
      const cancelled = work && work.abort.signal.aborted;
      if (cancelled) drop(sent);
      end();
      stage("form");
      problem(cancelled ? "Cancelled." : error.message);
    }
  }

  function end() {
    work = null;
    by("tray-intake").hidden = true;
  }

  function notes(card) {
    return h("dl", { class: "intake-notes" }, Object.entries(card.notes).map(([key, text]) => [h("dt", {}, key), h("dd", {}, text)]));
  }

  function result(...children) {
    by("intake-result").replaceChildren(...children.filter(Boolean));
    stage("result");
    open();
  }

  const privacy = (card) => (card.standing === "private" ? " Only you see it, until you share it in the list on the left." : "");
  const again = () => h("button", { type: "button", class: "act", onclick: () => stage("zone") }, "Add more");
  const close = () => by("intake").close();

  function gotImages(found) {
    const card = nnvis.workspace.datasets.find((entry) => entry.fingerprint === found.fingerprint);
    const chosen = (nnvis.session && nnvis.session.classifiers) || [];
    const single = card.n_samples === 1;
    const show = function () {
      const change = { kind: "dataset", dataset: card.fingerprint };
      if (!card.n_classes && chosen.length) change.classifiers = chosen; // images without classes go with any classifier
      nnvis.send(change);
      if (single) nnvis.send({ kind: "primary", sample: 0, origin: "intake" });
      close();
      stage("zone");
    };
    if (single && chosen.length) return show();
    result(
      h("p", {}, h("b", {}, card.name), ` ${found.new ? "is in the workspace" : "was in the workspace already"}: ${card.n_samples.toLocaleString("en")} ` +
        (single ? "image" : "images") + (card.labelled ? `, ${card.n_classes} classes.` : ", no labels.") + privacy(card)),
      notes(card),
      h("div", { class: "intake-buttons end" }, again(), h("button", { type: "button", class: "act primary", id: "intake-open", onclick: show }, "Open"))
    );
  }

  async function added(found) {
    const card = nnvis.workspace.models.find((entry) => entry.fingerprint === found.fingerprint);
    result(
      h("p", {}, h("b", {}, card.name), ` ${found.new ? "is in the workspace" : "was in the workspace already"}: input ${card.input_shape.join(" × ")}, ` +
        `${card.n_classes} classes (${card.output}), ${card.parameters.toLocaleString("en")} parameters.` + privacy(card)),
      notes(card)
    );
    nnvis.doctor(card, again());
  }

  /* The workspace as everyone sees it; looked at now and then, so that what others add appears. */
  let version = "";
  async function look() {
    try {
      const now = await nnvis.ask("GET", "workspace?known=" + version);
      if (now.version === version) return;
      const first = !version;
      version = now.version;
      nnvis.workspace = now;
      if (!first) nnvis.store("workspace-version", version);
    } catch {
      return; // the server is away: the next look will tell
    }
  }
  nnvis.lookAtWorkspace = look;
  nnvis.workspace = { datasets: [], models: [] };
  nnvis.intake = { take: take, steps: steps, finished: finished, begin: (job) => (work = job), end: end, problem: problem, close: close, stage: stage };
  window.addEventListener("load", look);
  setInterval(() => document.visibilityState === "visible" && look(), 5000);

  /* --- gestures -------------------------------------------------------------------------------------------------- */

  const carries = (event) => event.dataTransfer && Array.from(event.dataTransfer.types).includes("Files");
  let leaving = 0;
  document.addEventListener("dragover", function (event) {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
    clearTimeout(leaving);
    leaving = setTimeout(() => document.body.classList.remove("dropping"), 250);
  });
  document.addEventListener("drop", async function (event) {
    if (!carries(event)) return;
    event.preventDefault();
    const list = await nnvis.dropped(event.dataTransfer);
    if (nnvis.tray.takes(list)) nnvis.tray.upload(list[0].file); // one image is tested, not added
    else take(list);
  });

  const ACTS = {
    "intake-close": close,
    "intake-choose-files": () => pick({ multiple: true }, take),
    "intake-choose-folder": () => pick({ webkitdirectory: true }, take),
    "intake-back": () => stage("zone"),
    "intake-start": start,
    "intake-cancel": stop,
    "intake-labels": () => sidecar("labels", ".csv,.txt,.tsv,.npy"),
    "intake-classes": () => sidecar("classes", ".csv,.txt,.json"),
  };
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (button && button.dataset.open === "intake") {
      look();
      open();
    } else if (button && button.dataset.kind) setKind(button.dataset.kind);
    else if (button && ACTS[button.id]) ACTS[button.id]();
    else if (event.target.closest("#tray-intake")) open();
  });
})();
