"use strict";
/* What all parts of the page share: the data, the arms' colours, charts that are drawn again when the page changes. */
const MM = { data: JSON.parse(document.getElementById("report-data").textContent), charts: [] };

MM.arms = MM.data.arms.map((arm) => arm.key);
MM.armName = (key) => MM.data.arms.find((arm) => arm.key === key)?.name ?? key;
MM.colour = (arm) => `var(--arm-${Math.max(0, MM.arms.indexOf(arm)) % 4})`;
MM.short = (text, most = 28) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
MM.percent = (p) => (p === null || p === undefined ? "unknown" : `${p > 0.995 && p < 1 ? "> 99" : p > 0 && p < 0.005 ? "< 1" : Math.round(100 * p)}\u00a0%`);
MM.kind = (modality) => ({ ct: "CT", pet: "PET", mri: "MRI" })[modality] ?? modality;
MM.points = (d, digits = 1) => {
  const text = (100 * Math.abs(d)).toFixed(digits);
  return `${Number(text) === 0 ? "" : d > 0 ? "+" : "−"}${text}`;
};
MM.number = (value) => (typeof value === "number" ? (Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)))).replace("-", "−") : value ?? "not measured");
MM.years = (horizon) => (horizon === 1 ? "1 year" : `${horizon} years`);

MM.element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

/* Draws into `box` what `options(width)` says, now and whenever the width changes; `null` leaves it empty. */
MM.chart = (box, options) => {
  let drawn = 0;
  const draw = () => {
    const width = Math.max(240, Math.min(box.clientWidth || 480, 900));
    const found = options(width);
    drawn = box.clientWidth;
    if (found === null) return box.replaceChildren();
    const svg = Plot.plot({
      width, color: { type: "identity" }, ...found,
      style: { background: "transparent", fontFamily: "inherit", fontSize: "13px", overflow: "visible" },
    });
    svg.setAttribute("aria-hidden", "true");
    box.replaceChildren(svg);
  };
  new ResizeObserver(() => { if (Math.abs(box.clientWidth - drawn) > 4) draw(); }).observe(box);
  draw();
  return draw;
};

/* Several choices of which one holds, as radio buttons in a row; calls `chosen(value)` now and at each change. */
MM.choices = (box, legend, entries, chosen, first = entries[0]?.value) => {
  const name = `choice-${(MM.counter = (MM.counter ?? 0) + 1)}`;
  const field = MM.element("fieldset", { class: "choices" }, MM.element("legend", {}, legend));
  for (const entry of entries) {
    const input = MM.element("input", { type: "radio", name, value: String(entry.value) });
    input.checked = entry.value === first;
    input.addEventListener("change", () => chosen(entry.value));
    field.append(MM.element("label", {}, input, MM.element("span", {}, entry.label)));
  }
  box.append(field);
  if (first !== undefined) chosen(first);
  return field;
};

MM.tabs = () => {
  for (const list of document.querySelectorAll('[role="tablist"]')) {
    const tabs = [...list.querySelectorAll('[role="tab"]')];
    const show = (tab, focus) => {
      for (const other of tabs) {
        const on = other === tab;
        other.setAttribute("aria-selected", String(on));
        other.tabIndex = on ? 0 : -1;
        document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
      }
      if (focus) tab.focus();
    };
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => show(tab, false));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) show(tabs[(place + step + tabs.length) % tabs.length], true);
      });
    });
    if (tabs.length) show(tabs[0], false);
  }
};

MM.theme = () => {
  const button = document.getElementById("theme"), root = document.documentElement;
  const set = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
  };
  set(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => set(root.dataset.theme !== "dark"));
  document.getElementById("print").addEventListener("click", () => window.print());
};
