/* The sequence in tens, coloured by pLDDT. */

function showSequence() {
  const host = document.getElementById("sequence");
  const letters = [];
  for (let start = 0; start < data.sequence.length; start += 10) {
    const block = document.createElement("span");
    [...data.sequence.slice(start, start + 10)].forEach((letter, k) => {
      const element = document.createElement("i");
      element.textContent = letter;
      element.dataset.k = start + k;
      letters.push(element);
      block.append(element);
    });
    const number = document.createElement("small");
    number.textContent = Math.min(start + 10, data.sequence.length);
    block.append(number);
    host.append(block);
  }
  listenToSequence(host);
  onChange(["mark", "pin", "range", "model"], () => drawSequence(letters));
  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", () => copyText(copy, data.sequence));
}

function drawSequence(letters) {
  const pair = marked();
  const { plddt } = data.models[state.model];
  letters.forEach((letter, k) => {
    const classes = [`r${plddtClass(plddt[k])}`];
    const chosen = state.range && selected(k);
    if (chosen && !chosen.aligned && !chosen.scored) classes.push("dim");
    if (pair?.i === k) classes.push("aligned");
    else if (pair?.j === k) classes.push("scored");
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
