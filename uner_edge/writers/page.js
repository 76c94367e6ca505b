"use strict";
// Filters the marks by type and score; counts follow. No library, no request.
const marks = [...document.querySelectorAll("mark")].map((mark) => ({
  mark,
  type: mark.dataset.type,
  entity: mark.dataset.entity,
  page: mark.closest("article").id,
  // An entity without a score is never hidden by one.
  score: mark.dataset.score === undefined ? 1 : Number(mark.dataset.score),
}));
const boxes = [...document.querySelectorAll("#types input")];
const slider = document.getElementById("score");
const total = document.getElementById("total");
const everything = total.textContent;

function refresh() {
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.dataset.type));
  const least = Number(slider.value);
  const ofType = new Map();
  const ofDocument = new Map();
  const seen = new Set();
  let shown = 0;
  let filtered = false;
  for (const { mark, type, entity, page, score } of marks) {
    const on = score >= least && wanted.has(type);
    mark.classList.toggle("off", !on);
    filtered ||= !on;
    // An entity that crosses another has several marks.
    if (score < least || seen.has(entity)) continue;
    seen.add(entity);
    ofType.set(type, (ofType.get(type) ?? 0) + 1);
    if (!on) continue;
    shown += 1;
    ofDocument.set(page, (ofDocument.get(page) ?? 0) + 1);
  }
  const count = (counts, key) => (counts.get(key) ?? 0).toLocaleString("en");
  for (const output of document.querySelectorAll("#types output"))
    output.textContent = count(ofType, output.dataset.type);
  for (const output of document.querySelectorAll("nav output"))
    output.textContent = count(ofDocument, output.dataset.document);
  document.getElementById("shown-score").textContent = least.toFixed(2);
  total.textContent = filtered ? `${shown.toLocaleString("en")} shown of ${everything}` : everything;
}

function choose(checked) {
  for (const box of boxes) box.checked = checked;
  refresh();
}

for (const box of boxes) box.addEventListener("change", refresh);
slider.addEventListener("input", refresh);
document.getElementById("all").addEventListener("click", () => choose(true));
document.getElementById("none").addEventListener("click", () => choose(false));
refresh();
