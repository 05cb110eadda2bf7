/* The table of a batch: sorted by a click on a column's head, filtered by text. */

const body = document.querySelector("#targets tbody");
const rows = [...body.rows];

/** Numbers before text; empty cells last. */
function sortBy(column, ascending) {
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const compare = (a, b) => {
    if (!a || !b) return a ? -1 : b ? 1 : 0;
    return (ascending ? 1 : -1) * (a - b || a.localeCompare(b, "en", { numeric: true }));
  };
  rows.sort((a, b) => compare(value(a), value(b)));
  body.append(...rows);
}

for (const button of document.querySelectorAll("#targets thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const ascending = head.ariaSort !== "ascending";
    for (const other of document.querySelectorAll("#targets th")) other.removeAttribute("aria-sort");
    head.ariaSort = ascending ? "ascending" : "descending";
    sortBy(head.cellIndex, ascending);
  });
}

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
