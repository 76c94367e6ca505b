"use strict";
// Filters the marks by type and score; counts follow. No library, no request.
const marks = [...document.querySelectorAll("mark")];
const boxes = [...document.querySelectorAll("#types input")];
const slider = document.getElementById("score");
const total = document.getElementById("total");
const everything = total.textContent;

function refresh() {
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.dataset.type));
  const least = Number(slider.value);
  const shown = new Map();
  for (const mark of marks) {
    const scored = mark.dataset.score === undefined || Number(mark.dataset.score) >= least;
    const on = scored && wanted.has(mark.dataset.type);
    mark.classList.toggle("off", !on);
    if (scored) {
      const of_type = shown.get(mark.dataset.type) ?? new Set();
      shown.set(mark.dataset.type, of_type.add(mark.dataset.entity));
    }
  }
  let sum = 0;
  for (const output of document.querySelectorAll("#types output")) {
    const count = shown.get(output.dataset.type)?.size ?? 0;
    output.textContent = count.toLocaleString("en");
    if (wanted.has(output.dataset.type)) sum += count;
  }
  document.getElementById("shown-score").textContent = least.toFixed(2);
  const filtered = marks.some((mark) => mark.classList.contains("off"));
  total.textContent = filtered ? `${sum.toLocaleString("en")} shown of ${everything}` : everything;
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
