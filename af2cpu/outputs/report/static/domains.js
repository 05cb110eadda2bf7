/* Domains: residues that PAE puts into a sure position to each other (outputs/report/domains.py finds them). */

const DOMAIN_COLOURS = ["#3b6fb6", "#e07b39", "#2e9e6b", "#b0479a", "#c9a227", "#6a51a3", "#c0392b", "#2aa7b8"];

function domainColour(number) {
  return number < 0 ? OUTSIDE : DOMAIN_COLOURS[number % DOMAIN_COLOURS.length];
}

/** The domains of the model shown: their segments [first, last] and residues, from 0. */
function domainsShown() {
  const { domains } = data.models[state.model];
  const found = [];
  domains.forEach((number, k) => {
    if (number < 0) return;
    found[number] ??= { number, segments: [], residues: [] };
    found[number].residues.push(k);
    const last = found[number].segments.at(-1);
    if (last && last[1] === k - 1 && chainOf[k] === chainOf[k - 1]) last[1] = k;
    else found[number].segments.push([k, k]);
  });
  return found;
}

function showDomains() {
  const svg = document.getElementById("domains");
  if (!svg) return;
  const track = makeTrack(svg, 16, drawDomains);
  svg.setAttribute("height", track.height);
  onChange(["model"], () => {
    track.redraw();
    drawDomainTable();
  });
}

function drawDomains(group, track) {
  svgElement(group, "line", { class: "axis", x1: track.x(0), x2: track.x(data.sequence.length), y1: 8, y2: 8 });
  for (const { number, segments } of domainsShown()) {
    for (const [first, last] of segments) {
      const width = track.x(last + 1) - track.x(first);
      svgElement(group, "rect", { fill: domainColour(number), x: track.x(first), width, y: 1, height: 14, rx: 3 });
      if (width > 26) svgElement(group, "text", { class: "label", x: track.x(first) + width / 2, y: 12, "text-anchor": "middle" }, `D${number + 1}`);
    }
  }
}

function swatch(colour) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("swatch");
  svg.setAttribute("aria-hidden", "true");
  svgElement(svg, "rect", { fill: colour, width: "100%", height: "100%" });
  return svg;
}

/** A click on a row selects the domain from its first to its last residue. */
function drawDomainTable() {
  const body = document.querySelector("#domain-table tbody");
  const { plddt } = data.models[state.model];
  const found = domainsShown();
  body.replaceChildren(...found.map(({ number, segments, residues }) => {
    const row = document.createElement("tr");
    const mean = residues.reduce((sum, k) => sum + plddt[k], 0) / residues.length;
    const places = segments.map(segmentName).join(", ");
    const name = row.insertCell();
    name.className = "text";
    name.append(swatch(domainColour(number)), `D${number + 1}`);
    for (const [text, kind] of [[places, "text"], [residues.length, ""], [mean.toFixed(1), ""], [domainPae(residues), ""]]) {
      const cell = row.insertCell();
      cell.className = kind;
      cell.textContent = text;
    }
    row.addEventListener("click", () => {
      const range = [residues[0], residues.at(-1)];
      change({ mark: null, pin: null, range: { rows: range, cols: range } });
    });
    return row;
  }));
  document.getElementById("no-domains").hidden = found.length > 0;
}

/** Such as 3–40, of a complex A 3–40. */
function segmentName([first, last]) {
  const { id, start } = data.chains[chainOf[first]];
  const numbers = [...new Set([first, last])].map((k) => k - start + 1).join("–");
  return isComplex ? `${id} ${numbers}` : numbers;
}

/** Mean PAE between the residues of a domain, angstrom; a dash until the map is unpacked. */
function domainPae(residues) {
  if (!paeShown || paeShown.pae !== data.models[state.model].pae) return "–";
  let sum = 0;
  for (const i of residues) for (const j of residues) if (i !== j) sum += paeValue(i, j);
  return (sum / Math.max(1, residues.length * (residues.length - 1))).toFixed(1);
}
