// The roster: one cell is in the tab order and arrows go to its neighbours; a half day opens, and is changed, in place.
(function () {
  "use strict";

  const root = document.getElementById("ro"), at = (id) => document.getElementById(id);
  const PARTS = ["ro-said", "ro-grid", "ro-panel"];

  // --- Keys in the table.
  const rows = () => [...root.querySelectorAll("tbody tr")].filter((row) => row.querySelector("td a"));
  const shown = (row) => [...row.querySelectorAll("td a")].filter((each) => each.offsetParent !== null);

  function rove(id) {
    for (const each of root.querySelectorAll("td a")) each.tabIndex = -1;
    const link = (id && at(id)) || shown(rows()[0] || root)[0];
    if (link) link.tabIndex = 0;
    return link;
  }

  function neighbour(link, key) {
    const all = rows(), down = all.indexOf(link.closest("tr")), right = shown(all[down]).indexOf(link);
    const row = (number) => all[number] && shown(all[number])[right];
    const next = {
      ArrowLeft: () => shown(all[down])[right - 1], ArrowRight: () => shown(all[down])[right + 1],
      ArrowUp: () => row(down - 1), ArrowDown: () => row(down + 1),
      Home: () => shown(all[down])[0], End: () => shown(all[down]).at(-1),
    }[key];
    return next ? { link: next() } : null;
  }

  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const link = event.target.closest("td a"), next = link && neighbour(link, event.key);
    if (next) {
      event.preventDefault();
      if (next.link) rove(next.link.id).focus();
    } else if (event.key === "Escape" && !at("ro-panel").hidden && !event.target.closest("input, select")) {
      event.preventDefault();
      root.querySelector(".ro-close").click();
    }
  });

  // --- Fresh parts of the page. The panel alone is a fragment; what changes something comes back whole.
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");

  function swap(page, parts) {
    const scroll = root.querySelector(".ro-scroll"), place = [scroll.scrollLeft, scroll.scrollTop], focus = document.activeElement?.id;
    for (const id of parts) {
      const fresh = page.getElementById(id);
      if (!fresh) return false;
      if (id === "ro-said") at(id).replaceChildren(...document.adoptNode(fresh).childNodes);  // a live region is read when it changes
      else at(id).replaceWith(document.adoptNode(fresh));
    }
    root.querySelector(".ro-scroll").scrollTo(...place);
    at("ro-desk").classList.toggle("has-panel", !at("ro-panel").hidden);
    const open = mark();
    rove(open);
    if (focus && document.activeElement?.id !== focus) at(focus)?.focus({ preventScroll: true });
    return true;
  }

  function mark() {
    const cell = new URL(window.location).searchParams.get("cell");
    for (const each of root.querySelectorAll("td.open")) each.classList.remove("open");
    if (cell) at(cell)?.closest("td").classList.add("open");
    return cell;
  }

  async function load(url, options, parts) {
    let response;
    try { response = await np.send(url, options); } catch { return null; }
    if (response.status === 401) return null;
    const page = parse(await response.text());
    if (response.ok) history.replaceState(null, "", url === response.url || options.method === "GET" ? url : response.url);
    if (!swap(page, parts)) window.location.assign(response.url);
    return response;
  }

  const plain = (event) => !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey;

  root.addEventListener("click", async (event) => {
    const link = event.target.closest("td a, .ro-close");
    if (!link || !plain(event)) return;
    event.preventDefault();
    const before = new URL(window.location).searchParams.get("cell");
    const done = await load(link.href, { method: "GET", headers: { Accept: "text/html", "HX-Request": "true" } }, ["ro-panel"]);
    if (!done) return;
    if (at("ro-panel").hidden) at(before)?.focus(); else lookAtPanel();
  });

  function lookAtPanel() {
    at("ro-panel-head")?.focus({ preventScroll: true });
    const top = at("ro-panel").getBoundingClientRect().top;
    if (top > window.innerHeight - 120 || top < 0) at("ro-panel").scrollIntoView({ block: "start" });
  }

  root.addEventListener("submit", async (event) => {
    const form = event.target, headers = { Accept: "text/html" };
    if (form.method !== "post" || !form.closest(".ro-panel")) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const response = await load(event.submitter?.getAttribute("formaction") || form.action, { body, headers }, PARTS);
    if (!response) return;
    if (response.ok) lookAtPanel(); else at("ro-said").scrollIntoView({ block: "nearest" });
  });

  // --- Narrowed as it is typed.
  let waiting = null;
  at("ro-q").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const url = new URL(at("ro-find").action);
      for (const [name, value] of new FormData(at("ro-find"))) if (value) url.searchParams.set(name, value);
      load(url.href, { method: "GET", headers: { Accept: "text/html" } }, ["ro-grid"]);
    }, 200);
  });

  rove(mark());
})();
