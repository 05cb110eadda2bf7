/* The sequence in tens, coloured by pLDDT; chain by chain, each with its own numbers. */

function showSequence() {
  const host = document.getElementById("sequence");
  const letters = [];
  data.chains.forEach((chain, number) => {
    if (isComplex) host.append(chainHead(number));
    for (let start = 0; start < chain.length; start += 10) host.append(sequenceBlock(chain, start, letters));
  });
  listenToSequence(host);
  onChange(["mark", "pin", "range", "model"], () => drawSequence(letters));
  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  const text = data.chains.map(({ start, length }) => data.sequence.slice(start, start + length)).join(":");
  copy.addEventListener("click", () => copyText(copy, text));
}

/** Ten residues of a chain from `start`, counted from 0 in the chain. */
function sequenceBlock(chain, start, letters) {
  const block = document.createElement("span");
  const end = Math.min(start + 10, chain.length);
  for (let k = chain.start + start; k < chain.start + end; k++) {
    const element = document.createElement("i");
    element.textContent = data.sequence[k];
    element.dataset.k = k;
    letters.push(element);
    block.append(element);
  }
  const number = document.createElement("small");
  number.textContent = end;
  block.append(number);
  return block;
}

/** The letter and the name of a chain; a click selects it. */
function chainHead(number) {
  const { id, name, length } = data.chains[number];
  const head = document.createElement("button");
  head.type = "button";
  head.className = "chain-head";
  const rest = document.createElement("span");
  rest.className = "muted";
  rest.textContent = `${name && `${name} · `}${length} residue${length === 1 ? "" : "s"}`;
  head.append(swatch(chainColour(number)), `Chain ${id} `, rest);
  head.addEventListener("click", () => selectChain(number));
  return head;
}

function drawSequence(letters) {
  const pair = marked();
  const { plddt } = data.models[state.model];
  const contacts = new Set(contactsShown());
  letters.forEach((letter, k) => {
    const classes = [`r${plddtClass(plddt[k])}`];
    const chosen = state.range && selected(k);
    if (chosen && !chosen.aligned && !chosen.scored) classes.push("dim");
    if (pair?.i === k) classes.push("aligned");
    else if (pair?.j === k) classes.push("scored");
    else if (contacts.has(k)) classes.push("contact");
    letter.className = classes.join(" ");
  });
}

function listenToSequence(host) {
  let start = null;
  const at = (event) => (event.target.dataset?.k ? Number(event.target.dataset.k) : null);
  host.addEventListener("pointerdown", (event) => {
    start = at(event);
    if (event.target.hasPointerCapture(event.pointerId)) event.target.releasePointerCapture(event.pointerId); // touch
  });
  host.addEventListener("pointerover", (event) => {
    const k = at(event);
    if (k === null) return;
    const range = start !== null && k !== start ? ordered(start, k) : null;
    change(range ? { mark: { i: k, j: k }, range: { rows: range, cols: range } } : { mark: { i: k, j: k } });
  });
  host.addEventListener("pointerleave", () => change({ mark: null }));
  addEventListener("pointerup", (event) => {
    if (start !== null && at(event) === start) change({ pin: { i: start, j: start }, range: null });
    start = null;
  });
}
