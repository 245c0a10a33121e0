/* Where a classifier's layers part for an image and its adversarial one: a bar a layer, and in words. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const h = (...parts) => nnvis.h(...parts);

  /* Draw what an address answers into a place; what was asked for before and comes late is passed over. */
  nnvis.drawParting = async function (place, address) {
    if (place.dataset.address === address) return;
    place.dataset.address = address;
    place.hidden = true;
    let found;
    try {
      found = await (await fetch(address)).json();
    } catch (error) {
      found = { problem: "The layers can't be compared now." };
    }
    if (place.dataset.address !== address) return;
    place.hidden = false;
    if (found.problem) {
      place.dataset.address = ""; // asked again the next time
      return place.replaceChildren(h("span", { class: "label" }, found.problem));
    }
    const greatest = Math.max(...found.layers.map(([, distance]) => distance)) || 1;
    const words = found.parts_at ? `activations part at ${found.parts_at}` : "no layer tells them apart";
    place.replaceChildren(
      h("div", { class: "attack-distances", role: "img", "aria-label": `distance of ${found.layers.length} layers; ${words}` },
        found.layers.map(([name, distance]) =>
          h("span", { class: name === found.parts_at ? "parts" : "", title: `${name}: ${distance.toFixed(3)}, the distance of its outputs for the two images by their size` },
            h("i", { style: { height: Math.max(3, (100 * distance) / greatest) + "%" } })))),
      h("span", { class: "label", title: "The first layer whose distance is at least half of the greatest" }, words)
    );
  };
})();
