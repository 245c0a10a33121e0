/* What the simulation view's tabs do alike when they draw: what they were answered, and the lines above it. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);

  /* A tab's answer; null where there is none, or a problem instead. */
  sim.answered = (tab) => (tab.answer && !tab.answer.problem ? tab.answer : null);

  /* Say above the tab `name` what is shown, and what went wrong. Its `place` is pale where it shows an older answer. */
  sim.frame = function (name, status, place, shown) {
    by(name + "-message").textContent = sim.problem();
    by(name + "-status").textContent = status;
    place.classList.toggle("pending", shown && !sim.current());
  };
})();
