// The week by keyboard: one cell is in the tab order, arrows go to its neighbours, Enter opens the board there.
(function () {
  "use strict";

  const table = document.querySelector(".wk-table");
  const rows = () => [...table.tBodies].flatMap((body) => [...body.rows]);
  const shown = (row) => [...row.querySelectorAll("td a")].filter((each) => each.offsetParent !== null);
  const first = () => shown(rows()[0])[0];

  function go(link) {
    if (!link) return;
    for (const each of table.querySelectorAll('td a[tabindex="0"]')) each.tabIndex = -1;
    link.tabIndex = 0;
    link.focus();
  }

  table.addEventListener("keydown", (event) => {
    const link = event.target.closest("td a");
    if (!link || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = rows(), down = all.indexOf(link.closest("tr")), right = shown(all[down]).indexOf(link);
    const next = {
      ArrowLeft: () => shown(all[down])[right - 1], ArrowRight: () => shown(all[down])[right + 1],
      ArrowUp: () => all[down - 1] && shown(all[down - 1])[right], ArrowDown: () => all[down + 1] && shown(all[down + 1])[right],
      Home: () => shown(all[down])[0], End: () => shown(all[down]).at(-1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    go(next());
  });
  if (first()) first().tabIndex = 0;
})();
