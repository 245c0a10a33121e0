/* What stands around the map's points: the legend, the classes of the selection as bars, names, images, the small map, the
 * search, the pictures that are saved. assets/embedding.js says what is drawn and what is chosen. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const h = (...parts) => nnvis.h(...parts);
  const by = (id) => document.getElementById(id);
  const BARS = 12; // classes of the selection at most
  const DRAWN = 20000; // points up to which an SVG holds them as circles

  let now = null; // {at, attributes, view, catalog, selection, visible, scales}: what is looked at
  let named = []; // see nnvis.densest
  let lit = null; // the mask of the selection
  let plane = null;
  let images = null;
  let small = null;

  /* Layers come to life with the plane that first draws them. */
  const layers = [
    function (context, drawing) {
      if (!plane) begin(drawing);
      if (now) images(context);
      if (now && Number(plane.frame.dataset.images) === 0) nnvis.drawNames(context, plane, named);
      lines(context);
      small();
    },
  ];

  function begin(drawing) {
    plane = drawing;
    images = nnvis.thumbnails(plane, { dataset: () => now.catalog.dataset, idOf: (row) => now.at.ids[row] });
    small = nnvis.minimap(plane);
    by("embedding-find").addEventListener("keydown", (event) => event.key === "Enter" && find(event.target.value.trim()));
  }

  /* The look of the map has changed; null: there is none. */
  function looked(what) {
    now = what;
    lit = near = null;
    named = [];
    bars(null);
    if (!now) return;
    const { at, attributes, view, catalog, visible } = now;
    if (view.colour === "label" || view.colour === "prediction") named = nnvis.densest({ xy: at.xy, ids: at.ids, visible, numbers: attributes[view.colour], names: catalog.names });
    legend(view, now.scales);
  }

  function legend(view, scales) {
    const box = by("embedding-legend");
    const text = (words) => h("span", {}, words);
    const spot = (colour) => h("span", { class: "swatch", style: { background: colour } });
    // A click shows these alone, another one all again.
    const entry = function (correctness, sign, words) {
      const alone = Boolean(now) && now.selection.correctness === correctness;
      const change = JSON.stringify({ kind: "correctness", correctness: alone ? "all" : correctness });
      return h("button", { type: "button", class: "legend-entry", "data-change": change, "aria-pressed": String(alone), title: alone ? "Show all again" : `Show what is ${correctness} alone` }, sign, text(words));
    };
    const bar = (scale) => h("span", { class: "ramp", style: { background: `linear-gradient(90deg,${scale.map(([at, colour]) => `${colour} ${100 * at}%`).join(",")})` } });
    const parts = {
      confidence: () => [text("confidence 0"), bar(scales.confidence), text("1")],
      entropy: () => [text("entropy 0"), bar(scales.entropy), text("1 (of log K)")],
      trustworthiness: () => (now && now.honest ? [text("trustworthiness ¾ or less"), bar(scales.trustworthiness), text("1")] : [text("comparing neighbours")]),
      continuity: () => (now && now.honest ? [text("continuity ¾ or less"), bar(scales.continuity), text("1")] : [text("comparing neighbours")]),
      correct: () => [entry("right", spot(scales.right), "right"), entry("wrong", spot(scales.wrong), "wrong")],
    }[view.colour];
    box.replaceChildren(...(parts ? parts() : [text("colour: " + view.colour)]), entry("wrong", h("span", { class: "ring" }), "mistake"));
    if (plane && !plane.webgl) box.append(h("span", { class: "plain", title: "This browser has no WebGL2: the points are drawn without the graphics processor" }, "without WebGL"));
  }

  /* ---- the selection's classes ---- */

  function chosen(mask) {
    lit = mask;
    bars(mask);
  }

  const lassoing = (mask) => bars(mask || lit);

  /* How many of a mask's points each class has. */
  function counts(mask) {
    const { at, attributes, view, visible } = now;
    const numbers = view.colour === "prediction" ? attributes.prediction : attributes.label;
    const found = new Uint32Array(65537);
    let total = 0;
    for (let row = 0; row < at.n; row += 1) {
      if (!mask[row] || !visible[row]) continue;
      const number = numbers[at.ids[row]];
      found[number < 0 ? 65536 : number] += 1;
      total += 1;
    }
    const classes = [];
    for (let number = 0; number < 65537; number += 1) if (found[number]) classes.push([number === 65536 ? -1 : number, found[number]]);
    return { classes: classes.sort((a, b) => b[1] - a[1]), total };
  }

  function bars(mask) {
    const box = by("embedding-bars");
    box.hidden = !mask || !now;
    if (box.hidden) return box.replaceChildren();
    const { classes, total } = counts(mask);
    const most = classes.length ? classes[0][1] : 1;
    const { catalog } = now;
    const rows = classes.slice(0, BARS).map(([number, count]) =>
      h(
        "button",
        { type: "button", class: "map-bar", "data-class": String(number), "data-count": String(count), title: "Select these alone" },
        h("span", { class: "bar-name" }, number < 0 ? "no label" : catalog.names[number] || String(number)),
        h("span", { class: "bar-track" }, h("span", { class: "bar-fill", style: { width: (100 * count) / most + "%", background: catalog.colours[number] || "#b4bac4" } })),
        h("span", { class: "bar-count" }, count.toLocaleString("en-US"))
      )
    );
    const more = classes.length - BARS;
    box.replaceChildren(h("div", { class: "label" }, `${total.toLocaleString("en-US")} in ${classes.length} ${classes.length === 1 ? "class" : "classes"}`), ...rows, ...(more > 0 ? [h("div", { class: "label" }, `and ${more} more`)] : []));
    box.dataset.total = String(total);
  }

  document.addEventListener("click", function (event) {
    const row = event.target.closest("#embedding-bars .map-bar");
    if (!row || !now || !lit) return;
    const numbers = now.view.colour === "prediction" ? now.attributes.prediction : now.attributes.label;
    choose((id, at) => lit[at] && numbers[id] === Number(row.dataset.class));
  });

  function choose(test) {
    const { at, visible } = now;
    const ids = [];
    for (let row = 0; row < at.n; row += 1) if (visible[row] && test(at.ids[row], row)) ids.push(at.ids[row]);
    if (ids.length) nnvis.select(ids, "embedding");
    return ids.length;
  }

  function said() {
    const box = by("embedding-bars");
    if (box.hidden) return "Nothing is selected.";
    const rows = [...box.querySelectorAll(".map-bar")].slice(0, 5);
    return `Selected: ${rows.map((row) => `${row.dataset.count} ${row.firstChild.textContent}`).join(", ")}.`;
  }

  /* ---- the search ---- */

  /* A number is a sample: it is tested and brought into the middle. Words are classes: their samples are selected. */
  function find(words) {
    const field = by("embedding-find");
    if (!now || !words) return;
    const { at, catalog, attributes, view } = now;
    const wrong = (why) => {
      field.setCustomValidity(why);
      field.reportValidity();
      setTimeout(() => field.setCustomValidity(""), 2500);
    };
    const names = catalog.names.map((name) => String(name).toLowerCase());
    const numbered = /^#?[0-9]+$/.test(words) && !(words[0] !== "#" && names.includes(words));
    if (numbered) {
      const id = Number(words.replace("#", ""));
      if (id >= catalog.n) return wrong(`There is no sample ${id}: they go from 0 to ${catalog.n - 1}.`);
      nnvis.send({ kind: "primary", sample: id, origin: "embedding" });
      const row = at.rowOf(id);
      if (row >= 0) plane.centre([at.xy[2 * row], at.xy[2 * row + 1]]);
      return;
    }
    const numbers = view.colour === "prediction" ? attributes.prediction : attributes.label;
    const exact = names.indexOf(words.toLowerCase());
    const wanted = new Set(names.flatMap((name, number) => ((exact >= 0 ? number === exact : name.includes(words.toLowerCase())) ? [number] : [])));
    if (!choose((id) => wanted.has(numbers[id]))) wrong(`No shown sample has a class with “${words}” in its name.`);
  }

  /* ---- pictures ---- */

  function download(name, url) {
    const link = h("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  const nameOf = (ending) => `map-${(now ? now.at.key : "empty").slice(0, 8)}.${ending}`;

  async function save(kind) {
    if (!plane || !now) return;
    if (kind === "svg") return download(nameOf("svg"), URL.createObjectURL(new Blob([drawing()], { type: "image/svg+xml" })));
    plane.picture(window.devicePixelRatio || 1).toBlob((blob) => download(nameOf("png"), URL.createObjectURL(blob)));
  }

  /* The map as SVG: circles and names as text; the points as one picture where there are too many for circles. */
  function drawing() {
    const { data, width, height } = plane;
    const svg = nnvis.svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}` });
    svg.append(nnvis.svg("rect", { width, height, fill: "#ffffff" }));
    if (plane.inView > DRAWN || plane.dense) svg.append(nnvis.svg("image", { width, height, href: plane.picture(1).toDataURL() }));
    else {
      const size = plane.pointSize() / 2;
      for (let row = 0; row < plane.n; row += 1) {
        if (!data.states[row]) continue;
        const [cx, cy] = plane.pixel([data.xy[2 * row], data.xy[2 * row + 1]]);
        if (cx < -size || cy < -size || cx > width + size || cy > height + size) continue;
        const tone = 4 * data.tones[row];
        svg.append(nnvis.svg("circle", { cx: cx.toFixed(2), cy: cy.toFixed(2), r: size.toFixed(2), fill: `rgb(${data.palette.slice(tone, tone + 3)})`, "fill-opacity": data.states[row] === 1 ? 0.14 : 0.9 }));
        if (plane.ringed(row)) svg.append(nnvis.svg("circle", { cx: cx.toFixed(2), cy: cy.toFixed(2), r: (size + 1.5).toFixed(2), fill: "none", stroke: "#1f2733" }));
      }
      for (const { name, at } of named) {
        const [x, y] = plane.pixel(at);
        svg.append(nnvis.svg("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": "middle", "font-family": "sans-serif", "font-size": 11, "font-weight": 600, fill: "#1f2733" }, name));
      }
    }
    return new XMLSerializer().serializeToString(svg);
  }
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-save-map]");
    if (button) save(button.dataset.saveMap);
  });

  /* ---- true neighbours ---- */

  const SLOW = 70; // milliseconds that the pointer rests before they are asked for
  let near = null; // {row, rows}: lines from a point to those that are nearest to it in the features
  let resting = 0;
  let under = -1; // the row under the pointer

  function hovered(key, row) {
    if (row === under) return;
    under = row;
    clearTimeout(resting);
    if (near) {
      near = null;
      plane.cover();
    }
    plane && (plane.frame.dataset.neighbours = "0");
    if (row < 0) return;
    resting = setTimeout(async function () {
      const rows = await nnvis.trueNeighbours(key, row);
      if (row !== under || !rows || !now || now.at.key !== key) return;
      near = { row, rows };
      plane.frame.dataset.neighbours = String(rows.length);
      plane.cover();
    }, SLOW);
  }

  function lines(context) {
    if (!near || !now) return;
    const at = (row) => plane.pixel([plane.data.xy[2 * row], plane.data.xy[2 * row + 1]]);
    const from = at(near.row);
    context.strokeStyle = "rgba(31, 39, 51, 0.55)";
    context.fillStyle = "#1f2733";
    context.lineWidth = 1.2;
    for (const row of near.rows) {
      const to = at(row);
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      context.beginPath();
      context.arc(...to, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  nnvis.mapParts = { layers, looked, legend, chosen, lassoing, said, hovered };
})();
