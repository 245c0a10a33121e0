/* The testing view's pictures: the image as it is stored, its heatmap, and the heatmap laid over it where the classifier
 * looked. An answer that belongs to an older request is not shown. */
(function () {
  "use strict";

  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const nnvis = (window.nnvis = window.nnvis || {});
  const element = (id) => document.getElementById(id);

  function show(id, source) {
    const image = element(id);
    if (!source) image.removeAttribute("src");
    else if (image.getAttribute("src") !== source) image.src = source;
    image.hidden = !source;
    return image;
  }

  /* Give every frame the shape of the image and put the layer where the classifier saw it. */
  function shape(answer) {
    const image = element("testing-original-image");
    if (!image.naturalWidth) return;
    const ratio = image.naturalWidth / image.naturalHeight;
    document.querySelectorAll(".frame").forEach(function (frame) {
      frame.style.aspectRatio = String(ratio);
      frame.style.width = ratio >= 1 ? "100%" : 100 * ratio + "%";
      frame.classList.toggle("coarse", image.naturalWidth <= 96);
    });
    nnvis.layOver(element("testing-overlay-layer"), ratio, answer);
  }

  /* Put a heatmap where the classifier saw the image, of which it may have taken the middle only. */
  nnvis.layOver = function (layer, ratio, answer) {
    let [width, height] = [1, 1];
    if (answer && answer.resize === "crop") {
      if (ratio > answer.aspect) width = answer.aspect / ratio;
      else height = ratio / answer.aspect;
    }
    layer.style.width = 100 * width + "%";
    layer.style.height = 100 * height + "%";
    layer.style.left = 50 * (1 - width) + "%";
    layer.style.top = 50 * (1 - height) + "%";
  };

  /* The primary sample's picture in the strip, by a rule of style: the strip is not rendered again for a click. */
  const rule = document.head.appendChild(document.createElement("style"));
  function pointOut(sample, compared) {
    const other = compared === null ? "" : ".thumb.sample-" + compared + "{border-style:dashed;border-color:var(--accent)}";
    rule.textContent = other + (sample === null ? "" : ".thumb.sample-" + sample + "{border-style:solid;border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}");
    const field = element("rail-sample-number");
    if (field && field !== document.activeElement) field.value = sample === null ? "" : sample;
  }

  /* The answers that this page has had: what was seen is shown again at once. */
  const REMEMBERED = 64;
  const answers = new Map();
  const named = (request) => JSON.stringify(Object.entries(request).sort());
  function remember(answer) {
    if (!answer || !answer.request || answer.problem) return;
    answers.set(named(answer.request), answer);
    if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
  }

  window.addEventListener("nnvis-region", (event) => event.detail === "testing-controls" && draw());
  window.addEventListener("nnvis-subject", () => draw());
  let shown = [null, null, null];
  let answered = null;
  space.testingSample = function (catalog, selection, view) {
    shown = [catalog, selection, view];
    draw();
    return dash.no_update;
  };

  space.testingAnswer = function (answer) {
    answered = answer;
    remember(answer);
    draw();
    return dash.no_update;
  };

  /* What the values speak for: a class with its probability, or the units of a layer. */
  function explained(answer, catalog) {
    const { explained, unit } = answer.request;
    if (explained) return explained + (unit === null ? ", all units" : ", unit " + unit);
    return catalog.names[answer.target] + " " + answer.probability.toFixed(3);
  }

  /* Where the heatmaps of an answer are seen through a lens; of a pair the image before its edits comes first. */
  function badged({ key, asked, overlay_before }, lens) {
    const places = {
      attribution: [["testing-raw", 0], ["testing-overlay", 0]],
      whatif: overlay_before ? [["whatif-before-map", 0], ["whatif-after-map", 1]] : [["whatif-after-map", 0]],
    }[lens];
    return places ? [{ key, asked, places: places.map(([name, row]) => [element(name + "-badge"), row]) }] : [];
  }

  function exported(answer) {
    return [
      ["png", "PNG", "The picture; its text chunk says how it was made"],
      ["zip", ".npy", "The values as .npy, with everything that they depend on"],
    ].map(function ([kind, label, title]) {
      const link = document.createElement("a");
      link.href = `attribution/${answer.key}.${kind}?clip=${answer.request.clip}`;
      link.download = "";
      link.className = "act";
      link.textContent = label;
      link.title = title;
      return link;
    });
  }

  /* Where the tested image is: by its number or name, or as `assets/whatif.js` last got it under its edits. */
  function address(catalog, selection) {
    if (selection.edits.length) return nnvis.edited(catalog, selection) || "";
    return "image/" + catalog.dataset + "/" + (selection.derived ? "d" + selection.derived : selection.primary) + ".png";
  }

  function draw() {
    const [catalog, selection, view] = shown;
    const answer = answered;
    if (!catalog || !selection) return;
    const sample = selection.primary;
    const none = !selection.derived && (sample === null || sample >= catalog.n);
    pointOut(selection.derived ? null : sample, selection.compared);
    const panel = element("testing-panel");
    panel.classList.toggle("nothing", none);
    if (view) {
      document.documentElement.style.setProperty("--testing-opacity", view.opacity);
      panel.dataset.lens = view.lens;
      panel.querySelectorAll('[aria-label="lens"] button').forEach(function (button) {
        button.setAttribute("aria-pressed", String(JSON.parse(button.dataset.change).lens === view.lens));
      });
    }
    document.documentElement.dataset.grey = view && view.grey ? "1" : "";
    if (none) return nnvis.badges.show("testing", []);
    const place = address(catalog, selection);
    const original = show("testing-original-image", place);
    original.alt = selection.derived || selection.edits.length ? "the image that is tested" : "sample " + sample;
    show("testing-overlay-image", place);
    const session = { dataset: catalog.dataset, classifiers: [catalog.model] };
    const wanted = view ? named(nnvis.asked(session, selection, view)) : "";
    const current = answers.get(wanted) || (answer && answer.request && named(answer.request) === wanted ? answer : null);
    panel.classList.toggle("pending", !current);
    const message = element("testing-message");
    message.textContent = current && current.problem ? current.problem : "";
    if (current && current.flat) message.textContent = "The map is flat: nothing speaks for or against what is explained.";
    const good = current && !current.problem;
    element("testing-scale").hidden = !good || !current.signed;
    panel.classList.toggle("pixelated", Boolean(view && !view.smooth));
    const exports = element("testing-export");
    if (exports) exports.replaceChildren(...(good ? exported(current) : []));
    if (view && view.lens === "whatif") nnvis.drawPair(current, current && good ? explained(current, catalog) : "");
    nnvis.badges.show("testing", good && current.key ? badged(current, view.lens) : []);
    if (current) {
      show("testing-raw-image", current.raw);
      show("testing-overlay-layer", current.overlay);
      const layer = good && current.layer ? " · " + current.layer : "";
      element("testing-raw-caption").textContent = good ? current.title + layer : "attribution";
      element("testing-overlay-caption").textContent = good ? explained(current, catalog) : "overlay";
    }
    if (original.complete) shape(current);
    else original.onload = () => shape(current);
  }
})();
