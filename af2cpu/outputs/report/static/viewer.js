/* The 3D view. All predictions lie in one frame, so that the view stays when another is chosen. */

const ALIGNED = "#d81fbd", SCORED = "#1fa650", BOTH = "#8a5cf0", OUTSIDE = "#b9c1cb";
const ORDER = [[59, 76, 192], [40, 170, 200], [70, 175, 90], [240, 200, 40], [200, 40, 45]];
let viewer = null;
let structure = null; // the 3Dmol model shown
let alphas = []; // its C-alpha atoms by residue
let marks = [];
let surface = null; // the identity of the molecular surface, if one is shown

/** Makes the viewer; without WebGL a message stands in its place and the rest of the page works. */
function startViewer() {
  const host = document.getElementById("view");
  if (!("DecompressionStream" in window)) {
    return viewMessage("This browser is too old for the 3D view and the plots (Chrome 80, Firefox 113, Safari 16.4 or newer). The files stand beside this page.");
  }
  const gl = ["webgl2", "webgl"].map((kind) => document.createElement("canvas").getContext(kind)).find(Boolean);
  if (!gl) {
    return viewMessage("This browser offers no WebGL, which the 3D view needs. The rest of the page works without it.");
  }
  viewer = $3Dmol.createViewer(host, { backgroundAlpha: 0, antialias: !drawnBySoftware(gl), cartoonQuality: 8, hoverDuration: 40 });
  $3Dmol.setSyncSurface(true); // the page's policy allows no workers
  viewer.setViewStyle({ style: "outline", color: "#1b2430", width: 0.04 });
  let size = `${host.clientWidth} ${host.clientHeight}`;
  new ResizeObserver(() => {
    const now = `${host.clientWidth} ${host.clientHeight}`;
    if (now !== size) viewer.resize();
    size = now;
  }).observe(host);
}

/** Whether the processor draws, for lack of a graphics card: smooth edges would then double the time of each picture. */
function drawnBySoftware(gl) {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  return /swiftshader|llvmpipe|software|basic render/i.test(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

function viewMessage(text) {
  const message = document.getElementById("view-message");
  message.textContent = text;
  message.hidden = false;
}

/** Loads the structure that `state` names. */
async function showStructure() {
  const { model, form } = state;
  const { structures, frame } = data.models[model];
  const format = "pdb" in structures[form] ? "pdb" : "cif"; // a complex may have more chains than a PDB file can name
  const text = await unpackText(structures[form][format].gzip);
  if (model !== state.model || form !== state.form) return; // another was chosen meanwhile
  const first = structure === null;
  viewer?.removeAllShapes();
  removeSurface();
  viewer?.removeAllModels();
  structure = viewer ? viewer.addModel(text, format) : null;
  if (!structure) return;
  [alphas, betas] = [[], []];
  for (const atom of structure.selectedAtoms({})) {
    const { x, y, z } = atom;
    [atom.x, atom.y, atom.z] = [0, 4, 8].map((k) => frame[k] * x + frame[k + 1] * y + frame[k + 2] * z + frame[k + 3]);
    const k = residueOf(atom);
    if (atom.atom === "CA") alphas[k] = atom;
    if (atom.atom === "CB" || (atom.atom === "CA" && !betas[k])) betas[k] = atom;
  }
  structure.setHoverable({}, true, (atom) => change({ mark: { i: residueOf(atom), j: residueOf(atom) } }), () => change({ mark: null }));
  styleStructure();
  drawMarks3D();
  if (first) resetView();
  viewer.render();
  document.getElementById("view").dataset.shown = `${data.models[model].name} ${form}`;
  showReadout();
}

/** The residue of an atom, from 0 through all chains. */
function residueOf({ chain, resi }) {
  return data.chains[chainNumbers.get(chain)].start + resi - 1;
}

function residueColour(k) {
  if (state.range) {
    const { aligned, scored } = selected(k);
    if (!aligned && !scored) return OUTSIDE;
    if (rangeParts().length > 1) return aligned && scored ? BOTH : aligned ? ALIGNED : SCORED;
  }
  const { plddt, domains } = data.models[state.model];
  switch (state.colour) {
    case "domain": return domainColour(domains[k] ?? -1);
    case "chain": return chainColour(chainOf[k]);
    case "order": return orderColour((k - data.chains[chainOf[k]].start) / Math.max(1, data.chains[chainOf[k]].length - 1));
    default: return CLASS_COLOURS[plddtClass(plddt[k])];
  }
}

/** From the N terminus, 0, to the C terminus, 1. */
function orderColour(share) {
  return `#${ramp(ORDER, share).map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function styleStructure() {
  if (!structure) return;
  const colorfunc = (atom) => residueColour(residueOf(atom));
  const ribbon = state.shape !== "sticks" && data.sequence.length >= 4; // fewer residues have no ribbon
  structure.setStyle({}, ribbon ? { cartoon: { colorfunc, arrows: true, thickness: 0.35 } } : { stick: { radius: 0.18, colorfunc } });
  styleSurface(colorfunc);
  if (state.sides && ribbon) {
    structure.setStyle({ atom: ["N", "C", "O", "H", "HA"], invert: true }, { stick: { radius: 0.13, colorfunc } }, true);
  }
}

/** The molecular surface, computed when it is first shown for a structure; then only its colours change. */
function styleSurface(colorfunc) {
  if (state.shape !== "surface") {
    removeSurface();
  } else if (surface === null) {
    surface = viewer.addSurface($3Dmol.SurfaceType.MS, { colorfunc, opacity: 0.92 }).surfid;
  } else {
    viewer.setSurfaceMaterialStyle(surface, { colorfunc, opacity: 0.92 });
  }
}

function removeSurface() {
  if (surface !== null) viewer.removeAllSurfaces();
  surface = null;
}

/** Balls on the residues of the pair and a line between them; small balls on the residues of other chains in contact. */
function drawMarks3D() {
  if (!structure) return;
  for (const shape of marks) viewer.removeShape(shape);
  marks = [];
  const pair = marked();
  if (!pair) return;
  const [a, b] = [alphas[pair.i], alphas[pair.j]];
  const ball = (center, color) => center && marks.push(viewer.addSphere({ center, radius: 1.3, color }));
  ball(a, ALIGNED);
  if (a !== b) ball(b, SCORED);
  for (const k of contactsShown()) if (alphas[k]) marks.push(viewer.addSphere({ center: alphas[k], radius: 0.9, color: BOTH }));
  if (a && b && a !== b) {
    marks.push(viewer.addCylinder({ start: a, end: b, radius: 0.16, dashed: true, dashLength: 0.7, gapLength: 0.5, color: "#808a96", fromCap: 1, toCap: 1 }));
  }
}

/** Angstrom; null where a residue has no atoms. */
function caDistance(i, j) {
  const [a, b] = [alphas[i], alphas[j]];
  return a && b ? Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z) : null;
}

/** From the front, as large as the view allows; drawn by the next render(). setView() and zoomTo() would each draw, which
    takes long without a graphics card. */
function resetView() {
  const points = alphas.filter(Boolean);
  if (!points.length) return;
  const middle = (axis) => (Math.min(...points.map((p) => p[axis])) + Math.max(...points.map((p) => p[axis]))) / 2;
  const [x, y, z] = ["x", "y", "z"].map(middle);
  const { clientWidth, clientHeight } = document.getElementById("view");
  const slope = 0.82 * Math.tan((viewer.camera.fov * Math.PI) / 360);
  const far = (p) => p.z - z + 2 + Math.max(Math.abs(p.y - y) / slope, (Math.abs(p.x - x) * clientHeight) / (slope * clientWidth));
  const distance = Math.max(20, ...points.map(far)); // of the camera from the middle, angstrom
  const radius = Math.max(...points.map((p) => Math.hypot(p.x - x, p.y - y, p.z - z))) + 15;
  viewer.setSlab(-radius, 1.5 * radius); // the far half fades a little
  viewer.modelGroup.position.set(-x, -y, -z);
  viewer.rotationGroup.position.z = viewer.CAMERA_Z - distance;
  viewer.rotationGroup.quaternion.set(0, 0, 0, 1);
}

/** Arrow keys turn, plus and minus zoom. */
function turnByKey(event) {
  const turns = { ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"] };
  if (event.key in turns) viewer.rotate(...turns[event.key]);
  else if (event.key === "+" || event.key === "-") viewer.zoom(event.key === "+" ? 1.15 : 1 / 1.15);
  else return;
  event.preventDefault();
}

function showView() {
  startViewer();
  onChange(["model", "form"], showStructure);
  if (!viewer) return;
  document.getElementById("view").addEventListener("keydown", turnByKey);
  onChange(["range", "sides", "shape", "colour"], () => {
    styleStructure();
    viewer.render();
  });
  onChange(["mark", "pin"], () => {
    drawMarks3D();
    viewer.render();
  });
  onChange(["spin"], () => viewer.spin(state.spin ? "y" : false, 0.6));
}
