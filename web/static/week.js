// The week by keyboard: one cell is in the tab order, arrows go to the next one that is open, Enter opens the board there.
(function () {
  "use strict";

  const table = document.querySelector(".wk-table");
  const rows = () => [...table.tBodies].flatMap((body) => [...body.rows]);
  const shown = (row) => [...row.querySelectorAll("td")].filter((each) => each.offsetParent !== null);
  const links = () => [...table.querySelectorAll("td a")].filter((each) => each.offsetParent !== null);

  function walk(link, down, right) {
    const all = rows();
    let row = all.indexOf(link.closest("tr")), cell = shown(all[row]).indexOf(link.closest("td"));
    while (all[row += down] && shown(all[row])[cell += right]) {
      const there = shown(all[row])[cell].querySelector("a");
      if (there) return there;
    }
    return null;
  }

  const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  table.addEventListener("keydown", (event) => {
    const link = event.target.closest("td a"), arrow = ARROWS[event.key];
    if (!link || !arrow || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = walk(link, ...arrow);
    if (!next) return;
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  if (links().length) links()[0].tabIndex = 0;
})();
