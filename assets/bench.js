/* The bars between the two views of each column: dragged or moved by arrow keys one gives one of them more room. */
(function () {
  "use strict";

  // Percent of the height that the upper view has, by the bar below it; KEPT: this browser's own choice.
  const USUAL = { "bench-splitter": 53, "testing-splitter": 54 };
  const KEPT = { "bench-splitter": "nnvis-upper", "testing-splitter": "nnvis-upper-right" };
  const [LEAST, MOST, STEP] = [25, 75, 3];
  const shares = { ...USUAL };
  let frame = 0;

  function set(bar, percent) {
    shares[bar] = Math.max(LEAST, Math.min(MOST, percent));
    const [left, right] = [shares["bench-splitter"], shares["testing-splitter"]];
    const root = document.documentElement;
    root.classList.toggle("right-first", right < left);
    root.style.setProperty("--first", Math.min(left, right) + "fr");
    root.style.setProperty("--between", Math.abs(left - right) + "fr");
    root.style.setProperty("--last", 100 - Math.max(left, right) + "fr");
    try {
      localStorage.setItem(KEPT[bar], String(shares[bar]));
    } catch (error) {
      // a browser that keeps nothing: it lasts as long as the page
    }
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  }

  try {
    for (const bar of Object.keys(KEPT)) {
      const kept = Number(localStorage.getItem(KEPT[bar]));
      if (kept >= LEAST && kept <= MOST && kept !== USUAL[bar]) set(bar, kept);
    }
  } catch (error) {
    // as above
  }

  document.addEventListener("pointerdown", function (event) {
    const bar = event.target.closest(".splitter");
    if (!bar) return;
    const bench = bar.parentElement.getBoundingClientRect();
    bar.setPointerCapture(event.pointerId);
    bar.classList.add("held");
    const move = (at) => set(bar.id, (100 * (at.clientY - bench.top)) / bench.height);
    const end = function () {
      bar.classList.remove("held");
      bar.removeEventListener("pointermove", move);
      ["pointerup", "pointercancel"].forEach((name) => bar.removeEventListener(name, end));
    };
    bar.addEventListener("pointermove", move);
    ["pointerup", "pointercancel"].forEach((name) => bar.addEventListener(name, end));
  });
  document.addEventListener("keydown", function (event) {
    if (!event.target.matches(".splitter")) return;
    const way = { ArrowUp: -STEP, ArrowDown: STEP }[event.key];
    if (!way) return;
    event.preventDefault();
    set(event.target.id, shares[event.target.id] + way);
  });
  document.addEventListener("dblclick", (event) => event.target.matches(".splitter") && set(event.target.id, USUAL[event.target.id]));
})();
