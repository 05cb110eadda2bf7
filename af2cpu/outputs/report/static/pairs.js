/* The matrix of pairs, drawn from the rows of the table: a cell leads to the report of its pair. */

const names = JSON.parse(document.getElementById("names").textContent); // {down: [], across: []}
const matrix = document.getElementById("matrix");
const colour = document.getElementById("colour");
const readout = document.getElementById("readout");
const LABEL = { longest: 18, letter: 6.6, smallest: 9 }; // letters; pixels of a letter; of a cell that has a label
const CELL = { smallest: 5, largest: 34 }; // pixels
const heads = [...document.querySelector("#targets thead tr").cells].map((cell) => cell.textContent);

function svgElement(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function short(name) {
  return name.length > LABEL.longest ? `${name.slice(0, LABEL.longest - 1)}…` : name;
}

/** Size of a cell and of the room for names, in pixels. */
function measures(width) {
  const longest = (list) => Math.max(...list.map((name) => short(name).length)) * LABEL.letter + 10;
  const left = longest(names.down);
  const cell = Math.max(CELL.smallest, Math.min(CELL.largest, Math.floor((width - left - 4) / names.across.length)));
  return cell < LABEL.smallest ? { cell, left: 4, top: 4 } : { cell, left, top: longest(names.across) };
}

function drawMatrix() {
  const { cell, left, top } = measures(matrix.parentElement.clientWidth);
  const size = { width: left + names.across.length * cell + 4, height: top + names.down.length * cell + 4 };
  for (const [key, value] of Object.entries(size)) matrix.setAttribute(key, value);
  matrix.replaceChildren();
  if (cell >= LABEL.smallest) drawNames(cell, left, top);
  const box = (line, column) => ({ x: left + column * cell, y: top + line * cell, width: cell - 1, height: cell - 1 });
  if (matrix.dataset.symmetric) names.down.forEach((_, k) => svgElement(matrix, "rect", { class: "self", ...box(k, k) }));
  for (const row of rows) drawPair(row, box);
}

function drawNames(cell, left, top) {
  names.down.forEach((name, k) => svgElement(matrix, "text", { x: left - 5, y: top + (k + 0.5) * cell + 4, "text-anchor": "end" }, short(name)));
  names.across.forEach((name, k) => {
    svgElement(matrix, "text", { transform: `translate(${left + (k + 0.5) * cell + 4} ${top - 5}) rotate(-90)` }, short(name));
  });
}

function drawPair(row, box) {
  const [line, column] = [Number(row.dataset.line), Number(row.dataset.column)];
  const twice = matrix.dataset.symmetric && line !== column;
  const href = row.querySelector("a")?.getAttribute("href");
  const value = row.cells[Number(colour.value) + 2].dataset.value;
  for (const place of twice ? [box(line, column), box(column, line)] : [box(line, column)]) {
    const host = href ? svgElement(matrix, "a", { href, tabindex: -1 }) : svgElement(matrix, "g");
    svgElement(host, "rect", { class: "ground", ...place });
    if (value === undefined) svgElement(host, "circle", { class: "missing", cx: place.x + place.width / 2, cy: place.y + place.height / 2, r: 1.5 });
    else svgElement(host, "rect", { class: "cell", "fill-opacity": share(value).toFixed(3), ...place });
    host.addEventListener("pointerenter", () => showPair(row));
    host.addEventListener("pointerleave", () => showPair(null));
  }
  row.places = twice ? [box(line, column), box(column, line)] : [box(line, column)];
}

/** Of the full colour. */
function share(value) {
  return Math.max(0, Math.min(1, Number(value) / Number(colour.selectedOptions[0].dataset.highest)));
}

/** Marks a pair in the matrix and in the table; null for none. */
function showPair(row) {
  for (const old of document.querySelectorAll(".at")) {
    if (old.tagName === "TR") old.classList.remove("at");
    else old.remove();
  }
  readout.textContent = row ? pairText(row) : "Move over the matrix to see a pair; a click opens its report.";
  if (!row) return;
  row.classList.add("at");
  for (const place of row.places) svgElement(matrix, "rect", { class: "at", ...place });
}

function pairText(row) {
  const cells = [...row.cells].map((cell) => cell.textContent.trim());
  const scores = cells.slice(2, -1).map((text, k) => text && `${heads[k + 2]} ${text}`).filter(Boolean);
  return `${cells[0]} – ${cells[1]}: ${scores.join(", ") || cells.at(-1)}`;
}

function colourMatrix() {
  document.getElementById("highest").textContent = colour.selectedOptions[0].dataset.highest.replace(/\.0$/, "");
  drawMatrix();
}

colour.addEventListener("change", colourMatrix);
for (const row of rows) {
  row.addEventListener("pointerenter", () => showPair(row));
  row.addEventListener("pointerleave", () => showPair(null));
}
let drawnWidth = 0;
new ResizeObserver(() => {
  const width = matrix.parentElement.clientWidth;
  if (width !== drawnWidth) drawMatrix();
  drawnWidth = width;
}).observe(matrix.parentElement);
colourMatrix();
showPair(null);
