/* The table of samples: every column comes once as an array; AG Grid sorts, filters and draws the rows that are seen. Its
 * scripts are loaded when a table is first opened. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const SCRIPTS = ["async-community.js", "dash_ag_grid.min.js"];
  const GRID = "table-of-samples";
  const BY_HAND = ["checkboxSelected", "rowClicked", "spaceKey", "keyboardSelectAll", "uiSelectAll", "uiSelectAllFiltered", "uiSelectAllCurrentPage"];
  const MOST_GROUPS = 1000;
  const NAMED = 40; // characters of a title that the state holds
  const count = (n) => n.toLocaleString("en-US");

  let shown = [null, null, null, null, null]; // catalog, session, selection, view, indexed
  let now = null; // what is looked at
  let known = { key: "" }; // the columns: {key, n, columns: [{title, names, values}]}, or {problem}
  let drawn = ""; // the rows and columns that the grid has
  let chosen = { text: null, ids: [] }; // the selection that the grid shows

  space.tableShown = function (...stores) {
    shown = stores;
    look();
    return dash.no_update;
  };

  function look() {
    const [catalog, session, selection, view, indexed] = shown;
    if (!catalog || !session || !selection || !view || !by("table") || !nnvis.catalogued(catalog, session)) return;
    const open = nnvis.overview(view) === "table";
    const ready = session.classifiers.filter((model) => ((indexed && indexed.ready) || []).includes(model));
    now = { catalog, selection, open, by: view.table.by || null, question: { dataset: session.dataset, models: ready } };
    if (open) show();
  }

  let turn = 0;
  async function show() {
    const mine = (turn += 1);
    const key = JSON.stringify(now.question);
    by("table-message").textContent = known.key === key ? "" : "The columns are on their way.";
    const [api, answer] = await Promise.all([grid(), known.key === key ? null : nnvis.network.arrays("table/columns", now.question), nnvis.samples.load(now.catalog)]);
    if (mine !== turn || !now.open) return;
    if (answer) {
      known = { key: answer.problem ? "" : key, problem: answer.problem, n: now.catalog.n, columns: [] };
      if (!answer.problem) known.columns = answer.header.columns.map(([title, names], number) => ({ title, names, values: answer["c" + number] }));
    }
    by("table-message").textContent = known.problem || "";
    if (known.problem) return;
    groupings();
    rows(api);
    marks(api);
    await choose(api);
    if (mine === turn) say(api);
  }

  /* --- the grid -------------------------------------------------------------------------------------------------- */

  const load = (name) =>
    new Promise(function (resolve, reject) {
      const script = nnvis.h("script", { src: "table/grid/" + name });
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => reject(new Error(`The table's script ${name} can't be loaded`)));
      document.head.append(script);
    });

  let made = null; // a promise of the grid's interface
  function grid() {
    made = made || make();
    return made;
  }

  async function make() {
    for (const name of SCRIPTS) await load(name);
    const { React, ReactDOM } = window;
    const dashGridOptions = { rowHeight: 34, headerHeight: 32, animateRows: false, suppressCellFocus: false, rowBuffer: 12 };
    const props = { id: GRID, columnDefs: [], rowData: [], getRowId: "params.data.key", dashGridOptions, style: { height: "100%", width: "100%" }, setProps() {} };
    ReactDOM.createRoot(by("table-grid")).render(React.createElement(window.dash_ag_grid.AgGrid, props));
    const api = await window.dash_ag_grid.getApiAsync(GRID);
    api.updateGridOptions({
      defaultColDef: { sortable: true, resizable: true, suppressMovable: false, minWidth: 60 },
      isExternalFilterPresent: () => Boolean(now.selection.classes.length || now.selection.correctness !== "all"),
      doesExternalFilterPass: (node) => node.data.group !== undefined || nnvis.samples.passes(node.data.id, now.selection),
      rowClassRules: { "table-tested": (params) => params.data && params.data.group === undefined && params.data.id === now.selection.primary },
    });
    api.addEventListener("selectionChanged", function (event) {
      if (now.by) return;
      // New rows untick all of them, some time after they came: what the page has selected is ticked again.
      if (!BY_HAND.includes(event.source)) return void (lost(api) && again < 3 && (again += 1) && tick(api));
      const ids = api.getSelectedNodes().map((node) => node.data.id);
      chosen = { text: null, ids: ids };
      nnvis.select(ids, "table");
    });
    api.addEventListener("cellClicked", function ({ data, column, event }) {
      if (!data || column.getColId().startsWith("ag-Grid")) return;
      if (data.group !== undefined) nnvis.select(data.samples, "table");
      else nnvis.send(nnvis.meant({ kind: "primary", sample: data.id, origin: "table" }, event));
    });
    api.addEventListener("filterChanged", () => say(api));
    api.addEventListener("rowDataUpdated", function () {
      again = 0;
      tick(api); // the new rows are there: only now can they be ticked
    });
    api.addEventListener("modelUpdated", () => say(api));
    return api;
  }

  /* --- rows and columns ------------------------------------------------------------------------------------------ */

  const picture = ({ data }) => window.React.createElement("img", { src: `image/${now.question.dataset}/${data.id}.png?side=56`, alt: "sample " + data.id, loading: "lazy" });
  const written = ({ value }) => (value === null || value === undefined ? "" : Number.isInteger(value) ? String(value) : value.toFixed(3));
  const LEFT = { headerName: "", colId: "image", cellRenderer: picture, width: 52, minWidth: 52, sortable: false, resizable: false, pinned: "left", cellClass: "table-image" };
  const ID = { headerName: "sample", colId: "sample", valueGetter: ({ data }) => data.id, filter: "agNumberColumnFilter", width: 96 };

  function columnOf({ title, names, values }) {
    const wide = Math.min(220, Math.max(96, 40 + 7 * title.length));
    const column = { headerName: title, colId: title, headerTooltip: title, width: wide };
    if (!names) return { ...column, valueGetter: ({ data }) => (Number.isNaN(values[data.id]) ? null : values[data.id]), valueFormatter: written, filter: "agNumberColumnFilter", type: "rightAligned" };
    const place = new Map(names.map((name, number) => [name, number]));
    return { ...column, valueGetter: ({ data }) => names[values[data.id]] ?? null, comparator: (a, b) => (place.get(a) ?? -1) - (place.get(b) ?? -1), filter: "agTextColumnFilter" };
  }

  /* Columns whose values make groups: names, or a few numbers. */
  function groupable({ names, values }) {
    if (names) return names.length <= MOST_GROUPS;
    const distinct = new Set();
    for (const value of values) if (!Number.isNaN(value) && distinct.add(value).size > 50) return false;
    return distinct.size > 0;
  }

  function groupings() {
    if (known.by) return;
    known.by = known.columns.filter(groupable).map((column) => column.title);
    const list = by("table-by-select");
    list.replaceChildren(list.options[0], ...known.by.map((title) => new Option("groups of " + title, title.slice(0, NAMED))));
  }

  const grouping = () => now.by && known.columns.find((column) => column.title.slice(0, NAMED) === now.by);

  function rows(api) {
    const group = grouping();
    by("table-by-select").value = group ? now.by : "-";
    const filter = group ? [now.selection.classes, now.selection.correctness] : null;
    const key = JSON.stringify([known.key, group && now.by, filter]);
    if (key === drawn) return;
    drawn = key;
    chosen = { text: null, ids: [] };
    api.updateGridOptions({ rowData: [] }); // columns of samples can't read groups, nor the other way
    if (group) return groups(api, group);
    api.updateGridOptions({
      rowSelection: { mode: "multiRow", checkboxes: true, headerCheckbox: true, selectAll: "filtered", enableClickSelection: false },
      columnDefs: [LEFT, ID, ...known.columns.map(columnOf)],
      rowData: Array.from({ length: known.n }, (_, id) => ({ id, key: String(id) })),
    });
  }

  /* A row a group: its samples that pass the page's filters, how many of them each classifier gets right. */
  function groups(api, { names, values }) {
    const judged = known.columns.filter((column) => column.title === "right" || column.title.startsWith("right · "));
    const found = new Map();
    for (let id = 0; id < known.n; id += 1) {
      if (!nnvis.samples.passes(id, now.selection)) continue;
      const name = names ? (names[values[id]] ?? "none") : Number.isNaN(values[id]) ? "none" : values[id];
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(id);
    }
    const shareOf = (samples, column) => {
      const labelled = samples.filter((id) => column.values[id] >= 0);
      return labelled.length ? labelled.filter((id) => column.values[id] === 1).length / labelled.length : null;
    };
    const data = Array.from(found, ([group, samples], id) => ({ key: "group " + id, group, samples, shares: judged.map((column) => shareOf(samples, column)) }));
    const percent = ({ value }) => (value === null ? "" : (100 * value).toFixed(1) + " %");
    api.updateGridOptions({
      rowSelection: undefined,
      columnDefs: [
        { headerName: now.by, colId: "group", valueGetter: (params) => params.data.group, width: 180, filter: true },
        { headerName: "samples", colId: "samples", valueGetter: (params) => params.data.samples.length, width: 110, type: "rightAligned", valueFormatter: ({ value }) => count(value), sort: "desc" },
        ...judged.map((column, number) => ({ headerName: column.title, headerTooltip: "share of labelled samples that it gets right", colId: "share " + number, valueGetter: (params) => params.data.shares[number], valueFormatter: percent, width: 150, type: "rightAligned" })),
      ],
      rowData: data,
    });
  }

  /* --- what the page's state says --------------------------------------------------------------------------------- */

  function marks(api) {
    api.onFilterChanged();
    api.redrawRows();
    const { primary, origin } = now.selection;
    const node = !now.by && primary !== null && origin !== "table" && api.getRowNode(String(primary));
    if (node && node.rowIndex !== null && node.rowIndex !== undefined) api.ensureNodeVisible(node);
  }

  const lost = (api) => chosen.text !== null && api.getSelectedNodes().length < chosen.ids.length;
  let again = 0; // how often the rows that there are were ticked again
  async function tick(api) {
    chosen = { text: null, ids: [] };
    await choose(api);
    say(api);
  }

  async function choose(api) {
    const { samples } = now.selection;
    if (now.by || chosen.text === samples) return;
    const ids = await nnvis.selected(samples);
    const next = new Set(ids);
    const nodes = (list) => list.map((id) => api.getRowNode(String(id))).filter(Boolean);
    const before = api.getSelectedNodes().map((node) => node.data.id);
    const held = new Set(before);
    api.setNodesSelected({ nodes: nodes(before.filter((id) => !next.has(id))), newValue: false, source: "api" });
    api.setNodesSelected({ nodes: nodes(ids.filter((id) => !held.has(id))), newValue: true, source: "api" });
    chosen = { text: samples, ids: ids };
  }

  function say(api) {
    const seen = api.getDisplayedRowCount();
    const words = now.by ? [`${count(seen)} groups; a click selects one`] : [`${count(known.n)} samples`];
    if (!now.by && seen < known.n) words.push(`${count(seen)} shown`);
    const ticked = now.by ? 0 : api.getSelectedNodes().length;
    if (ticked) words.push(`${count(ticked)} selected`);
    by("table-status").textContent = words.join(" · ");
    Object.assign(by("table-grid").dataset, { rows: seen, drawn: drawn, selected: ticked });
  }

  /* --- what a person does ----------------------------------------------------------------------------------------- */

  async function left() {
    const api = await grid();
    const ids = [];
    api.forEachNodeAfterFilterAndSort(({ data }) => (data.group === undefined ? ids.push(data.id) : ids.push(...data.samples)));
    return ids;
  }

  document.addEventListener("click", async function (event) {
    const button = event.target.closest("#table-select, #table-csv, #table-parquet");
    if (!button || !now || !known.key) return;
    const ids = await left();
    if (button.id === "table-select") return nnvis.select(ids, "table");
    save(ids, button.id.slice("table-".length));
  });

  async function save(samples, kind) {
    const answer = await fetch("table/export." + kind, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...now.question, samples }) });
    const refused = !answer.ok || (answer.headers.get("Content-Type") || "").includes("json");
    by("table-message").textContent = !refused ? "" : answer.ok ? (await answer.json()).problem : `The server can't answer (${answer.status}). Try again.`;
    if (refused) return;
    const link = nnvis.h("a", { href: URL.createObjectURL(await answer.blob()), download: "samples." + kind });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
})();
