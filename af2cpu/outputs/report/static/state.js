/* What is shown and what is marked. Panels subscribe; changes are drawn once per frame.

   mark: the pair of residues under the pointer {i: aligned on, j: scored}, from 0; i = j for one residue
   pin: the pair that stays when the pointer leaves; range: {rows: [first, last], cols: [first, last]}
   rows, cols: the chains that the PAE map shows, by number; null for all */

const state = { model: 0, form: "unrelaxed", mark: null, pin: null, range: null, rows: null, cols: null, sides: false, spin: false, shape: "cartoon", colour: "plddt" };
const panels = [];
const changed = new Set();

/** Calls `draw` after a change of one of `keys`, and at the start. */
function onChange(keys, draw) {
  panels.push({ keys, draw });
}

function change(values) {
  if (!changed.size) requestAnimationFrame(drawChanged);
  for (const [key, value] of Object.entries(values)) {
    state[key] = value;
    changed.add(key);
  }
}

function drawChanged() {
  const keys = new Set(changed);
  changed.clear();
  for (const panel of panels) {
    if (panel.keys.some((key) => keys.has(key))) panel.draw();
  }
}

function drawAll() {
  for (const panel of panels) panel.draw();
}

/** The pair that panels show. */
function marked() {
  return state.mark ?? state.pin;
}

/** A range with its ends in order. */
function ordered(a, b) {
  return a <= b ? [a, b] : [b, a];
}

function isIn(range, k) {
  return k >= range[0] && k <= range[1];
}

/** The ranges of the selection and what they are; one without a kind if both are the same. */
function rangeParts() {
  const { rows, cols } = state.range;
  if (rows[0] === cols[0] && rows[1] === cols[1]) return [{ range: rows, kind: "" }];
  return [{ range: rows, kind: "aligned" }, { range: cols, kind: "scored" }];
}

/** Whether a residue is in the selection: as one aligned on, as one scored. */
function selected(k) {
  return { aligned: isIn(state.range.rows, k), scored: isIn(state.range.cols, k) };
}

/** Nothing marked, nothing selected, the whole map. */
const CLEAR = { mark: null, pin: null, range: null, rows: null, cols: null };

/** Moves the mark by keys on a panel; `move(key)` gives the change {i, j} or null. Shift selects from where it began.
    `limits()` gives the residues that the panel shows: {rows: [first, last], cols: [first, last]}. */
function onKeys(element, move, limits) {
  let from = null;
  element.addEventListener("keydown", (event) => {
    const { rows, cols } = limits();
    const at = marked() ?? { i: rows[0], j: cols[0] };
    if (event.key === "Escape") return change(CLEAR);
    if (event.key === "Enter") return change({ pin: at });
    const by = move(event.key);
    if (!by) return;
    event.preventDefault();
    const to = { i: within(rows, at.i + by.i), j: within(cols, at.j + by.j) };
    if (!event.shiftKey) from = null;
    else from ??= at;
    const range = from && { rows: ordered(from.i, to.i), cols: ordered(from.j, to.j) };
    change({ mark: null, pin: to, range: range ?? state.range });
  });
}

/** The residue of a range that is nearest to k. */
function within([first, last], k) {
  return Math.max(first, Math.min(last, k));
}
