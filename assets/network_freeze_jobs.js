/* The jobs of the network view's tab `freeze`: the effect on the dataset, the smallest sets, the mutation campaign. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);
  const net = nnvis.network;
  const LATE = 3;

  const found = { effect: null, smallest: null, campaign: null }; // {subject, answer}
  const subjects = {
    effect: () => ({ dataset: net.now.dataset, model: net.now.model, frozen: net.now.frozen }),
    smallest: () => ({ dataset: net.now.dataset, model: net.now.model, ...net.tested() }),
    campaign: () => ({ dataset: net.now.dataset, model: net.now.model }),
  };
  const asked = {};
  const percent = (share) => (100 * share).toFixed(1) + " %";
  const className = (index) => net.now.classNames[index] || "class " + index;

  window.addEventListener("nnvis-network", function () {
    if (!net.now || net.now.tab !== "freeze") return;
    Object.keys(found).forEach(draw);
  });

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, progress, answer } = event.detail;
    if (!(name in found)) return;
    if (progress && progress.total) by(`freeze-${name}-status`).textContent = `${Math.round((100 * progress.done) / progress.total)} % · ${progress.message || ""}`;
    if (answer) {
      found[name] = { subject: asked[name], answer };
      draw(name);
    }
  });

  function start(name, more) {
    asked[name] = subjects[name]();
    found[name] = null;
    net.run(name, { ...asked[name], ...more });
    draw(name);
  }

  document.addEventListener("click", async function (event) {
    const button = event.target.closest("#network-freeze button[id$='-run']");
    if (!button) return;
    const name = button.closest(".freeze-section").id.replace("freeze-", "");
    if (net.running(name)) {
      net.stop(name);
      return draw(name);
    }
    if (name === "effect") start(name, {});
    if (name === "smallest") start(name, { goal: button.id === "freeze-break-run" ? "break" : "repair" });
    if (name === "campaign") {
      const over = by("freeze-campaign-over").value;
      start(name, { layers: await reach(), samples: over === "selection" ? net.now.samples : "" });
    }
  });

  /* The layers whose units the campaign freezes: an empty list means all but the last. */
  async function reach() {
    const layers = await net.unitLayers();
    const wanted = by("freeze-campaign-reach").value;
    const own = layers.find((layer) => layer.name === net.now.layer);
    if (wanted === "layer") return [(own || layers[layers.length - 2] || layers[0]).name];
    return wanted === "late" ? layers.slice(-LATE - 1, -1).map((layer) => layer.name) : [];
  }

  function draw(name) {
    const running = Boolean(net.running(name));
    by(`freeze-${name}`).querySelectorAll("button[id$='-run']").forEach(function (button) {
      const label = button.dataset.label || (button.dataset.label = button.textContent);
      button.textContent = running ? "Cancel" : label;
      button.disabled = !running && !ready(name);
      button.hidden = running && button.id === "freeze-repair-run";
    });
    const status = by(`freeze-${name}-status`);
    const held = found[name];
    const fits = held && same(held.subject, subjects[name]());
    const result = by(`freeze-${name}-result`);
    if (running) {
      if (!status.textContent.includes("%")) status.textContent = "working …";
    } else if (held && held.answer.problem && fits) status.textContent = held.answer.problem;
    else if (held && !fits && name !== "campaign") status.textContent = "of another " + (name === "effect" ? "set of units" : "image") + ": run it again";
    else status.textContent = "";
    status.title = status.textContent;
    const good = held && !held.answer.problem && fits;
    result.hidden = !good;
    if (good && result.dataset.of !== held.answer.request.number) {
      result.dataset.of = held.answer.request.number;
      result.replaceChildren(...{ effect, smallest, campaign }[name](held.answer));
    }
  }

  function ready(name) {
    if (name === "effect") return net.frozenCount() > 0;
    return name === "campaign" || net.tests();
  }

  /* --- effect ---------------------------------------------------------------------------------------------------- */

  function thumb({ id, before, after }) {
    const words = `#${id}: ${className(before)} → ${className(after)}`;
    return h("button", { type: "button", class: "act thumb", title: words, "data-change": JSON.stringify({ kind: "primary", sample: id, origin: "network" }) },
      h("img", { src: `image/${net.now.dataset}/${id}.png?side=96`, alt: words, draggable: "false" }));
  }

  function effect(answer) {
    const right = answer.against === "labels";
    const rows = answer.n.map((n, index) => ({ index, n, before: answer.accuracy[index], after: answer.accuracy_frozen[index] })).filter((row) => row.n);
    rows.sort((a, b) => a.after - a.before - (b.after - b.before));
    const parts = [h("p", { class: "freeze-said" }, answer.said)];
    if (answer.note) parts.push(h("p", { class: "label freeze-said" }, answer.note));
    parts.push(h("div", { class: "effect-classes" }, rows.map(function ({ index, n, before, after }) {
      const change = after - before;
      const probability = `mean probability ${answer.probability[index].toFixed(3)} → ${answer.probability_frozen[index].toFixed(3)}`;
      return h("div", { class: "effect-row", title: `${className(index)}, ${n} images: ${right ? "accuracy" : "predictions kept"} ${percent(before)} → ${percent(after)}, ${probability}` },
        h("span", { class: "bar-name" }, className(index)),
        h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: 100 * after + "%", background: net.now.colours[index] || "var(--accent)" } }), h("span", { class: "tick-before", style: { left: 100 * before + "%" } })),
        h("span", { class: "bar-value" }, (100 * after).toFixed(1)),
        h("span", { class: "bar-change " + (change > 0 ? "rise" : change < 0 ? "fall" : "") }, change ? (change > 0 ? "+" : "−") + (100 * Math.abs(change)).toFixed(1) : ""));
    })));
    if (answer.flipped.length) {
      const all = h("button", { type: "button", class: "act", title: "Select all images whose prediction changes" }, "select them");
      all.addEventListener("click", () => nnvis.send({ kind: "select", samples: answer.changed, origin: "network" }));
      parts.push(h("div", { class: "freeze-strip" }, answer.flipped.map(thumb), all));
    }
    return parts;
  }

  /* --- smallest set ---------------------------------------------------------------------------------------------- */

  const named = ([layer, channel]) => `${layer} · ${channel}`;

  function smallest(answer) {
    const target = className(answer.target);
    if (!answer.found) return [h("p", { class: "freeze-said" }, answer.reason)];
    const goes = `${target} goes from ${answer.probability.toFixed(3)} to ${answer.probability_frozen.toFixed(3)}`;
    if (!answer.units.length) return [h("p", { class: "freeze-said" }, `Nothing has to be frozen: it is predicted as ${className(answer.prediction)}.`)];
    const said = `Without ${answer.units.length === 1 ? "this unit" : `these ${answer.units.length} units`} it becomes ${className(answer.prediction_frozen)}; ${goes}. ${answer.units.length === 1 ? "" : "None of them can be left out; "}${answer.evaluated} sets were frozen to find them.`;
    return [
      h("p", { class: "freeze-said" }, said),
      h("div", { class: "freeze-strip" },
        answer.units.map((unit) => unitChip(unit)),
        h("button", { type: "button", class: "act", "data-freeze": JSON.stringify(answer.units) }, "freeze them"),
        selectButton(answer.units)),
    ];
  }

  function unitChip(unit) {
    const chip = h("button", { type: "button", class: "act", title: "Select this unit" }, named(unit));
    chip.addEventListener("click", () => nnvis.send({ kind: "units", units: [unit], origin: "network" }));
    chip.addEventListener("mousemove", (event) => net.hover(...unit, event, ""));
    chip.addEventListener("mouseleave", net.unhover);
    return chip;
  }

  function selectButton(units) {
    const button = h("button", { type: "button", class: "act" }, "select them");
    button.addEventListener("click", () => nnvis.send({ kind: "units", units: units.slice(0, 512), origin: "network" }));
    return button;
  }

  /* --- campaign -------------------------------------------------------------------------------------------------- */

  const TITLES = { critical: "critical", harmful: "harmful", dead: "dead" };
  const ABOUT = {
    critical: "Accuracy falls without it, by more than chance (McNemar's test, corrected)",
    harmful: "Accuracy rises without it, by more than chance",
    dead: "Without it no probability of any image changes",
  };

  function campaign(answer) {
    const units = `${answer.units.toLocaleString("en-US")} units, ${answer.images.toLocaleString("en-US")} images`;
    const lists = h("div", { class: "campaign-lists" }, Object.keys(TITLES).map((what) => list(what, answer[what], answer.against)));
    const map = h("div", { class: "campaign-map" });
    matrix(answer, map);
    return [
      h("p", { class: "freeze-said" }, `Each of ${units}: ${answer.critical.count} critical, ${answer.harmful.count} harmful, ${answer.dead.count} dead.`),
      answer.note ? h("p", { class: "label freeze-said" }, answer.note) : null,
      h("div", { class: "campaign-body" }, lists, map),
    ].filter(Boolean);
  }

  function list(what, { count, listed }, against) {
    const units = listed.map((entry) => entry.unit);
    const head = h("div", { class: "row" }, h("span", { class: "label strong", title: ABOUT[what] }, `${count} ${TITLES[what]}`),
      listed.length ? h("span", {}, h("button", { type: "button", class: "act quiet", "data-freeze": JSON.stringify(units) }, "freeze"), selectQuiet(units)) : null);
    return h("div", { class: "campaign-list", "data-list": what }, head, listed.slice(0, 12).map(function (entry) {
      const words = what === "dead" ? "" : `−${entry.broken} +${entry.repaired}`;
      const most = what === "dead" ? "" : `${className(entry.class)} ${entry.change > 0 ? "+" : "−"}${(100 * Math.abs(entry.change)).toFixed(1)} %`;
      const row = h("button", { type: "button", class: "act campaign-unit", title: `${named(entry.unit)}: ${entry.broken} right predictions are lost, ${entry.repaired} errors are right` },
        h("span", {}, named(entry.unit)), h("span", { class: "label" }, words), h("span", { class: "label " + (entry.change < 0 ? "bad" : "good") }, most));
      row.addEventListener("click", () => nnvis.send({ kind: "units", units: [entry.unit], origin: "network" }));
      row.addEventListener("mousemove", (event) => net.hover(...entry.unit, event, ""));
      row.addEventListener("mouseleave", net.unhover);
      return row;
    }));
  }

  function selectQuiet(units) {
    const button = selectButton(units);
    button.textContent = "select";
    button.classList.add("quiet");
    return button;
  }

  async function matrix(answer, place) {
    const got = await net.arrays("network/campaign", { key: answer.key });
    if (got.problem) return place.replaceChildren(h("div", { class: "failure" }, got.problem));
    const [rows, columns] = got.change.shape;
    const canvas = h("canvas", { width: columns, height: rows, role: "img", "aria-label": "change of accuracy by unit and class" });
    const context = canvas.getContext("2d");
    const picture = context.createImageData(columns, rows);
    const most = got.change.reduce((reach, value) => Math.max(reach, Math.abs(value - 127)), 1);
    for (let i = 0; i < rows * columns; i += 1) {
      const at = 3 * Math.round(127.5 + (127.5 * (got.change[i] - 127)) / most);
      picture.data.set([net.divergingBytes[at], net.divergingBytes[at + 1], net.divergingBytes[at + 2], 255], 4 * i);
    }
    context.putImageData(picture, 0, 0);
    const says = h("span", { class: "label" }, "rows: units, columns: classes");
    const scale = h("span", { class: "label" }, `blue: lost, red: won, up to ${((100 * most) / 127).toFixed(1)} %`);
    place.replaceChildren(canvas, h("div", { class: "campaign-caption" }, says, scale));
    const unitAt = function (event) {
      const box = canvas.getBoundingClientRect();
      const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
      const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
      const [layer, start] = answer.layers.find(([, from, to]) => row >= from && row < to);
      return { unit: [layer, row - start], row, column };
    };
    canvas.addEventListener("mousemove", function (event) {
      const { unit, row, column } = unitAt(event);
      const change = (got.change[row * columns + column] - 127) / 1.27;
      net.hover(...unit, event, `${className(got.classes[column])}: ${change > 0 ? "+" : ""}${change.toFixed(1)} %`);
    });
    canvas.addEventListener("mouseleave", net.unhover);
    canvas.addEventListener("click", (event) => net.pick(...unitAt(event).unit, event));
  }
})();
