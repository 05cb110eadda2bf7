/* Plots along the chains: a common residue axis, the marks, selection by dragging. */

const TRACK = { left: 46, right: 10, axis: isComplex ? 32 : 18 }; // axis: height of the labels below a plot

function svgElement(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

/** Draws `draw(group, track)` into an SVG and again whenever the width changes; marks are drawn above. */
function makeTrack(svg, height, draw, listen = listenToTrack) {
  const below = svgElement(svg, "g");
  const above = svgElement(svg, "g");
  const track = { svg, height, width: 0, redraw, x: (k) => TRACK.left + (k * (track.width - TRACK.left - TRACK.right)) / data.sequence.length };
  function redraw() {
    if (track.width <= TRACK.left + TRACK.right) return; // not laid out yet
    below.replaceChildren();
    draw(below, track);
    drawMarks();
  }
  function drawMarks() {
    above.replaceChildren();
    if (state.range) {
      for (const { range: [first, last], kind } of rangeParts()) {
        svgElement(above, "rect", { class: `selected ${kind}`, x: track.x(first), width: track.x(last + 1) - track.x(first), y: 0, height });
      }
    }
    const pair = marked();
    if (!pair) return;
    for (const [k, kind] of pair.i === pair.j ? [[pair.i, ""]] : [[pair.i, "aligned"], [pair.j, "scored"]]) {
      svgElement(above, "line", { class: `cursor ${kind}`, x1: track.x(k + 0.5), x2: track.x(k + 0.5), y1: 0, y2: height });
    }
    for (const k of contactsShown()) {
      svgElement(above, "line", { class: "cursor contact", x1: track.x(k + 0.5), x2: track.x(k + 0.5), y1: height - 7, y2: height });
    }
  }
  svg.setAttribute("height", height + TRACK.axis);
  new ResizeObserver(() => {
    if (svg.clientWidth === track.width) return;
    track.width = svg.clientWidth;
    redraw();
  }).observe(svg);
  onChange(["mark", "pin", "range"], drawMarks);
  listen(track);
  return track;
}

function residueAt(track, event) {
  const inner = track.width - TRACK.left - TRACK.right;
  const place = event.clientX - track.svg.getBoundingClientRect().left - TRACK.left;
  return within(chainRange(null), Math.floor((place / inner) * data.sequence.length));
}

function listenToTrack(track) {
  selectByDragging(track.svg, (event) => {
    const k = residueAt(track, event);
    return { i: k, j: k };
  });
}

/** Pointer: moving marks, a click pins, dragging selects. `at(event)` gives the pair {i, j}. */
function selectByDragging(element, at) {
  let start = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    start = at(event);
    change({ mark: start });
  });
  element.addEventListener("pointermove", (event) => {
    const to = at(event);
    if (!start || (to.i === start.i && to.j === start.j)) return change({ mark: to });
    change({ mark: to, range: { rows: ordered(start.i, to.i), cols: ordered(start.j, to.j) } });
  });
  element.addEventListener("pointerup", (event) => {
    if (!start) return;
    const to = at(event);
    if (to.i === start.i && to.j === start.j) change({ pin: to, range: null });
    start = null;
  });
  element.addEventListener("pointercancel", () => {
    start = null;
    change({ mark: null });
  });
  element.addEventListener("pointerleave", () => change({ mark: null }));
}

/** Numbers of residues; in a complex the letters of its chains below. */
function drawResidueAxis(group, track) {
  for (const { k, number } of residueTicks(chainRange(null), track.width / 70)) {
    svgElement(group, "text", { x: track.x(k + 0.5), y: track.height + 14, "text-anchor": "middle" }, number);
  }
  if (!isComplex) return;
  for (const { id, start, length } of data.chains) {
    if (track.x(length) - track.x(0) < SMALL_CHAIN) continue;
    svgElement(group, "text", { class: "letter", x: track.x(start + length / 2), y: track.height + 28, "text-anchor": "middle" }, id);
  }
}
