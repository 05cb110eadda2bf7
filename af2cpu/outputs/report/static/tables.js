/* Copy and CSV buttons of tables: every element with data-table="ID of the table" gets both. */

/** The cells of a table as text, row by row; data-csv has what the eye sees as a link or a picture. */
function tableCells(table) {
  return [...table.rows].map((row) => [...row.cells].map((cell) => cell.dataset.csv ?? cell.textContent.trim().replace(/\s+/g, " ")));
}

function csvText(cells) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return cells.map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

/** Tabs between cells: spreadsheets paste them as columns. */
function tabbedText(cells) {
  return cells.map((row) => `${row.join("\t")}\n`).join("");
}

function addButton(host, label, title, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.title = title;
  button.addEventListener("click", () => action(button));
  host.append(button);
  return button;
}

/** Copies a text and says so on the button; without a clipboard (an old browser) the button is hidden. */
async function copyText(button, text) {
  const label = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 2000);
}

function showTableButtons() {
  for (const host of document.querySelectorAll("[data-table]")) {
    const table = document.getElementById(host.dataset.table);
    const name = `${data.name}_${host.dataset.table}.csv`;
    addButton(host, "Copy", "Copy the table, for a spreadsheet", (button) => copyText(button, tabbedText(tableCells(table)))).hidden = !navigator.clipboard;
    addButton(host, "CSV", name, () => saveContent(name, csvText(tableCells(table))));
  }
  const host = document.getElementById("bibtex-tools");
  const text = document.getElementById("bibtex").textContent;
  addButton(host, "Copy", "Copy the entries", (button) => copyText(button, text)).hidden = !navigator.clipboard;
  addButton(host, "BibTeX", `${data.name}.bib`, () => saveContent(`${data.name}.bib`, text));
}
