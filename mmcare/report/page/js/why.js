"use strict";
/* From the average patient to this one: a waterfall an output, and one feature in detail. */
MM.MOST_BARS = 12;

MM.why = () => {
  const box = document.getElementById("why-chart");
  if (!box) return;
  const outputs = MM.data.why.outputs, details = Array.isArray(MM.data.details) ? MM.data.details : [];
  const select = document.getElementById("feature"), said = document.getElementById("why-said");
  let output = outputs[0];
  const rows = () => {
    const named = output.contributions.slice(0, MM.MOST_BARS).map((c) => ({ ...c }));
    const rest = output.contributions.slice(MM.MOST_BARS);
    if (rest.length) named.push({ name: `${rest.length} others`, value: rest.reduce((sum, c) => sum + c.value, 0), modality: null });
    let at = output.baseline;
    return named.map((row, place) => ({ ...row, place, from: at, to: (at += row.value) }));
  };
  const choose = (row) => {
    const found = details.findIndex((d) => d.modality === row.modality && d.name === row.name);
    if (found >= 0 && select) { select.value = String(found); select.dispatchEvent(new Event("change")); }
  };
  const draw = MM.chart(box, (width) => {
    const shown = rows(), narrow = width < 480, left = narrow ? 164 : 230;
    const value = (row) => (row.raw === null ? "unknown" : MM.short(`${MM.number(row.raw)}${row.unit && !narrow ? ` ${row.unit}` : ""}`, narrow ? 8 : 14));
    const label = (row) => (row.modality === null ? row.name : `${MM.short(row.name === row.modality ? MM.kind(row.name) : row.name, narrow ? 11 : 18)} = ${value(row)}`);
    const domain = MM.extent(shown.flatMap((r) => [r.from, r.to]).concat(output.baseline, output.prediction));
    const pad = Math.max(0.005, (domain[1] - domain[0]) * 0.12), digits = domain[1] - domain[0] < 0.05 ? 1 : 0;
    return {
      height: 70 + 26 * shown.length, marginLeft: left, marginRight: 30, marginTop: 34,
      x: { domain: [domain[0] - pad, domain[1] + pad], percent: false, tickFormat: (d) => (output.minus === null ? `${(100 * d).toFixed(digits)} %` : MM.points(d, digits)), label: null, grid: true, ticks: Math.max(3, Math.floor((width - left) / 75)) },
      y: { type: "band", domain: shown.map((r) => r.place), tickFormat: (place) => label(shown[place]), label: null, padding: 0.25, tickSize: 0 },
      marks: [
        Plot.ruleX([output.baseline], { stroke: "var(--soft)", strokeDasharray: "3 3" }),
        Plot.ruleX([output.prediction], { stroke: "var(--ink)" }),
        Plot.barX(shown, { y: "place", x1: "from", x2: "to", fill: (r) => (r.value >= 0 ? "var(--up)" : "var(--down)"), rx: 2 }),
        Plot.link(shown.slice(0, -1), { x1: "to", x2: "to", y1: "place", y2: (r) => r.place + 1, stroke: "var(--soft)", strokeWidth: 0.7 }),
        Plot.text(shown, { y: "place", x: (r) => Math.max(r.from, r.to), text: (r) => MM.points(r.value), dx: 5, textAnchor: "start", fill: "currentColor" }),
        Plot.text([output.baseline], { x: (d) => d, frameAnchor: "top", dy: -14, text: () => "average", fill: "var(--soft)", textAnchor: output.baseline > output.prediction ? "start" : "end" }),
        Plot.text([output.prediction], { x: (d) => d, frameAnchor: "top", dy: -14, text: () => "this patient", fontWeight: 600, textAnchor: output.baseline > output.prediction ? "end" : "start" }),
      ],
    };
  });
  box.addEventListener("click", (event) => {
    const bars = [...box.querySelectorAll('[aria-label="bar"] rect, [aria-label="bar"] path')];
    const place = bars.indexOf(event.target);
    if (place >= 0) choose(rows()[place]);
  });
  MM.choices(document.getElementById("why-choice"), "Output", outputs.map((o) => ({ value: o.key, label: o.label })), (key) => {
    output = outputs.find((o) => o.key === key);
    const unit = output.minus === null ? MM.percent : (d) => `${MM.points(d)} points`;
    said.textContent = `${output.label}. Average over the ${MM.data.why.background} background patients ${unit(output.baseline)}; this patient ${unit(output.prediction)}. Bars are points of probability${output.exact ? "" : ", sampled"}.`;
    draw();
    MM.shares(output);
  });
};

MM.shares = (output) => {
  const body = document.getElementById("shares");
  if (!body) return;
  body.replaceChildren(...output.modalities.map((share) => MM.element("tr", {}, MM.element("th", { scope: "row" }, MM.kind(share.modality)), MM.element("td", { class: "number" }, `${MM.points(share.value)} points`))));
};

MM.detail = () => {
  const select = document.getElementById("feature"), details = MM.data.details;
  if (!select) return;
  const place = document.getElementById("place-chart"), what = document.getElementById("what-if-chart"), said = document.getElementById("place-said");
  let detail = details[0], shown = "";
  const chosen = () => detail.lines.filter((line) => `${line.endpoint} ${line.horizon}` === shown);
  const drawPlace = MM.chart(place, (width) => (detail.training === null ? null : MM.histogram(detail, width)));
  const drawWhat = MM.chart(what, (width) => MM.whatIf(detail, chosen(), width));
  const tell = () => {
    const training = detail.training, unit = detail.unit ? ` ${detail.unit}` : "";
    const own = detail.value === null ? "not measured" : `${MM.number(detail.value)}${unit}`;
    let where = "";
    if (training && training.below !== null) where = ` Higher than in ${Math.round(100 * training.below)} % of ${training.measured} training patients.`;
    else if (training && training.levels.includes(detail.value)) where = ` Like ${training.counts[training.levels.indexOf(detail.value)]} of ${training.measured} training patients.`;
    said.textContent = `${detail.name}: ${own}.${where}`;
    drawPlace();
    drawWhat();
  };
  const horizons = MM.data.endpoints.flatMap((e) => e.horizons.map((h) => ({ value: `${e.key} ${h}`, label: `${e.name}, ${MM.years(h)}` })));
  const wanted = `${MM.data.rule.weights[0]?.endpoint ?? MM.data.endpoints[0].key} ${MM.data.rule.horizon}`;
  shown = horizons.some((h) => h.value === wanted) ? wanted : horizons[0].value;
  const output = document.getElementById("what-if-output");
  output.append(...horizons.map((h) => MM.element("option", { value: h.value }, h.label)));
  output.value = shown;
  output.addEventListener("change", () => { shown = output.value; drawWhat(); });
  select.append(...details.map((d, n) => MM.element("option", { value: String(n) }, MM.short(`${d.name} (${MM.kind(d.modality)})`, 60))));
  select.addEventListener("change", () => { detail = details[Number(select.value)]; tell(); });
  const ranked = MM.data.why.outputs?.[0].contributions ?? [];
  const first = ranked.map((c) => details.findIndex((d) => d.modality === c.modality && d.name === c.name)).find((n) => n >= 0) ?? 0;
  select.value = String(first);
  detail = details[first];
  tell();
};

MM.histogram = (detail, width) => {
  const { edges, levels, counts } = detail.training;
  const base = { height: 200, marginLeft: 46, marginBottom: 40, marginTop: 32, y: { label: "Training patients", labelArrow: "none", grid: true, ticks: 4 } };
  if (levels.length) {
    const bars = levels.map((level, n) => ({ level, label: MM.short(level, 14), count: counts[n] }));
    return { ...base, x: { type: "band", domain: levels, tickFormat: (l) => MM.short(l, levels.length > 4 ? 8 : 14), label: null }, marks: [Plot.barY(bars, { x: "level", y: "count", fill: (b) => (b.level === detail.value ? "var(--ink)" : "var(--bar)") }), Plot.ruleY([0])] };
  }
  const bars = counts.map((count, n) => ({ count, from: edges[n], to: edges[n + 1] }));
  const own = typeof detail.value === "number" ? [detail.value] : [];
  return {
    ...base, x: { label: MM.short(detail.unit || detail.name, 40), labelArrow: "none", labelAnchor: "center", domain: MM.extent([...edges, ...own]) },
    marks: [Plot.rectY(bars, { x1: "from", x2: "to", y: "count", fill: "var(--bar)", inset: 0.5 }), Plot.ruleY([0]), Plot.ruleX(own, { stroke: "var(--ink)", strokeWidth: 2 }), Plot.text(own, { x: (d) => d, frameAnchor: "top", dy: -8, text: () => "this patient", fontWeight: 600 })],
  };
};

MM.whatIf = (detail, lines, width) => {
  const rows = lines.flatMap((line) => line.probabilities.map((p, n) => ({ value: detail.values[n], p, arm: line.arm }))).filter((r) => r.p !== null);
  if (!rows.length) return null;
  const numbers = typeof detail.values[0] === "number";
  const own = numbers && typeof detail.value === "number" ? [detail.value] : [];
  const colour = (r) => MM.colour(r.arm);
  return {
    height: 230, marginLeft: 46, marginBottom: 40,
    x: numbers ? { label: MM.short(detail.unit || detail.name, 40), labelArrow: "none", labelAnchor: "center" } : { type: "point", domain: detail.values, tickFormat: (v) => MM.short(String(v), detail.values.length > 4 ? 8 : 14), label: null, padding: 0.5 },
    y: MM.percentAxis,
    marks: [
      Plot.ruleX(own, { stroke: "var(--ink)", strokeDasharray: "4 3" }),
      numbers ? Plot.line(rows, { x: "value", y: "p", z: "arm", stroke: colour, strokeWidth: 2 }) : null,
      Plot.dot(rows, { x: "value", y: "p", fill: colour, r: (r) => (r.value === detail.value ? 6 : 3) }),
      Plot.tip(rows, Plot.pointer({ x: "value", y: "p", fill: "var(--paper)", stroke: "var(--line)", title: (r) => `${MM.short(MM.armName(r.arm), 40)}\n${MM.number(r.value)}: ${MM.percent(r.p)}` })),
    ],
  };
};
