/* The simulation view's tab `contract`: what is simulated as a contract that the classifier keeps now, to be tightened. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const sim = nnvis.simulation;
  const by = (id) => document.getElementById(id);

  const tab = sim.add("contract", {
    path: "contract",
    job: "",
    subject: sim.subject,
    question: () => ({ ...sim.subject(), compared: by("contract-compared").checked && sim.now.models.length > 1 }),
    draw,
  });

  function draw() {
    const answer = sim.answered(tab);
    const text = (answer && answer.text) || "";
    const place = by("contract-text");
    sim.frame("contract", !answer ? "" : text ? `A draft over all that is simulated (${answer.changes.map((one) => one.toLowerCase()).join(", ")}): each limit is kept today. Hold to it: python -m nnvis_dash check FILE` : "Nothing is simulated to the end yet: start a simulation in the tab Curves or Summary, then draft a contract from it.", place, true);
    by("contract-tools").hidden = !text;
    by("contract-compared").parentElement.hidden = sim.now.models.length < 2;
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  }

  document.addEventListener("change", (event) => event.target.id === "contract-compared" && sim.now && sim.ask());

  document.addEventListener("click", function (event) {
    const { id } = event.target;
    if (id === "contract-save") {
      const link = nnvis.h("a", { href: URL.createObjectURL(new Blob([tab.answer.text], { type: "application/yaml" })), download: "contract.yaml" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
    if (id === "contract-copy") {
      const done = function (words) {
        event.target.textContent = words;
        setTimeout(() => (event.target.textContent = "copy"), 1600);
      };
      const mark = () => window.getSelection().selectAllChildren(by("contract-text"));
      if (navigator.clipboard) navigator.clipboard.writeText(tab.answer.text).then(() => done("copied"), mark);
      else mark();
    }
  });
})();
