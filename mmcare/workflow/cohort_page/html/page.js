"use strict";
// The table of findings: filtered by severity, patient, file and words, sorted by any column.
(() => {
  const table = document.getElementById("findings-table");
  if (table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const field = (name) => document.getElementById(`by-${name}`);
    const fields = ["severity", "patient", "file", "words"].map(field);
    const shown = document.getElementById("shown");
    const filter = () => {
      const [severity, patient, file, words] = fields.map((input) => input.value.trim().toLowerCase());
      let count = 0;
      for (const row of rows) {
        const keep =
          (!severity || row.dataset.severity === severity) &&
          (!patient || row.dataset.patient.toLowerCase().includes(patient)) &&
          (!file || row.dataset.file.toLowerCase() === file) &&
          (!words || text.get(row).includes(words));
        row.hidden = !keep;
        count += keep;
      }
      shown.textContent = `${count} of ${rows.length} shown`;
    };
    fields.forEach((input) => input.addEventListener("input", filter));
    const heads = Array.from(table.tHead.rows[0].cells);
    const value = (row, place) => row.cells[place].dataset.sort ?? row.cells[place].textContent.trim();
    heads.forEach((head, place) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.sort((a, b) => value(a, place).localeCompare(value(b, place), undefined, { numeric: true }) * (down ? -1 : 1));
        rows.forEach((row) => body.append(row));
      });
    });
    filter();
  }
  const outlines = document.getElementById("outlines");
  if (outlines) {
    outlines.addEventListener("change", () => document.body.classList.toggle("bare", !outlines.checked));
  }
  const patients = document.getElementById("by-picture");
  if (patients) {
    const pictures = Array.from(document.querySelectorAll(".pictures > li"));
    const told = document.getElementById("pictures-shown");
    patients.addEventListener("input", () => {
      const asked = patients.value.trim().toLowerCase();
      let count = 0;
      for (const picture of pictures) {
        picture.hidden = Boolean(asked) && !picture.dataset.patient.toLowerCase().includes(asked);
        count += !picture.hidden;
      }
      told.textContent = `${count} of ${pictures.length} shown`;
    });
  }
})();
