// The board: places what the server rendered, moves bookings by pointer, touch and keys, and keeps itself fresh.
// Minutes are minutes of the hospital's day as the server counts them; the browser's own clock and zone are not asked.
(function () {
  "use strict";

  const SNAP = 5, EVERY = 25000, HOLD = 300, SLACK = 5;
  const root = document.getElementById("bd");
  const at = (id) => document.getElementById(id);
  const all = (selector, from) => [...(from || root).querySelectorAll(selector)];
  const number = (element, name) => Number(element.dataset[name]);
  const tell = (text) => { at("bd-live").textContent = ""; requestAnimationFrame(() => { at("bd-live").textContent = text; }); };

  // --- Drawing. Positions are custom properties set here, because the policy allows no style attributes.
  // Nothing is measured here: a measurement makes the browser lay out the whole page once more.
  let drawnAt = 0;
  const paper = window.matchMedia("print"); // an axis as wide as a screen would be cut off: on paper every room is a list

  function draw() {
    const scroll = at("bd-scroll"), first = number(scroll, "first"), span = number(scroll, "last") - first;
    scroll.classList.toggle("is-drawn", !paper.matches);
    if (paper.matches) return;
    set(scroll, { first, span });
    for (const lane of all(".lane", scroll)) set(lane, { rows: lane.dataset.rows });
    for (const element of all("[data-at]", scroll)) {
      const { at, len, setup, cleanup, row } = element.dataset;
      set(element, { at, len, setup, cleanup, row });
    }
    drawnAt = performance.now();
    tick();
  }

  function minute() {
    const scroll = at("bd-scroll");
    return scroll.querySelector(".bd-ruler").getBoundingClientRect().width / (number(scroll, "last") - number(scroll, "first"));
  }

  function set(element, values) {
    for (const [name, value] of Object.entries(values)) if (value !== undefined) element.style.setProperty(`--${name}`, value);
  }

  function present() {
    const scroll = at("bd-scroll");
    return scroll.dataset.now === undefined ? null : number(scroll, "now") + (performance.now() - drawnAt) / 60000;
  }

  function tick() {
    const scroll = at("bd-scroll"), now = present();
    scroll.classList.toggle("has-now", now !== null && now >= number(scroll, "first") && now <= number(scroll, "last"));
    if (now === null) return;
    set(scroll, { now });
    for (const bar of all("[data-grows]", scroll)) set(bar, { len: Math.max(now - number(bar, "at"), 1) });
  }

  function lookAtNow() {
    const scroll = at("bd-scroll"), asked = scroll.dataset.look;
    if (asked !== undefined) { scroll.scrollLeft = (Number(asked) - number(scroll, "first")) * minute(); return; }
    const now = present();
    const cases = all(".case", scroll).map((each) => number(each, "at"));
    const wanted = now ?? (cases.length ? Math.min(...cases) + 60 : number(scroll, "first"));
    scroll.scrollLeft = Math.max((wanted - number(scroll, "first") - 90) * minute(), 0);
  }

  // --- Swapping in what the server says: the page's parts by their ids, focus and scroll kept.
  const PARTS = ["bd-needs", "bd-said", "bd-scroll", "bd-panel"];

  function swap(page, parts) {
    const scroll = at("bd-scroll"), left = scroll.scrollLeft, top = scroll.scrollTop, focus = document.activeElement?.id;
    const more = at("bd-more")?.open;
    for (const id of parts) {
      const fresh = page.getElementById(id);
      if (fresh && at(id)) at(id).replaceWith(document.adoptNode(fresh));
    }
    if (more && at("bd-more")) at("bd-more").open = true;
    at("bd-desk").classList.toggle("has-panel", !at("bd-panel").hidden);
    draw();
    at("bd-scroll").scrollTo(left, top);
    if (focus && document.activeElement?.id !== focus) focusAgain(focus);
  }

  function focusAgain(id) {
    const step = /^case-.*-([0-9a-f]{8}(?:-[0-9a-f]{4,12}){4})$/.exec(id)?.[1];
    const there = at(id) || (step && root.querySelector(`[data-room] .case a[id$="${step}"]`));
    there?.focus({ preventScroll: true });
  }

  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  let etag = null, sending = 0;

  async function go(url, { push = true, focus = null } = {}) {
    const response = await np.send(url, { method: "GET", headers: { Accept: "text/html" } });
    if (response.status === 401) return;
    if (!response.ok) { window.location.assign(url); return; }
    etag = response.headers.get("ETag");
    swap(parse(await response.text()), PARTS);
    if (push) history.pushState(null, "", response.url);
    focus?.();
  }

  // Resolves to true when it was done. A refusal comes as the whole page too, with the reason and what was typed.
  async function act(url, body, { version = null, before = async () => {} } = {}) {
    sending += 1;
    try {
      const headers = version === null ? { Accept: "text/html" } : { Accept: "text/html", "If-Match": `"${version}"` };
      const response = await np.send(url, { body, headers });
      if (response.status === 401) { await before(false); return false; }
      const page = parse(await response.text());
      await before(response.ok);
      if (!page.getElementById("bd")) { window.location.assign(window.location.href); return response.ok; }
      const elsewhere = page.getElementById("bd").dataset.day !== root.dataset.day;
      if (response.ok && elsewhere) { window.location.assign(response.url); return true; }
      if (response.ok) history.replaceState(null, "", response.url);
      etag = null;
      swap(page, PARTS);
      tell(spoken(response.ok));
      if (!response.ok) at("bd-said").scrollIntoView({ block: "nearest" });
      return response.ok;
    } catch (error) {
      await before(false);
      tell(at("bd-live").dataset.away);
      return false;
    } finally {
      sending -= 1;
    }
  }

  function spoken(done) {
    const words = at("bd-said").firstElementChild?.textContent.replace(/\s+/g, " ").trim() || "";
    return done ? words : `${at("bd-live").dataset.back} ${words}`;
  }

  async function refresh() {
    if (document.hidden || lift || sending) return;
    const headers = { "HX-Polling": "true", Accept: "text/html" };
    if (etag) headers["If-None-Match"] = etag;
    let response;
    try { response = await fetch(window.location.href, { headers, cache: "no-store", redirect: "manual" }); } catch { return; }
    if (response.status !== 200 || lift || sending) return;
    etag = response.headers.get("ETag");
    const panel = at("bd-panel"), busy = panel.contains(document.activeElement) || panel.querySelector("details[open], :invalid") !== null;
    swap(parse(await response.text()), busy ? ["bd-needs", "bd-scroll"] : ["bd-needs", "bd-scroll", "bd-panel"]);
  }

  // --- Links and forms of the board, without leaving the page.
  root.addEventListener("click", (event) => {
    const link = event.target.closest(".case a, .bd-steps a, .bd-close, .bd-needs a");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (new URL(link.href).pathname !== window.location.pathname) return;
    event.preventDefault();
    if (quiet) return;
    const closing = link.matches(".bd-close"), from = root.querySelector(".case.open a")?.id;
    go(link.href, { focus: () => (closing ? from && focusAgain(from) : lookAtPanel()) });
  });

  function lookAtPanel() {
    const panel = at("bd-panel");
    if (panel.hidden) return;
    at("bd-panel-head")?.focus({ preventScroll: true });
    if (panel.getBoundingClientRect().top > window.innerHeight - 80) panel.scrollIntoView({ block: "start" });
  }

  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    if (sending) return;
    act(form.action, new URLSearchParams(new FormData(form, event.submitter)));
  });

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && lift) { drop(true); event.preventDefault(); event.stopPropagation(); }
    else if (event.key === "Escape" && !at("bd-panel").hidden && !event.target.closest("input, select")) {
      root.querySelector(".bd-close")?.click();
      event.preventDefault();
    }
  });
  window.addEventListener("popstate", () => {
    if (window.location.pathname.endsWith(`/${root.dataset.day}`)) go(window.location.href, { push: false });
    else window.location.reload();
  });

  // --- Lifting a booking: one is in the air at a time, whether by pointer or by keys.
  let lift = null, quiet = false;

  const lanes = () => all("[data-room]", at("bd-scroll"));
  const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

  function raise(link) {
    const item = link.closest(".case");
    lift = { link, item, home: number(item, "at"), at: number(item, "at"), lane: item.closest(".lane"), from: item.closest(".lane") };
    lift.label = document.createElement("span");
    lift.label.className = "to";
    lift.label.classList.toggle("below", lanes().indexOf(lift.from) === 0);
    item.append(lift.label);
    item.classList.add("moving");
    at("bd-scroll").classList.add("bd-dragging");
  }

  function hover(minutes, lane) {
    const most = 24 * 60 - SNAP;
    lift.at = Math.min(Math.max(minutes, 0), most);
    if (lane !== lift.lane) lift.lane.classList.remove("target");
    lift.lane = lane;
    lane.classList.toggle("target", lane !== lift.from);
    set(lift.item, { at: lift.at });
    const down = lane.getBoundingClientRect().top - lift.from.getBoundingClientRect().top;
    lift.item.style.transform = down ? `translateY(${down}px)` : "";
    lift.label.textContent = `${clock(lift.at)} ${lane.querySelector(".lane-name a").textContent}`;
  }

  function settle({ item, label, lane }) {
    label.remove();
    item.classList.remove("moving", "sent", "back");
    item.style.transform = "";
    lane.classList.remove("target");
    at("bd-scroll").classList.remove("bd-dragging");
  }

  async function slideBack(held) {
    held.label.remove();
    held.item.classList.add("back");
    set(held.item, { at: held.home });
    held.item.style.transform = "";
    await new Promise((resolve) => setTimeout(resolve, 260));
    settle(held);
  }

  async function drop(cancelled) {
    const held = lift;
    if (!held) return;
    lift = null;
    if (cancelled || (held.at === held.home && held.lane === held.from)) { await slideBack(held); return; }
    const { link } = held, body = new URLSearchParams({ date: root.dataset.day, time: clock(held.at), room: held.lane.dataset.code, version: link.dataset.version });
    held.item.classList.add("sent");
    tell(at("bd-live").dataset.sending);
    await act(link.dataset.move, body, {
      version: link.dataset.version,
      before: async (done) => { if (done) settle(held); else await slideBack(held); },
    });
  }

  // --- By keys: hold Alt and press arrows; letting Alt go or Enter puts it down, Escape puts it back.
  root.addEventListener("keydown", (event) => {
    const link = event.target.closest?.("a[data-move]");
    if (event.key === "Enter" && lift) { event.preventDefault(); drop(false); return; }
    if (!event.altKey || !link || !event.key.startsWith("Arrow") || sending) return;
    event.preventDefault();
    if (!lift) raise(link);
    const rooms = lanes(), here = rooms.indexOf(lift.lane);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0, down = { ArrowUp: -1, ArrowDown: 1 }[event.key] || 0;
    const next = step ? (Math.floor(lift.at / SNAP) + (step > 0 ? 1 : lift.at % SNAP ? 0 : -1)) * SNAP : lift.at;
    hover(next, rooms[Math.min(Math.max(here + down, 0), rooms.length - 1)]);
    lift.item.scrollIntoView({ block: "nearest", inline: "nearest" });
    tell(lift.label.textContent);
  });
  root.addEventListener("keyup", (event) => { if (event.key === "Alt" && lift && !drag) { event.preventDefault(); drop(false); } });
  root.addEventListener("focusout", (event) => { if (lift && !drag && event.target === lift.link) drop(true); });

  // --- By pointer: a mouse drags at once, a finger after it has rested, so that the board can still be scrolled.
  let drag = null, rest = null;

  root.addEventListener("dragstart", (event) => { if (event.target.closest(".case")) event.preventDefault(); });
  root.addEventListener("pointerdown", (event) => {
    const link = event.target.closest("a[data-move]");
    if (!link || event.button || sending || lift || !event.isPrimary) return;
    const item = link.closest(".case");
    drag = { link, id: event.pointerId, x: event.clientX, y: event.clientY, grab: (event.clientX - item.getBoundingClientRect().left) / minute(), live: false };
    if (event.pointerType === "touch") rest = setTimeout(begin, HOLD);
  });

  function begin() {
    if (!drag) return;
    drag.live = true;
    raise(drag.link);
    hover(lift.home, lift.from);
    drag.link.setPointerCapture?.(drag.id);
    if (navigator.vibrate && rest) navigator.vibrate(15);
  }

  window.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > SLACK;
    if (!drag.live) {
      if (!far) return;
      if (event.pointerType === "touch") { release(); return; }
      begin();
    }
    follow(event.clientX, event.clientY);
  });

  function follow(x, y) {
    const scroll = at("bd-scroll"), box = scroll.getBoundingClientRect(), edge = 36;
    const side = scroll.querySelector(".bd-corner").offsetWidth;
    if (x > box.right - edge) scroll.scrollLeft += 12; else if (x < box.left + side + edge / 2) scroll.scrollLeft -= 12;
    if (y > box.bottom - edge) scroll.scrollTop += 10; else if (y < box.top + edge + 26) scroll.scrollTop -= 10;
    const track = lift.from.querySelector(".lane-time").getBoundingClientRect();
    const raw = (x - track.left) / minute() + number(scroll, "first") - drag.grab;
    const lane = lanes().find((each) => { const r = each.getBoundingClientRect(); return y >= r.top && y < r.bottom; });
    hover(Math.round(raw / SNAP) * SNAP, lane || lift.lane);
  }

  function release() { clearTimeout(rest); rest = null; drag = null; }

  window.addEventListener("pointerup", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const live = drag.live;
    release();
    if (!live) return;
    quiet = true;
    setTimeout(() => { quiet = false; }, 50);
    drop(false);
  });
  window.addEventListener("pointercancel", () => { if (!drag) return; const live = drag.live; release(); if (live) drop(true); });
  root.addEventListener("touchmove", (event) => { if (drag?.live) event.preventDefault(); }, { passive: false });
  root.addEventListener("contextmenu", (event) => { if (drag?.live || rest) event.preventDefault(); });

  paper.addEventListener("change", draw);
  draw();
  lookAtNow();
  if (!at("bd-panel").hidden && window.matchMedia("(max-width: 62rem)").matches) lookAtPanel();
  setInterval(() => { if (!lift) tick(); }, 15000);
  setInterval(refresh, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
})();
