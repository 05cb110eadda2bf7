/* Plots as SVG files: with their colours written into them, so that they look the same in any program. */

const DRAWN = ["fill", "stroke", "stroke-width", "stroke-linejoin", "stroke-dasharray", "opacity", "font-size", "font-family", "image-rendering"];

/** A copy of an SVG on the page that needs no style sheet. */
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, k) => {
    const style = getComputedStyle(originals[k]);
    for (const name of DRAWN) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  for (const name of ["id", "class", "tabindex", "aria-describedby"]) copy.removeAttribute(name);
  const { width, height } = svg.getBoundingClientRect();
  framed(copy, width, height);
  return copy;
}

/** Size, name space and a background as on the page. */
function framed(svg, width, height) {
  const attributes = { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 -8 ${width} ${height + 8}` };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const background = svgElement(svg, "rect", { x: 0, y: -8, width, height: height + 8, fill: panelColour() });
  svg.prepend(background);
}

function panelColour() {
  return getComputedStyle(document.querySelector(".panel")).backgroundColor;
}

/** The PAE map with its axes, the part that is shown. */
function paeSvg() {
  const { rows, cols } = paeView();
  const [left, size] = [52, 480];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const ink = getComputedStyle(document.body).color;
  const label = (text, attributes) => svgElement(svg, "text", { "font-size": 12, "font-family": "sans-serif", fill: ink, "text-anchor": "middle", ...attributes }, text);
  svgElement(svg, "image", { href: document.getElementById("pae-map").toDataURL(), x: left, y: 0, width: size, height: size, preserveAspectRatio: "none", "image-rendering": "pixelated" });
  const place = (range, k) => ((k - range[0]) / extent(range)) * size;
  for (const { k, number } of residueTicks(cols, isComplex ? 10 : 6)) label(number, { x: left + place(cols, k + 0.5), y: size + 16 });
  for (const { k, number } of residueTicks(rows, isComplex ? 10 : 6)) label(number, { x: left - 6, y: place(rows, k + 0.5) + 4, "text-anchor": "end" });
  for (const { id, start, length } of isComplex ? paeChains(cols) : []) {
    label(id, { x: left + place(cols, start + length / 2), y: size + 16, "font-weight": "bold" });
    if (start > cols[0]) svgElement(svg, "path", { stroke: ink, d: `M${left + place(cols, start)} 0v${size}` });
  }
  for (const { id, start, length } of isComplex ? paeChains(rows) : []) {
    label(id, { x: left - 6, y: place(rows, start + length / 2) + 4, "text-anchor": "end", "font-weight": "bold" });
    if (start > rows[0]) svgElement(svg, "path", { stroke: ink, d: `M${left} ${place(rows, start)}h${size}` });
  }
  label("Scored residue", { x: left + size / 2, y: size + 34 });
  label("Aligned residue", { transform: `translate(12 ${size / 2}) rotate(-90)` });
  framed(svg, left + size + 8, size + 40);
  return svg;
}

function showExports() {
  for (const button of document.querySelectorAll("[data-svg]")) {
    const name = `${data.name}_${button.dataset.svg}.svg`;
    button.title = name;
    button.addEventListener("click", () => {
      const svg = button.dataset.svg === "pae" ? paeSvg() : standalone(document.getElementById(button.dataset.svg));
      saveContent(name, new XMLSerializer().serializeToString(svg));
    });
  }
}
