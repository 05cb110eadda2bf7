/* pLDDT along the chains: the prediction shown over the others, on the colours of the classes. */

function drawPlddt(group, track) {
  const y = (value) => track.height - (value / 100) * track.height;
  [0, ...CLASS_BOUNDS].forEach((low, k) => {
    const high = [...CLASS_BOUNDS, 100][k];
    const size = { x: TRACK.left, width: track.width - TRACK.left - TRACK.right, y: y(high), height: y(low) - y(high) };
    svgElement(group, "rect", { class: `band fill-${k}`, ...size });
    svgElement(group, "text", { x: TRACK.left - 6, y: y(high) + 4, "text-anchor": "end" }, high);
  });
  svgElement(group, "text", { x: TRACK.left - 6, y: y(0) + 4, "text-anchor": "end" }, 0);
  svgElement(group, "text", { x: 0, y: 0, transform: `translate(12 ${track.height / 2}) rotate(-90)`, "text-anchor": "middle" }, "pLDDT");
  drawBorders(group, track);
  const path = (values) => chainPath((k) => `${track.x(k + 0.5).toFixed(1)},${y(values[k]).toFixed(1)}`);
  data.models.forEach((model, k) => {
    if (k !== state.model) svgElement(group, "path", { class: "other", stroke: modelColour(k), d: path(model.plddt) });
  });
  const shown = path(data.models[state.model].plddt);
  svgElement(group, "path", { class: "halo", d: shown });
  const one = data.models.length === 1;
  svgElement(group, "path", { class: one ? "line" : "line own", stroke: modelColour(state.model), d: shown });
  if (state.form === "relaxed") {
    for (const k of data.models[state.model].violations) {
      const mark = svgElement(group, "circle", { class: "violation", cx: track.x(k + 0.5), cy: track.height - 4, r: 3 });
      svgElement(mark, "title", {}, `${residueName(k)}: structural violation after relaxation`);
    }
  }
  if (!data.coverage) drawResidueAxis(group, track);
}

const MODEL_COLOURS = ["#3b6fb6", "#e07b39", "#2e9e6b", "#b0479a", "#c9a227", "#6a51a3", "#c0392b", "#2aa7b8", "#8d6e4a", "#7a8797"];

function modelColour(k) {
  return MODEL_COLOURS[k % MODEL_COLOURS.length];
}

/** Which colour is which prediction; a click shows it. */
function showModelLegend() {
  const host = document.getElementById("plddt-legend");
  host.hidden = data.models.length < 2;
  host.append(...data.models.map((model, k) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(swatch(modelColour(k)), `${k + 1} · ${model.name}`);
    button.addEventListener("click", () => choose(k));
    return button;
  }));
  onChange(["model"], () => [...host.children].forEach((button, k) => button.setAttribute("aria-pressed", k === state.model)));
}

function showPlddt() {
  showModelLegend();
  const track = makeTrack(document.getElementById("plddt"), 150, drawPlddt);
  if (data.coverage) track.svg.setAttribute("height", track.height + 4);
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  const whole = { rows: chainRange(null), cols: chainRange(null) };
  onKeys(track.svg, (key) => (key in steps ? { i: steps[key], j: steps[key] } : null), () => whole);
  onChange(["model", "form"], () => track.redraw());
  onChange(["mark", "pin", "range", "model"], () => {
    document.getElementById("readout-chain").textContent = chainReadout();
  });
}

function chainReadout() {
  const pair = marked();
  const { plddt } = data.models[state.model];
  if (pair) {
    return [...new Set([pair.i, pair.j])].map((k) => {
      const depth = data.coverage ? `, ${data.coverage.depth[k].toLocaleString("en")} sequences (${data.coverage.neff[k].toLocaleString("en")} effective)` : "";
      const domain = data.models[state.model].domains[k] >= 0 ? `, domain ${data.models[state.model].domains[k] + 1}` : "";
      const contacts = pair.i === pair.j ? contactsOf(k) : [];
      const partners = contacts.length ? `, in contact with ${contacts.map(residueName).join(", ")}` : "";
      return `${residueName(k)}: pLDDT ${plddt[k].toFixed(1)} (${CLASS_NAMES[plddtClass(plddt[k])]})${depth}${domain}${partners}`;
    }).join(" · ");
  }
  if (!state.range) return "Move over the plots to find a residue in the structure; drag to select a range.";
  return rangeParts().map(({ range: [a, b] }) => {
    return `${rangeName([a, b])}: ${b - a + 1} residues, mean pLDDT ${plddtMean(plddt, a, b).toFixed(1)}`;
  }).join(" · ");
}
