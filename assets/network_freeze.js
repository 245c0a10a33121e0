/* The network view's tab `freeze`: the frozen units by layer, and the tested image's answer and attribution with them
 * beside what they are without. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);
  const net = nnvis.network;

  let asked = null; // the question whose answer is shown or on its way
  let answer = null;
  let explained = null; // what the job `redrawn` was asked for
  let pair = null; // its answer
  let imported = ""; // what went wrong with a file
  let drawn = null; // the frozen units whose chips are shown

  const showing = () => Boolean(net.now && net.now.tab === "freeze");

  window.addEventListener("nnvis-network", function () {
    if (!showing()) return badges(null);
    tools();
    chips();
    look();
  });

  function tools() {
    const count = net.frozenCount();
    by("freeze-selected").disabled = !net.now.units.some(([layer, channel]) => !net.isFrozen(layer, channel));
    by("freeze-clear").disabled = !count;
    by("freeze-export").disabled = !count;
    by("freeze-import").disabled = false;
  }

  function chips() {
    if (same(drawn, net.now.frozen)) return;
    drawn = net.now.frozen;
    const layers = Object.entries(net.now.frozen);
    const hint = "Nothing is frozen. Set a click to freeze and click units here, in Units, Maps or 3-D; or freeze the selected ones.";
    by("freeze-units").replaceChildren(
      ...(layers.length ? layers.map(chip) : [h("span", { class: "label" }, hint)])
    );
  }

  function chip([layer, text]) {
    const count = net.frozenOf(layer).size;
    return h("span", { class: "frozen-layer", title: `${layer}: ${text}` },
      h("b", {}, layer),
      h("span", { class: "ranges" }, text.replaceAll("-", "–").replaceAll(",", ", ") + (count > 1 ? ` (${count})` : "")),
      h("button", { type: "button", class: "act quiet", "data-release": layer, "aria-label": "release " + layer, title: "Let them work again" }, "×"));
  }

  /* --- the answer and the attribution ------------------------------------------------------------------------------ */

  function look() {
    if (!net.tests()) {
      asked = answer = explained = pair = null;
      net.stop("redrawn");
      return draw();
    }
    const { dataset, model, frozen } = net.now;
    const question = { dataset, model, ...net.tested(), frozen };
    if (!same(asked, question)) ask(question);
    const wanted = { ...net.now.attribution, frozen };
    if (!same(explained, wanted) && net.frozenCount()) {
      explained = wanted;
      net.run("redrawn", wanted);
    } else if (!net.frozenCount() && explained) {
      explained = pair = null;
      net.stop("redrawn");
    }
    draw();
  }

  async function ask(question) {
    asked = question;
    const found = await net.post("network/frozen", question);
    if (!same(asked, question)) return;
    answer = found;
    if (found.again) asked = null;
    draw();
  }

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, record, answer: found } = event.detail;
    if (name !== "redrawn" || !found || !explained || !same({ ...explained, number: record.number }, record)) return;
    pair = found;
    if (showing()) draw();
  });

  const className = (index) => net.now.classNames[index] || "class " + index;

  function draw() {
    const tests = net.tests();
    const problem = imported || (answer && answer.problem) || (net.frozenCount() && pair && pair.problem) || "";
    by("freeze-message").textContent = problem || (tests ? "" : "Click a point on the map: its prediction and explanation are shown here, without and with the units frozen.");
    by("freeze-message").classList.toggle("hint", !problem);
    by("freeze-answer").hidden = !tests || !answer || Boolean(answer.problem);
    if (by("freeze-answer").hidden) return badges(null);
    const drawnPair = pair && !pair.problem && net.frozenCount() ? pair : null;
    by("freeze-answer").classList.toggle("pending", Boolean(net.running("redrawn")));
    pictures(drawnPair);
    const flips = answer.before !== answer.after;
    const head = h("div", { class: "row" }, h("span", { class: "strong" }, net.now.modelName),
      answer.nothing ? h("span", { class: "flip" }, "no class is left")
        : flips ? h("span", { class: "flip", title: "Its prediction changes" }, `${className(answer.before)} → ${className(answer.after)}`)
        : h("span", { class: "label" }, answer.units ? "the prediction stays" : "nothing frozen"));
    by("freeze-bars").replaceChildren(head, ...answer.entries.map(bar));
  }

  function bar({ index, before, after }) {
    const change = after - before;
    const words = Math.abs(change) < 0.0005 ? "" : (change > 0 ? "+" : "−") + Math.abs(change).toFixed(3);
    return h("button", {
      type: "button", class: "act bar whatif-bar", "data-change": JSON.stringify({ kind: "target", target: index }), "aria-pressed": String(net.now.target === index),
      title: `${className(index)}: ${before.toFixed(4)} with nothing frozen, ${after.toFixed(4)} with the frozen units. Click to explain it.`,
    },
      h("span", { class: "bar-name" }, className(index)),
      h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: (100 * after).toFixed(2) + "%", background: net.now.colours[index] || "var(--accent)" } }),
        h("span", { class: "tick-before", style: { left: 100 * before + "%" } })),
      h("span", { class: "bar-value" }, after.toFixed(3)),
      h("span", { class: "bar-change " + (change > 0.0005 ? "rise" : change < -0.0005 ? "fall" : "") }, words));
  }

  function pictures(found) {
    ["before", "after"].forEach(function (side, place) {
      const image = by(`freeze-${side}-image`);
      if (image.getAttribute("src") !== answer.image) image.src = answer.image;
      image.alt = "the tested image";
      const layer = by(`freeze-${side}-layer`);
      const one = found && found.pictures[place];
      layer.hidden = !one;
      if (one) layer.src = one.overlay;
      const shape = function () {
        const ratio = image.naturalWidth / image.naturalHeight || 1;
        const frame = by(`freeze-${side}-frame`);
        frame.style.aspectRatio = String(ratio);
        frame.style.width = ratio >= 1 ? "100%" : 100 * ratio + "%";
        frame.classList.toggle("coarse", image.naturalWidth <= 96);
        nnvis.layOver(layer, ratio, found);
      };
      if (image.complete && image.naturalWidth) shape();
      else image.onload = shape;
      const what = found ? (found.explained ? found.explained : `${className(found.target)} ${found.probabilities[place].toFixed(3)}`) : "";
      by(`freeze-${side}-caption`).textContent = [side === "before" ? "nothing frozen" : `${answer.units} frozen`, what, one && one.flat ? "flat" : ""].filter(Boolean).join(" · ");
    });
    badges(found);
    const caption = by("freeze-after-caption");
    caption.title = found ? `${found.title}: its maps differ by ${found.distance.toFixed(3)} (0: not at all, 2: wholly)` : "";
  }

  function badges(found) {
    const maps = (found ? found.maps : []).map((one, place) => ({ ...one, places: [[by(`freeze-${["before", "after"][place]}-badge`), 0]] }));
    nnvis.badges.show("freeze", maps);
  }

  /* --- what a person does --------------------------------------------------------------------------------------------- */

  document.addEventListener("click", function (event) {
    const release = event.target.closest("[data-release]");
    if (release) return net.setFrozen({ ...net.now.frozen, [release.dataset.release]: "" });
    const button = event.target.closest("#network-freeze button");
    if (!button || !net.now) return;
    if (button.id === "freeze-selected") net.freeze(net.now.units, true);
    if (button.id === "freeze-clear") net.setFrozen({});
    if (button.id === "freeze-export") save();
    if (button.id === "freeze-import") choose();
    const units = button.closest("[data-freeze]");
    if (units) net.freeze(JSON.parse(units.dataset.freeze), true);
  });

  async function save() {
    const found = await net.post("network/frozen/file", { model: net.now.model, frozen: net.now.frozen });
    imported = found.problem || "";
    draw();
    if (found.problem) return;
    const link = h("a", { href: URL.createObjectURL(new Blob([found.text], { type: "application/json" })), download: found.name });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function choose() {
    const input = h("input", { type: "file", accept: ".json,application/json", id: "freeze-file" });
    input.hidden = true;
    input.addEventListener("change", async function () {
      const file = input.files[0];
      if (!file) return;
      const text = file.size > 4e6 ? "" : await file.text();
      const found = text ? await net.post("network/frozen/read", { model: net.now.model, text }) : { problem: `${file.name} has ${file.size} bytes. A file of frozen units has some thousands.` };
      imported = found.problem || "";
      if (!found.problem) net.setFrozen(found.frozen);
      draw();
      input.remove();
    });
    document.body.append(input);
    input.click();
  }
})();
