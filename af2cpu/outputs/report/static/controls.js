/* Choosing a model and its state, buttons, files. */

/** The state that a model can be shown in: the one asked for, if it has it. */
function formOf(model, wanted) {
  return wanted in data.models[model].structures ? wanted : "unrelaxed";
}

let wantedForm = "relaxed";

function choose(model, form = wantedForm) {
  change({ model, form: formOf(model, form) });
}

function listenToControls() {
  const select = document.getElementById("model");
  select.addEventListener("change", () => choose(Number(select.value)));
  for (const radio of document.querySelectorAll("input[name=form]")) {
    radio.addEventListener("change", () => {
      wantedForm = radio.value;
      choose(state.model);
    });
  }
  for (const row of document.querySelectorAll("#ranking tr[data-model]")) {
    row.addEventListener("click", () => choose(Number(row.dataset.model)));
    row.querySelector("input").addEventListener("change", () => choose(Number(row.dataset.model)));
  }
  for (const key of ["shape", "colour"]) {
    document.getElementById(key).addEventListener("change", (event) => change({ [key]: event.target.value }));
  }
  document.getElementById("sides").addEventListener("click", () => change({ sides: !state.sides }));
  document.getElementById("spin").addEventListener("click", () => change({ spin: !state.spin }));
  document.getElementById("clear").addEventListener("click", () => change(CLEAR));
  document.getElementById("reset").addEventListener("click", () => {
    if (!viewer) return;
    resetView();
    viewer.render();
  });
  document.getElementById("picture").addEventListener("click", () => viewer && save(`${data.name}.png`, viewer.pngURI()));
  onChange(["model", "form", "sides", "spin", "shape"], drawControls);
  onChange(["model", "colour"], drawLegend);
  onChange(["mark", "pin", "range", "rows", "cols"], showReadout);
}

function drawControls() {
  document.getElementById("model").value = state.model;
  for (const radio of document.querySelectorAll("input[name=form]")) {
    radio.checked = radio.value === state.form;
    radio.disabled = !(radio.value in data.models[state.model].structures);
  }
  for (const row of document.querySelectorAll("#ranking tr[data-model]")) {
    const current = Number(row.dataset.model) === state.model;
    row.classList.toggle("current", current);
    row.querySelector("input").checked = current;
  }
  for (const name of ["sides", "spin"]) document.getElementById(name).setAttribute("aria-pressed", state[name]);
  document.getElementById("sides").disabled = state.shape !== "cartoon";
  drawDownloads();
}

/** What the colours of the structure mean. */
function drawLegend() {
  const entries = {
    plddt: () => [...CLASS_NAMES.keys()].reverse().map((k) => [CLASS_COLOURS[k], CLASS_NAMES[k], ["under 50", "50–70", "70–90", "90+"][k]]),
    domain: () => [...domainsShown().map(({ number, residues }) => [domainColour(number), `D${number + 1}`, `${residues.length} residues`]), [OUTSIDE, "in no domain", ""]],
    chain: () => data.chains.map(({ id, name, length }, k) => [chainColour(k), `chain ${id}`, isComplex ? name || `${length} residues` : ""]),
    order: () => [[orderColour(0), "N terminus", ""], [orderColour(0.5), "middle", ""], [orderColour(1), "C terminus", ""]],
  };
  document.getElementById("legend").replaceChildren(...entries[state.colour]().map(([colour, name, detail]) => {
    const item = document.createElement("li");
    const rest = document.createElement("span");
    rest.className = "muted";
    rest.textContent = detail;
    item.append(swatch(colour), `${name} `, rest);
    return item;
  }));
}

function drawDownloads() {
  const model = data.models[state.model];
  const files = [];
  for (const [form, byEnding] of Object.entries(model.structures)) {
    for (const [ending, file] of Object.entries(byEnding)) {
      files.push([`${ending === "cif" ? "ModelCIF" : "PDB"}, ${form}`, file.name, () => unpack(file.gzip)]);
    }
  }
  files.push(["pLDDT, JSON", model.confidence.name, () => unpack(model.confidence.gzip)]);
  if (model.pae && model.pae.step === 1) {
    files.push(["PAE, JSON", model.pae_name, async () => paeJson(model.pae, await paeTenths(model.pae))]);
  }
  document.getElementById("downloads").replaceChildren(...files.map(([label, name, content]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.title = name;
    button.addEventListener("click", async () => saveContent(name, await content()));
    return button;
  }));
}

function saveContent(name, content) {
  const url = URL.createObjectURL(new Blob([content]));
  save(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function save(name, href) {
  const link = document.createElement("a");
  link.download = name;
  link.href = href;
  link.click();
}
