"use strict";
/* Curves over time: what the model expects, and what became of similar patients. */
MM.percentAxis = { domain: [0, 100], percent: true, label: null, grid: true, ticks: 5, tickFormat: (d) => `${d} %` };

MM.course = (box) => {
  const curves = MM.data.curves.filter((curve) => curve.endpoint === box.dataset.endpoint && curve.years.length);
  if (!curves.length) return box.replaceChildren(MM.element("p", { class: "unknown" }, "unknown: see the table below"));
  const rows = curves.flatMap((c) => c.years.map((year, i) => ({ year, free: c.free[i], lower: c.lower[i], upper: c.upper[i], arm: c.arm, line: c.connected })));
  const end = Math.max(...rows.map((row) => row.year));
  const asked = MM.data.endpoints.find((e) => e.key === box.dataset.endpoint).horizons.filter((h) => h <= end);
  MM.chart(box, (width) => ({
    height: Math.round(Math.min(330, width * 0.62)), marginLeft: 46, marginBottom: 40,
    x: { domain: [0, end], label: "Years", labelArrow: "none", labelAnchor: "center", ticks: Math.min(8, Math.ceil(end)) },
    y: MM.percentAxis,
    marks: [
      Plot.ruleX(asked, { stroke: "var(--line)", strokeDasharray: "2 3" }),
      Plot.areaY(rows.filter((r) => r.lower !== undefined), { x: "year", y1: "lower", y2: "upper", z: "arm", fill: (r) => MM.colour(r.arm), fillOpacity: 0.16 }),
      Plot.line(rows.filter((r) => r.line), { x: "year", y: "free", z: "arm", stroke: (r) => MM.colour(r.arm), strokeWidth: 2.4 }),
      Plot.dot(rows.filter((r) => !r.line), { x: "year", y: "free", fill: (r) => MM.colour(r.arm), r: 4.5 }),
      Plot.tip(rows, Plot.pointerX({
        x: "year", y: "free", fill: "var(--paper)", stroke: "var(--line)",
        title: (r) => `${MM.short(MM.armName(r.arm), 40)}\n${r.year.toFixed(1)} years: ${MM.percent(r.free)}${r.lower === undefined ? "" : `\n95 % band ${MM.percent(r.lower)} to ${MM.percent(r.upper)}`}`,
      })),
    ],
  }));
};

MM.observed = (box) => {
  const curves = MM.data.similar.curves.filter((curve) => curve.endpoint === box.dataset.endpoint);
  const steps = curves.map((c) => c.years.map((year, i) => ({ year, free: c.free[i], lower: c.lower[i], upper: c.upper[i], arm: c.arm })));
  if (!steps.length) return;
  const end = Math.min(Math.max(...steps.flat().map((r) => r.year)), Math.max(5, ...MM.data.endpoints.flatMap((e) => e.horizons)));
  /* a curve whose patients were followed longer goes on to the edge, at its last step's height */
  const rows = steps.flatMap((own) => {
    const shown = own.filter((r) => r.year <= end);
    return shown.length < own.length ? [...shown, { ...shown.at(-1), year: end }] : shown;
  });
  MM.chart(box, (width) => ({
    height: Math.round(Math.min(330, width * 0.62)), marginLeft: 46, marginBottom: 40,
    x: { domain: [0, end], label: "Years", labelArrow: "none", labelAnchor: "center", ticks: Math.min(8, Math.ceil(end)) },
    y: { ...MM.percentAxis, clamp: true },
    marks: [
      Plot.areaY(rows.filter((r) => r.lower !== undefined), { x: "year", y1: "lower", y2: "upper", z: "arm", curve: "step-after", fill: (r) => MM.colour(r.arm), fillOpacity: 0.14 }),
      Plot.line(rows, { x: "year", y: "free", z: "arm", curve: "step-after", stroke: (r) => MM.colour(r.arm), strokeWidth: 2 }),
    ],
  }));
};
