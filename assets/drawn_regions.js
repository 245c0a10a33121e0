/* Regions drawn on the image of the what-if lens: rectangle, lasso or brush, to erase what lies inside or to keep it alone.
 *
 * A region is drawn on the image after its edits and comes last in their order, so it means the pixels that one sees.
 * Its text is read by nnvis_dash/analysis (fractions of width and height): rect:x0,y0,x1,y1, lasso:x,y;..., brush:r;x,y;... */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const SVG = "http://www.w3.org/2000/svg";
  const NEAR = 0.006; // fractions of the width: points that lie nearer than this say nothing new
  const MOST = 240; // points of one stroke

  const TOOLS = [["rect", "▭", "Rectangle"], ["lasso", "◌", "Lasso"], ["brush", "✎", "Brush"]];
  let mode = null; // "erase" or "keep" while a tool is in hand
  let tool = "rect";
  let radius = 0.05;
  let filling = "mean";
  let points = null; // of the stroke that is being drawn
  let last = null; // [name, number of edits]: a stroke with shift adds to it

  /* --- the tools ------------------------------------------------------------------------------------------------- */

  nnvis.drawRegionTools = function (edits) {
    const place = by("whatif-tools");
    if (!place || place.contains(document.activeElement) && place.querySelector("input:focus, select:focus")) return;
    const fillings = nnvis.transformations && nnvis.transformations.get("erase");
    const choices = fillings ? fillings.parameters.find((one) => one.name === "filling").choices : [];
    const modes = [["erase", "Erase …"], ["keep", "Keep …"]].map(([name, label]) =>
      h("button", { type: "button", class: "act", "data-region-mode": name, "aria-pressed": String(mode === name), title: (name === "erase" ? "Erase a region" : "Keep nothing but a region") + " that you draw on the image after its edits" }, label));
    const shapes = TOOLS.map(([name, sign, label]) => h("button", { type: "button", class: "act", "data-region-tool": name, "aria-pressed": String(tool === name), title: label, "aria-label": label }, sign));
    const size = h("input", { type: "range", class: "region-size", min: 0.01, max: 0.2, step: 0.005, value: radius, title: "Size of the brush", "aria-label": "size of the brush", hidden: tool !== "brush" });
    const select = h("select", { class: "form-select form-select-sm region-filling", title: "What takes its place", "aria-label": "filling" },
      choices.map((choice) => h("option", { value: choice, selected: choice === filling ? "" : null }, choice === "image" ? "another image" : choice)));
    place.replaceChildren(...modes, ...(mode ? [h("span", { class: "segmented" }, shapes), size, h("span", { class: "label" }, "filled with"), select, h("span", { class: "label hint" }, "draw on “after”; shift adds")] : []));
    by("whatif-after-frame").classList.toggle("drawable", Boolean(mode));
  };

  const redraw = () => nnvis.drawRegionTools([]);

  document.addEventListener("click", function (event) {
    const pick = event.target.closest("[data-region-mode], [data-region-tool]");
    if (!pick) return;
    if (pick.dataset.regionMode) mode = mode === pick.dataset.regionMode ? null : pick.dataset.regionMode;
    else tool = pick.dataset.regionTool;
    redraw();
  });
  document.addEventListener("input", (event) => event.target.matches(".region-size") && (radius = Number(event.target.value)));
  document.addEventListener("change", (event) => event.target.matches(".region-filling") && (filling = event.target.value));
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape" || !mode) return;
    mode = points = null;
    trace();
    redraw();
  });

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  function at(event) {
    const box = by("whatif-after-frame").getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  document.addEventListener("pointerdown", function (event) {
    const frame = event.target.closest ? event.target.closest("#whatif-after-frame") : null;
    if (!frame || !mode || event.button) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    points = [at(event)];
    trace();
  });
  document.addEventListener("pointermove", function (event) {
    if (!points) return;
    const next = at(event);
    const before = points[points.length - 1];
    if (tool === "rect") points = [points[0], next];
    else if (Math.hypot(next[0] - before[0], next[1] - before[1]) >= NEAR) points.push(next);
    trace();
  });
  document.addEventListener("pointerup", function (event) {
    if (!points) return;
    const text = written(points);
    points = null;
    trace();
    if (text) keep(text, event.shiftKey);
  });
  document.addEventListener("pointercancel", function () {
    points = null;
    trace();
  });

  const place = ([x, y]) => `${round(x)},${round(y)}`;
  const round = (value) => Number(value.toFixed(4));

  function written(stroke) {
    if (tool === "rect") {
      const [[x0, y0], [x1, y1]] = [stroke[0], stroke[stroke.length - 1]];
      if (Math.abs(x1 - x0) < 0.004 || Math.abs(y1 - y0) < 0.004) return null;
      return `rect:${[Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)].map(round).join(",")}`;
    }
    const step = Math.max(1, Math.ceil(stroke.length / MOST));
    const thin = stroke.filter((_, index) => index % step === 0 || index === stroke.length - 1).map(place);
    if (tool === "lasso") return thin.length < 3 ? null : "lasso:" + thin.join(";");
    return `brush:${round(radius)};${thin.join(";")}`;
  }

  function keep(text, more) {
    const edits = nnvis.editsNow();
    const top = edits[edits.length - 1];
    const joins = more && last && top && top[0] === mode && last[0] === mode && last[1] === edits.length;
    if (joins) nnvis.setEdit(mode, { region: `${top[1].region}|${text}` });
    else nnvis.addEdit(mode, { degree: 1, region: text, filling: filling });
    last = [mode, joins ? edits.length : edits.length + 1];
  }

  function trace() {
    const frame = by("whatif-after-frame");
    let svg = frame.querySelector("svg");
    if (!points) return svg && svg.remove();
    if (!svg) {
      svg = frame.appendChild(document.createElementNS(SVG, "svg"));
      svg.setAttribute("class", "region-trace");
      svg.append(document.createElementNS(SVG, "polyline"));
    }
    const { width, height } = frame.getBoundingClientRect();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const line = svg.firstChild;
    const [a, b] = [points[0], points[points.length - 1]];
    const corners = tool === "rect" ? [a, [b[0], a[1]], b, [a[0], b[1]], a] : tool === "lasso" ? [...points, a] : points;
    line.setAttribute("points", corners.map(([x, y]) => `${x * width},${y * height}`).join(" "));
    line.setAttribute("class", tool);
    line.style.strokeWidth = tool === "brush" ? 2 * radius * width + "px" : "";
  }
})();
