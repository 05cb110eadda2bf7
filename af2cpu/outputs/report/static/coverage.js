/* The alignment: rows by identity to the query, the query on top, and how many rows cover each residue. Of a complex the
   paired rows come first, then those of each sequence. */

const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

async function showCoverage() {
  const { coverage } = data;
  if (!coverage) return;
  const length = data.sequence.length;
  const bits = await coverageBits(coverage);
  const canvas = document.createElement("canvas");
  paint(canvas, length, coverage.rows, (k) => {
    const row = coverage.rows - 1 - Math.floor(k / length);
    return bits[row * length + (k % length)] ? ramp(VIRIDIS, coverage.identity[row] / 100) : null;
  });
  const picture = canvas.toDataURL();
  const said = document.getElementById("paired");
  if (said) said.textContent = `${coverage.n_paired.toLocaleString("en")} ${coverage.n_paired === 1 ? "row" : "rows"} paired between different chains`;
  paintScale(document.getElementById("identity-scale"), VIRIDIS);
  makeTrack(document.getElementById("coverage"), 130, (group, track) => drawCoverage(group, track, picture));
}

function drawCoverage(group, track, picture) {
  const { n_seq: count, depth, neff } = data.coverage;
  const area = { x: TRACK.left, y: 0, width: track.width - TRACK.left - TRACK.right, height: track.height };
  const y = (value) => track.height * (1 - value / count);
  svgElement(group, "rect", { class: "backdrop", ...area });
  svgElement(group, "image", { href: picture, preserveAspectRatio: "none", ...area });
  const row = track.height / data.coverage.rows; // the query is the first
  svgElement(group, "rect", { class: "paired", x: area.x + area.width + 3, y: row, width: 4, height: row * data.coverage.paired });
  drawBorders(group, track);
  for (const [values, kind] of [[neff, "effective"], [depth, ""]]) {
    const d = chainPath((k) => `${track.x(k).toFixed(1)},${y(values[k]).toFixed(1)}H${track.x(k + 1).toFixed(1)}`);
    svgElement(group, "path", { class: "halo", d });
    svgElement(group, "path", { class: `line ${kind}`, d });
  }
  for (const value of new Set([0, Math.round(count / 2), count])) {
    svgElement(group, "text", { x: TRACK.left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toLocaleString("en"));
  }
  drawResidueAxis(group, track);
}
