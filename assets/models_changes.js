/* What changed from A to B: a flow from right and wrong to right and wrong, and the classes, those that lost most first. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const md = (nnvis.models = nnvis.models || {});
  const h = (...parts) => nnvis.h(...parts);
  const svg = (...parts) => nnvis.svg(...parts);
  const right = (sample) => [sample.a === sample.label, sample.b === sample.label];
  /* Name, from right or wrong to right or wrong (0 and 1 from the top), and which counts are its own. */
  const GROUPS = {
    both_right: { said: "both right", ends: [0, 0], of: ["both_right"], test: (s) => s.label >= 0 && right(s).every(Boolean) },
    broken: { said: "broken", ends: [0, 1], of: ["broken"], test: (s) => s.label >= 0 && right(s)[0] && !right(s)[1] },
    fixed: { said: "fixed", ends: [1, 0], of: ["fixed"], test: (s) => s.label >= 0 && !right(s)[0] && right(s)[1] },
    both_wrong: { said: "both wrong", ends: [1, 1], of: ["both_wrong_same", "both_wrong_other"], test: (s) => s.label >= 0 && !right(s).some(Boolean) },
  };
  const THIN = 3; // pixels of the smallest band
  const GAP = 14; // pixels between right and wrong
  const MOST = 200; // classes that are listed

  md.parts.changes = function (plot, answer) {
    if (md.now.models.length < 2) return alone(plot);
    if (!answer.changed) return agreement(plot, answer);
    const { changed } = answer;
    const counts = Object.fromEntries(Object.entries(GROUPS).map(([name, group]) => [name, group.of.reduce((sum, kind) => sum + changed.counts[kind], 0)]));
    const columns = h("div", { class: "models-columns" });
    plot.replaceChildren(words(answer), groups(counts, changed), columns);
    const width = Math.max(240, Math.min(560, Math.round(plot.clientWidth * 0.54)));
    const height = Math.max(84, Math.min(300, plot.clientHeight - columns.offsetTop - 4));
    columns.append(flow(counts, changed, width, height), classes(changed));
  };

  function words(answer) {
    const { correctness } = md.now.selection;
    const [accuracies, tested] = answer.changed.said;
    const unlabelled = answer.n - answer.labelled;
    const filtered = `No test: the filter chose samples by whether ${md.now.catalog.modelName} is right.`;
    const lines = correctness === "all" ? [accuracies, tested] : [filtered];
    const alone = nnvis.suggestion.unmatched(md.samples.header);
    if (alone) lines.push(`${alone}.`);
    if (unlabelled) lines.push(`${md.count(unlabelled)} samples without a label are left out.`);
    return h("div", { class: "label models-words" }, lines.map((line) => h("div", {}, line)));
  }

  /* --- the flow -------------------------------------------------------------------------------------------------- */

  function flow(counts, changed, width, height) {
    const n = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const there = Object.entries(counts).filter(([, count]) => count);
    const room = height - GAP - THIN * there.length;
    const tall = (count) => (count ? THIN + (room * count) / n : 0);
    const thick = Object.fromEntries(there.map(([name, count]) => [name, tall(count)]));
    const sides = [0, 1].map(function (side) {
      const sums = [0, 1].map((end) => there.filter(([name]) => GROUPS[name].ends[side] === end).reduce((sum, [name]) => sum + thick[name], 0));
      return { starts: [0, sums[0] + (sums[0] && sums[1] ? GAP : 0)], sums };
    });
    const [x0, x1] = [104, width - 104];
    const filled = sides.map(({ starts }) => [...starts]);
    const bands = Object.entries(GROUPS).filter(([name]) => counts[name]).map(function ([name, group]) {
      const [from, to] = group.ends.map(function (end, side) {
        const y = filled[side][end];
        filled[side][end] += thick[name];
        return y;
      });
      const [t, middle] = [thick[name], (x0 + x1) / 2];
      const d = `M${x0},${from}C${middle},${from} ${middle},${to} ${x1},${to}V${to + t}C${middle},${to + t} ${middle},${from + t} ${x0},${from + t}Z`;
      const lines = [`${md.count(counts[name])} ${group.said}`, `${md.percent(counts[name] / n)} of ${md.count(n)}`];
      return md.picks(svg("path", { d, class: "models-band " + name, "data-group": name }), lines, group.test);
    });
    const nodes = sides.flatMap(({ starts, sums }, side) =>
      [0, 1].filter((end) => sums[end]).map((end) => svg("rect", { x: side ? x1 : x0 - 5, y: starts[end], width: 5, height: sums[end], class: end ? "models-wrong" : "models-right" }))
    );
    const labels = sides.flatMap(({ starts, sums }, side) => {
      const share = side ? changed.after : changed.before;
      const rights = Math.round(share * n);
      const x = side ? x1 + 10 : x0 - 10;
      const anchor = side ? "start" : "end";
      const at = [0, 1].map((end) => starts[end] + sums[end] / 2);
      at[0] = Math.max(12, at[0]);
      at[1] = Math.min(height - 4, Math.max(at[0] + 44, at[1]));
      const line = (y, text, weight) => svg("text", { x, y, "text-anchor": anchor, class: "models-text" + (weight ? " strong" : "") }, text);
      return [
        ...(sums[0] ? [line(at[0], `${md.count(rights)} right`, true), line(at[0] + 14, md.percent(share))] : []),
        ...(sums[1] ? [line(at[1], `${md.count(n - rights)} wrong`, true)] : []),
      ];
    });
    const said = `from ${md.now.names[0]} to ${md.now.names[1]}: ` + Object.entries(GROUPS).map(([name, group]) => `${counts[name]} ${group.said}`).join(", ");
    return svg("svg", { width, height, role: "group", "aria-label": said }, ...bands, ...nodes, ...labels);
  }

  function groups(counts, changed) {
    const same = changed.counts.both_wrong_same;
    return h("div", { class: "models-groups" }, ["fixed", "broken", "both_wrong", "both_right"].map(function (name) {
      const button = h("button", { type: "button", class: "act models-group " + name, "data-group": name, disabled: !counts[name] }, h("b", {}, md.count(counts[name])), " " + GROUPS[name].said);
      const alike = name === "both_wrong" && same ? `${md.count(same)} of them with the same class. ` : "";
      return picks(button, alike + "Select them; Shift adds them", GROUPS[name].test);
    }));
  }

  function picks(button, title, test) {
    button.title = title;
    button.addEventListener("click", (event) => md.pick(test, event));
    return button;
  }

  /* --- the classes ------------------------------------------------------------------------------------------------ */

  function classes(changed) {
    const rows = changed.classes.map(([number, n, fixed, broken, difference, low, high]) => ({ number, n, fixed, broken, difference, low, high, net: fixed - broken }));
    rows.sort((a, b) => a.net - b.net || b.broken - a.broken || a.number - b.number);
    const most = Math.max(1, ...rows.map((row) => Math.max(row.fixed, row.broken)));
    const head = h("div", { class: "models-class label" }, h("span", {}, "class"), h("span", { class: "end" }, "broken"), h("span", {}), h("span", {}, "fixed"), h("span", { class: "end" }, "net"));
    return h("div", { class: "models-classes" }, head, rows.slice(0, MOST).map((row) => one(row, most)), rows.length > MOST ? h("div", { class: "label" }, `and ${rows.length - MOST} more classes`) : null);
  }

  function one({ number, n, fixed, broken, difference, low, high, net }, most) {
    const test = { broken: (s) => s.label === number && GROUPS.broken.test(s), fixed: (s) => s.label === number && GROUPS.fixed.test(s) };
    const points = (value) => (100 * value).toFixed(1).replace("-", "−");
    const title = `${md.name(number)}: accuracy ${points(difference)} points (95 % interval ${points(low)} to ${points(high)}) over ${md.count(n)} samples. Select what changed; Shift adds it`;
    const name = picks(h("button", { type: "button", class: "models-name", "data-class": String(number), disabled: !(fixed + broken) }, md.name(number)), title, (s) => test.broken(s) || test.fixed(s));
    const count = (kind, value) => picks(h("button", { type: "button", class: "models-count " + kind, "data-class": String(number), "data-kind": kind, disabled: !value }, md.count(value)), `${md.count(value)} ${kind} of ${md.name(number)}; Shift adds them`, test[kind]);
    const bar = (kind, value) => h("span", { class: "models-half " + kind }, h("span", { style: { width: (100 * value) / most + "%" } }));
    return h("div", { class: "models-class" }, name, count("broken", broken), h("span", { class: "models-bars" }, bar("broken", broken), bar("fixed", fixed)), count("fixed", fixed), h("span", { class: "end " + (net < 0 ? "bad" : net > 0 ? "good" : "") }, h("b", {}, (net > 0 ? "+" : net < 0 ? "−" : "") + md.count(Math.abs(net)))));
  }

  /* --- without labels, and with one classifier -------------------------------------------------------------------- */

  function agreement(plot, answer) {
    const { agree, differ, pairs } = answer;
    const button = (name, value, said, test) => picks(h("button", { type: "button", class: "act models-group", "data-group": name, disabled: !value }, h("b", {}, md.count(value)), " " + said), "Select them; Shift adds them", test);
    const top = h("div", { class: "models-groups" }, button("agree", agree, "same answer", (s) => s.a === s.b), button("differ", differ, "different answers", (s) => s.a !== s.b));
    const bar = svg("svg", { class: "models-agree", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: (100 * agree) / answer.n, height: 10, class: "models-right" }), svg("rect", { x: (100 * agree) / answer.n, width: (100 * differ) / answer.n, height: 10, class: "models-differ" }));
    const list = pairs.map(([a, b, n]) => picks(h("button", { type: "button", class: "act models-pair", "data-pair": `${a}-${b}` }, h("b", {}, md.count(n)), ` ${md.name(a)} → ${md.name(b)}`), `${md.now.names[0]} says ${md.name(a)}, ${md.now.names[1]} ${md.name(b)}; Shift adds them`, (s) => s.a === a && s.b === b));
    plot.replaceChildren(h("div", { class: "label" }, "No sample has a label: nobody knows who is right, only where the two differ."), bar, top, h("div", { class: "models-pairs" }, list));
  }

  function alone(plot) {
    plot.replaceChildren(h("div", { class: "empty" }, `Only ${md.now.names[0]} is ticked. Tick another classifier on the left to see what changes from one to the other; `, "its own confusion and calibration are here."));
  }
})();
