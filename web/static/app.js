// What every page's script may rely on: np.send (fetch with the CSRF token), np.say, keys, and a session that may end.
(function () {
  "use strict";

  const meta = (name) => document.querySelector(`meta[name="${name}"]`);
  const live = () => document.getElementById("live");
  const panel = () => document.getElementById("sign-in-here");

  // --- Said in sight and aloud. `button` is {label, press}.
  function say(text, { bad = false, button = null, stays = false } = {}) {
    const line = document.createElement("p");
    line.textContent = text;
    if (bad) line.classList.add("is-bad");
    if (button) line.append(buttonOf(button, line));
    live().append(line);
    if (!stays) setTimeout(() => line.remove(), bad ? 15000 : 8000);
    return line;
  }

  function buttonOf({ label, press }, line) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn btn-sm";
    made.textContent = label;
    made.addEventListener("click", () => { line.remove(); press(); });
    return made;
  }

  // --- The CSRF token, which changes when somebody signs in again inside the page.
  const token = () => meta("csrf-token").content;
  function renew(fresh) {
    const old = token();
    meta("csrf-token").content = fresh;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) if (field.value === old) field.value = fresh;
  }

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRF-Token"] = token();
  });
  document.addEventListener("np:csrf", (event) => renew(event.detail.value));
  document.addEventListener("np:say", (event) => say(event.detail.value));

  function obey(response) {
    const triggers = JSON.parse(response.headers.get("HX-Trigger") || "{}");
    for (const [name, value] of Object.entries(triggers)) {
      document.dispatchEvent(new CustomEvent(name, { detail: { value } }));
    }
  }

  // --- fetch with the token. Resolves to the Response; a session that ended opens the sign-in panel first.
  async function send(url, { method = "POST", json, headers = {}, ...rest } = {}) {
    const all = { Accept: "application/json", "X-CSRF-Token": token(), ...headers };
    if (json !== undefined) all["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(url, { method, headers: all, body: json === undefined ? rest.body : JSON.stringify(json), ...rest });
    } catch (error) {
      say(live().dataset.offline, { bad: true });
      throw error;
    }
    if (response.status === 401) await openPanel();
    else active();
    obey(response);
    return response;
  }

  async function openPanel() {
    const response = await fetch("/login/here");
    panel().innerHTML = await response.text();
    lookAtPanel();
  }

  function lookAtPanel() {
    const first = panel().querySelector("input:not([type=hidden])");
    if (first && !panel().contains(document.activeElement)) first.focus();
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-sign-in-here]");
    if (!form) return;
    event.preventDefault();
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
    panel().innerHTML = await response.text();
    obey(response);
    lookAtPanel();
    if (response.ok) active();
  });

  // A poll that finds the session ended must not wipe what is being typed into the panel.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const open = panel().querySelector("form") !== null;
    if (open && event.detail.xhr.status === 401) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target === panel()) lookAtPanel(); });
  document.addEventListener("htmx:sendError", () => say(live().dataset.offline, { bad: true }));
  document.addEventListener("htmx:afterRequest", (event) => {
    const path = event.detail.requestConfig.path;
    const polled = event.detail.requestConfig.headers["HX-Polling"] || /[?&]poll=1/.test(path);
    if (event.detail.successful && !polled) active();
  });

  // --- A warning before an idle session ends; the server counts by itself and is always right.
  const idle = Number(meta("np-idle-seconds")?.content || 0);
  let warning = null, warned = null;
  function active() {
    if (idle <= 240) return;
    clearTimeout(warning);
    if (warned) { warned.remove(); warned = null; }
    // One minute early: the server notes activity once a minute.
    warning = setTimeout(warn, (idle - 180) * 1000);
  }
  function warn() {
    const button = { label: live().dataset.stay, press: () => send("/session/touch") };
    warned = say(live().dataset.sessionEnds, { button, stays: true });
  }

  // --- Keys. data-focus="/" focuses, data-key="n" clicks, data-go="b" opens after g, data-toggle-key="?" opens a <details>.
  let going = 0;
  const typing = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
  const marked = (name, key) => [...document.querySelectorAll(`[${name}]`)].find((each) => each.getAttribute(name) === key);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target)) return;
    const done = event.key === "Escape" ? closeHelp() : press(event.key);
    if (done) event.preventDefault();
  });

  function press(key) {
    if (Date.now() - going < 1500) {
      going = 0;
      const there = marked("data-go", key);
      if (there) { there.click(); return true; }
    }
    if (key === "g") { going = Date.now(); return true; }
    const field = marked("data-focus", key);
    if (field) { field.focus(); field.select?.(); return true; }
    const help = marked("data-toggle-key", key);
    if (help) { help.open = !help.open; if (help.open) help.querySelector("summary").focus({ preventScroll: true }); return true; }
    const target = marked("data-key", key);
    if (target && !target.disabled) { target.click(); return true; }
    return false;
  }

  function closeHelp() {
    const open = document.querySelector("details[data-toggle-key][open]");
    if (open) open.open = false;
    return open !== null;
  }
  document.addEventListener("click", (event) => { if (!event.target.closest("details[data-toggle-key]")) closeHelp(); });

  // A menu wider than a telephone begins where one is. Asking where costs a layout: only where it may be needed.
  const here = document.querySelector(".np-nav [aria-current]");
  if (here && window.matchMedia("(max-width: 62rem)").matches) here.closest(".np-nav").scrollLeft = here.offsetLeft - 12;

  window.np = { say, send, token };
  active();
})();
