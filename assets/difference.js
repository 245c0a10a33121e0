/* Prediction difference analysis in the testing view: maps that refine in place while their job runs, what stands beside
 * them, the window under the pointer with its samples, and a brush that erases a region. Pictures come from
 * nnvis_dash/difference_routes.py, a round at a time; the state says what is shown, this file only draws it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);

  let shown = [null, null, null]; // catalog, selection, view
  let request = null; // what the state asks for
  let known = null; // what the server answered to it
  let run = null; // what this page computes, or computed last
  let over = null; // its answer
  let cost = null; // what all of it would take
  let columns = []; // as they are now
  let running = null; // which column, and how far
  let number = 0;
  let unit = 0; // place of the unit that is shown large

  const plain = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : Math.abs(value) >= 0.1 || !value ? value.toFixed(2) : value >= 0.0001 ? Number(value.toPrecision(2)).toString() : value.toExponential(0));
  const signed = (value) => (value === null || value === undefined ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "") + plain(Math.abs(value)));
  const margin = (error) => (error === null || error === undefined ? "–" : plain(error));
  const percent = (share) => (share > 0 && share < 0.01 ? "<1" : Math.floor(100 * share + 1e-9)) + " %";
  const minus = (value, digits) => value.toFixed(digits).replace("-", "−");
  const grouped = (value) => value.toLocaleString("en-US");
  const lasting = (seconds) => (seconds < 1 ? "1 s" : seconds < 90 ? Math.round(seconds) + " s" : seconds < 5400 ? Math.round(seconds / 60) + " min" : (seconds / 3600).toFixed(1) + " h");
  const memory = (bytes) => (bytes < 1e9 ? Math.max(1, Math.round(bytes / 1e6)) + " MB" : (bytes / 1e9).toFixed(1) + " GB");

  /* What is computed is the same while only the class that is shown changes and the main map's job stays. */
  const mainOf = (list) => list.find((column) => column.main) || null;
  const identity = (wanted, list) => JSON.stringify([{ ...wanted, target: null }, (mainOf(list) || {}).key]);

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.differenceShown = function (catalog, selection, view) {
    shown = [catalog, selection, view];
    draw();
    return dash.no_update;
  };

  window.addEventListener("nnvis-region", (event) => event.detail === "testing-controls" && draw());

  space.differenceWanted = function (wanted) {
    request = wanted;
    if (run && !over && !nnvis.tests(wanted)) leave();
    draw();
    return dash.no_update;
  };

  space.differenceCost = function (answer) {
    if (answer && answer.ahead && known && same(answer.request, known.request)) known.ahead = answer.ahead;
    cost = answer;
    if (known) runLine();
    return dash.no_update;
  };

  space.differenceKnown = function (answer) {
    const before = known;
    known = answer;
    if (!answer) return dash.no_update;
    const goes = run && !over && same(identity(answer.request, answer.columns), run.identity);
    if (run && !over && !goes) leave();
    if (!goes || !running) columns = answer.columns;
    else columns = answer.columns.map((column, place) => ({ ...column, state: newer(column, columns[place]) }));
    const main = mainOf(columns);
    if (main && !goes && (main.running || widened(before, answer, main))) start();
    else draw();
    return dash.no_update;
  };

  /* A job that runs is watched, whoever began it; others stand beside a map that is complete with one click. */
  const widened = (before, answer, main) =>
    Boolean(before && answer.request.beside !== "map" && before.request.beside !== answer.request.beside && same(imaged(before.request), imaged(answer.request))) &&
    Boolean(main.state && main.state.complete) && columns.some((column) => !column.state && !column.problem);

  /* A run that goes on while another class is shown answers for the class that it began with. */
  const shownOf = (list) => list.map((column, place) => ({ ...column, target: ((known && known.columns[place]) || column).target }));

  const newer = (column, other) => (other && other.key === column.key && other.state && (!column.state || other.state.round > column.state.round) ? other.state : column.state);

  space.differenceProgress = function (progress) {
    if (!progress || !run || over || !same(progress.request, run)) return dash.no_update;
    running = progress;
    columns = shownOf(progress.columns);
    draw();
    return dash.no_update;
  };

  space.differenceResult = function (answer) {
    if (!answer || !run || !same(answer.request, run)) return dash.no_update;
    over = answer;
    running = null;
    if (answer.columns.length) columns = shownOf(answer.columns);
    draw();
    return dash.no_update;
  };

  /* --- computing ------------------------------------------------------------------------------------------------- */

  function start() {
    number += 1;
    over = null;
    running = null;
    run = { request: known.request, identity: identity(known.request, known.columns), number: `${Date.now()}-${number}` };
    nnvis.store("difference-run", run);
    draw();
  }

  function leave() {
    run = over = running = null;
    nnvis.store("difference-run", null);
  }

  const computing = () => Boolean(run && !over);

  document.addEventListener("click", function (event) {
    if (event.target.closest("#difference-run-button")) {
      if (computing()) by("difference-cancel").click();
      else if (current()) start();
    }
    const tool = event.target.closest("[data-brush]");
    if (tool) choose(tool.dataset.brush);
    if (event.target.closest("#difference-clear")) clear();
    const pick = event.target.closest("[data-unit]");
    if (pick) {
      unit = Number(pick.dataset.unit);
      draw();
    }
  });

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  const current = () => Boolean(known && request && same(known.request, request) && !known.problem && columns.length);

  /* The place of what is shown among a column's readouts; of a layer the unit that is picked, by its channel. */
  function placeOf(column, kind, target, channel) {
    const all = column.state ? column.state.readouts : [];
    if (!all.length) return -1;
    if (all[0].kind === "activation") return channel === undefined ? Math.min(unit, all.length - 1) : all.findIndex((one) => one.channel === channel);
    const wanted = target === null || target === undefined ? all[0].target : target;
    const found = all.findIndex((one) => one.kind === kind && one.target === wanted);
    return found >= 0 ? found : all.findIndex((one) => one.kind === kind);
  }

  function address(column, place, more) {
    const [, , view] = shown;
    const state = column.state;
    if (column.sensitivity) return `difference/${column.key}/sensitivity.png?clip=${view.clip}${more || ""}`;
    const limit = view.common ? common(state.readouts[place].kind, more) : 0;
    return `difference/${column.key}/maps/${place}.png?round=${state.round}&clip=${view.clip}${limit ? "&limit=" + limit : ""}${more || ""}`;
  }

  function common(kind, more) {
    const which = (more || "").includes("what=error") ? "error" : "limit";
    return Math.max(0, ...columns.flatMap((column) => (column.state ? column.state.readouts : []).filter((one) => one.kind === kind).map((one) => one[which])));
  }

  /* A picture is exchanged when the next one is there, so that a map that refines does not flicker. */
  function show(id, source, alt) {
    const image = by(id);
    image.hidden = !source;
    image.dataset.wanted = source || "";
    if (!source) return image.removeAttribute("src");
    image.alt = alt || "";
    if (image.getAttribute("src") === source) return;
    const next = new Image();
    next.onload = () => {
      if (image.dataset.wanted !== source) return;
      image.src = source;
      if (id === "difference-original-image" && mainOf(columns)) image.decode().then(shape, () => {});
    };
    next.src = source;
  }

  const imageOf = (column, grey) => `difference/image/${known.request.dataset}/${column.sample}/${column.model}.png${grey ? "?grey=1" : ""}`;
  const className = (target) => (shown[0] && shown[0].names[target] !== undefined ? shown[0].names[target] : "class " + target);
  const named = (readout) => (readout.kind === "activation" ? `${readout.layer} ${readout.channel}` : className(readout.target));
  const unitOf = (kind) => (kind === "evidence" ? "bits" : kind === "logit" ? "logits" : "");
  const said = (readout) => (readout.kind === "evidence" ? "p " + readout.value.toFixed(3) : readout.kind === "logit" ? "logit " + minus(readout.value, 2) : minus(readout.value, 3));

  function draw() {
    const [catalog, selection, view] = shown;
    if (!catalog || !selection || !view || !by("difference")) return;
    if (view.lens !== "difference") {
      beforeKey = ""; // what stands beside the map is drawn again, with its badges
      return nnvis.badges.show("difference", []);
    }
    const fresh = Boolean(known && request && same(known.request, request));
    by("difference").classList.toggle("pending", !fresh);
    if (!fresh) return runLine();
    const problem = known.problem || (over && over.problem) || (mainOf(columns) || {}).problem || "";
    const main = mainOf(columns);
    const place = main ? placeOf(main, view.readout, main.target) : -1;
    const some = place >= 0;
    const flat = some && main.state.complete && !main.state.readouts[place].limit;
    by("difference-message").textContent = problem || (flat ? "The map is flat: nothing speaks for or against what is explained." : "");
    runLine();
    if (!main) return;
    const readout = some ? main.state.readouts[place] : null;
    show("difference-original-image", imageOf(main), typeof main.sample === "number" ? "sample " + main.sample : "the image that is tested");
    show("difference-map-image", some ? address(main, place) : "", "map");
    show("difference-over-under", imageOf(main, true), "");
    show("difference-over-image", some ? address(main, place, "&over=1") : "", "map over the image");
    show("difference-error-image", some ? address(main, place, "&what=error") : "", "standard error");
    shape();
    by("difference-original-caption").textContent = "original";
    by("difference-map-caption").textContent = some ? `${named(readout)} · ${said(readout)}` : "evidence";
    by("difference-error-caption").title = some ? `standard error, at most ${plain(readout.error)} ${unitOf(readout.kind)}` : "";
    by("difference-error-caption").textContent = some ? `std. error ≤ ${plain(readout.error)}` : "standard error";
    by("difference-scale").hidden = !some;
    if (some) {
      const most = view.common ? common(readout.kind) : readout.limit;
      by("difference-low").textContent = `against −${plain(most)}`;
      by("difference-high").textContent = `+${plain(most)} ${unitOf(readout.kind)} for`;
    }
    exported(main, place);
    beside(main, place);
    drawErased();
  }

  function shape() {
    const [height, width] = size(mainOf(columns));
    by("difference").classList.toggle("coarse", Math.max(height, width) <= 96);
    document.querySelectorAll(".pane").forEach((pane) => (pane.style.aspectRatio = `${width} / ${height}`));
  }

  function size(column) {
    if (column.state && column.state.size) return column.state.size;
    const image = by("difference-original-image");
    return image.naturalWidth ? [image.naturalHeight, image.naturalWidth] : [1, 1];
  }

  function runLine() {
    const button = by("difference-run-button");
    const bar = by("difference-bar");
    const status = by("difference-status");
    const maps = columns.filter((column) => !column.sensitivity);
    const complete = columns.length > 0 && columns.every((column) => column.problem || (column.state && column.state.complete));
    const some = maps.some((column) => column.state && column.state.done > 0);
    const share = maps.length ? maps.reduce((sum, column) => sum + (column.state ? column.state.complete ? 1 : column.state.done / Math.max(1, column.state.total) : 0), 0) / maps.length : 0;
    const busy = computing();
    const priced = cost && known && same(cost.request, known.request) ? cost : null;
    const refused = current() && !complete && priced && priced.problem;
    button.disabled = !busy && (!current() || complete || Boolean(refused));
    if (refused && !busy) by("difference-message").textContent = refused;
    button.textContent = busy ? "Pause" : complete ? "Computed" : some ? "Go on" : "Compute";
    button.dataset.state = busy ? "running" : complete ? "complete" : some ? "paused" : "idle";
    bar.hidden = !busy && !some;
    by("difference-done").style.width = 100 * share + "%";
    status.textContent = words(busy, complete, some, share, maps, priced);
  }

  function words(busy, complete, some, share, maps, priced) {
    if (!current()) return "";
    const seconds = maps.reduce((sum, column) => sum + (column.state ? column.state.seconds : 0), 0);
    const forwards = maps.reduce((sum, column) => sum + ((column.state && column.state.forwards) || 0), 0);
    const all = maps.reduce((sum, column) => sum + ((column.state && column.state.total) || 0), 0);
    if (busy) {
      const at = running && columns[running.at];
      const state = at && at.state;
      const parts = [running && running.of, state ? percent(state.done / Math.max(1, state.total)) : "", running && running.message];
      if (state && state.estimate) parts.push(state.estimate.seconds ? `about ${lasting(state.estimate.seconds)} to go` : "", memory(state.estimate.bytes));
      return parts.filter(Boolean).join(" · ") || "starting …";
    }
    if (complete) return (forwards < all ? `${grouped(forwards)} of ${grouped(all)} samples ${known.request.parameters.seconds ? "within the budget" : "were enough"}` : `${grouped(forwards)} samples`) + ` · ${seconds.toFixed(1)} s` + (maps.some((column) => column.state && column.state.numbers === "bfloat16") ? " · a preview in bfloat16" : "");
    const whole = known.ahead || (priced && priced.ahead);
    if (some) return `${percent(share)} is computed and kept` + (whole ? ` · about ${lasting(whole.seconds * (1 - share))} to go, ${memory(whole.bytes)}` : "");
    if (!whole) return priced ? "" : "estimating …";
    return `${grouped(whole.windows)} windows, ${grouped(whole.forwards)} samples` + (maps.length > 1 ? ` in ${maps.length} maps` : "") + ` · about ${lasting(whole.seconds)}, ${memory(whole.bytes)}`;
  }

  function exported(main, place) {
    const slot = by("difference-export");
    if (!slot) return;
    if (place < 0) return slot.replaceChildren();
    const kinds = [
      ["png", "PNG", "The map; its text chunk says how it was made"],
      ["npz", ".npz", "Maps, errors and every window's value, with card.json"],
      ["json", "JSON", "All that it depends on"],
    ];
    slot.replaceChildren(
      ...kinds.map(([kind, label, title]) =>
        h("a", { class: "act", download: true, title: title, href: `difference/${main.key}.${kind}?readout=${place}&clip=${shown[2].clip}&round=${main.state.round}` }, label)
      )
    );
  }

  /* --- beside the map -------------------------------------------------------------------------------------------- */

  const picture = (source, alt, under) =>
    h("span", { class: "stack" }, under ? h("img", { src: under, alt: "", class: "under", draggable: "false" }) : null, h("img", { src: source, alt: alt, class: under ? "over" : "", draggable: "false" }));
  const change = (kind, fields) => JSON.stringify({ kind: kind, ...fields });

  let beforeKey = "";
  function beside(main, place) {
    const [, , view] = shown;
    const slot = by("difference-beside");
    const key = JSON.stringify([columns, view.clip, view.common, view.readout, view.beside, unit, request, Boolean(shown[0].names.length)]);
    if (key === beforeKey) return;
    beforeKey = key;
    slot.replaceChildren(...(view.beside === "map" ? multiples(main, place) : side(main)));
    // The maps themselves say how far off they may be; a gradient's heatmap is checked as any other.
    const gradients = view.beside === "map" ? [] : columns.filter((column) => column.sensitivity && column.state && !column.problem);
    nnvis.badges.show("difference", gradients.map(({ key, asked }) => ({ key, asked, places: Array.from(slot.querySelectorAll(".badge-place"), (one) => [one, 0]) })));
  }

  /* The top classes × (probability, logit), or the units of a layer. */
  function multiples(main, place) {
    const all = main.state ? main.state.readouts : [];
    if (!all.length) return [];
    if (all[0].kind === "activation") {
      return [
        h("div", { class: "units" }, all.map((readout, at) =>
          h("button", { type: "button", class: "act cell", "data-unit": at, "aria-pressed": String(at === place), title: "Show this unit above" },
            picture(address(main, at), `evidence of ${named(readout)}`), h("span", { class: "cell-caption" }, `${named(readout)} · ${said(readout)}`))
        )),
      ];
    }
    const kinds = ["evidence", "logit"];
    const targets = all.filter((one) => one.kind === "evidence").map((one) => one.target);
    const cell = function (kind, target) {
      const at = all.findIndex((one) => one.kind === kind && one.target === target);
      if (at < 0) return h("td", {});
      const readout = all[at];
      return h("td", {},
        h("button", { type: "button", class: "act cell", "aria-pressed": String(at === place), "data-change": change("readout", { readout: kind, target: target }), title: `${named(readout)}, ${kind === "evidence" ? "weight of evidence" : "difference of logits"}: show it above` },
          picture(address(main, at), `${kind} of ${named(readout)}`),
          h("span", { class: "cell-caption" }, h("b", {}, said(readout)), ` · max ${plain(readout.limit)}`))
      );
    };
    const head = h("tr", {}, h("th", {}), targets.map((target) => h("th", { scope: "col" }, className(target))));
    const titles = { evidence: ["probability", "evidence, bits"], logit: ["logit", "difference"] };
    const lines = kinds.map((kind) => h("tr", {}, h("th", { scope: "row" }, titles[kind][0], h("span", { class: "label" }, titles[kind][1])), targets.map((target) => cell(kind, target))));
    return [h("table", { class: "multiples" }, h("thead", {}, head), h("tbody", {}, lines))];
  }

  /* Columns beside one another: samplers, classifiers or images; rows are what is shown of each. */
  function side(main) {
    const [, , view] = shown;
    const readouts = main.state ? main.state.readouts : [];
    const layered = readouts.length && readouts[0].kind === "activation";
    const waiting = (column) => h("td", {}, column.problem ? h("span", { class: "label" }, column.problem) : h("span", { class: "waiting" }));
    const rows = [];
    const row = (title, cell) => rows.push(h("tr", {}, h("th", { scope: "row" }, title), columns.map((column) => (column.state && !column.problem ? cell(column) : waiting(column)))));
    const map = (column, at, more, under) => (at < 0 ? h("td", {}) : h("td", {}, picture(address(column, at, more), column.title, under), column.sensitivity ? h("div", { class: "badge-place" }) : more ? null : h("span", { class: "cell-caption" }, said(column.state.readouts[at]) + ` · max ${plain(column.state.readouts[at].limit)}`)));
    if (view.beside === "images") rows.push(h("tr", {}, h("th", { scope: "row" }, "image"), columns.map((column) => h("td", {}, picture(imageOf(column), "sample " + column.sample)))));
    if (layered && view.beside === "images") {
      readouts.forEach((readout) => row(`${readout.layer} ${readout.channel}`, (column) => map(column, placeOf(column, "", null, readout.channel))));
    } else {
      const chosen = (column) => (column.sensitivity ? 0 : layered ? placeOf(column, "", null, (readouts[Math.min(unit, readouts.length - 1)] || {}).channel) : placeOf(column, view.readout, column.target));
      row("map", (column) => map(column, chosen(column)));
      row("over the image", (column) => map(column, chosen(column), "&over=1", imageOf(column, true)));
      if (!layered) {
        const other = view.readout === "evidence" ? "logit" : "evidence";
        row(other === "logit" ? "logit" : "probability", (column) => (column.sensitivity ? h("td", {}) : map(column, placeOf(column, other, column.target))));
      }
      row("standard error", (column) => (column.sensitivity ? h("td", {}) : map(column, chosen(column), "&what=error")));
    }
    const open = { images: (column) => (typeof column.sample === "number" ? change("primary", { sample: column.sample }) : null), samplers: (column) => (column.sensitivity ? null : change("difference", { parameters: { sampler: samplerOf(column) } })), classifiers: () => null };
    const head = columns.map(function (column) {
      const meaning = open[view.beside](column);
      const label = meaning ? h("button", { type: "button", class: "act quiet", "data-change": meaning, "aria-pressed": String(column.main) }, column.title) : h("span", {}, column.title);
      return h("th", { scope: "col", class: column.main ? "strong" : "" }, label);
    });
    const table = h("table", { class: "multiples" }, h("thead", {}, h("tr", {}, h("th", {}), head)), h("tbody", {}, rows));
    const hints = { images: "Select images on the map to see them beside this one.", classifiers: "Tick more classifiers in the rail to see them beside this one." };
    return columns.length > 1 ? [table] : [table, h("p", { class: "label" }, hints[view.beside])];
  }

  const samplerOf = (column) => column.sampler;

  /* --- the window under the pointer ------------------------------------------------------------------------------ */

  let asked = 0;
  let timer = 0;
  const windows = new Map();

  function pixel(pane, event) {
    const box = pane.getBoundingClientRect();
    const [height, width] = size(mainOf(columns));
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    return [inside(((event.clientY - box.top) / box.height) * height, height - 1e-6), inside(((event.clientX - box.left) / box.width) * width, width - 1e-6)];
  }

  document.addEventListener("pointermove", function (event) {
    const pane = event.target.closest && event.target.closest(".pane");
    if (!pane || drawing) {
      if (!drawing) hide();
      return;
    }
    const main = mainOf(columns);
    if (!current() || !main || !main.state) return;
    const [row, col] = pixel(pane, event).map(Math.floor);
    const at = { x: event.clientX, y: pane.getBoundingClientRect().bottom };
    clearTimeout(timer);
    timer = setTimeout(() => look(main, row, col, at), 40);
  });

  async function look(main, row, col, at) {
    const place = placeOf(main, shown[2].readout, main.target);
    if (place < 0) return;
    const address = `difference/${main.key}/window?row=${row}&col=${col}&readout=${place}&round=${main.state.round}`;
    const turn = (asked += 1);
    if (!windows.has(address)) {
      const answer = await fetch(address);
      if (!answer.ok) return;
      windows.set(address, await answer.json());
      if (windows.size > 400) windows.delete(windows.keys().next().value);
    }
    if (turn === asked) point(windows.get(address), main, place, at);
  }

  function point(found, main, place, at) {
    if (found.row === undefined) return hide();
    const [height, width] = size(main);
    document.querySelectorAll(".window-mark").forEach(function (mark) {
      mark.hidden = false;
      Object.assign(mark.style, {
        left: (100 * found.col) / width + "%",
        top: (100 * found.row) / height + "%",
        width: (100 * found.side) / width + "%",
        height: (100 * found.side) / height + "%",
      });
    });
    const readout = main.state.readouts[place];
    const digits = readout.kind === "evidence" ? 3 : 2;
    const what = readout.kind === "evidence" ? "probability" : readout.kind === "logit" ? "logit" : "activation";
    const card = by("hover-card");
    card.className = "hover-card window-card";
    const strip = found.strip
      ? h("img", { src: found.strip, alt: "the window as it is and as it was filled", class: "strip-image", style: { aspectRatio: `${found.tiles * found.tile[1]} / ${found.tile[0]}`, width: Math.min(440, found.tiles * 54) + "px" } })
      : null;
    card.replaceChildren(
      h("div", {},
        h("div", { class: "window-line" }, h("b", {}, `${signed(found.evidence)} ± ${margin(found.error)} ${unitOf(readout.kind)}`), ` for ${named(readout)}`),
        h("div", { class: "window-line" }, `${what} ${found.value.toFixed(digits)}, without the window ${found.without === null ? "–" : found.without.toFixed(digits)}`),
        strip,
        h("div", { class: "label" }, `rows ${found.row}–${found.row + found.side - 1}, columns ${found.col}–${found.col + found.side - 1} · ${found.samples} samples${found.strip ? ": the image, then the first of them" : ""}`)
      )
    );
    card.hidden = false;
    const box = card.getBoundingClientRect();
    const panes = by("difference-original").getBoundingClientRect();
    card.style.left = Math.max(8, Math.min(at.x - 40, window.innerWidth - box.width - 8)) + "px";
    card.style.top = (at.y + 8 + box.height > window.innerHeight ? panes.top - box.height - 8 : at.y + 8) + "px";
  }

  function hide() {
    clearTimeout(timer);
    asked += 1;
    const card = by("hover-card");
    if (!card || !card.classList.contains("window-card")) return;
    card.hidden = true;
    card.className = "hover-card";
    document.querySelectorAll(".window-mark").forEach((mark) => (mark.hidden = true));
  }

  /* --- the brush ------------------------------------------------------------------------------------------------- */

  let tool = "rectangle";
  let drawing = null; // [[row, column], ...] while the pointer is down
  let erase = null; // what was asked for
  let erased = null; // its answer

  function choose(name) {
    tool = name;
    document.querySelectorAll("[data-brush]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.brush === name)));
  }

  document.addEventListener("pointerdown", function (event) {
    const pane = event.target.closest && event.target.closest('[data-pane="original"]');
    if (!pane || event.button !== 0 || !current()) return;
    event.preventDefault();
    hide();
    pane.setPointerCapture(event.pointerId);
    drawing = { pane: pane, points: [pixel(pane, event)] };
  });

  document.addEventListener("pointermove", function (event) {
    if (!drawing) return;
    drawing.points.push(pixel(drawing.pane, event));
    trace(outline(drawing.points));
  });

  document.addEventListener("pointerup", function () {
    if (!drawing) return;
    const points = drawing.points;
    drawing = null;
    const [height, width] = size(mainOf(columns));
    const runs = tool === "rectangle" ? boxed(points) : filled(points, height, width);
    if (!runs.length || runs.reduce((sum, [, from, to]) => sum + to - from, 0) >= height * width) return clear();
    ask(runs, outline(points));
  });

  const outline = (points) => {
    if (tool === "lasso") return points;
    const [[top, left], [bottom, right]] = corners(points);
    return [[top, left], [top, right], [bottom, right], [bottom, left]];
  };
  const corners = function (points) {
    const [first, last] = [points[0], points[points.length - 1]];
    return [
      [Math.floor(Math.min(first[0], last[0])), Math.floor(Math.min(first[1], last[1]))],
      [Math.floor(Math.max(first[0], last[0])) + 1, Math.floor(Math.max(first[1], last[1])) + 1],
    ];
  };
  const boxed = function (points) {
    const [[top, left], [bottom, right]] = corners(points);
    return Array.from({ length: bottom - top }, (_, at) => [top + at, left, right]);
  };

  /* The pixels whose middles lie inside a closed curve, as [row, first column, last column + 1]. */
  function filled(points, height, width) {
    const runs = [];
    for (let row = 0; row < height; row += 1) {
      const crossings = [];
      points.forEach(function ([y1, x1], at) {
        const [y2, x2] = points[(at + 1) % points.length];
        const middle = row + 0.5;
        if (y1 <= middle !== y2 <= middle) crossings.push(x1 + ((middle - y1) / (y2 - y1)) * (x2 - x1));
      });
      crossings.sort((a, b) => a - b);
      for (let at = 0; at + 1 < crossings.length; at += 2) {
        const from = Math.max(0, Math.ceil(crossings[at] - 0.5));
        const to = Math.min(width, Math.ceil(crossings[at + 1] - 0.5));
        if (to > from) runs.push([row, from, to]);
      }
    }
    return runs;
  }

  /* Draw the outline over the original, in the image's own pixels. */
  function trace(points) {
    const pane = by("difference-original");
    const [height, width] = size(mainOf(columns));
    let svg = pane.querySelector("svg");
    if (!svg) {
      svg = pane.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
      svg.append(document.createElementNS("http://www.w3.org/2000/svg", "polygon"));
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.firstChild.setAttribute("points", points.map(([row, col]) => `${col},${row}`).join(" "));
  }

  function ask(runs, points) {
    const { dataset, sample, derived, edits, model, target, parameters } = known.request;
    trace(points);
    erased = null;
    erase = { dataset: dataset, sample: sample, derived: derived, edits: edits, model: model, target: target, parameters: parameters, runs: runs };
    nnvis.store("difference-erase", erase);
    drawErased();
  }

  function clear() {
    const svg = by("difference-original").querySelector("svg");
    if (svg) svg.remove();
    const waited = erase && !erased;
    erase = erased = null;
    if (waited) nnvis.store("difference-erase", null);
    drawErased();
  }

  space.differenceErased = function (answer) {
    if (answer && erase && same(answer.request, erase)) {
      erased = answer;
      drawErased();
    }
    return dash.no_update;
  };

  const imaged = (asked) => [asked.sample, asked.derived, asked.edits];

  function drawErased() {
    const place = by("difference-evidence");
    if (erase && known && (!same(imaged(erase), imaged(known.request)) || erase.model !== known.request.model || erase.dataset !== known.request.dataset)) return clear();
    by("difference-clear").hidden = !erase;
    place.hidden = !erased || Boolean(erased.problem);
    const status = by("difference-erase-status");
    const pixels = erase ? erase.runs.reduce((sum, [, from, to]) => sum + to - from, 0) : 0;
    if (!erase) status.textContent = "drag over the original image";
    else status.textContent = erased ? erased.problem || `evidence of these ${grouped(pixels)} pixels, in bits` : `${grouped(pixels)} pixels: drawing what could stand there …`;
    if (place.hidden) return place.replaceChildren();
    const most = Math.max(...erased.classes.map((one) => Math.abs(one.evidence || 0)), 1e-9);
    place.replaceChildren(
      h("div", { class: "erased-classes" }, erased.classes.map(function (one) {
        const share = (50 * Math.abs(one.evidence || 0)) / most;
        return h("div", { class: "erased-class" },
          h("span", { class: "bar-name" }, className(one.target)),
          h("span", { class: "evidence-track" }, h("span", { class: one.evidence >= 0 ? "for" : "against", style: { width: share + "%", [one.evidence >= 0 ? "left" : "right"]: "50%" } })),
          h("span", { class: "bar-value" }, `${signed(one.evidence)} ± ${margin(one.error)}`),
          h("span", { class: "label" }, `p ${one.probability.toFixed(3)} → ${one.without === null ? "–" : one.without.toFixed(3)}`)
        );
      })),
      h("div", { class: "erased-images" }, erased.filled.map((source, at) => h("img", { src: source, alt: "the image with the region filled, sample " + (at + 1), title: "One way the region might look" })))
    );
  }
})();
