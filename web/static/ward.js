// The ward: links and forms without leaving the page, and fresh without wiping what is being typed.
(function () {
  "use strict";

  const root = document.getElementById("wd"), at = (id) => document.getElementById(id);
  const PARTS = ["wd-said", "wd-live", "wd-panel"];

  function swap(text) {
    const page = new DOMParser().parseFromString(text, "text/html"), left = at("wd-scroll").scrollLeft, focus = document.activeElement?.id;
    for (const id of PARTS) {
      const fresh = page.getElementById(id);
      if (!fresh) return false;
      at(id).replaceWith(document.adoptNode(fresh));
    }
    at("wd-desk").classList.toggle("has-panel", !at("wd-panel").hidden);
    at("wd-scroll").scrollLeft = left;
    window.htmx?.process(at("wd-live"));
    if (focus && document.activeElement?.id !== focus) at(focus)?.focus({ preventScroll: true });
    return true;
  }

  // One after the other, in the order they were asked for: a late answer never takes the place of a newer one.
  let asked = Promise.resolve();
  const load = (...wanted) => (asked = asked.then(() => fetched(...wanted)));

  async function fetched(url, options, focus) {
    let response;
    try { response = await np.send(url, { headers: { Accept: "text/html" }, ...options }); } catch { return; }
    if (response.status === 401) return;
    if (!swap(await response.text())) { window.location.assign(response.url); return; }
    if (response.ok) history.replaceState(null, "", response.url);
    focus?.(response.ok);
  }

  function lookAtPanel() {
    at("wd-panel-head")?.focus({ preventScroll: true });
    const top = at("wd-panel").getBoundingClientRect().top;
    if (!at("wd-panel").hidden && (top > window.innerHeight - 120 || top < 0)) at("wd-panel").scrollIntoView({ block: "start" });
  }

  root.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (new URL(link.href).pathname !== window.location.pathname) return;
    event.preventDefault();
    const opened = root.querySelector(".bed.open a")?.id;
    load(link.href, { method: "GET" }, () => (at("wd-panel").hidden ? at(opened)?.focus() : lookAtPanel()));
  });

  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    load(form.action, { body }, (done) => {
      const words = at("wd-said").textContent.replace(/\s+/g, " ").trim();
      if (done) np.say(words); else at("wd-said").scrollIntoView({ block: "nearest" });
    });
  });

  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || at("wd-panel").hidden || event.target.closest("input, select")) return;
    root.querySelector(".wd-close").click();
    event.preventDefault();
  });

  // Nothing jumps while somebody is at it: no refresh while the focus is in the pictures or lists that would be replaced.
  document.addEventListener("htmx:confirm", (event) => {
    const live = at("wd-live");
    if (event.target !== live) return;
    event.preventDefault();
    if (!live.querySelector("form:focus-within, details[open]")) event.detail.issueRequest();
  });
  let left = 0;
  document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target?.id === "wd-live") left = at("wd-scroll").scrollLeft; });
  document.addEventListener("htmx:afterSwap", () => { if (at("wd-scroll") && left) { at("wd-scroll").scrollLeft = left; left = 0; } });

  function lookAtToday() {
    const scroll = at("wd-scroll"), svg = scroll.querySelector(".wd-days svg");
    scroll.scrollLeft = Math.max(svg.clientWidth / 2 - (scroll.clientWidth - 110) / 3, 0);
  }
  lookAtToday();
})();
