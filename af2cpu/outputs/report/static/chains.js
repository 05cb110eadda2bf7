/* Chains of a complex: their colours, the strip above the plots, the table. A protein is a complex of one chain. */

const CHAIN_COLOURS = ["#4a90c2", "#d0701f", "#2f8f57", "#b0479a", "#94801a", "#6a55b5", "#c0443f", "#1f8f92", "#7a5c3e", "#64748b"];
const SMALL_CHAIN = 9; // pixels: narrower chains have no letter

function chainColour(number) {
  return CHAIN_COLOURS[number % CHAIN_COLOURS.length];
}

/** The first and the last residue of a chain; of all of them for null. */
function chainRange(number) {
  if (number === null) return [0, data.sequence.length - 1];
  const { start, length } = data.chains[number];
  return [start, start + length - 1];
}

function selectChain(number) {
  const range = chainRange(number);
  change({ mark: null, pin: null, range: { rows: range, cols: range } });
}

function showChains() {
  if (!isComplex) return;
  const strip = makeTrack(document.getElementById("chains"), 16, drawChains, listenToChains);
  strip.svg.setAttribute("height", strip.height);
  const { rows } = document.querySelector("#chain-table tbody");
  data.chains.forEach(({ id }, k) => {
    rows[k].cells[0].append(swatch(chainColour(k)), id);
    rows[k].addEventListener("click", () => selectChain(k));
  });
  onChange(["model"], () => data.chains.forEach((chain, k) => drawChainRow(rows[k], k)));
}

/** The name is cut to what fits. */
function drawChains(group, track) {
  data.chains.forEach(({ id, name, start, length }, k) => {
    const [left, right] = [track.x(start), track.x(start + length)];
    const bar = svgElement(group, "rect", { class: "chain", fill: chainColour(k), x: left, width: right - left, y: 1, height: 14, rx: 3 });
    svgElement(bar, "title", {}, `Chain ${id}${name && `, ${name}`}: ${length} residues`);
    if (right - left < SMALL_CHAIN) return;
    const room = Math.floor((right - left - 8) / 7);
    const label = `${id} ${name}`.trim();
    const text = label.length <= room ? label : room > 8 ? `${label.slice(0, room - 1)}…` : id;
    svgElement(group, "text", { class: "label", x: (left + right) / 2, y: 12, "text-anchor": "middle" }, text);
  });
}

/** A click selects the chain. */
function listenToChains(track) {
  track.svg.addEventListener("click", (event) => selectChain(chainOf[residueAt(track, event)]));
}

function drawChainRow(row, number) {
  const { plddt, chains } = data.models[state.model];
  const [first, last] = chainRange(number);
  const values = { plddt: plddtMean(plddt, first, last).toFixed(1), ptm: chains[number]?.ptm?.toFixed(3) ?? "–" };
  for (const cell of row.querySelectorAll("[data-of]")) cell.textContent = values[cell.dataset.of];
}

/** Lines between chains, in a plot along them. */
function drawBorders(group, track, height = track.height) {
  for (const { start } of data.chains.slice(1)) {
    svgElement(group, "line", { class: "border", x1: track.x(start), x2: track.x(start), y1: 0, y2: height });
  }
}

/** A line along the chains that has a gap between them; `point(k)` gives its place at a residue as "x,y". */
function chainPath(point) {
  return data.chains.map(({ start, length }) => `M${Array.from({ length }, (_, k) => point(start + k)).join("L")}`).join("");
}
