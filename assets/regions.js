/* Regions that change with every click are drawn here, straight into the page, from the components that the server's layouts
 * made. Dash's renderer looks at each of its components at every change of any store: with the strip, the classes and the
 * bars among them a click took twice as long. Text stays text: nothing here is ever read as markup. */
(function () {
  "use strict";

  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const TAGS = ["div", "span", "button", "img", "b", "p", "code", "h2", "input"];
  const NAMES = { className: "class" };
  const PLAIN = ["class", "id", "title", "role", "type", "src", "alt", "draggable", "placeholder"];

  function build(node) {
    if (node === null || node === undefined || node === false) return document.createTextNode("");
    if (Array.isArray(node)) {
      const all = document.createDocumentFragment();
      node.forEach((entry) => all.append(build(entry)));
      return all;
    }
    if (typeof node !== "object") return document.createTextNode(String(node));
    const tag = node.type.toLowerCase();
    if (!TAGS.includes(tag)) throw new Error("a region can't hold a " + node.type);
    const element = document.createElement(tag);
    for (const [prop, value] of Object.entries(node.props)) {
      const name = NAMES[prop] || prop;
      if (prop === "children") element.append(build(value));
      else if (prop === "style") Object.assign(element.style, value);
      else if (PLAIN.includes(name) || name.startsWith("data-") || name.startsWith("aria-")) element.setAttribute(name, value);
    }
    return element;
  }

  const drawn = {};
  space.regions = function (filter, strip, sample, bars) {
    const regions = { "rail-filter": filter, "embedding-strip": strip, "testing-sample": sample, "testing-bars": bars };
    for (const [id, tree] of Object.entries(regions)) {
      if (tree === undefined || drawn[id] === tree) continue;
      const place = document.getElementById(id);
      const focused = place.contains(document.activeElement) ? document.activeElement.dataset.change : null;
      place.replaceChildren(build(tree));
      drawn[id] = tree;
      if (focused) {
        const same = Array.from(place.querySelectorAll("[data-change]")).find((entry) => entry.dataset.change === focused);
        if (same) same.focus({ preventScroll: true });
      }
    }
    return dash.no_update;
  };
})();
