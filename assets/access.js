/* Who the page works for, signing out, and what the server says to someone who may not come in or asks too much. */
(function () {
  "use strict";

  const ask = window.fetch;
  const REFUSED = [401, 429];
  let told = null;

  /* Every answer passes here, Dash's own too: a refusal concerns the whole page, whichever view asked. */
  window.fetch = async function (...question) {
    const answer = await ask.apply(window, question);
    if (REFUSED.includes(answer.status) && new URL(answer.url).origin === window.location.origin) tell(answer.clone());
    return answer;
  };

  async function tell(answer) {
    const said = await answer.json().catch(() => ({}));
    const notice = document.getElementById("page-refused");
    const again = document.createElement("button");
    again.type = "button";
    again.className = "act";
    again.textContent = "Sign in";
    again.addEventListener("click", () => window.location.reload());
    notice.replaceChildren(said.problem || "The server refused this.", ...(answer.status === 401 ? [again] : []));
    notice.hidden = false;
    clearTimeout(told);
    if (answer.status === 429) told = setTimeout(() => (notice.hidden = true), 1000 * Number(answer.headers.get("Retry-After") || 5));
  }

  async function leave({ method, address }) {
    if (method === "GET") return window.location.assign(address);
    const answer = await window.fetch(address, { method: method });
    if (answer.ok) window.location.assign((await answer.json()).then);
  }

  async function show() {
    const answer = await window.fetch("me");
    if (!answer.ok) return;
    const me = await answer.json();
    const place = document.getElementById("page-person");
    const [name, out] = place.children;
    name.textContent = name.title = me.name;
    place.hidden = !me.verified;
    out.hidden = !me.sign_out;
    out.addEventListener("click", () => leave(me.sign_out));
  }

  window.addEventListener("load", () => show().catch(() => null));
})();
