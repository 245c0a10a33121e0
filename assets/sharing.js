/* What is a person's own in the rail (layouts/rail.py): shared with everyone here or kept private with one button, removed
 * with another. Who isn't signed in has nothing of their own, and no such buttons. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});

  async function change(method, address, body) {
    const answer = await nnvis.ask(method, address, body);
    if (answer.problem) throw new Error(answer.problem);
    await nnvis.lookAtWorkspace();
  }

  function notice(text) {
    const place = document.getElementById("page-notice");
    place.textContent = text;
    place.hidden = !text;
  }

  /* Takes what was removed out of what the page shows; without its dataset the page begins anew. */
  function leave({ kind, fingerprint }) {
    const { dataset, classifiers } = nnvis.session;
    const rest = classifiers.filter((one) => one !== fingerprint);
    if (kind === "dataset" && dataset === fingerprint) window.location.assign(window.location.pathname);
    else if (kind === "model" && rest.length && rest.length < classifiers.length) nnvis.send({ kind: "classifiers", classifiers: rest });
  }

  document.addEventListener("click", async function (event) {
    const button = event.target.closest("[data-share], [data-remove-own]");
    if (!button) return;
    const wanted = JSON.parse(button.dataset.share || button.dataset.removeOwn);
    const named = { dataset: "The images", model: "The classifier" }[wanted.kind];
    button.disabled = true;
    try {
      if (button.dataset.share) await change("POST", "share", wanted);
      else if (window.confirm(`${named} will be removed from the workspace for you. What was computed is no longer shown.`)) {
        await change("DELETE", `${wanted.kind}s/${wanted.fingerprint}`);
        leave(wanted);
      }
      notice("");
    } catch (error) {
      notice(error.message);
    } finally {
      button.disabled = false;
    }
  });
})();
