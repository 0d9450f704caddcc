// The waiting list by keyboard: arrows from request to request, Enter books, x takes off. The page works without it.
(function () {
  "use strict";

  const rows = () => [...document.querySelectorAll("#wl [data-row]")];

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    const all = rows(), at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown") all[Math.min(at + 1, all.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at >= 0) all[Math.max(at - 1, 0)].focus();
    else if (event.key === "x" && at >= 0) {
      const form = all[at].closest("td").querySelector("details");
      form.open = true;
      form.querySelector("input[name=reason]").focus();
    } else return;
    event.preventDefault();
  });
})();
