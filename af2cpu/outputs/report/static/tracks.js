/* Plots along the chain: a common residue axis, the marks, selection by dragging. */

const TRACK = { left: 46, right: 10 };

function svgElement(parent, name, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

/** Draws `draw(group, track)` into an SVG and again whenever the width changes; marks are drawn above. */
function makeTrack(svg, height, draw) {
  const below = svgElement(svg, "g");
  const above = svgElement(svg, "g");
  const track = { svg, height, width: 0, redraw, x: (k) => TRACK.left + (k * (track.width - TRACK.left - TRACK.right)) / data.sequence.length };
  function redraw() {
    if (!track.width) return; // not laid out yet
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
  }
  svg.setAttribute("height", height + 18);
  new ResizeObserver(() => {
    if (svg.clientWidth === track.width) return;
    track.width = svg.clientWidth;
    redraw();
  }).observe(svg);
  onChange(["mark", "pin", "range"], drawMarks);
  listenToTrack(track);
  return track;
}

function listenToTrack(track) {
  const residueAt = (event) => {
    const inner = track.width - TRACK.left - TRACK.right;
    const place = event.clientX - track.svg.getBoundingClientRect().left - TRACK.left;
    return clamp(Math.floor((place / inner) * data.sequence.length));
  };
  selectByDragging(track.svg, (event) => {
    const k = residueAt(event);
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

function drawResidueAxis(group, track) {
  for (const number of ticks(data.sequence.length, track.width / 70)) {
    svgElement(group, "text", { x: track.x(number - 0.5), y: track.height + 14, "text-anchor": "middle" }, number);
  }
}
