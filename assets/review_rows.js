/* The rows of the review, one kind a part, and the table of named slices. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const rev = (nnvis.review = nnvis.review || {});
  const by = (id) => document.getElementById(id);
  const h = (...parts) => nnvis.h(...parts);
  const SIDE = 96; // pixels of a thumbnail, asked for
  const STRIP = 14; // images of a slice
  const GROUP = 8; // images of a group of twins

  const number = (n) => n.toLocaleString("en-US");
  const percent = (share) => `${Math.round(100 * share)} %`;
  const passing = (id) => nnvis.samples.passes(id, rev.now.selection);
  const picture = (id, dataset, more) => h("img", { src: `image/${dataset || rev.now.dataset}/${id}.png?side=${SIDE}`, alt: "", loading: "lazy", ...more });

  /* --- decisions ------------------------------------------------------------------------------------------------- */

  const rows = new Map(); // by sample: functions that draw its buttons again

  /* Buttons for one sample; `about`: {likely, reason, score}. Pressed again, a decision is taken back. */
  function buttons(id, about) {
    const holder = h("span", { class: "review-decide" });
    const draw = function () {
      const now = rev.decisions[id] || {};
      holder.dataset.decided = now.decision || "";
      const set = (decision, label) => rev.decide([id], decision === now.decision && (label || "") === (now.label || "") ? null : decision, { label, reason: about.reason, score: about.score });
      const act = (name, label, words, title) => h("button", { type: "button", class: "act", "data-decision": name, "aria-pressed": String(now.decision === name && (!label || now.label === label)), title, onclick: () => set(name, label) }, words);
      const others = h("select", { class: "form-select form-select-sm", title: "Give it another label", "aria-label": `label of sample ${id}`, onchange: (event) => event.target.value && set("fix", event.target.value) });
      others.append(new Option("fix…", ""), ...rev.now.catalog.names.map((name) => new Option(name, name)));
      if (now.decision === "fix") others.value = now.label;
      const likely = about.likely ? act("fix", about.likely, "→ " + about.likely, `Label it ${about.likely}`) : null;
      holder.replaceChildren(...[act("keep", "", "keep", "It is right as it is"), likely, others, act("drop", "", "drop", "Leave it out")].filter(Boolean));
    };
    draw();
    if (!rows.has(id) || !rows.get(id).some(([one]) => one.isConnected)) rows.set(id, []);
    rows.get(id).push([holder, draw]);
    return holder;
  }
  rev.redraw = (samples) => samples.forEach((id) => (rows.get(id) || []).forEach(([, draw]) => draw()));

  /* A sample's image, with the map's hover card, and the button that opens the sample. */
  const hovered = (id) => picture(id, null, { onpointermove: (event) => nnvis.samples.hover(by("hover-card"), id, event), onpointerleave: () => (by("hover-card").hidden = true) });
  const opener = (id, more, ...words) => h("button", { type: "button", ...more, class: "review-open" + (more.class || ""), onclick: (event) => rev.test(id, event) }, hovered(id), words);

  const line = (id, about, ...words) => h("div", { class: "review-row", "data-sample": String(id) }, opener(id, {}, h("span", { class: "review-words" }, words)), buttons(id, about));

  /* --- labels ---------------------------------------------------------------------------------------------------- */

  rev.parts.labels = {
    list(answer) {
      if (!answer.order) return [];
      return Array.from(answer.order).filter((id, place) => passing(id) && (place < answer.header.examined || answer.score[id] > 0));
    },
    row(id, answer) {
      const { names } = answer.header;
      const [label, likely, score] = [rev.label(id), names[answer.likely[id]], answer.score[id]];
      const about = { likely, score, reason: `labelled ${label}, looks like ${likely}` };
      return line(id, about, h("span", {}, "labelled ", h("b", {}, label), ", looks like ", h("b", {}, likely)), h("span", { class: "label" }, `#${id} · ${score.toFixed(2)}${answer.flagged[id] ? " · flagged" : ""}`));
    },
    ids: (id) => [id],
    say(answer, all) {
      if (!answer.order) return "The dataset has no labels.";
      const { estimated, forms, examined } = answer.header;
      const asked = forms > 1 ? ` · ${number(examined)} asked for in ${forms} forms` : "";
      return `${number(all)} doubtful labels, about ${number(estimated)} wrong by confident learning${asked}`;
    },
  };

  /* --- outliers -------------------------------------------------------------------------------------------------- */

  const score = (answer) => answer["outlier-" + rev.now.settings.by] || answer["outlier-together"];

  rev.parts.outliers = {
    list(answer) {
      const values = score(answer);
      const ids = Array.from(values.keys()).filter(passing);
      return ids.sort((a, b) => values[b] - values[a] || a - b);
    },
    row(id, answer) {
      const value = score(answer)[id];
      const label = rev.label(id);
      const shown = String(Number(value.toPrecision(3)));
      const [, what] = answer.header.outliers.find(([name]) => name === rev.now.settings.by) || answer.header.outliers[0];
      return line(id, { score: value, reason: `outlier, ${what}` }, h("span", {}, "unlike the others", label ? ", labelled " : "", label ? h("b", {}, label) : ""), h("span", { class: "label" }, `#${id} · ${shown}`));
    },
    ids: (id) => [id],
    say(answer, all) {
      const found = answer.header.outliers.find(([name]) => name === rev.now.settings.by);
      return `${number(all)} samples by ${(found || answer.header.outliers[0])[1]}${found ? "" : ": that score is not known here"}`;
    },
  };

  /* --- twins ----------------------------------------------------------------------------------------------------- */

  rev.parts.twins = {
    list(answer) {
      const groups = Array.from(answer.exact, (exact, group) => ({ group, exact: Boolean(exact), alike: answer.alike[group], members: [] }));
      answer.group.forEach((group, at) => groups[group].members.push({ id: answer.samples[at], other: answer.other[at], label: answer.header.names[answer.other[at]][answer.labels[at]] }));
      for (const one of groups) one.torn = new Set(one.members.map(({ label }) => label).filter(Boolean)).size > 1;
      return groups.filter(({ members }) => members.some(({ id, other }) => !other && passing(id))).sort((a, b) => b.torn - a.torn || a.group - b.group);
    },
    row(one) {
      const said = one.exact ? "equal" : `alike, ${one.alike.toFixed(4)}`;
      const about = { score: one.alike, reason: `${one.exact ? "equal to" : "alike"} ${one.members.map(({ id, other }) => "#" + id + (other ? " of the other dataset" : "")).join(", ")}`.slice(0, 200) };
      const cells = one.members.slice(0, GROUP).map(function ({ id, other, label }) {
        const words = h("span", { class: "label" }, `#${id} ${label || ""}`);
        if (other) return h("div", { class: "review-twin" }, h("span", { class: "review-open other" }, picture(id, rev.now.settings.other), words), h("span", { class: "label" }, "of the other dataset"));
        return h("div", { class: "review-twin", "data-sample": String(id) }, opener(id, {}, words), buttons(id, about));
      });
      const rest = one.members.length - GROUP;
      return h("div", { class: "review-group" }, h("div", { class: "review-said" }, h("b", {}, `${one.members.length} ${said}`), one.torn ? h("span", { class: "bad" }, "different labels") : ""), h("div", { class: "review-cells" }, cells, rest > 0 ? h("span", { class: "label" }, `and ${rest} more`) : null));
    },
    ids: (one) => one.members.filter(({ other }) => !other).map(({ id }) => id),
    say(answer, all) {
      const where = rev.now.settings.other ? "in both datasets" : "in this dataset";
      const words = all ? `${number(all)} groups of equal or nearly equal images ${where}` : `No two images ${where} are equal or nearly equal.`;
      return words + (answer.header.complete ? "" : " · there are more than could be listed");
    },
  };

  /* --- slices ---------------------------------------------------------------------------------------------------- */

  /* Select samples, and show what they have in common among the neural patterns. */
  function patternsOf(ids) {
    nnvis.select(ids, "review");
    nnvis.network.set({ of: "selection" });
    nnvis.send({ kind: "tab", tab: "patterns", origin: "review" });
  }

  rev.parts.slices = {
    list(answer) {
      let at = 0;
      return answer.header.slices.map(function (one) {
        at += one.n;
        return { ...one, ids: Array.from(answer.slice_ids.slice(at - one.n, at)) };
      });
    },
    row(one) {
      const images = one.ids.slice(0, STRIP).map(function (id, place) {
        const wrong = place < one.wrong;
        return opener(id, { class: wrong ? " bad" : "", "data-sample": String(id), "aria-label": `sample ${id}${wrong ? ", wrong" : ""}` });
      });
      const said = h("button", { type: "button", class: "review-said", title: "Select its samples; Shift adds them", onclick: (event) => rev.select(one.ids, event) }, one.said, h("span", { class: "label" }, ` ${Math.round(100 * one.low)}–${percent(one.high)}`));
      const names = one.units.map(([layer, channel]) => `${layer} · ${channel}`).join(", ");
      const units = one.units.length ? h("button", { type: "button", class: "act quiet", title: `${names}: they answer to these more than to samples of the same classes that are right. Click to select them`, onclick: () => nnvis.network.setUnits(one.units) }, one.units.length === 1 ? "1 unit" : `${one.units.length} units`) : null;
      const patterns = h("button", { type: "button", class: "act quiet", title: "The neural patterns that its samples have in common, in the network view", onclick: () => patternsOf(one.ids) }, "patterns");
      return h("div", { class: "review-group", "data-slice": String(one.n) }, h("div", { class: "review-line" }, said, units, patterns), h("div", { class: "review-cells" }, images));
    },
    ids: (one) => one.ids,
    say: (answer, all) => (!answer.order ? "The dataset has no labels." : all ? `${number(all)} groups err more than the rest, with the 95 % interval of their error rate` : "No group of samples errs more than the rest."),
  };

  /* --- named slices ---------------------------------------------------------------------------------------------- */

  rev.nameSlices = async function (dataset, models) {
    const key = JSON.stringify([dataset, models]);
    if (!rev.named.has(key)) rev.named.set(key, nnvis.network.post("review/named", { dataset, models }));
    const found = await rev.named.get(key);
    if (found.problem) rev.named.delete(key);
    if (found.problem || rev.now.part !== "slices" || rev.now.dataset !== dataset) return;
    const cell = (one) => h("td", one && one.accuracy !== null ? { title: `95 % interval ${percent(one.low)} to ${percent(one.high)}, mean confidence ${one.confidence.toFixed(2)}` } : {}, !one ? "…" : one.accuracy === null ? `– / ${one.confidence.toFixed(2)}` : [`${(100 * one.accuracy).toFixed(1)} % `, h("span", { class: "label" }, `${Math.round(100 * one.low)}–${percent(one.high)} · ${one.confidence.toFixed(2)}`)]);
    const forget = (name) => h("button", { type: "button", class: "act quiet", title: "Forget this slice", "aria-label": `forget ${name}`, onclick: () => drop(dataset, models, name) }, "×");
    const name = (one) => (one.whole ? one.name : [h("button", { type: "button", class: "act quiet", title: "Select its samples", onclick: (event) => rev.select(nnvis.decodeIds(one.samples), event) }, one.name), forget(one.name)]);
    const head = h("tr", {}, h("th", {}, "slice"), h("th", {}, "n"), found.models.map((model) => h("th", { title: "accuracy, its 95 % interval, mean confidence" }, model)));
    const body = found.slices.map((one) => h("tr", { "data-named": one.name }, h("td", {}, name(one)), h("td", {}, number(one.n)), one.models.map(cell)));
    const table = h("table", { class: "review-table" }, h("thead", {}, head), h("tbody", {}, body));
    const list = by("review-list");
    list.querySelectorAll(".review-table").forEach((old) => old.remove());
    if (found.slices.length > 1) list.prepend(table);
    list.dataset.named = String(found.slices.length - 1);
  };

  async function drop(dataset, models, name) {
    const found = await nnvis.network.post("review/slice", { dataset, name, remove: true });
    by("review-message").textContent = found.problem || "";
    rev.named.clear();
    rev.nameSlices(dataset, models);
  }
})();
