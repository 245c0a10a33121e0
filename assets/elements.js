/* Elements for scripts. Children are text or elements, in lists however deep; what is null or undefined is left out, of
 * attributes as well. Text is only ever set as text. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const there = (value) => value !== null && value !== undefined;

  function filled(element, children) {
    element.append(...children.flat(Infinity).filter(there));
    return element;
  }

  /* An element of HTML; "onclick" and the like are functions, `style` an object, and what is false is left out. */
  nnvis.h = function (tag, props, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(props || {})) {
      if (key === "class") element.className = value;
      else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key === "style") Object.assign(element.style, value);
      else if (there(value) && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    return filled(element, children);
  };

  /* An element of SVG. */
  nnvis.svg = function (tag, props, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(props || {})) if (there(value)) element.setAttribute(key, value);
    return filled(element, children);
  };
})();
