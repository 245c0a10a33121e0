/* How far the map can be believed. It is asked for while it is what a point's colour says; `embedding-honesty` then says of
 * which map it is there, or what went wrong. Its arrays and a sample's true neighbours come through their own routes. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const COLOURS = ["trustworthiness", "continuity"];
  const KEPT = 200; // points whose neighbours are remembered
  let asked = null; // key of the map whose honesty was asked for last
  let held = { key: null, arrays: null };
  let near = { key: null, rows: new Map() };

  space.honestyWanted = function (map, view) {
    const wanted = map && map.key && view && COLOURS.includes(view.colour) ? map.key : null;
    if (wanted === asked) return dash.no_update;
    if (wanted) nnvis.network.run("honesty", { map: wanted });
    else if (nnvis.network.running("honesty")) nnvis.network.stop("honesty");
    asked = wanted;
    return dash.no_update;
  };

  window.addEventListener("nnvis-network-job", function (event) {
    const { name, record, answer } = event.detail;
    if (name === "honesty" && answer) nnvis.store("embedding-honesty", { map: record.map, problem: answer.problem || "" });
  });

  async function fetched(path) {
    const answer = await fetch(path);
    return answer.ok ? answer.arrayBuffer() : null;
  }

  /* {trustworthiness, continuity} of a map, Float32Array in the order of its points; null while they aren't there. */
  nnvis.honesty = async function (key) {
    if (held.key === key) return held.arrays;
    const buffer = await fetched("map/" + key + "/honesty");
    if (!buffer) return null;
    const n = buffer.byteLength / 8;
    held = { key, arrays: { trustworthiness: new Float32Array(buffer, 0, n), continuity: new Float32Array(buffer, 4 * n, n) } };
    return held.arrays;
  };

  /* The rows (Int32Array) of a map's 10 points that are nearest to one of its points in the features; null: not known. */
  nnvis.trueNeighbours = async function (key, row) {
    if (near.key !== key || near.rows.size > KEPT) near = { key, rows: new Map() };
    const { rows } = near;
    if (!rows.has(row)) rows.set(row, fetched("map/" + key + "/neighbours/" + row).then((buffer) => buffer && new Int32Array(buffer)));
    return rows.get(row);
  };
})();
