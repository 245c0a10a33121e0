/* Response curves in the what-if lens: small multiples of the probabilities over the degree of a change, drawn here as SVG.
 * They are asked for when the page has rested for a moment; an answer to an older question is never shown. Hovering shows
 * the image at a degree, a click loads it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);
  const svg = (...parts) => nnvis.svg(...parts);
  const REST = 250; // milliseconds without a change after which the curves are asked for
  const SIZE = { width: 184, height: 104, left: 20, right: 6, top: 5, bottom: 15 };
  const ADVERSARIAL = "adversarial";

  let request = null; // what is tested, while the lens is looked through
  let selection = null;
  let view = null;
  let selected = 0; // samples of the selection
  let scope = null; // "image" or "selection" when a person chose; else the selection where there is one
  let wanted = null; // what the curves are asked for
  let answer = null; // what is known of it, curve by curve
  let complete = false;
  let timer = 0;

  const tests = () => Boolean(request && request.model && nnvis.tests(request));
  const ofSelection = () => selected > 1 && scope !== "image";

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.responsesShown = function (tested, chosen, shown) {
    if (chosen && (!selection || selection.samples !== chosen.samples)) count(chosen.samples);
    [request, selection, view] = [tested, chosen, shown];
    if (view) pick();
    rest();
    return dash.no_update;
  };

  async function count(samples) {
    const ids = samples ? await nnvis.selected(samples) : [];
    if (selection && selection.samples !== samples) return;
    if (ids.length !== selected) scope = null;
    selected = ids.length;
    rest();
  }

  space.responsesProgress = function (progress) {
    if (progress && wanted && !complete && same(progress.request, wanted)) {
      answer = progress;
      draw();
    }
    return dash.no_update;
  };

  space.responsesAnswer = function (found) {
    if (found && wanted && same(found.request, wanted)) {
      answer = found;
      complete = true;
      draw();
    }
    return dash.no_update;
  };

  function question() {
    const { dataset, classifiers, sample, derived, edits, target } = request;
    const samples = ofSelection() ? selection.samples : "";
    return { dataset, classifiers, sample: samples ? null : sample, derived: samples ? "" : derived, edits, target, samples, names: view.responses };
  }

  /* What is shown belongs to what is wanted; of another image nothing stays, of another edit it is dimmed. */
  function rest() {
    clearTimeout(timer);
    if (!by("whatif-responses") || !view || view.lens !== "whatif") return;
    if (!tests() || !by("whatif-responses").open) return draw();
    const next = question();
    if (same(next, wanted)) return draw();
    const image = (record) => record && [record.dataset, record.classifiers, record.sample, record.derived, record.samples];
    if (!same(image(next), image(wanted))) answer = null;
    wanted = null;
    complete = false;
    draw();
    timer = setTimeout(function () {
      wanted = question();
      nnvis.store("responses-request", wanted);
      draw();
    }, REST);
  }

  document.addEventListener("toggle", (event) => event.target.id === "whatif-responses" && rest(), true);

  document.addEventListener("click", function (event) {
    const chosen = event.target.closest("[data-response]");
    if (chosen) {
      const name = chosen.dataset.response;
      const names = view.responses.includes(name) ? view.responses.filter((other) => other !== name) : [...view.responses, name];
      nnvis.send({ kind: "responses", responses: names });
    }
    const whose = event.target.closest("[data-response-scope]");
    if (whose) {
      scope = whose.dataset.responseScope;
      rest();
    }
  });

  function pick() {
    document.querySelectorAll("#responses-more [data-response]").forEach((button) => button.setAttribute("aria-pressed", String(view.responses.includes(button.dataset.response))));
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  const short = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");
  /* An epsilon between two whole ones does what the lower one does: values are rounded to 8 bits within it. */
  const strength = (curve, value) => (curve.name === ADVERSARIAL ? Math.floor(value + 1e-6) : value);
  const degree = (curve, value) => {
    const unit = curve.unit || "";
    return short(strength(curve, value)) + (unit === "°" || unit.startsWith("/") ? unit : unit ? " " + unit : "");
  };

  function draw() {
    const place = by("responses-curves");
    if (!place) return;
    by("responses-scope").hidden = selected < 2;
    document.querySelectorAll("[data-response-scope]").forEach(function (button) {
      const whole = button.dataset.responseScope === "selection";
      button.setAttribute("aria-pressed", String(whole === ofSelection()));
      if (whole) button.textContent = `selection · ${selected.toLocaleString("en-US")}`;
    });
    by("responses-message").textContent = (answer && answer.problem) || "";
    const names = view ? view.responses : [];
    const curves = new Map((answer ? answer.curves : []).map((curve) => [curve.name, curve]));
    place.classList.toggle("pending", !(answer && wanted && same(answer.request, wanted)));
    place.replaceChildren(...names.map((name) => figure(name, curves.get(name))));
    hide();
    legend(Array.from(curves.values()));
    by("responses-status").textContent = status();
    by("responses-summary").textContent = summary(names.map((name) => curves.get(name)).filter(Boolean));
  }

  function status() {
    if (!answer || !answer.n || !ofSelection()) return "";
    const of = answer.selected > answer.n ? `the first ${answer.n} of ${answer.selected.toLocaleString("en-US")}` : `${answer.n}`;
    return `mean and 10–90 % of ${of} images`;
  }

  function summary(curves) {
    if (!tests()) return "";
    const nearest = curves
      .filter((curve) => curve.flips && curve.flips.length)
      .map((curve) => `${curve.title.toLowerCase()} ${degree(curve, curve.flips.reduce((a, b) => (Math.abs(a.degree - curve.degrees[curve.identity]) <= Math.abs(b.degree - curve.degrees[curve.identity]) ? a : b)).degree)}`);
    if (!curves.length) return "";
    return nearest.length ? "flips at " + nearest.join(", ") : complete ? "none of these changes flips it" : "";
  }

  function legend(curves) {
    const lines = new Map();
    for (const curve of curves) for (const line of curve.series || []) lines.set(line.kind, line);
    const others = new Set(curves.flatMap((curve) => curve.others.map((other) => other.model)));
    by("responses-legend").replaceChildren(
      ...Array.from(lines.values(), (line) => h("span", { class: "responses-key" }, h("span", { class: "key-line " + line.kind, style: { borderColor: line.colour } }), line.name === "its " + line.kind ? line.name : `${line.name} · ${line.kind}`)),
      ...Array.from(others, (name) => h("span", { class: "responses-key" }, h("span", { class: "key-line other" }), name))
    );
  }

  function figure(name, curve) {
    const button = by("responses-more").querySelector(`[data-response="${name}"]`);
    const title = curve ? curve.title : button ? button.dataset.title : name;
    const remove = h("button", { type: "button", class: "act quiet response-close", "data-response": name, title: "Leave this curve out", "aria-label": "leave out " + title }, "×");
    const good = curve && curve.series;
    const words = !curve ? "" : curve.problem ? "" : flipped(curve);
    return h("figure", { class: "response", "data-curve": name },
      h("div", { class: "response-head" }, h("span", { class: "response-title", title: title }, title), h("span", { class: "response-flips" + (good && curve.flips.length ? "" : " none"), title: words }, words), remove),
      good ? plot(curve) : h("div", { class: "response-plot waiting-plot" }, curve && curve.problem ? h("span", { class: "label" }, curve.problem) : null)
    );
  }

  function flipped(curve) {
    const first = curve.series[0];
    if (!curve.flips.length) return first && Math.max(...first.values) - Math.min(...first.values) < 1e-3 ? "no effect" : "no flip";
    const degrees = curve.flips.map((flip, i, all) => (i + 1 < all.length ? short(strength(curve, flip.degree)) : degree(curve, flip.degree)));
    return (ofSelection() ? "half flip at " : "flips at ") + degrees.join(" and ");
  }

  /* --- one plot -------------------------------------------------------------------------------------------------- */

  function scales(curve) {
    const [low, high] = [curve.degrees[0], curve.degrees[curve.degrees.length - 1]];
    const width = SIZE.width - SIZE.left - SIZE.right;
    const height = SIZE.height - SIZE.top - SIZE.bottom;
    return { x: (value) => SIZE.left + (width * (value - low)) / (high - low || 1), y: (value) => SIZE.top + height * (1 - value) };
  }

  const path = (curve, values, { x, y }) => curve.degrees.map((at, i) => `${i ? "L" : "M"}${x(at).toFixed(1)},${y(values[i]).toFixed(1)}`).join("");

  function plot(curve) {
    const at = scales(curve);
    const [low, high, identity] = [curve.degrees[0], curve.degrees[curve.degrees.length - 1], curve.degrees[curve.identity]];
    const bottom = at.y(0);
    const vertical = (value, kind) => svg("line", { x1: at.x(value), x2: at.x(value), y1: SIZE.top, y2: bottom, class: kind });
    const text = (value, words, kind, anchor) => svg("text", { x: at.x(value), y: SIZE.height - 4, class: kind, "text-anchor": anchor }, words);
    const first = curve.series[0];
    const area = first && first.low ? path(curve, first.high, at) + curve.degrees.map((_, i, all) => all.length - 1 - i).map((i) => `L${at.x(curve.degrees[i]).toFixed(1)},${at.y(first.low[i]).toFixed(1)}`).join("") + "Z" : "";
    const middle = identity > low && identity < high;
    const drawing = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, class: "response-plot", role: "img", "aria-label": `${curve.title}: ${flipped(curve)}` },
      [0, 0.5, 1].map((value) => svg("line", { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: at.y(value), y2: at.y(value), class: "grid-line" })),
      [0, 1].map((value) => svg("text", { x: SIZE.left - 4, y: at.y(value) + 3, class: "tick", "text-anchor": "end" }, String(value))),
      text(low, short(low), "tick", "start"),
      text(high, degree(curve, high), "tick", "end"),
      middle ? text(identity, short(identity), "tick", "middle") : null,
      middle ? vertical(identity, "identity-line") : null,
      area ? svg("path", { d: area, class: "band", fill: first.colour }) : null,
      curve.others.map((other) => svg("path", { d: path(curve, other.values, at), class: "line other" })),
      curve.series.slice().reverse().map((line) => svg("path", { d: path(curve, line.values, at), class: "line " + line.kind, stroke: line.colour })),
      curve.flips.map((flip) => [
        vertical(flip.degree, "flip-line"),
        svg("text", { x: at.x(flip.degree) + (flip.degree < identity ? -3 : 3), y: SIZE.top + 8, class: "flip-text", "text-anchor": flip.degree < identity ? "end" : "start" }, clipped(flip, at.x(flip.degree), flip.degree < identity)),
      ]),
      curve.now !== null && curve.now !== undefined ? [vertical(curve.now, "now-line"), svg("path", { d: `M${at.x(curve.now) - 4},${bottom + 5}l4,-5l4,5z`, class: "now-mark" })] : null,
      svg("line", { x1: 0, x2: 0, y1: SIZE.top, y2: bottom, class: "cursor", visibility: "hidden" })
    );
    drawing.addEventListener("pointermove", (event) => look(drawing, curve, at, event));
    drawing.addEventListener("pointerleave", hide);
    // What the card shows is what a click loads: its place is rounded to whole pixels.
    drawing.addEventListener("click", (event) => load(curve, hovered && hovered[0] === curve ? hovered[1] : nearest(drawing, curve, at, event)));
    return drawing;
  }

  /* The class that it becomes, where there is room for its name beside the mark. */
  function clipped(flip, x, leftwards) {
    const room = (leftwards ? x - SIZE.left : SIZE.width - SIZE.right - x) / 4.9;
    if (!flip.name || room < 3) return "";
    return flip.name.length <= room ? flip.name : flip.name.slice(0, Math.max(1, Math.floor(room) - 1)) + "…";
  }

  function nearest(drawing, curve, at, event) {
    const box = drawing.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIZE.width;
    let best = 0;
    curve.degrees.forEach(function (value, i) {
      if (Math.abs(at.x(value) - x) < Math.abs(at.x(curve.degrees[best]) - x)) best = i;
    });
    return best;
  }

  /* --- hovering and choosing ------------------------------------------------------------------------------------- */

  let hovered = null; // the curve under the pointer, and which of its degrees
  const picture = new Image();
  picture.alt = "the image at this degree";

  function look(drawing, curve, at, event) {
    const i = nearest(drawing, curve, at, event);
    hovered = [curve, i];
    const cursor = drawing.querySelector(".cursor");
    cursor.setAttribute("x1", at.x(curve.degrees[i]));
    cursor.setAttribute("x2", at.x(curve.degrees[i]));
    cursor.setAttribute("visibility", "visible");
    const source = `response/${curve.key}/${i}.png?side=176`;
    if (picture.getAttribute("src") !== source) picture.src = source;
    const card = by("hover-card");
    card.className = "hover-card response-card";
    const line = (name, colour, value, more) => h("div", { class: "response-line" }, h("span", { class: "swatch", style: { background: colour } }), h("span", {}, name), h("span", { class: "value" }, value.toFixed(3) + (more || "")));
    card.replaceChildren(
      picture,
      h("div", {},
        h("div", {}, h("b", {}, `${curve.title} ${degree(curve, curve.degrees[i])}`)),
        curve.series.map((one) => line(one.name, one.colour, one.values[i], one.low ? ` (${one.low[i].toFixed(2)}–${one.high[i].toFixed(2)})` : "")),
        curve.others.map((other) => line(other.model, "#b4bac4", other.values[i])),
        curve.said.length ? h("div", { class: "label" }, "taken for ", h("b", {}, curve.said[i])) : h("div", { class: "label" }, "the first image of the selection"),
        h("div", { class: "label" }, curve.name === ADVERSARIAL ? "click to attack at this ε" : "click to load it")
      )
    );
    card.hidden = false;
    const box = card.getBoundingClientRect();
    const around = drawing.getBoundingClientRect();
    card.style.left = Math.max(8, Math.min(event.clientX - box.width / 2, window.innerWidth - box.width - 8)) + "px";
    card.style.top = (around.bottom + 8 + box.height > window.innerHeight ? around.top - box.height - 8 : around.bottom + 8) + "px";
  }

  function hide() {
    hovered = null;
    const card = by("hover-card");
    if (!card || !card.classList.contains("response-card")) return;
    card.hidden = true;
    card.className = "hover-card";
    document.querySelectorAll(".response-plot .cursor").forEach((cursor) => cursor.setAttribute("visibility", "hidden"));
  }

  /* The image at a degree is tested: the last edit of that name gets it, or it comes behind them all. */
  function load(curve, i) {
    const value = curve.degrees[i];
    if (curve.name === ADVERSARIAL) return value >= 1 ? nnvis.attackAt(strength(curve, value)) : undefined;
    const edits = selection.edits.slice();
    const place = edits.map(([name]) => name).lastIndexOf(curve.name);
    if (place < 0 && i === curve.identity) return undefined;
    if (place < 0) edits.push([curve.name, { degree: value }]);
    else edits[place] = [curve.name, { ...edits[place][1], degree: value }];
    return nnvis.send({ kind: "edits", edits: edits, origin: "responses" });
  }
})();
