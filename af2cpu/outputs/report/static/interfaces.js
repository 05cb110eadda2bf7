/* Pairs of chains: contacts of the structure shown, and the table of scores. */

const CONTACT = 8; // angstrom between C-beta atoms, at most: as confidence/interfaces.py counts contacts
const LOWER_FIRST = ["place", "mean_pae"]; // columns whose lowest value is the best
let betas = []; // C-beta atoms of the structure shown (C-alpha of glycine), by residue

/** Residues of other chains in contact with residue k. */
function contactsOf(k) {
  const own = betas[k];
  if (!isComplex || !own) return [];
  return betas.flatMap((atom, j) => (chainOf[j] !== chainOf[k] && Math.hypot(atom.x - own.x, atom.y - own.y, atom.z - own.z) <= CONTACT ? [j] : []));
}

/** Contacts of the residue under the pointer; none while two residues are marked. */
function contactsShown() {
  const pair = marked();
  return pair && pair.i === pair.j ? contactsOf(pair.i) : [];
}

function showInterfaces() {
  if (!document.getElementById("interface-table")) return;
  onChange(["model", "rows", "cols"], drawInterfaces);
  const heads = document.querySelectorAll("#interface-table th");
  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      const first = LOWER_FIRST.includes(head.dataset.key) ? "ascending" : "descending";
      const turned = first === "ascending" ? "descending" : "ascending";
      const order = head.ariaSort === first ? turned : first;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.ariaSort = order;
      drawInterfaces();
    });
  }
}

/** The pairs of the model shown, in the order of the column whose head was clicked; what is not known comes last. */
function sortedInterfaces() {
  const head = document.querySelector("#interface-table th[aria-sort]");
  const { interfaces } = data.models[state.model];
  const values = new Map(interfaces.map((one, place) => [one, head.dataset.key === "place" ? place : one[head.dataset.key]]));
  const sign = head.ariaSort === "ascending" ? 1 : -1;
  return [...interfaces].sort((a, b) => {
    const [x, y] = [values.get(a), values.get(b)];
    return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
  });
}

const fixed = (value, decimals) => (value === null ? "–" : value.toFixed(decimals));

/** A click on a line shows its two chains. */
function drawInterfaces() {
  const body = document.querySelector("#interface-table tbody");
  body.replaceChildren(...sortedInterfaces().map((one) => {
    const row = document.createElement("tr");
    const [a, b] = [one.a, one.b].map((id) => chainNumbers.get(id));
    row.classList.toggle("muted", one.contacts === 0);
    row.classList.toggle("current", state.rows === a && state.cols === b);
    const name = row.insertCell();
    name.className = "text name";
    name.append(swatch(chainColour(a)), one.a, " – ", swatch(chainColour(b)), one.b);
    const both = ([there, back], decimals) => `aligned on ${one.a}: ${there.toFixed(decimals)}, on ${one.b}: ${back.toFixed(decimals)}`;
    const cells = [
      [fixed(one.iptm, 3)], [fixed(one.ipsae, 3), both(one.ipsae_both, 3)], [fixed(one.pdockq, 3)],
      [fixed(one.pdockq2, 3), both(one.pdockq2_both, 3)], [fixed(one.lis, 3), both(one.lis_both, 3)],
      [fixed(one.mean_pae, 1), `lowest ${one.min_pae.toFixed(1)} Å${one.contact_pae === null ? "" : `, mean over the contacts ${one.contact_pae.toFixed(1)} Å`}`],
      [fixed(one.mean_plddt, 1)], [one.contacts, `${one.contact_residues[0]} residues of ${one.a}, ${one.contact_residues[1]} of ${one.b}`],
    ];
    for (const [text, title] of cells) {
      const cell = row.insertCell();
      cell.textContent = text;
      if (title) cell.title = title;
    }
    row.addEventListener("click", () => change({ mark: null, pin: null, rows: a, cols: b, range: { rows: chainRange(a), cols: chainRange(b) } }));
    return row;
  }));
}
