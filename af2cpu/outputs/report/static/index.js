/* The table of a batch: sorted by a click on a column's head, filtered by text. */

const body = document.querySelector("#targets tbody");
const rows = [...body.rows];
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

/** Numbers before text; empty cells last. */
function sortBy(column, ascending) {
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const values = new Map(rows.map((row) => [row, value(row)]));
  const compare = (a, b) => {
    if (!a || !b) return a ? -1 : b ? 1 : 0;
    return (ascending ? 1 : -1) * (a - b || a.localeCompare(b, "en", { numeric: true }));
  };
  rows.sort((a, b) => compare(values.get(a), values.get(b)));
  body.append(...rows);
  for (const head of document.querySelector("#targets thead").lastElementChild.cells) {
    if (head.cellIndex === column) head.ariaSort = ascending ? "ascending" : "descending";
    else head.removeAttribute("aria-sort");
  }
  if (order) order.value = column;
}

/** The column that the table is sorted by, the other way round if it was already. */
function turn(column) {
  const head = document.querySelector("#targets thead").lastElementChild.cells[column];
  sortBy(column, head.ariaSort !== "ascending");
}

const order = document.getElementById("order"); // on a narrow screen; the page of several runs has none
for (const button of document.querySelectorAll("#targets thead button")) {
  button.addEventListener("click", () => turn(button.closest("th").cellIndex));
}
order?.addEventListener("change", () => sortBy(Number(order.value), true));
document.getElementById("turn")?.addEventListener("click", () => turn(Number(order.value)));

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  let shown = 0;
  for (const row of rows) {
    row.hidden = !texts.get(row).includes(wanted);
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = wanted ? `${shown} of ${rows.length}` : "";
});
