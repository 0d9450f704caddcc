// The booking page by keyboard: lists under a search field, the countdown of a hold. The page works without it.
(function () {
  "use strict";

  document.documentElement.classList.add("js");
  const desk = document.getElementById("desk");
  if (!desk) return;

  // --- A search field with its list: arrows move, Enter chooses. What is chosen is always what is seen.
  const list = (form) => form.querySelector(".options");
  const options = (form) => [...(list(form)?.children ?? [])].filter((each) => !each.hidden);
  const link = (option) => option.querySelector("a");
  const chosen = (form) => options(form).find((each) => link(each).getAttribute("aria-selected") === "true");

  function select(form, option) {
    for (const each of list(form)?.children ?? []) link(each).removeAttribute("aria-selected");
    const field = form.querySelector("[role=combobox]");
    if (!option) return field.removeAttribute("aria-activedescendant");
    link(option).setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", link(option).id);
    option.scrollIntoView({ block: "nearest" });
  }

  function step(form, by) {
    const all = options(form);
    if (!all.length) return;
    const now = all.indexOf(chosen(form));
    select(form, all[Math.min(Math.max(now + by, 0), all.length - 1)]);
  }

  // The list below the field may still be that of an earlier keystroke.
  const asked = (form) => form.querySelector("[data-asked]")?.dataset.asked ?? "";
  const isFresh = (form, field) => form.dataset.pick !== "patient" || asked(form) === field.value;
  let waiting = null;

  function take(form, field) {
    if (!isFresh(form, field)) {
      if (!window.htmx) return false; // the form asks the server itself
      waiting = field;
      return true;
    }
    const option = chosen(form);
    if (option) link(option).click();
    else if (form.dataset.pick === "patient" && field.value.trim()) enterNew(field.value.trim());
    return Boolean(option) || field.value.trim() !== "";
  }

  function enterNew(text) {
    const panel = document.getElementById("new-patient");
    panel.open = true;
    const field = (name) => panel.querySelector(`[name=${name}]`);
    const own = /^1[3-9][0-9]{9}$/.test(text) ? "phone" : /[0-9]/.test(text) ? "record_number" : "name";
    field(own).value = text;
    field(own === "record_number" ? "name" : "record_number").focus();
  }

  // Chinese is typed through an input method: its Enter and its arrows are not ours.
  desk.addEventListener("keydown", (event) => {
    const field = event.target.closest("[role=combobox]");
    if (event.key === "Enter" && event.repeat) return event.preventDefault(); // a key held down books nothing
    if (!field || event.isComposing) return;
    const form = field.closest("form");
    if (event.key === "ArrowDown") step(form, 1);
    else if (event.key === "ArrowUp") step(form, -1);
    else if (event.key !== "Enter" || !take(form, field)) return;
    event.preventDefault();
  });

  desk.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-pick=procedure]");
    if (form) narrow(form, event.target.value);
  });

  function narrow(form, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const each of list(form).children) each.hidden = !words.every((word) => each.dataset.keys.includes(word));
    // A code typed out is meant, not the combinations that hold it: `tace` is TACE.
    const plain = (code) => code.toLowerCase().replace(/[\s-]/g, "");
    select(form, options(form).find((each) => plain(each.dataset.option) === plain(text)) ?? options(form)[0]);
  }

  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "desk") settle(); });
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "book-found") listed(event.target); });

  function listed(found) {
    const form = found.closest("form"), field = form.querySelector("[role=combobox]");
    field.setAttribute("aria-expanded", String(options(form).length > 0));
    if (waiting !== field || !isFresh(form, field)) return;
    waiting = null;
    // Enter came before the list: only a list of one may be taken unseen, or none at all.
    if (options(form).length <= 1) take(form, field);
  }

  // Whoever types before the scripts have come is heard as well. htmx begins to listen in the same event, just before.
  document.addEventListener("DOMContentLoaded", () => {
    const form = desk.querySelector("form[data-pick=patient]"), field = form?.querySelector("[role=combobox]");
    if (!field || isFresh(form, field)) return;
    window.htmx?.ajax("get", field.getAttribute("hx-get"), { source: field, target: "#book-found" });
  });

  // --- What is typed or clicked while the desk is being fetched is kept and done on the new desk; an Enter that would
  // hold or book something nobody has seen yet is not.
  let busy = false, ahead = [], wanted = null;

  document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target === desk) busy = true; });
  // An answer that does not come to the desk, such as the sign-in panel's when the session ended, is nothing to wait for.
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.requestConfig.target === desk && (detail.target !== desk || !detail.successful)) busy = false;
  });

  document.addEventListener("keydown", (event) => {
    if (!busy || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key.length > 1 && event.key !== "Enter" && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Backspace") ahead.pop();
    else if (!event.repeat) ahead.push(event.key);
  }, true);

  desk.addEventListener("click", (event) => {
    if (!busy || event.target.closest("a, button") === null) return;
    event.preventDefault();
    event.stopPropagation();
    wanted = event.target.closest("[data-option]")?.dataset.option ?? null;
  }, true);

  // Whoever chooses options goes on among them: the first proposal does not take the focus away.
  let among = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target === desk) among = document.activeElement.closest?.(".offers") && document.activeElement.id;
  });

  // By now htmx has put the focus where it belongs. It settles in the moment of the swap (defaultSettleDelay 0), so no
  // key can come between the two and be taken back.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "desk") return;
    if (among) document.getElementById(among)?.focus({ preventScroll: true });
    catchUp();
  });

  function chose(option, typed) {
    if (!option.closest?.(".offers")) return false;
    const box = option.type === "checkbox";
    const at = typed.findIndex((key) => (box ? key === " " : /^[0-9]$/.test(key)));
    if (at < 0) return false;
    if (box) option.click();
    else {
      option.value = typed[at];
      option.dispatchEvent(new Event("change", { bubbles: true }));
    }
    ahead = typed.slice(at + 1);
    return true;
  }

  function catchUp() {
    busy = false;
    const typed = ahead, option = wanted && desk.querySelector(`[data-option="${CSS.escape(wanted)}"] a`);
    ahead = [];
    wanted = null;
    if (option) return option.click();
    const field = document.activeElement.closest?.("#desk [role=combobox]");
    if (chose(document.activeElement, typed)) return;
    if (!field) {
      const digit = typed.filter((key) => /^[1-5]$/.test(key)).pop();
      return digit && desk.querySelector(`[data-focus="${digit}"]`)?.focus();
    }
    const end = typed.indexOf("Enter");
    const text = (end < 0 ? typed : typed.slice(0, end)).join("");
    if (!text) return;
    field.value += text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (end < 0) return;
    take(field.closest("form"), field);
    ahead = typed.slice(end + 1);
  }

  // The language switch stands outside the desk: it must lead back to what is shown now.
  document.addEventListener("htmx:pushedIntoHistory", (event) => {
    const next = document.querySelector('form[action="/language"] [name=next]');
    if (next) next.value = event.detail.path;
  });

  // --- The countdown. The server counts by itself and is always right.
  let ticking = null;
  function countdown(left) {
    const ends = Date.now() + Number(left.dataset.secondsLeft) * 1000;
    const show = () => {
      const seconds = Math.max(Math.round((ends - Date.now()) / 1000), 0);
      left.textContent = seconds
        ? `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`
        : left.dataset.lapsed;
      left.parentElement.classList.toggle("is-short", seconds < 120);
      if (!seconds) clearInterval(ticking);
    };
    show();
    ticking = setInterval(show, 1000);
  }

  function settle() {
    clearInterval(ticking);
    waiting = null;
    const left = desk.querySelector("[data-seconds-left]");
    if (left) countdown(left);
    const notice = desk.querySelector(".np-refusal");
    if (notice) notice.scrollIntoView({ block: "nearest" });
  }
  settle();
})();
