/* The regions that show the state are drawn here, straight into the page, from the components that the server's layouts
 * made. Dash's renderer looks at each of its components at every change of any store: with the strip, the classes and the
 * bars among them a click took three times as long. Text stays text: nothing here is ever read as markup. */
(function () {
  "use strict";

  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const TAGS = [
    ...["div", "span", "button", "img", "b", "p", "code", "h2", "label", "details", "summary", "input", "select", "option", "optgroup"],
    ...["aside", "section", "figure", "figcaption", "canvas", "output", "header", "main", "h1", "dialog"],
  ];
  const NAMES = { className: "class", htmlFor: "for", tabIndex: "tabindex", autoComplete: "autocomplete", maxLength: "maxlength" };
  const PLAIN = [
    ...["class", "id", "title", "role", "type", "src", "alt", "draggable", "placeholder", "min", "max", "step"],
    ...["for", "tabindex", "autocomplete", "label", "maxlength", "width", "height"],
  ];
  const FLAGS = ["hidden", "disabled", "open"];
  const STYLES = { input: "form-control form-control-sm", select: "form-select form-select-sm" };

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
    const style = (node.props.className || "").startsWith("form-") ? "" : STYLES[tag]; // or it brings its own
    if (style) element.className = style;
    for (const [prop, value] of Object.entries(node.props)) {
      const name = NAMES[prop] || prop;
      if (value === null || value === undefined) continue;
      if (prop === "children") element.append(build(value));
      else if (prop === "className" && style) element.className += " " + value;
      else if (FLAGS.includes(prop)) element[prop] = Boolean(value);
      else if (prop === "style") Object.assign(element.style, value);
      else if (PLAIN.includes(name) || name.startsWith("data-") || name.startsWith("aria-")) element.setAttribute(name, value);
    }
    for (const option of node.props.options || []) element.append(new Option(option.label, option.value));
    if (typeof node.props.value === "boolean") element.checked = node.props.value;
    else if (node.props.value !== undefined && node.props.value !== null) element.value = node.props.value;
    return element;
  }

  const mark = (element) => element.id || element.dataset.change || null;
  const drawn = {};
  function draw(id, tree) {
    if (drawn[id] === tree) return;
    const place = document.getElementById(id);
    const focused = place.contains(document.activeElement) ? mark(document.activeElement) : null;
    const open = Array.from(place.querySelectorAll("details[open]"), (entry) => entry.id);
    place.replaceChildren(build(tree));
    place.querySelectorAll("details").forEach((entry) => (entry.open = open.includes(entry.id)));
    drawn[id] = tree;
    window.dispatchEvent(new CustomEvent("nnvis-region", { detail: id })); // what others draw into it is gone
    if (focused) {
      const same = Array.from(place.querySelectorAll("button, input, select")).find((entry) => mark(entry) === focused);
      if (same) same.focus({ preventScroll: true });
    }
  }
  window.nnvis = window.nnvis || {};
  window.nnvis.drawRegion = draw; // for what comes by another way than the stores below

  /* The frame in which all of it stands comes with the page's source, so it is there before Dash is. */
  document.getElementById("page").replaceChildren(build(JSON.parse(document.getElementById("page-frame").textContent)));

  space.regions = function (workspace, filter, controls, form, strip, sample, bars, title) {
    const regions = {
      "rail-workspace": workspace,
      "rail-filter": filter,
      "embedding-controls": controls,
      "testing-controls": form,
      "embedding-strip": strip,
      "testing-sample": sample,
      "testing-bars": bars,
      "page-title": title,
    };
    for (const [id, tree] of Object.entries(regions)) if (tree !== undefined) draw(id, tree);
    return dash.no_update;
  };
})();
