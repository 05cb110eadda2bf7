/* The map of predicted aligned errors: rows are aligned on, columns are scored, as in AlphaFold DB. */

const GREENS = [[0, 68, 27], [0, 109, 44], [35, 139, 69], [65, 171, 93], [116, 196, 118], [161, 217, 155], [199, 233, 192], [229, 245, 224], [247, 252, 245]];
let paeShown = null; // {pae, tenths} of the model shown

async function showPae() {
  const area = document.getElementById("pae");
  if (!area) return;
  const n = data.sequence.length;
  paintScale(document.getElementById("pae-scale"), GREENS);
  document.getElementById("pae-marks").setAttribute("viewBox", `0 0 ${n} ${n}`);
  for (const [id, side] of [["pae-ticks-x", "left"], ["pae-ticks-y", "top"]]) {
    for (const number of ticks(n, 6)) {
      const label = document.createElement("span");
      label.textContent = number;
      label.style[side] = `${((number - 0.5) / n) * 100}%`;
      document.getElementById(id).append(label);
    }
  }
  selectByDragging(area, (event) => {
    const box = area.getBoundingClientRect();
    const residue = (place, size) => clamp(Math.floor((place / size) * n));
    return { i: residue(event.clientY - box.top, box.height), j: residue(event.clientX - box.left, box.width) };
  });
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -Infinity], End: [0, Infinity] };
  onKeys(area, (key) => (key in steps ? { i: steps[key][0], j: steps[key][1] } : null));
  onChange(["model"], drawPaeMap);
  onChange(["mark", "pin", "range"], drawPaeMarks);
  await drawPaeMap();
}

async function drawPaeMap() {
  const { pae } = data.models[state.model];
  const tenths = await paeTenths(pae);
  if (pae !== data.models[state.model].pae) return; // another model was chosen meanwhile
  paeShown = { pae, tenths };
  paint(document.getElementById("pae-map"), pae.cells, pae.cells, (k) => ramp(GREENS, tenths[k] / 10 / pae.max));
  document.getElementById("pae-max").textContent = pae.max.toFixed(0);
  drawDomainTable();
  showReadout();
}

function drawPaeMarks() {
  const svg = document.getElementById("pae-marks");
  const n = data.sequence.length;
  svg.replaceChildren();
  if (state.range) {
    const { rows, cols } = state.range;
    for (const kind of ["under", ""]) {
      svgElement(svg, "rect", { class: `box ${kind}`, x: cols[0], y: rows[0], width: cols[1] - cols[0] + 1, height: rows[1] - rows[0] + 1 });
    }
  }
  const pair = marked();
  if (!pair) return;
  const lines = [
    { kind: "aligned", x1: 0, x2: n, y1: pair.i + 0.5, y2: pair.i + 0.5 },
    { kind: "scored", x1: pair.j + 0.5, x2: pair.j + 0.5, y1: 0, y2: n },
  ];
  for (const under of [true, false]) {
    for (const { kind, ...ends } of lines) svgElement(svg, "line", { class: `cross ${under ? "under" : kind}`, ...ends });
  }
}

/** Angstrom, one decimal; the mean over a block of residues where the protein is very long. */
function paeValue(i, j) {
  const { pae, tenths } = paeShown;
  return tenths[Math.floor(i / pae.step) * pae.cells + Math.floor(j / pae.step)] / 10;
}

function paeMean(rows, cols) {
  let sum = 0;
  for (let i = rows[0]; i <= rows[1]; i++) {
    for (let j = cols[0]; j <= cols[1]; j++) sum += paeValue(i, j);
  }
  return sum / ((rows[1] - rows[0] + 1) * (cols[1] - cols[0] + 1));
}

function showReadout() {
  const readout = document.getElementById("readout");
  const clear = document.getElementById("clear");
  const pair = marked();
  clear.hidden = !state.range && !state.pin;
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
  const name = ([a, b]) => `${residueName(a)}–${residueName(b)}`;
  const parts = [coloured(name(rows), "aligned"), " and ", coloured(name(cols), "scored")];
  const both = [Math.max(rows[0], cols[0]), Math.min(rows[1], cols[1])];
  if (both[0] <= both[1] && rangeParts().length > 1) parts.push(" (", coloured(name(both), "both"), " in both)");
  if (!paeShown) return parts;
  const [there, back] = [paeMean(rows, cols), paeMean(cols, rows)];
  return [...parts, `: mean PAE ${there.toFixed(1)} Å, the other way round ${back.toFixed(1)} Å.`];
}
