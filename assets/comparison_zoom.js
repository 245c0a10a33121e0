/* One zoom for all pictures of the comparison: every one shows the same part of its image, set by three custom properties.
 * Left and top are percentages of a picture's own side, so pictures of any size and shape show the same part. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const cmp = (nnvis.comparison = nnvis.comparison || {});
  const by = (id) => document.getElementById(id);
  const MOST = 12;
  const STEP = 1.5;
  const MOVED = 4; // pixels from which a press is a drag and no click
  const TWICE = 320; // milliseconds within which a second click makes a double one
  let zoom = 1;
  let left = 0;
  let top = 0;

  const kept = (value) => Math.min(0, Math.max(100 - 100 * zoom, value));

  function set(next, at) {
    const before = zoom;
    zoom = Math.min(MOST, Math.max(1, next));
    left = kept(at.x - (zoom * (at.x - left)) / before);
    top = kept(at.y - (zoom * (at.y - top)) / before);
    show();
  }

  function show() {
    const place = by("comparison");
    for (const [name, value] of [["--zoom", zoom], ["--left", left + "%"], ["--top", top + "%"]]) place.style.setProperty(name, value);
    place.classList.toggle("zoomed-in", zoom > 1);
    place.dataset.zoom = zoom.toFixed(2);
    by("comparison-whole").textContent = Math.round(100 * zoom) + " %";
  }

  const middle = { x: 50, y: 50 };
  function reset() {
    [zoom, left, top] = [1, 0, 0];
    show();
  }

  /* Where the pointer is in a picture, in percent of the picture's sides; null beside all pictures. */
  function within(event) {
    const shot = event.target.closest("#comparison-table .shot");
    if (!shot) return null;
    const inner = shot.querySelector(".zoomed");
    const box = shot.getBoundingClientRect();
    const part = (at, start, length) => Math.min(100, Math.max(0, (100 * (at - start)) / length));
    return { x: part(event.clientX - box.left - shot.clientLeft, inner.offsetLeft, inner.offsetWidth), y: part(event.clientY - box.top - shot.clientTop, inner.offsetTop, inner.offsetHeight), width: inner.offsetWidth, height: inner.offsetHeight };
  }

  document.addEventListener(
    "wheel",
    function (event) {
      const at = event.ctrlKey && within(event); // a pinch on a touchpad comes as this too
      if (!at) return;
      event.preventDefault();
      set(zoom * Math.exp(-event.deltaY / 200), at);
    },
    { passive: false }
  );

  /* One pointer drags what is zoomed, two pinch. */
  const pointers = new Map();
  let moved = 0;
  let apart = 0;
  document.addEventListener("pointerdown", function (event) {
    const at = within(event);
    if (!at) return;
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, at });
    apart = 0;
  });
  document.addEventListener("pointermove", function (event) {
    const one = pointers.get(event.pointerId);
    if (!one) return;
    if (event.pointerType === "mouse" && !event.buttons) return pointers.delete(event.pointerId); // let go of elsewhere
    const [dx, dy] = [event.clientX - one.x, event.clientY - one.y];
    Object.assign(one, { x: event.clientX, y: event.clientY });
    moved += Math.hypot(dx, dy);
    if (pointers.size === 2) {
      const [a, b] = pointers.values();
      const now = Math.hypot(a.x - b.x, a.y - b.y);
      if (apart && now) set((zoom * now) / apart, one.at);
      apart = now;
    } else if (zoom > 1) {
      left = kept(left + (100 * dx) / one.at.width);
      top = kept(top + (100 * dy) / one.at.height);
      show();
    }
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, (event) => pointers.delete(event.pointerId));

  /* Do what a click means, unless it ended a drag, or a second one follows where two of them reset the zoom. */
  let waiting = 0;
  cmp.clicked = function (event, meant) {
    if (moved > MOVED && event.detail) return;
    clearTimeout(waiting);
    if (zoom === 1 || !event.detail) return meant();
    if (event.detail === 1) waiting = setTimeout(meant, TWICE);
  };

  document.addEventListener("dblclick", (event) => event.target.closest("#comparison-table .shot") && reset());
  document.addEventListener("click", function (event) {
    if (event.target.closest("#comparison-in")) set(zoom * STEP, middle);
    if (event.target.closest("#comparison-out")) set(zoom / STEP, middle);
    if (event.target.closest("#comparison-whole")) reset();
  });
  document.addEventListener("keydown", function (event) {
    if (!event.target.closest("#comparison-table .shot") || event.ctrlKey || event.metaKey) return;
    if (event.key === "+") set(zoom * STEP, middle);
    else if (event.key === "-") set(zoom / STEP, middle);
    else if (event.key === "0") reset();
  });
})();
