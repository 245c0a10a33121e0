/* The sample tray (layouts/tray.py): rows of a person's own images, put in by upload, paste, drop, drawing or keeping an
 * edited one. Names come from files and are only ever set as text. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const IMAGE = /\.(png|jpe?g|jpe|jfif|webp|bmp|dib|gif|tiff?)$/i;
  const LARGEST = 25 * 2 ** 20; // bytes, as in nnvis_dash/tray_routes.py
  const SMALL = 64; // pixels up to which a thumbnail shows them as squares
  const by = (id) => document.getElementById(id);
  const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();

  let session = { dataset: "", classifiers: [] };
  let selection = { derived: "", edits: [] };
  let entries = [];
  let looks = 0; // only the answer to the last look is drawn
  let begun = false;

  space.samples = function (nowSession, nowSelection) {
    if (!nowSession || !nowSelection) return dash.no_update;
    const asked = (of) => of.dataset + " " + (of.classifiers[0] || "");
    const other = !begun || asked(session) !== asked(nowSession);
    begun = true;
    session = nowSession;
    selection = nowSelection;
    if (other) {
      entries = entries.map((entry) => ({ ...entry, prediction: null })); // another classifier's
      look();
    }
    mark();
    return dash.no_update;
  };

  function problem(text) {
    by("samples-problem").textContent = text;
    by("samples-problem").hidden = !text;
  }

  async function said(promise) {
    const answer = await promise;
    if (answer.problem) throw new Error(answer.problem);
    return answer;
  }

  /* Draws the tray as it is; what the primary classifier says of its images follows. */
  async function look() {
    const mine = (looks += 1);
    try {
      const known = new Map(entries.map((entry) => [entry.fingerprint, entry.prediction]));
      const now = await said(nnvis.ask("GET", "tray"));
      if (mine !== looks) return;
      entries = now.entries.map((entry) => ({ ...entry, prediction: known.get(entry.fingerprint) }));
      draw();
      predict(mine);
    } catch (error) {
      if (mine === looks) problem(error.message);
    }
  }

  async function predict(mine) {
    const model = session.classifiers[0];
    if (!model || !entries.length) return;
    const asked = await nnvis.ask("GET", "tray?" + query({ dataset: session.dataset, model: model })).catch(() => null);
    if (mine !== looks || !asked || asked.problem) return; // the rows stand without
    entries = asked.entries;
    draw();
  }

  function draw() {
    const list = by("samples-list");
    const top = list.scrollTop;
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.derived;
    list.replaceChildren(...entries.map(row));
    list.scrollTop = top;
    if (focused) list.querySelectorAll("[data-derived]").forEach((b) => b.dataset.derived === focused && b.focus({ preventScroll: true }));
    by("samples-empty").hidden = entries.length > 0;
    by("samples-save").hidden = !entries.length;
    mark();
  }

  function row(entry) {
    const { h } = nnvis;
    const { prediction, kind } = entry;
    const says = prediction ? `${prediction.name} (${prediction.probability.toFixed(2)})` : "";
    const about = [entry.name, `${kind} · ${entry.shape[1]} × ${entry.shape[0]}`, entry.recipe, entry.label && "label " + entry.label, says && "predicted " + says];
    const small = Math.max(entry.shape[0], entry.shape[1]) <= SMALL;
    return h(
      "div",
      { class: "samples-row", role: "listitem" },
      h(
        "button",
        { type: "button", class: "act sample", "data-derived": entry.fingerprint, title: about.filter(Boolean).join("\n") },
        h("img", { src: `tray/${entry.fingerprint}.png?side=${SMALL}`, alt: "", class: small && "small", draggable: "false" }),
        h("span", {}, h("span", { class: "sample-name" }, entry.name), h("span", { class: "sample-said" }, [says, kind].filter(Boolean).join(" · ")))
      ),
      h("button", { type: "button", class: "job-cancel", "data-remove": entry.fingerprint, title: "Remove from the tray", "aria-label": "remove " + entry.name }, "×")
    );
  }

  function mark() {
    document.querySelectorAll("#samples-list [data-derived]").forEach((button) => {
      button.setAttribute("aria-pressed", button.dataset.derived === selection.derived);
    });
    if (by("samples-keep")) by("samples-keep").disabled = !(selection.edits && selection.edits.length);
  }

  function test(fingerprint) {
    problem("");
    nnvis.send({ kind: "derived", derived: fingerprint, origin: "tray" });
  }

  /* Posts to tray/<what>, shows the new row, and resolves to {fingerprint, name}; an error says why in words. */
  async function put(what, sent, values) {
    const answer = await said(nnvis.ask("POST", "tray/" + what + (values ? "?" + query(values) : ""), sent));
    problem("");
    await look();
    by("samples-list").scrollTop = 0;
    return answer;
  }

  async function upload(file) {
    try {
      if (file.size > LARGEST) throw new Error(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB. Give a file of at most 25 MB.`);
      const name = file.name.replace(/\.[a-z]{3,4}$/i, "");
      const kept = await put("image", new Blob([file]), { dataset: session.dataset, name: name });
      test(kept.fingerprint);
    } catch (error) {
      problem(error.message);
    }
  }

  /* Whether what was dropped or pasted, [{path, file}], is one image for the tray: it is where there is something to test it
   * with. An image in a folder is a part of a dataset. */
  function takes(files) {
    if (files.length !== 1 || !session.dataset || !session.classifiers.length || by("intake").open) return false;
    const [{ path, file }] = files;
    return !path.includes("/") && (IMAGE.test(path) || (!/\.\w+$/.test(path) && file.type.startsWith("image/")));
  }

  nnvis.tray = { look: look, put: put, test: test, upload: upload, takes: takes, session: () => session };

  async function keep() {
    const { primary, derived, edits } = selection;
    try {
      await put("edited", { dataset: session.dataset, sample: primary, derived: derived, edits: edits });
    } catch (error) {
      problem(error.message);
    }
  }

  async function remove(fingerprint) {
    try {
      await said(nnvis.ask("DELETE", "tray/" + fingerprint));
      problem("");
      if (selection.derived === fingerprint) test(""); // the primary sample again
      await look();
    } catch (error) {
      problem(error.message);
    }
  }

  /* --- saving as a dataset ---------------------------------------------------------------------------------------- */

  let stored = null;

  function asked() {
    stored = null;
    by("samples-saving").textContent = entries.length === 1 ? "1 image" : `${entries.length} images, the first one first`;
    by("samples-name").value = "";
    by("samples-store").hidden = false;
    by("samples-open").hidden = true;
    refuse("");
    by("samples-dialog").showModal();
  }

  function refuse(text) {
    by("samples-refused").textContent = text;
    by("samples-refused").hidden = !text;
  }

  async function store() {
    const button = by("samples-store");
    button.disabled = true;
    try {
      const fingerprints = entries.map((entry) => entry.fingerprint);
      const name = by("samples-name").value.trim();
      stored = await said(nnvis.ask("POST", "tray/save", { name: name, fingerprints: fingerprints, dataset: session.dataset }));
      refuse("");
      by("samples-saving").textContent = `${stored.name} ${stored.new ? "is in the workspace" : "was in the workspace already"}: ${stored.n_samples} ${stored.n_samples === 1 ? "image" : "images"}.`;
      button.hidden = true;
      by("samples-open").hidden = false;
      await nnvis.lookAtWorkspace();
    } catch (error) {
      refuse(error.message);
    } finally {
      button.disabled = false;
    }
  }

  function show() {
    nnvis.send({ kind: "dataset", dataset: stored.fingerprint, classifiers: session.classifiers });
    by("samples-dialog").close();
  }

  /* --- gestures ---------------------------------------------------------------------------------------------------- */

  function choose() {
    const input = nnvis.h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/bmp,image/gif,image/tiff" });
    input.addEventListener("change", () => input.files.length && upload(input.files[0]));
    input.click();
  }

  const ACTS = {
    "samples-upload": choose,
    "samples-keep": keep,
    "samples-save": asked,
    "samples-store": store,
    "samples-open": show,
    "samples-cancel": () => by("samples-dialog").close(),
  };
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.derived) test(button.dataset.derived);
    else if (button.dataset.remove) remove(button.dataset.remove);
    else if (ACTS[button.id]) ACTS[button.id]();
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.id === "samples-name") store();
  });
  document.addEventListener("paste", function (event) {
    if (event.target.closest("input, textarea") || !event.clipboardData.files.length) return;
    event.preventDefault();
    const files = nnvis.chosen(event.clipboardData.files);
    if (takes(files)) upload(files[0].file);
    else nnvis.intake.take(files);
  });
})();
