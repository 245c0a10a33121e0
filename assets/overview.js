/* The overview panel shows the map or one of the views that lie over it. A view's frame is the element with its name as its
 * id and the class "overview"; its script asks `nnvis.overview(view)` which one is shown before it draws. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});

  /* Show what the state says, and return its name. */
  nnvis.overview = function (view) {
    const name = view.overview || "map";
    document.querySelectorAll(".overview").forEach((frame) => (frame.hidden = frame.id !== name));
    document.getElementById("embedding-panel").classList.toggle("covered", name !== "map");
    document.querySelectorAll("#embedding-panel .view-tab").forEach((tab) => tab.setAttribute("aria-selected", String(tab.id === "overview-tab-" + name)));
    return name;
  };
})();
