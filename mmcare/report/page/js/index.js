"use strict";
/* Search and filters of the list; a row that does not match is hidden. */
const rows = [...document.querySelectorAll("tbody tr")], count = document.getElementById("count");
const chosen = (id) => document.getElementById(id).value;
const lacks = (row) => row.dataset.absent.split("\n").filter(Boolean);
const matches = (row) => {
  const wanted = chosen("search").trim().toLowerCase(), without = chosen("absent");
  return row.dataset.patient.includes(wanted)
    && ["advised", "split"].every((id) => chosen(id) === "*" || row.dataset[id] === chosen(id))
    && (without === "*" || (without === "" ? !lacks(row).length : lacks(row).includes(without)));
};
const filter = () => {
  let shown = 0;
  for (const row of rows) { row.hidden = !matches(row); shown += row.hidden ? 0 : 1; }
  count.textContent = `${shown} of ${rows.length} patients`;
};
for (const id of ["search", "advised", "split", "absent"]) document.getElementById(id).addEventListener("input", filter);
const button = document.getElementById("theme");
const dark = (on) => { document.documentElement.dataset.theme = on ? "dark" : "light"; button.setAttribute("aria-pressed", String(on)); };
dark(matchMedia("(prefers-color-scheme: dark)").matches);
button.addEventListener("click", () => dark(document.documentElement.dataset.theme !== "dark"));
document.documentElement.dataset.ready = "yes";
