/* The map of predicted aligned errors: rows are aligned on, columns are scored, as in AlphaFold DB. */

const GREENS = [[0, 68, 27], [0, 109, 44], [35, 139, 69], [65, 171, 93], [116, 196, 118], [161, 217, 155], [199, 233, 192], [229, 245, 224], [247, 252, 245]];
let paeShown = null; // {pae, tenths, cells} of the model shown; cells: of each residue
const paeWhole = document.createElement("canvas"); // the map of all residues, a pixel for each cell

/** The residues that the map shows. */
function paeView() {
  return { rows: chainRange(state.rows), cols: chainRange(state.cols) };
}

function extent([first, last]) {
  return last - first + 1;
}

async function showPae() {
  const area = document.getElementById("pae");
  if (!area) return;
  paintScale(document.getElementById("pae-scale"), GREENS);
  selectByDragging(area, (event) => {
    const box = area.getBoundingClientRect();
    const { rows, cols } = paeView();
    const residue = (range, place, size) => within(range, range[0] + Math.floor((place / size) * extent(range)));
    return { i: residue(rows, event.clientY - box.top, box.height), j: residue(cols, event.clientX - box.left, box.width) };
  });
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -Infinity], End: [0, Infinity] };
  onKeys(area, (key) => (key in steps ? { i: steps[key][0], j: steps[key][1] } : null), paeView);
  listenToPaeChains();
  onChange(["model"], readPaeMap);
  onChange(["rows", "cols"], drawPaeView);
  onChange(["mark", "pin", "range", "rows", "cols"], drawPaeMarks);
  await readPaeMap();
}

/** The chains that the map shows are chosen beside it. */
function listenToPaeChains() {
  for (const key of isComplex ? ["rows", "cols"] : []) {
    const select = document.getElementById(`pae-${key}`);
    select.addEventListener("change", () => change({ [key]: select.value === "" ? null : Number(select.value) }));
    onChange([key], () => (select.value = state[key] ?? ""));
  }
}

async function readPaeMap() {
  const { pae } = data.models[state.model];
  const tenths = await paeTenths(pae);
  if (pae !== data.models[state.model].pae) return; // another model was chosen meanwhile
  paeShown = { pae, tenths, cells: cellsOf(pae.step) };
  paint(paeWhole, pae.cells, pae.cells, (k) => ramp(GREENS, tenths[k] / 10 / pae.max));
  document.getElementById("pae-max").textContent = pae.max.toFixed(0);
  drawPaeView();
  drawDomainTable();
  showReadout();
}

/** The part of the map that is shown, with its axes. */
function drawPaeView() {
  const { rows, cols } = paeView();
  document.getElementById("pae-marks").setAttribute("viewBox", `${cols[0]} ${rows[0]} ${extent(cols)} ${extent(rows)}`);
  drawPaeAxis("x", "left", "width", cols);
  drawPaeAxis("y", "top", "height", rows);
  if (paeShown) drawPaePicture(rows, cols);
}

/** Block by block of two chains, since the last cells of a chain may have fewer residues than the others. */
function drawPaePicture(rows, cols) {
  const canvas = document.getElementById("pae-map");
  const [down, across] = [paeChains(rows), paeChains(cols)];
  const pixels = (chains, range) => (chains.length === 1 ? chains[0].cells : Math.min(MOST_PIXELS, extent(range)));
  [canvas.width, canvas.height] = [pixels(across, cols), pixels(down, rows)];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.scale(canvas.width / extent(cols), canvas.height / extent(rows));
  for (const row of down) {
    for (const col of across) {
      context.drawImage(paeWhole, col.cell, row.cell, col.cells, row.cells, col.start - cols[0], row.start - rows[0], col.length, row.length);
    }
  }
}

const MOST_PIXELS = 2048;

/** The chains in a range, with the first of their cells and the number of these. */
function paeChains([first, last]) {
  return data.chains.filter(({ start, length }) => start <= last && start + length > first).map(({ id, start, length }) => {
    const [cell, end] = paeShown ? [start, start + length - 1].map((k) => paeShown.cells[k]) : [0, 0];
    return { id, start, length, cell, cells: end - cell + 1 };
  });
}

/** Numbers of residues and, in a complex, a strip with the letters of the chains. */
function drawPaeAxis(axis, side, size, range) {
  const place = (element, start, length) => {
    element.style[side] = `${((start - range[0]) / extent(range)) * 100}%`;
    if (length) element.style[size] = `${(length / extent(range)) * 100}%`;
    return element;
  };
  const span = (text) => Object.assign(document.createElement("span"), { textContent: text });
  document.getElementById(`pae-ticks-${axis}`).replaceChildren(...residueTicks(range, isComplex ? 10 : 6).map(({ k, number }) => place(span(number), k + 0.5)));
  document.getElementById(`pae-chains-${axis}`)?.replaceChildren(...paeChains(range).map(({ id, start, length }) => {
    const element = place(span(length / extent(range) > 0.03 ? id : ""), start, length);
    element.style.backgroundColor = chainColour(chainNumbers.get(id));
    return element;
  }));
}

function drawPaeMarks() {
  const svg = document.getElementById("pae-marks");
  const { rows, cols } = paeView();
  const [left, right, top, bottom] = [cols[0], cols[1] + 1, rows[0], rows[1] + 1];
  const line = (kind, x1, y1, x2, y2) => svgElement(svg, "line", { class: kind, x1, x2, y1, y2 });
  svg.replaceChildren();
  for (const kind of ["border under", "border"]) {
    for (const { start } of data.chains) {
      if (start > left && start < right) line(kind, start, top, start, bottom);
      if (start > top && start < bottom) line(kind, left, start, right, start);
    }
  }
  if (state.range) drawPaeBox(svg, rows, cols);
  const pair = marked();
  if (!pair) return;
  for (const under of [true, false]) {
    if (isIn(rows, pair.i)) line(`cross ${under ? "under" : "aligned"}`, left, pair.i + 0.5, right, pair.i + 0.5);
    if (isIn(cols, pair.j)) line(`cross ${under ? "under" : "scored"}`, pair.j + 0.5, top, pair.j + 0.5, bottom);
  }
}

/** The part of the selection that the map shows, unless that is all of the map. */
function drawPaeBox(svg, rows, cols) {
  const cut = (range, view) => [Math.max(range[0], view[0]), Math.min(range[1], view[1])];
  const [down, across] = [cut(state.range.rows, rows), cut(state.range.cols, cols)];
  const [height, width] = [extent(down), extent(across)];
  if (height <= 0 || width <= 0 || (height === extent(rows) && width === extent(cols))) return;
  for (const kind of ["under", ""]) svgElement(svg, "rect", { class: `box ${kind}`, x: across[0], y: down[0], width, height });
}

/** Angstrom, one decimal; the mean over a block of residues where the protein is very long. */
function paeValue(i, j) {
  const { pae, tenths, cells } = paeShown;
  return tenths[cells[i] * pae.cells + cells[j]] / 10;
}

function paeMean(rows, cols) {
  let sum = 0;
  for (let i = rows[0]; i <= rows[1]; i++) {
    for (let j = cols[0]; j <= cols[1]; j++) sum += paeValue(i, j);
  }
  return sum / (extent(rows) * extent(cols));
}

function showReadout() {
  const readout = document.getElementById("readout");
  const clear = document.getElementById("clear");
  const pair = marked();
  clear.hidden = !state.range && !state.pin && state.rows === null && state.cols === null;
  if (pair) readout.replaceChildren(...pairReadout(pair));
  else if (state.range) readout.replaceChildren(...rangeReadout(state.range));
  else readout.textContent = paeShown ? "Move over the map to see a pair of residues in the structure; drag to select two ranges." : "";
}

function coloured(text, kind) {
  const element = document.createElement("span");
  element.className = `${kind}-text`;
  element.textContent = text;
  return element;
}

function pairReadout({ i, j }) {
  const distance = caDistance(i, j);
  const apart = distance === null || i === j ? "" : `Cα–Cα ${distance.toFixed(1)} Å. `;
  if (!paeShown) return i === j ? [residueName(i)] : [coloured(residueName(i), "aligned"), " and ", coloured(residueName(j), "scored"), `: ${apart}`];
  const back = i === j ? "" : `The other way round ${paeValue(j, i).toFixed(1)} Å.`;
  return ["Aligned on ", coloured(residueName(i), "aligned"), ", ", coloured(residueName(j), "scored"),
    ` is expected to be off by ${paeValue(i, j).toFixed(1)} Å. ${apart}${back}`];
}

function rangeReadout({ rows, cols }) {
  const parts = [coloured(rangeName(rows), "aligned"), " and ", coloured(rangeName(cols), "scored")];
  const both = [Math.max(rows[0], cols[0]), Math.min(rows[1], cols[1])];
  if (both[0] <= both[1] && rangeParts().length > 1) parts.push(" (", coloured(rangeName(both), "both"), " in both)");
  if (!paeShown) return parts;
  const [there, back] = [paeMean(rows, cols), paeMean(cols, rows)];
  return [...parts, `: mean PAE ${there.toFixed(1)} Å, the other way round ${back.toFixed(1)} Å.`];
}
