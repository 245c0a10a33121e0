/* Gestures to changes. A control says what it means in `data-change` (layouts/controls.py); this file reads it and sends it
 * to the one writer of the state. Changes are numbered and the next ones wait until the last ones were applied, so none is
 * lost when a person is faster than the server. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const PATIENCE = 8000; // milliseconds after which an answer is no longer waited for
  let number = 0;
  let waiting = [];
  let sentAt = 0;
  let stands = false; // whether Dash and the state are there; the page is seen, and clicked on, before them
  let early = []; // stores that were written until then

  function flush() {
    if (!stands || !waiting.length || (sentAt && Date.now() - sentAt < PATIENCE)) return;
    sentAt = Date.now();
    number += 1;
    nnvis.store("changes", { number: number, changes: waiting });
    waiting = [];
    setTimeout(flush, PATIENCE + 50);
  }

  /* With Shift an image that would be tested is compared with the tested one instead. */
  function meant(change, event) {
    return change.kind === "primary" && event.shiftKey ? { ...change, kind: "compared" } : change;
  }
  nnvis.meant = meant;

  nnvis.send = function (change) {
    waiting.push(change);
    flush();
  };

  /* Whether all that was sent was applied, so that the link says it too. */
  nnvis.settled = () => stands && !waiting.length && !sentAt;

  nnvis.applied = function (applied) {
    if (applied === number) {
      sentAt = 0;
      flush();
    }
  };

  nnvis.store = function (id, data) {
    if (stands) window.dash_clientside.set_props(id, { data: data });
    else early.push([id, data]);
  };

  nnvis.stateStands = function () {
    if (stands) return;
    stands = true;
    early.forEach(([id, data]) => nnvis.store(id, data));
    early = [];
    flush();
  };

  function put(change, path, value) {
    const steps = path.split(".");
    let place = change;
    for (const step of steps.slice(0, -1)) place = place[step] = place[step] || {};
    place[steps[steps.length - 1]] = value;
  }

  function valued(holder, input) {
    if (input.value === "" || input.value === holder.dataset.none) return null;
    if (holder.dataset.json) return JSON.parse(input.value);
    return holder.dataset.number ? Number(input.value) : input.value;
  }

  document.addEventListener("click", function (event) {
    const act = event.target.closest("button[data-change]");
    if (act) nnvis.send(meant(JSON.parse(act.dataset.change), event));
    const expand = event.target.closest("[data-expand]");
    if (expand) {
      const panel = document.getElementById(expand.dataset.expand);
      const bench = panel.closest(".bench");
      const open = panel.classList.toggle("expanded");
      bench.classList.toggle("one", open);
      expand.textContent = open ? "⤡" : "⤢";
      window.dispatchEvent(new Event("resize"));
    }
    const share = event.target.closest("#page-share");
    if (share) copyLink(share);
    document.querySelectorAll("details.popover-box[open]").forEach(function (box) {
      if (!box.contains(event.target)) box.open = false;
    });
  });

  document.addEventListener("change", function (event) {
    const holder = event.target.closest("[data-field]");
    if (!holder || event.target.validity.badInput || !event.target.checkValidity()) {
      if (holder) event.target.reportValidity();
      return;
    }
    const change = JSON.parse(holder.dataset.change);
    put(change, holder.dataset.field, valued(holder, event.target));
    nnvis.send(event.target.closest("[data-continues]") ? { ...change, ...nnvis.continued() } : change);
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") document.querySelectorAll("details.popover-box[open]").forEach((box) => (box.open = false));
    // Enter ends the entry of a number as leaving the field does.
    if (event.key === "Enter" && event.target.matches("[data-field] input")) event.target.blur();
  });

  document.addEventListener("input", function (event) {
    const holder = event.target.closest("[data-live]");
    if (holder) document.documentElement.style.setProperty("--" + holder.dataset.live, event.target.value);
    const value = holder && holder.querySelector(".slider-value");
    if (value) value.textContent = Number(Number(event.target.value).toPrecision(3));
    if (event.target.matches(".class-search")) {
      const wanted = event.target.value.trim().toLowerCase();
      document.querySelectorAll(".class-row").forEach(function (row) {
        row.hidden = !row.querySelector(".class-name").textContent.toLowerCase().includes(wanted);
      });
    }
  });

  function copyLink(button) {
    const done = function (text) {
      button.textContent = text;
      setTimeout(() => (button.textContent = "Copy link"), 1600);
    };
    if (!navigator.clipboard) return window.prompt("Copy this link:", window.location.href);
    navigator.clipboard.writeText(window.location.href).then(
      () => done("Copied"),
      () => window.prompt("Copy this link:", window.location.href)
    );
  }

  /* Sample ids as text, "1-5,8": the same as nnvis_dash/state/ids.py. */
  nnvis.encodeIds = (ids) => rangesOf(ids, Infinity);

  /* The ranges of ids as text, or null where there are more than `most`. */
  function rangesOf(ids, most) {
    const sorted = ascending(ids) ? ids : Array.from(new Set(ids)).sort((a, b) => a - b);
    const parts = [];
    for (let i = 0; i < sorted.length; ) {
      if (parts.length === most) return null;
      let j = i;
      while (j + 1 < sorted.length && sorted[j + 1] === sorted[j] + 1) j += 1;
      parts.push(j > i ? sorted[i] + "-" + sorted[j] : String(sorted[i]));
      i = j + 1;
    }
    return parts.join(",");
  }

  function ascending(ids) {
    for (let i = 1; i < ids.length; i += 1) if (!(ids[i - 1] < ids[i])) return false;
    return ids.length !== undefined;
  }

  nnvis.decodeIds = function (text) {
    const ids = [];
    for (const part of text ? text.split(",") : []) {
      const [first, last] = part.split("-").map(Number);
      for (let id = first; id <= (last === undefined ? first : last); id += 1) ids.push(id);
    }
    return ids;
  };

  /* Sample ids as bits, the first one the lowest of the first byte, and back: the same as nnvis_dash/workspace/selections.py. */
  function bitsOf(ids) {
    const bits = new Uint8Array((ids.reduce((most, id) => Math.max(most, id), -1) >> 3) + 1);
    for (const id of ids) bits[id >> 3] |= 1 << (id & 7);
    return bits;
  }
  function idsOf(bits) {
    const ids = [];
    for (let at = 0; at < bits.length; at += 1)
      for (let bit = 0, left = bits[at]; left; bit += 1, left >>= 1) if (left & 1) ids.push(8 * at + bit);
    return ids;
  }

  const MOST_RANGES = 80; // of a selection that stands in the state; larger ones are kept on the server
  nnvis.select = async function (ids, origin) {
    let text = rangesOf(ids, MOST_RANGES);
    if (text === null) {
      const bits = bitsOf(ids);
      const answer = await fetch("selections", {
        method: "POST",
        headers: { "Content-Type": "application/octet-stream" },
        body: bits,
      });
      const key = answer.ok ? await answer.json() : null;
      if (typeof key !== "string") return;
      kept.set(key, idsOf(bits));
      text = "@" + key;
    }
    nnvis.send({ kind: "select", samples: text, origin: origin });
  };

  /* Select samples; with Shift beside those that the selection before has. */
  nnvis.selectBeside = async function (ids, event, before, origin) {
    const kept = event && event.shiftKey ? await nnvis.selected(before) : [];
    return nnvis.select(kept.length ? [...kept, ...ids] : ids, origin);
  };

  const kept = new Map();
  nnvis.selected = async function (text) {
    if (!text) return [];
    if (!text.startsWith("@")) return nnvis.decodeIds(text);
    const key = text.slice(1);
    if (!kept.has(key)) {
      const answer = await fetch("selections/" + encodeURIComponent(key));
      kept.set(key, answer.ok ? idsOf(new Uint8Array(await answer.arrayBuffer())) : []);
    }
    return kept.get(key);
  };
})();
