// The table of patients by keyboard: down from the search into the rows, up and down among them, Enter opens the first
// row when it belongs to what is typed. The page works without it.
(function () {
  "use strict";

  const field = document.getElementById("patients-q");
  const rows = () => [...document.querySelectorAll("#rows [data-row]")];
  let fresh = field.value;

  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "rows") fresh = field.value; });

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = rows(), at = all.indexOf(document.activeElement), inField = event.target === field;
    if (event.key === "ArrowDown" && (inField || at >= 0)) all[Math.min(at + 1, all.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at > 0) all[at - 1].focus();
    else if (event.key === "ArrowUp" && at === 0) field.focus();
    else if (event.key === "Enter" && inField && field.value.trim() && fresh === field.value && all.length === 1) all[0].click();
    else return;
    event.preventDefault();
  });
})();
