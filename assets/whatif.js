/* The what-if lens: the image before and after its edits, the stack of edits, and what every classifier says of both.
 *
 * A slider that moves asks the server at once (one question under way at a time, the latest value next) and draws the
 * answer; when it is let go, the edits go into the state, and with it into the link and every other view. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);

  const QUICK = ["rotation", "brightness", "contrast", "hue", "blur", "noise"]; // always within reach
  const RETRY = 1500; // milliseconds after which a busy engine is asked again
  const REST = 250; // milliseconds without a change after which the selection is asked about

  let shown = [null, null, null]; // catalog, selection, view
  let local = null; // the edits while a slider moves; else those of the selection count
  let asking = false;
  let again = false;
  let answered = null; // {question, answer}: what was last said, and of what
  let kinds = null; // the transformations by name
  let moving = false; // a slider is held: its row must stay where it is

  const edits = () => local || (shown[1] ? shown[1].edits : []);
  const image = (catalog, selection) => ({ dataset: catalog.dataset, ...nnvis.tested(selection) });
  const tests = () => Boolean(shown[0] && shown[1] && nnvis.tests(nnvis.tested(shown[1])) && (shown[1].derived || shown[1].primary < shown[0].n));
  const looking = () => Boolean(shown[2] && shown[2].lens === "whatif");

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.whatifShown = function (catalog, selection, view) {
    if (!catalog || !selection || !view) return dash.no_update;
    const before = shown[1];
    shown = [catalog, selection, view];
    // The edits of this page count until the state has them, or another image is tested.
    const other = before && !same({ ...nnvis.tested(before), edits: 0 }, { ...nnvis.tested(selection), edits: 0 });
    if (other || (local && !moving && same(local, selection.edits))) local = null;
    if (before && before.samples !== selection.samples) rested();
    if (tests() && (looking() || selection.edits.length)) ask();
    if (looking()) load().then(draw);
    return dash.no_update;
  };

  /* The image that is tested under its edits, as the last answer had it; null while none is there. */
  nnvis.edited = function (catalog, selection) {
    if (!answered || answered.answer.problem) return null;
    const { dataset, sample, derived } = answered.question;
    const wanted = image(catalog, selection);
    return dataset === wanted.dataset && sample === wanted.sample && derived === wanted.derived ? answered.answer.after : null;
  };

  function question() {
    const [catalog, selection] = shown;
    return { ...image(catalog, selection), edits: edits(), classifiers: nnvis.session ? nnvis.session.classifiers : [] };
  }

  async function ask() {
    if (!tests()) return;
    const asked = question();
    if (answered && same(answered.question, asked)) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    try {
      const answer = await nnvis.post("whatif", asked);
      const now = question();
      // An answer for another image is of no use; one for a slider's last value is, while the next is under way.
      if (same({ ...asked, edits: 0 }, { ...now, edits: 0 })) {
        answered = { question: answer.again ? {} : asked, answer: answer };
        if (answer.again) setTimeout(ask, RETRY);
        publish();
        if (looking()) draw();
      }
    } finally {
      asking = false;
      if (again) ask();
    }
  }

  function publish() {
    const { question: asked, answer } = answered;
    if (answer.problem) return;
    nnvis.subject = { ...asked, reference: answer.reference, image: answer.after, before: answer.before, answers: answer.answers || [] };
    window.dispatchEvent(new CustomEvent("nnvis-subject"));
    rested();
  }

  nnvis.post = async function (address, record) {
    try {
      const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(record) });
      if (!answer.ok) return { problem: "The server can't answer (" + answer.status + "). Try again." };
      return await answer.json();
    } catch (error) {
      return { problem: "The server can't be reached. Is it running?" };
    }
  };

  let loading = null;
  function load() {
    loading = loading || fetch("transformations").then((answer) => answer.json()).then(function (found) {
      kinds = new Map(found.transformations.map((one) => [one.name, one]));
      kinds.groups = found.groups;
      nnvis.transformations = kinds;
    });
    return loading;
  }

  /* --- the stack ------------------------------------------------------------------------------------------------- */

  function change(next, done) {
    local = next;
    ask();
    draw();
    if (done) send();
  }

  function send() {
    const next = edits();
    if (!same(next, shown[1].edits)) nnvis.send({ kind: "edits", edits: next, origin: "whatif" });
  }

  /* Set one edit's parameters; a transformation that isn't in the stack comes last. */
  function set(place, name, values, done) {
    const next = edits().map((edit) => [edit[0], { ...edit[1] }]);
    if (place < 0) next.push([name, values]);
    else Object.assign(next[place][1], values);
    change(next, done);
  }

  nnvis.setEdit = function (name, values) {
    const place = edits().map((edit) => edit[0]).lastIndexOf(name);
    set(place, name, values, true);
  };
  nnvis.editsNow = () => edits();
  nnvis.addEdit = (name, values) => set(-1, name, values, true);

  const degreeOf = (kind, given) => (given.degree === undefined ? kind.parameters.find((one) => one.name === "degree").default : given.degree);
  const number = (value) => Number(Number(value).toPrecision(3)).toString().replace("-", "−");
  const value = (kind, degree) => number(degree) + (unitOf(kind) === "°" ? "°" : unitOf(kind).length <= 2 && unitOf(kind) ? " " + unitOf(kind) : "");
  const unitOf = (kind) => kind.parameters.find((one) => one.name === "degree").unit;

  const structure = (stack) => JSON.stringify(stack.map(([name, given]) => [name, { ...given, degree: 0, region: 0 }]));
  let built = "";

  function drawStack() {
    if (moving || !kinds) return;
    const stack = edits();
    if (built === structure(stack)) return stack.forEach(([name, given], place) => turn(by("whatif-edits").querySelector(`.edit[data-place="${place}"]`), kinds.get(name), given));
    built = structure(stack);
    const used = stack.map((edit) => edit[0]);
    const rows = stack.map(([name, given], place) => row(kinds.get(name), given, place, stack.length)).filter(Boolean);
    const quick = QUICK.filter((name) => kinds.has(name) && !used.includes(name)).map((name) => row(kinds.get(name), { degree: kinds.get(name).identity }, -1, 0));
    const add = h("select", { class: "form-select form-select-sm", id: "whatif-add", "aria-label": "add an edit", title: "Every transformation and corruption" },
      h("option", { value: "" }, "add an edit …"),
      kinds.groups.map((group) => h("optgroup", { label: group }, [...kinds.values()].filter((one) => one.group === group && !["erase", "keep"].includes(one.name)).map((one) => h("option", { value: one.name, title: one.summary }, one.title)))));
    const head = h("div", { class: "edit-head" }, h("span", { class: "strong" }, "Edits"), add,
      h("button", { type: "button", class: "act", id: "whatif-reset", disabled: stack.length ? null : "", title: "Take all edits back" }, "Reset"));
    const place = by("whatif-edits");
    const open = place.querySelector("details[open]");
    const kept = open ? open.dataset.of : null;
    const active = place.contains(document.activeElement) && rowOf(document.activeElement) && document.activeElement.matches("[data-degree]") ? rowOf(document.activeElement).dataset.name : null;
    place.replaceChildren(head, h("ol", { class: "edit-stack" }, rows), h("div", { class: "edit-quick" }, quick));
    if (kept) place.querySelectorAll("details").forEach((one) => (one.open = one.dataset.of === kept));
    const again = active && place.querySelector(`.edit[data-name="${active}"] [data-degree]`);
    if (again) again.focus({ preventScroll: true });
  }

  /* Show an edit's degree in a row that stays. */
  function turn(holder, kind, given) {
    const control = holder && kind && holder.querySelector("[data-degree]");
    if (!control) return;
    const now = degreeOf(kind, given);
    if (control.type === "checkbox") control.checked = now !== kind.identity;
    else {
      control.value = now;
      holder.querySelector(".edit-value").textContent = value(kind, now);
    }
  }

  function row(kind, given, place, count) {
    if (!kind) return null;
    const degree = kind.parameters.find((one) => one.name === "degree");
    const now = degreeOf(kind, given);
    const step = degree.step || (degree.kind === "int" ? 1 : (degree.high - degree.low) / 100);
    const isSwitch = degree.kind === "int" && degree.high - degree.low === 1;
    const control = isSwitch
      ? h("input", { type: "checkbox", "data-degree": "", checked: now !== kind.identity ? "" : null, "aria-label": kind.title })
      : h("input", { type: "range", "data-degree": "", min: degree.low, max: degree.high, step: step, value: now, "aria-label": kind.title });
    const others = kind.parameters.filter((one) => one.name !== "degree" && one.name !== "region");
    const inStack = place >= 0;
    const buttons = inStack
      ? [
          more(kind, given, others, place, count),
          h("button", { type: "button", class: "act quiet", "data-remove": "", title: "Take this edit back", "aria-label": "remove " + kind.title }, "×"),
        ]
      : [];
    return h(inStack ? "li" : "div", { class: "edit", "data-place": place, "data-name": kind.name, title: kind.summary },
      h("span", { class: "edit-name" }, kind.title), control, h("span", { class: "edit-value" }, isSwitch ? "" : value(kind, now)), h("span", { class: "edit-buttons" }, buttons));
  }

  function more(kind, given, others, place, count) {
    const fields = others.map(function (one) {
      const now = given[one.name] === undefined ? one.default : given[one.name];
      let control;
      if (one.choices.length) {
        control = h("select", { class: "form-select form-select-sm", "data-parameter": one.name, "data-json": "1" }, one.choices.map((choice) => h("option", { value: JSON.stringify(choice), selected: choice === now ? "" : null }, String(choice))));
      } else {
        const step = one.kind === "int" || one.name === "other" ? 1 : "any";
        control = h("input", { type: "number", class: "form-control form-control-sm", "data-parameter": one.name, min: one.low, max: one.high, step: step, value: now === null ? "" : now });
      }
      const label = one.name === "other" ? "other sample" : one.name.replace(/_/g, " ");
      return h("label", { class: "field", title: one.help }, h("span", { class: "label" }, label + (one.unit ? ", " + one.unit : "")), control);
    });
    const order = count < 2 ? null : h("div", { class: "row" }, h("span", { class: "label" }, `order: ${place + 1} of ${count}`),
      h("button", { type: "button", class: "act", "data-move": -1, disabled: place ? null : "" }, "↑ earlier"),
      h("button", { type: "button", class: "act", "data-move": 1, disabled: place < count - 1 ? null : "" }, "↓ later"));
    return h("details", { class: "popover-box", "data-of": place + kind.name }, h("summary", { class: "act quiet", title: "Order and other parameters", "aria-label": kind.title + ", more" }, "⋯"), h("div", { class: "popover-body" }, fields, order, h("p", { class: "reference" }, kind.summary), kind.reference ? h("p", { class: "reference" }, kind.reference) : null));
  }

  const rowOf = (target) => target.closest(".edit");

  function moved(target, done) {
    const holder = rowOf(target);
    const kind = kinds.get(holder.dataset.name);
    const degree = target.type === "checkbox" ? (target.checked ? 1 : 0) : Number(target.value);
    let place = Number(holder.dataset.place);
    if (place < 0) place = edits().map((edit) => edit[0]).lastIndexOf(kind.name); // its row joins the stack when it is let go
    const label = holder.querySelector(".edit-value");
    if (target.type !== "checkbox") label.textContent = value(kind, degree);
    set(place, kind.name, { degree: degree }, done);
  }

  document.addEventListener("pointerdown", (event) => {
    if (event.target.matches("#whatif-edits input[type=range]")) moving = true;
  });
  document.addEventListener("pointerup", () => {
    if (!moving) return;
    moving = false;
    setTimeout(draw, 0);
  });
  document.addEventListener("input", function (event) {
    if (event.target.matches("#whatif-edits input[type=range]")) moved(event.target, false);
  });
  document.addEventListener("change", function (event) {
    const target = event.target;
    if (!target.closest || !target.closest("#whatif-edits")) return;
    if (target.id === "whatif-add") {
      if (target.value) nnvis.addEdit(target.value, { degree: kinds.get(target.value).parameters.find((one) => one.name === "degree").default });
    } else if (target.matches("[data-degree]")) {
      moving = false;
      moved(target, true);
    } else if (target.matches("[data-parameter]") && target.checkValidity()) {
      const given = target.dataset.json ? JSON.parse(target.value) : target.value === "" ? null : Number(target.value);
      set(Number(rowOf(target).dataset.place), null, { [target.dataset.parameter]: given }, true);
    }
  });
  document.addEventListener("click", function (event) {
    const target = event.target;
    if (target.id === "whatif-reset") return change([], true);
    const flipped = target.closest("[data-flipped]");
    if (flipped) return nnvis.select(JSON.parse(flipped.dataset.flipped), "whatif");
    if (!target.closest("#whatif-edits") || !rowOf(target)) return;
    const place = Number(rowOf(target).dataset.place);
    const next = edits().slice();
    if (target.dataset.remove !== undefined) next.splice(place, 1);
    else if (target.dataset.move) next.splice(place + Number(target.dataset.move), 0, ...next.splice(place, 1));
    else return;
    change(next, true);
  });

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  function show(id, source, alt) {
    const picture = by(id);
    picture.hidden = !source;
    if (!source) return picture.removeAttribute("src");
    if (alt) picture.alt = alt;
    if (picture.getAttribute("src") !== source) picture.src = source;
    return picture;
  }

  let pair = null;
  let pairWords = "";
  /* The attribution before and after the edits, for the same class and in the same scale (`assets/testing.js`). */
  nnvis.drawPair = function (answer, words) {
    pair = answer && !answer.problem ? answer : null;
    pairWords = words;
    by("whatif").classList.toggle("pending", !answer);
    drawMaps();
  };

  function drawMaps() {
    const answer = answered && answered.answer;
    const edited = Boolean(answer && answer.before);
    by("whatif-before-map").classList.toggle("nothing-yet", !edited);
    if (!answer || answer.problem) return;
    show("whatif-before-map-image", answer.before || answer.after, "the image before");
    show("whatif-after-map-image", answer.after, "the image after");
    show("whatif-before-map-layer", pair ? pair.overlay_before || pair.overlay : "", "heatmap before");
    show("whatif-after-map-layer", pair ? pair.overlay : "", "heatmap after");
    const title = pair ? pair.title + " · " : "";
    const name = pair && shown[0] ? shown[0].names[pair.target] || "" : "";
    by("whatif-before-map-caption").textContent = pair && pair.probability_before !== null ? `${title}${name} ${pair.probability_before.toFixed(3)}` : `${title}before`;
    const caption = by("whatif-after-map-caption");
    caption.textContent = pair ? pairWords + (pair.flat ? " · flat" : "") : "after";
    caption.title = pair && pair.flat ? "The map is flat: nothing speaks for or against what is explained." : "";
    shape();
  }

  function shape() {
    const picture = by("whatif-after-image");
    if (!picture.naturalWidth) {
      picture.addEventListener("load", shape, { once: true });
      return;
    }
    const ratio = picture.naturalWidth / picture.naturalHeight;
    for (const name of ["before", "after", "before-map", "after-map"]) {
      const frame = by(`whatif-${name}-frame`);
      frame.style.aspectRatio = String(ratio);
      frame.style.width = ratio >= 1 ? "100%" : 100 * ratio + "%";
      frame.classList.toggle("coarse", picture.naturalWidth <= 96);
      const layer = by(`whatif-${name}-layer`);
      if (layer) nnvis.layOver(layer, ratio, pair);
    }
  }

  function draw() {
    if (!by("whatif") || !looking() || !tests()) return;
    drawStack();
    if (nnvis.drawRegionTools) nnvis.drawRegionTools(edits());
    const answer = answered && answered.answer;
    by("whatif-message").textContent = answer && answer.problem ? answer.problem : "";
    if (!answer || answer.problem) return;
    show("whatif-before-image", answer.before || answer.after, "the image before");
    show("whatif-after-image", answer.after, "the image after its edits");
    const count = answered.question.edits.length;
    by("whatif-before-caption").textContent = answer.before ? "before" : "as it is";
    by("whatif-after-caption").textContent = count ? `after ${count} edit${count > 1 ? "s" : ""}` : answer.before ? "after" : "not edited";
    drawMaps();
    by("whatif-answers").replaceChildren(...answer.answers.map(drawAnswer));
  }

  function drawAnswer(answer, place) {
    const flips = answer.before !== null && answer.before !== undefined && answer.before !== answer.after;
    const named = (index) => (answer.entries.find((entry) => entry.index === index) || { name: "class " + index }).name;
    const head = h("div", { class: "row" }, h("span", { class: "strong" }, answer.name),
      flips ? h("span", { class: "flip", title: "Its prediction changes" }, `${named(answer.before)} → ${named(answer.after)}`) : place === 0 ? h("span", { class: "label" }, "explained here") : null);
    if (answer.problem) return h("div", { class: "answer" }, head, h("div", { class: "label" }, answer.problem));
    const target = shown[1].target;
    return h("div", { class: "answer" + (place === 0 ? " primary" : ""), "data-model": answer.model }, head,
      answer.entries.filter((entry, rank) => place === 0 || rank < 3 || entry.index === answer.before).map(function (entry) {
        const title = `${answer.name}: ${entry.name} ${entry.before === null ? "" : entry.before.toFixed(4) + " → "}${entry.after.toFixed(4)}. Click to explain ${entry.name}.`;
        const tick = entry.before === null ? null : h("span", { class: "tick-before", style: { left: 100 * entry.before + "%" } });
        const difference = entry.before === null ? "" : entry.after - entry.before;
        return h("button", { type: "button", class: "act bar whatif-bar", "data-class": entry.index, "data-change": JSON.stringify({ kind: "target", target: entry.index }), "aria-pressed": String(place === 0 && target === entry.index), title: title },
          h("span", { class: "bar-name" }, entry.name, entry.label ? h("span", { class: "label", title: "its label" }, " ✓") : null),
          h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: (100 * entry.after).toFixed(2) + "%", background: entry.colour } }), tick),
          h("span", { class: "bar-value" }, entry.after.toFixed(3)),
          h("span", { class: "bar-change " + (difference > 0.0005 ? "rise" : difference < -0.0005 ? "fall" : "") }, difference === "" || Math.abs(difference) < 0.0005 ? "" : (difference > 0 ? "+" : "−") + Math.abs(difference).toFixed(3)));
      }));
  }

  /* --- the selection under the same edits ------------------------------------------------------------------------ */

  let restTimer = 0;
  function rested() {
    clearTimeout(restTimer);
    restTimer = setTimeout(askSelection, REST);
  }

  async function askSelection() {
    const [catalog, selection] = shown;
    const place = by("whatif-selection");
    if (!looking() || !place || moving) return;
    if (!selection.samples || !edits().length) return place.replaceChildren();
    const asked = { dataset: catalog.dataset, samples: selection.samples, edits: edits(), classifiers: nnvis.session.classifiers };
    const answer = await nnvis.post("whatif/selection", asked);
    if (shown[1].samples !== asked.samples || !same(edits(), asked.edits)) return;
    if (answer.problem) return place.replaceChildren(h("span", { class: "label" }, answer.problem));
    const of = answer.of < answer.selected ? `first ${answer.of} of ${answer.selected} selected` : `${answer.selected} selected`;
    place.replaceChildren(h("span", { class: "label" }, `Under these edits, of the ${of}: `),
      ...answer.answers.map((one) => one.problem ? h("span", { class: "label" }, `${one.name}: ${one.problem}`)
        : h("button", { type: "button", class: "act", "data-flipped": JSON.stringify(one.which), disabled: one.which.length ? null : "", title: one.which.length ? "Select those that flip" : "None flips" },
          h("b", {}, one.name), ` ${one.flipped} flip`, one.right ? `, right ${one.right[0]} → ${one.right[1]}` : "")));
  }
})();
