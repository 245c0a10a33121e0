/* Attacks in the what-if lens: the form that the server builds, the run that a person starts, and what came of it. Numbers
 * come with the answer, pictures from nnvis_dash/result_routes.py by the job's key; what flipped goes to the sample tray. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const space = (dash.nnvis = dash.nnvis || {});
  const by = (id) => document.getElementById(id);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const h = (...parts) => nnvis.h(...parts);
  const grouped = (value) => value.toLocaleString("en-US");

  let request = null; // what is tested, while the lens is looked through
  let selection = null;
  let view = null;
  let selected = 0; // samples of the selection
  let form = null; // what the form was asked for
  let bounded = false;
  let scope = "image";
  let run = null; // what was asked for last
  let answer = null; // its answer
  let row = 0; // which of its images is shown
  let kept = new Map(); // row -> fingerprint in the tray, or the words why not
  let number = 0;

  const tests = () => Boolean(request && request.model && nnvis.tests(request));
  const running = () => Boolean(run && !answer);

  /* --- what comes in --------------------------------------------------------------------------------------------- */

  space.attackShown = function (wanted, chosen, shown) {
    request = wanted;
    view = shown;
    if (chosen && (!selection || selection.samples !== chosen.samples)) count(chosen.samples);
    selection = chosen;
    if (!shown || shown.lens !== "whatif" || !wanted || !wanted.model) return dash.no_update;
    if (run && !ofSubject()) forget();
    buttons();
    const next = { dataset: wanted.dataset, model: wanted.model, attack: shown.attack };
    if (same(next, form)) return dash.no_update;
    form = next;
    return next;
  };

  /* What was attacked is still what is tested; so is a sample of the tray that came of it. */
  function ofSubject() {
    if (request.dataset !== run.dataset || !same(request.classifiers, run.classifiers)) return false;
    if (request.derived && !request.edits.length && Array.from(kept.values()).includes(request.derived)) return true;
    return run.samples ? true : ["sample", "derived", "edits"].every((name) => same(request[name], run[name]));
  }

  async function count(samples) {
    const ids = await nnvis.selected(samples);
    if (!selection || selection.samples !== samples) return;
    selected = ids.length;
    if (selected < 2 && scope === "selection") scope = "image";
    buttons();
  }

  space.attackForm = function (region) {
    if (!region) return dash.no_update;
    bounded = region.bounded;
    nnvis.drawRegion("attack-form", region.form);
    buttons();
    return dash.no_update;
  };

  space.attackProgress = function (progress) {
    if (progress && run && !answer && same(progress.request, run) && progress.total) {
      by("attack-status").textContent = Math.round((100 * progress.done) / progress.total) + " %";
    }
    return dash.no_update;
  };

  space.attackResult = function (found) {
    if (!found || !run || !same(found.request, run)) return dash.no_update;
    answer = found;
    row = Math.max(0, (found.rows || []).findIndex((one) => one.success && one.changed));
    draw();
    keep(found);
    return dash.no_update;
  };

  /* --- asking ---------------------------------------------------------------------------------------------------- */

  function start(attack, minimal, of) {
    if (!tests()) return;
    number += 1;
    answer = null;
    kept = new Map();
    run = {
      dataset: request.dataset,
      classifiers: request.classifiers,
      sample: request.sample,
      derived: request.derived,
      edits: request.edits,
      samples: of === "selection" ? selection.samples : "",
      attack: attack,
      minimal: minimal,
      number: `${Date.now()}-${number}`,
    };
    nnvis.store("attack-run", run);
    draw();
  }

  /* FGSM of the tested image at an epsilon in 255ths, as a click on a response curve asks for. */
  nnvis.attackAt = function (epsilon) {
    by("whatif-attack").open = true;
    start({ method: "fgsm", epsilon: epsilon }, false, "image");
    by("whatif-attack").scrollIntoView({ block: "nearest" });
  };

  function forget() {
    const waited = running();
    run = answer = null;
    kept = new Map();
    if (waited) nnvis.store("attack-run", null);
    draw();
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest("#attack-run-button")) {
      if (running()) forget();
      else start(view.attack, false, scope);
    }
    if (event.target.closest("#attack-smallest")) start(view.attack, true, scope);
    const chosen = event.target.closest("[data-scope]");
    if (chosen) {
      scope = chosen.dataset.scope;
      buttons();
    }
    const picked = event.target.closest("[data-attack-row]");
    if (picked) {
      row = Number(picked.dataset.attackRow);
      draw();
    }
    const test = event.target.closest("[data-attack-test]");
    if (test) nnvis.send({ kind: "derived", derived: test.dataset.attackTest });
  });

  /* What flipped goes to the tray, with how it was made. */
  async function keep(found) {
    const rows = (found.rows || []).map((one, at) => [one, at]).filter(([one]) => one.success && one.changed);
    for (const [, at] of rows) {
      if (answer !== found || !nnvis.tray) return;
      let put;
      try {
        put = (await nnvis.tray.put("adversarial", { job: found.key, row: at })).fingerprint;
      } catch (error) {
        put = { problem: error.message };
      }
      if (answer !== found) return;
      kept.set(at, put);
      tell();
    }
  }

  /* --- drawing --------------------------------------------------------------------------------------------------- */

  function buttons() {
    const busy = running();
    by("attack-run-button").disabled = !busy && !tests();
    by("attack-run-button").textContent = busy ? "Cancel" : "Attack";
    by("attack-run-button").dataset.state = busy ? "running" : "idle";
    by("attack-smallest").disabled = busy || !bounded || !tests();
    document.querySelectorAll("[data-scope]").forEach(function (button) {
      const whole = button.dataset.scope === "selection";
      button.setAttribute("aria-pressed", String(button.dataset.scope === scope));
      if (whole) button.textContent = selected > 1 ? `selection · ${grouped(selected)}` : "selection";
      if (whole) button.disabled = selected < 2;
      if (whole) button.title = selected > 64 ? "The first 64 images of the selection" : "Every image of the selection";
    });
  }

  const percent = (value) => value.toFixed(3);
  const className = (model, index) => (model.classes[index] ? model.classes[index][0] : "class " + index);
  const top = (entries, place) => entries.reduce((best, entry) => (entry[place] > best[place] ? entry : best), entries[0]);

  function draw() {
    buttons();
    const result = by("attack-result");
    const good = Boolean(answer && answer.rows);
    result.hidden = !good;
    result.parentElement.classList.toggle("pending", running());
    by("attack-status").textContent = running() ? "searching …" : "";
    by("attack-message").textContent = answer && answer.problem ? answer.problem : "";
    by("attack-summary").textContent = good ? summed(answer) : running() ? "…" : "";
    if (!good) return;
    by("attack-message").textContent = failure(answer);
    rows();
    pictures();
    answers();
    numbers();
    nnvis.drawParting(by("attack-layers"), `attack/${answer.key}/${row}/layers.json`);
    tell();
  }

  const left = (found) => found.models[0];
  function summed(found) {
    const one = found.rows[0];
    if (found.n > 1) return `${found.flipped} of ${found.n} flipped`;
    if (!one.success) return "not flipped";
    if (!one.changed) return "nothing had to be changed";
    const entries = one.answers[0];
    const words = `${className(left(found), top(entries, 1)[0])} → ${className(left(found), top(entries, 2)[0])}`;
    return one.epsilon !== null ? `${words} from ε ${one.epsilon}/255` : words;
  }

  /* What was tried, where it came to nothing. */
  function failure(found) {
    if (found.flipped) return "";
    const whom = found.n > 1 ? `None of ${found.n} images` : `It is still ${className(left(found), top(found.rows[0].answers[0], 2)[0])}`;
    const close = found.before_rounding ? " Before rounding to 8 bits it was reached." : "";
    return `${whom}${found.n > 1 ? " was flipped" : ""}. Tried: ${found.tried}.${close} Try a larger ε, more steps or another attack.`;
  }

  function rows() {
    const place = by("attack-rows");
    place.hidden = answer.n < 2;
    place.replaceChildren(
      ...(answer.n < 2 ? [] : answer.rows).map((one, at) =>
        h("button", {
          type: "button",
          class: "thumb" + (one.success ? " flipped" : ""),
          "data-attack-row": at,
          "aria-pressed": String(at === row),
          title: one.success ? "flipped" : "not flipped",
        }, h("img", { src: `attack/${answer.key}/${at}/adversarial.png?side=64`, alt: "image " + (at + 1) }))
      )
    );
  }

  function pictures() {
    const one = answer.rows[row];
    const entries = one.answers[0];
    for (const what of ["clean", "adversarial", "perturbation"]) {
      const image = by(`attack-${what}-image`);
      const source = `attack/${answer.key}/${row}/${what}.png`;
      if (image.getAttribute("src") !== source) image.src = source;
      image.hidden = false;
      image.alt = what;
      image.onload = () => image.classList.toggle("coarse", image.naturalWidth <= 96);
    }
    const said = (place) => `${className(left(answer), top(entries, place)[0])} ${percent(top(entries, place)[place])}`;
    by("attack-clean-caption").textContent = said(1);
    by("attack-adversarial-caption").textContent = said(2);
    const factor = one.linf ? Math.max(1, Math.floor(127 / one.linf)) : 1;
    by("attack-perturbation-caption").textContent = one.linf ? `change × ${factor}` : "no change";
  }

  function answers() {
    const one = answer.rows[row];
    const blocks = answer.models.map(function (model, at) {
      const entries = one.answers[at];
      if (!entries.length) return h("div", { class: "answer" }, h("span", { class: "strong" }, model.name), h("div", { class: "label" }, model.problem));
      const falls = top(entries, 1)[0] !== top(entries, 2)[0];
      const verdict = at === 0 ? "" : answer.n > 1 ? `${model.fallen} of ${answer.n} fall` : falls ? "falls too" : "holds";
      return h("div", { class: "answer" + (at === 0 ? " primary" : "") },
        h("div", { class: "row" }, h("span", { class: "strong" }, model.name), h("span", { class: "label" + (falls && at ? " bad" : "") }, verdict)),
        entries.slice(0, 3).map(([index, before, after]) =>
          h("div", { class: "attack-bar", title: `${className(model, index)}: ${percent(before)} before, ${percent(after)} after` },
            h("span", { class: "bar-name" }, className(model, index)),
            h("span", { class: "attack-tracks" },
              h("span", { class: "bar-fill was", style: { width: 100 * before + "%" } }),
              h("span", { class: "bar-fill", style: { width: 100 * after + "%", background: (model.classes[index] || ["", "#b4bac4"])[1] } })),
            h("span", { class: "bar-value" }, `${before.toFixed(2)} → ${after.toFixed(2)}`)))
      );
    });
    by("attack-answers").replaceChildren(...blocks);
  }

  function numbers() {
    const one = answer.rows[row];
    const words = [
      `L∞ ${Math.round(one.linf)}/255`,
      `L2 ${Number((one.l2 / 255).toPrecision(3))}`,
      `${grouped(one.changed)} of ${grouped(answer.size)} pixels`,
    ];
    if (one.epsilon !== null) words.unshift(`smallest ε ${one.epsilon}/255`);
    if (answer.n > 1) words.push(`${answer.flipped} of ${answer.n} flipped; ${answer.before_rounding} before rounding`);
    else if (answer.before_rounding && !answer.flipped) words.push("flipped before rounding");
    if (answer.selected > answer.n) words.push(`the first ${answer.n} of ${grouped(answer.selected)} selected`);
    by("attack-numbers").textContent = words.join(" · ");
    by("attack-numbers").title = `${answer.tried}. L2 in pixel values 0..1. All is said of the image rounded to 8 bits.`;
  }

  function tell() {
    if (!answer || !answer.rows) return;
    const put = kept.get(row);
    const all = Array.from(kept.values()).filter((one) => typeof one === "string").length;
    const place = by("attack-kept");
    if (!put) return place.replaceChildren();
    if (put.problem) return place.replaceChildren(h("span", { class: "label" }, put.problem));
    const words = answer.n > 1 ? `${all} of ${answer.flipped} are in the sample tray` : "in the sample tray";
    place.replaceChildren(
      h("span", { class: "label" }, words),
      h("button", { type: "button", class: "act", "data-attack-test": put, title: "Test the adversarial image in place of this one" }, "Test it")
    );
  }
})();
