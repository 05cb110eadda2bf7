/* The data of the page, unpacked when it is needed. outputs/report/pack.py writes it. */

const data = JSON.parse(document.getElementById("data").textContent);
const CLASS_BOUNDS = [50, 70, 90];
const CLASS_COLOURS = ["#ff7d45", "#ffdb13", "#65cbf3", "#0053d6"];
const CLASS_NAMES = ["very low", "low", "confident", "very high"];
const isComplex = data.chains.length > 1;
const chainOf = Uint16Array.from(data.chains.flatMap(({ length }, number) => Array(length).fill(number))); // by residue
const chainNumbers = new Map(data.chains.map(({ id }, number) => [id, number]));
const unpacked = new Map();

function plddtClass(value) {
  return CLASS_BOUNDS.filter((bound) => value >= bound).length;
}

/** Bytes of gzip in base64; a promise, the same for the same text. */
function unpack(base64) {
  if (!unpacked.has(base64)) unpacked.set(base64, gunzip(base64));
  return unpacked.get(base64);
}

async function gunzip(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackText(base64) {
  return new TextDecoder().decode(await unpack(base64));
}

/** PAE in tenths of an angstrom, row by row: the row's residue is the one aligned on. */
async function paeTenths(pae) {
  const planes = await unpack(pae.tenths);
  const size = pae.cells * pae.cells;
  const tenths = new Uint16Array(size);
  for (let row = 0; row < pae.cells; row++) {
    let value = 0;
    for (let k = row * pae.cells; k < (row + 1) * pae.cells; k++) {
      value = (value + planes[k] + 256 * planes[size + k]) & 0xffff;
      tenths[k] = value;
    }
  }
  return tenths;
}

/** The cell of the PAE map of each residue: every chain begins with a new one. */
function cellsOf(step) {
  let cell = -1;
  return Uint32Array.from(data.sequence, (_, k) => (cell += (k - data.chains[chainOf[k]].start) % step === 0));
}

/** AlphaFold's PAE file, as it stands in the folder. */
function paeJson(pae, tenths) {
  const rows = [];
  for (let row = 0; row < pae.cells; row++) {
    const values = tenths.subarray(row * pae.cells, (row + 1) * pae.cells);
    rows.push(`[${Array.from(values, (t) => `${Math.floor(t / 10)}.${t % 10}`).join(",")}]`);
  }
  return `[{"predicted_aligned_error":[${rows.join(",")}],"max_predicted_aligned_error":${pae.max}}]`;
}

/** Which residues each row of the alignment covers: rows x residues of 0 and 1. */
async function coverageBits(coverage) {
  const bytes = await unpack(coverage.aligned);
  const length = data.sequence.length;
  const perRow = Math.ceil(length / 8);
  const bits = new Uint8Array(coverage.rows * length);
  for (let row = 0; row < coverage.rows; row++) {
    for (let k = 0; k < length; k++) {
      bits[row * length + k] = (bytes[row * perRow + (k >> 3)] >> (7 - (k & 7))) & 1;
    }
  }
  return bits;
}

/** A colour between stops [[r, g, b], ...], `share` from 0 to 1. */
function ramp(stops, share) {
  const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const k = Math.min(stops.length - 2, Math.floor(place));
  return stops[k].map((value, c) => Math.round(value + (place - k) * (stops[k + 1][c] - value)));
}

/** Fills a canvas with one colour per pixel; null is transparent. */
function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    const rgb = colour(k);
    if (rgb) image.data.set([...rgb, 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
}

function paintScale(canvas, stops) {
  paint(canvas, 128, 1, (k) => ramp(stops, k / 127));
}

/** Such as K12, of a complex A/K12. */
function residueName(k) {
  const { id, start } = data.chains[chainOf[k]];
  return `${isComplex ? `${id}/` : ""}${data.sequence[k]}${k - start + 1}`;
}

/** Such as K12–E40; of a complex a chain by its letter if it is all of it. */
function rangeName([first, last]) {
  const { id, start, length } = data.chains[chainOf[first]];
  return isComplex && first === start && last === start + length - 1 ? `chain ${id}` : `${residueName(first)}–${residueName(last)}`;
}

function plddtMean(plddt, first, last) {
  return plddt.slice(first, last + 1).reduce((sum, value) => sum + value, 0) / (last - first + 1);
}

/** Round steps for an axis from 1 to n with about `wanted` labels: residue numbers. */
function ticks(n, wanted) {
  const raw = n / wanted;
  const power = 10 ** Math.floor(Math.log10(Math.max(raw, 1)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? 1;
  const numbers = [1];
  for (let value = step; value <= n; value += step) {
    if (value > 1 && value - numbers.at(-1) > step / 2) numbers.push(value);
  }
  return numbers;
}

/** Residues to label on an axis over a range of whole chains, about `wanted`: [{k, number}]. Where it has several chains,
    the place of each number 1 is left to the chain's letter. */
function residueTicks([first, last], wanted) {
  const shown = data.chains.filter(({ start, length }) => start <= last && start + length > first);
  const share = wanted / (last - first + 1);
  return shown.flatMap(({ start, length }) =>
    ticks(length, share * length).filter((number) => shown.length === 1 || number > 1).map((number) => ({ k: start + number - 1, number })),
  );
}
