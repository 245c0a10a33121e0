/* What is done to the dots of units: pointing, clicking, zooming, dragging, and the same with keys. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dots = (nnvis.dots = nnvis.dots || {});
  const CLOSEST = 26; // pixels from dot to dot when zoomed in as far as it goes
  const MOVED = 4; // pixels that a click may slip

  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const net = () => nnvis.network;
  const tab = () => dots.tab;
  const stage = () => by("units-stage");

  let drag = null; // where the button was pressed, and what was seen then

  function under(event) {
    const box = by("units-canvas").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const found = tab().current() && dots.at(tab().layout, (x - tab().view.x) / tab().view.k, (y - tab().view.y) / tab().view.k);
    return found && { ...found, number: tab().layout.blocks.indexOf(found.block) };
  }

  dots.leave = function () {
    tab().hover = tab().over = null;
    net().unhover();
    by("units-canvas").style.cursor = "";
    tab().paint();
  };

  function move(event) {
    if (drag && event.buttons) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (Math.hypot(dx, dy) > MOVED) drag.moved = true;
      if (drag.moved && tab().view.k > 1) {
        net().unhover();
        tab().view = clamped({ k: tab().view.k, x: drag.view.x + dx, y: drag.view.y + dy });
        tab().hover = null;
        return tab().paint();
      }
    }
    const found = under(event);
    const next = found && found.channel !== null ? [found.number, found.channel] : null;
    by("units-canvas").style.cursor = found ? "pointer" : tab().view.k > 1 ? "grab" : "";
    const block = found ? found.block : null;
    by("units-canvas").title = block && !next ? block.name + ", " + block.n.toLocaleString("en") + " units: choose the layer" : "";
    if (next) net().hover(block.name, next[1], event, tab().told(block, next[1]));
    else net().unhover();
    if (same(next, tab().hover) && block === tab().over) return;
    tab().hover = next;
    tab().over = block;
    tab().paint();
  }

  function pick(block, channel, event) {
    tab().cursor = [tab().layout.blocks.indexOf(block), channel];
    if (net().mode === "select") tab().focus = [block.name, channel];
    net().pick(block.name, channel, event);
  }

  function click(event) {
    if (drag && drag.moved) return;
    const found = under(event);
    if (!found) return;
    if (found.channel === null) return net().chooseLayer(found.block.name);
    pick(found.block, found.channel, event);
  }

  const clamped = function (next) {
    const [width, height] = [stage().clientWidth, stage().clientHeight];
    return { k: next.k, x: Math.min(0, Math.max(width * (1 - next.k), next.x)), y: Math.min(0, Math.max(height * (1 - next.k), next.y)) };
  };

  function zoom(event) {
    if (!tab().layout.pitch) return;
    event.preventDefault();
    const box = by("units-canvas").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const most = Math.max(1, CLOSEST / tab().layout.pitch);
    const k = Math.max(1, Math.min(most, tab().view.k * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016))));
    tab().view = clamped({ k, x: x - ((x - tab().view.x) * k) / tab().view.k, y: y - ((y - tab().view.y) * k) / tab().view.k });
    move(event);
    tab().paint();
  }

  /* Brings a unit into what is seen. */
  function reveal([number, channel]) {
    const at = tab().place([number, channel]);
    const [width, height] = [stage().clientWidth, stage().clientHeight];
    const margin = Math.min(20, width / 4);
    const [x, y] = [Math.max(margin, Math.min(width - margin, at[0])), Math.max(margin, Math.min(height - margin, at[1]))];
    if (tab().view.k > 1) tab().view = clamped({ k: tab().view.k, x: tab().view.x + x - at[0], y: tab().view.y + y - at[1] });
  }

  function key(event) {
    if (event.altKey || !tab().layout.blocks.length || !tab().current()) return;
    const first = tab().focus ? [Math.max(0, tab().layout.blocks.findIndex((block) => block.name === tab().focus[0])), tab().focus[1]] : [0, 0];
    if (/^(Arrow|Home|End|Page)/.test(event.key)) {
      event.preventDefault();
      tab().cursor = tab().cursor ? dots.step(tab().layout, ...tab().cursor, event.key) : first;
      const block = tab().layout.blocks[tab().cursor[0]];
      reveal(tab().cursor);
      const state = [net().isChosen(block.name, tab().cursor[1]) && "selected", net().isFrozen(block.name, tab().cursor[1]) && "frozen"];
      by("units-said").textContent = [block.name + ", unit " + tab().cursor[1], tab().told(block, tab().cursor[1]), ...state].filter(Boolean).join(", ");
      const [x, y] = tab().place(tab().cursor);
      const box = by("units-canvas").getBoundingClientRect();
      net().hover(block.name, tab().cursor[1], { clientX: box.left + x, clientY: box.top + y }, tab().told(block, tab().cursor[1]));
      tab().paint();
    } else if ((event.key === "Enter" || event.key === " ") && tab().cursor) {
      event.preventDefault();
      pick(tab().layout.blocks[tab().cursor[0]], tab().cursor[1], event);
    } else if (event.key === "Escape") {
      if (tab().view.k > 1) fit();
      else if (net().now.units.length) net().setUnits([]);
    }
  }

  function fit() {
    tab().view = { k: 1, x: 0, y: 0 };
    tab().paint();
  }

  dots.wire = function () {
    const canvas = by("units-canvas");
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerleave", dots.leave);
    canvas.addEventListener("pointerdown", function (event) {
      drag = { x: event.clientX, y: event.clientY, view: tab().view, moved: false };
      if (tab().view.k > 1) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("click", click);
    canvas.addEventListener("wheel", zoom, { passive: false });
    canvas.addEventListener("keydown", key);
    canvas.addEventListener("focus", () => tab().paint());
    canvas.addEventListener("blur", function () {
      net().unhover();
      tab().paint();
    });
    by("units-fit").addEventListener("click", fit);
    by("network-units").addEventListener("change", function (event) {
      const name = event.target.dataset.units;
      if (name) net().set({ [name]: name.startsWith("class_") ? Number(event.target.value) : event.target.value });
    });
    by("network-units").addEventListener("click", function (event) {
      const button = event.target.closest('button[data-units="standardised"]');
      if (button) net().set({ standardised: button.getAttribute("aria-pressed") !== "true" });
    });
  };
})();
