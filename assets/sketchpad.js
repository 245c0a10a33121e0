/* The sketchpad (layouts/sketchpad.py): strokes of mouse, finger or pen on a canvas, and what every chosen classifier takes
 * them for, asked after each stroke and now and then while one is drawn. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const PAUSE = 150; // milliseconds between two questions while a stroke is drawn
  const PRESSED = 0.5; // of a pen: draws as wide as the brush is
  const HINT = "Draw something: the classifiers answer after every stroke.";
  const by = (id) => document.getElementById(id);
  const pressed = (selector, chosen) =>
    document.querySelectorAll("#sketchpad " + selector).forEach((b) => b.setAttribute("aria-pressed", chosen(b)));
  const box = () => by("sketch-centre");

  let strokes = []; // [{colour, points: [[x, y, width]]}], or {clear}; colour null: the eraser, "": the plain ink
  let drawing = null; // {id, stroke}: the pointer that draws
  let ground = "black";
  let eraser = false;
  let colour = "";
  let begunFor = null; // the dataset and classifiers that the pad was made ready for
  let changes = 0; // of what stands on the pad
  let answered = 0; // the change that the last answer was for
  let asking = 0; // questions on their way: one while a stroke is drawn, and at its end one more at once
  let askedAt = 0;
  let later = 0;

  const ink = () => (ground === "black" ? "#ffffff" : "#000000");
  const paper = () => (ground === "black" ? "#000000" : "#ffffff");

  /* --- drawing ------------------------------------------------------------------------------------------------------ */

  const surface = () => by("sketch-pad").getContext("2d", { willReadFrequently: true });
  const brushOf = (stroke) => (stroke.colour === null ? paper() : stroke.colour || ink());

  function segment(context, stroke, at) {
    const [x, y, width] = stroke.points[at];
    const [fromX, fromY] = stroke.points[Math.max(0, at - 1)];
    context.strokeStyle = brushOf(stroke);
    context.lineWidth = width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(x, y);
    context.stroke();
  }

  function redraw() {
    const pad = by("sketch-pad");
    const context = surface();
    context.fillStyle = paper();
    context.fillRect(0, 0, pad.width, pad.height);
    for (const stroke of standing()) stroke.points.forEach((_, at) => segment(context, stroke, at));
  }

  const standing = () => strokes.slice(strokes.map((stroke) => Boolean(stroke.clear)).lastIndexOf(true) + 1);
  const empty = () => !standing().some((stroke) => stroke.colour !== null);

  function point(event) {
    const pad = by("sketch-pad");
    const place = pad.getBoundingClientRect();
    const size = Number(by("sketch-size").value);
    const width = event.pointerType === "pen" && event.pressure ? size * (PRESSED + event.pressure) : size;
    const scale = pad.width / pad.clientWidth;
    return [(event.clientX - place.left - pad.clientLeft) * scale, (event.clientY - place.top - pad.clientTop) * scale, width];
  }

  function down(event) {
    if (drawing || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    event.target.setPointerCapture(event.pointerId);
    const stroke = { colour: eraser ? null : colour, points: [point(event)] };
    drawing = { id: event.pointerId, stroke: stroke };
    strokes.push(stroke);
    segment(surface(), stroke, 0);
    changed(false);
  }

  function move(event) {
    if (!drawing || drawing.id !== event.pointerId) return;
    const { stroke } = drawing;
    const context = surface();
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const passed of all.length ? all : [event]) {
      stroke.points.push(point(passed));
      segment(context, stroke, stroke.points.length - 1);
    }
    changed(false);
  }

  function up(event) {
    if (!drawing || drawing.id !== event.pointerId) return;
    drawing = null;
    changed(true);
  }

  /* --- asking ------------------------------------------------------------------------------------------------------- */

  function changed(now) {
    changes += 1;
    by("sketch-answers").dataset.answered = ""; // of the pad as it stands
    clearTimeout(later);
    if (empty()) {
      answered = changes;
      return show(null);
    }
    if (now) ask();
    else askLater();
  }

  function askLater() {
    later = setTimeout(() => asking || ask(), Math.max(0, askedAt + PAUSE - performance.now()));
  }

  function request() {
    const { dataset, classifiers } = nnvis.tray.session();
    return { dataset: dataset, models: classifiers.join(","), ground: ground, centre: box().checked ? "1" : "" };
  }

  /* The pad as a PNG; made at once, where the canvas's own toBlob waits until the browser is idle. */
  function picture() {
    const text = atob(by("sketch-pad").toDataURL("image/png").split(",")[1]);
    return new Blob([Uint8Array.from(text, (letter) => letter.charCodeAt(0))], { type: "image/png" });
  }

  async function ask() {
    asking += 1;
    askedAt = performance.now();
    const mine = changes;
    let answer;
    try {
      answer = await nnvis.ask("POST", "sketchpad/predict?" + new URLSearchParams(request()), picture());
    } catch (error) {
      answer = { problem: error.message };
    }
    asking -= 1;
    if (mine > answered && !empty()) {
      answered = mine; // an older answer that comes later is not shown
      show(answer);
    }
    if (drawing && mine < changes) askLater(); // of what was drawn while it was on its way
  }

  function show(answer) {
    const { h } = nnvis;
    const problem = answer && answer.problem;
    by("sketch-words").textContent = problem || (answer ? "what the classifiers see" : HINT);
    by("sketch-seen").hidden = !answer || Boolean(problem);
    if (answer && !problem) by("sketch-seen").src = answer.image;
    by("sketch-answers").replaceChildren(...((!problem && answer && answer.answers) || []).map(card));

    function card(said) {
      const bar = ({ name, probability, colour }) =>
        h(
          "div",
          { class: "bar", title: `${name} ${probability.toFixed(4)}` },
          h("span", { class: "bar-name" }, name),
          h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: 100 * probability + "%", background: colour } })),
          h("span", { class: "bar-value" }, probability.toFixed(3))
        );
      return h("div", { class: "answer" }, h("div", { class: "strong" }, said.name), said.problem && h("div", { class: "label" }, said.problem), said.top.map(bar));
    }
    by("sketch-answers").dataset.answered = answer && !problem && answered === changes ? "1" : "";
  }

  /* --- the pad's tools ---------------------------------------------------------------------------------------------- */

  function refuse(text) {
    by("sketch-problem").textContent = text;
    by("sketch-problem").hidden = !text;
  }

  function setGround(next) {
    ground = next;
    pressed("[data-ground]", (b) => b.dataset.ground === ground);
    redraw();
  }

  function setColour(next) {
    colour = next;
    pressed("[data-colour]", (b) => b.dataset.colour === (colour || ink()));
    setEraser(false);
  }

  function setEraser(next) {
    eraser = next;
    pressed("[data-tool-of-pad]", (b) => (b.dataset.toolOfPad === "eraser") === eraser);
  }

  async function open() {
    refuse("");
    drawing = null; // a stroke that was cut off when the pad was closed
    by("sketchpad").showModal();
    const { dataset, classifiers } = nnvis.tray.session();
    const ready = dataset + " " + classifiers[0];
    if (begunFor !== ready && dataset) {
      try {
        const begin = await nnvis.ask("GET", `sketchpad/${encodeURIComponent(dataset)}?models=${classifiers.join(",")}`);
        if (begin.problem) throw new Error(begin.problem);
        begunFor = ready;
        by("sketch-colours").hidden = begin.grey;
        box().checked = begin.grey;
        setGround(begin.ground);
        setColour("");
      } catch (error) {
        refuse(error.message);
      }
    }
    redraw();
    if (!empty()) changed(true); // the classifiers may be other ones now
  }

  function undo() {
    strokes.pop();
    redraw();
    changed(true);
  }

  function clear() {
    if (!empty()) strokes.push({ clear: true, colour: null, points: [] });
    redraw();
    changed(true);
  }

  async function keep() {
    if (empty()) return refuse("The sketch is empty. Draw something first.");
    by("sketch-keep").disabled = true;
    try {
      const kept = await nnvis.tray.put("drawing", picture(), request());
      nnvis.tray.test(kept.fingerprint);
      strokes = [];
      changed(true);
      by("sketchpad").close();
    } catch (error) {
      refuse(error.message);
    } finally {
      by("sketch-keep").disabled = false;
    }
  }

  const ACTS = {
    "samples-draw": open,
    "sketch-close": () => by("sketchpad").close(),
    "sketch-undo": undo,
    "sketch-clear": clear,
    "sketch-keep": keep,
  };
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.toolOfPad) setEraser(button.dataset.toolOfPad === "eraser");
    else if (button.dataset.colour) setColour(button.dataset.colour);
    else if (button.dataset.ground) {
      setGround(button.dataset.ground);
      setColour(colour);
      changed(true);
    } else if (ACTS[button.id]) ACTS[button.id]();
  });
  document.addEventListener("change", (event) => event.target === box() && changed(true));
  document.addEventListener("keydown", function (event) {
    if (!by("sketchpad") || !by("sketchpad").open || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    undo();
  });
  for (const [name, act] of Object.entries({ pointerdown: down, pointermove: move, pointerup: up, pointercancel: up })) {
    document.addEventListener(name, (event) => event.target.id === "sketch-pad" && act(event));
  }
})();
