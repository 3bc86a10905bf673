"use strict";
/* Predicted against observed risk, groups of like patients, by endpoint and horizon. */
MM.calibration = () => {
  const box = document.getElementById("calibration-chart");
  if (!box) return;
  const points = MM.data.card.performance.calibration, select = document.getElementById("calibration");
  const keys = [...new Set(points.map((p) => `${p.endpoint} ${p.horizon}`))];
  if (!keys.length) return;
  const name = (key) => MM.data.endpoints.find((e) => key.slice(0, key.lastIndexOf(" ")) === e.key)?.name ?? key;
  select.append(...keys.map((key) => MM.element("option", { value: key }, `${name(key)}, ${MM.years(Number(key.split(" ").pop()))}`)));
  const wanted = `${MM.data.endpoints[0].key} ${MM.data.rule.horizon}`;
  select.value = keys.includes(wanted) ? wanted : keys[0];
  const draw = MM.chart(box, (width) => {
    const rows = points.filter((p) => `${p.endpoint} ${p.horizon}` === select.value);
    const side = Math.min(width, 380), most = Math.min(1, Math.max(...rows.flatMap((r) => [r.predicted, r.observed])) * 1.15 + 0.02);
    const axis = { domain: [0, most], tickFormat: (d) => `${Math.round(100 * d)} %`, labelArrow: "none", ticks: 5, grid: true };
    return {
      width: side, height: side, r: { type: "identity" }, marginLeft: 50, marginBottom: 42, x: { ...axis, label: "Predicted risk", labelAnchor: "center" }, y: { ...axis, label: "Observed risk" },
      marks: [Plot.link([0], { x1: 0, y1: 0, x2: most, y2: most, stroke: "var(--soft)", strokeDasharray: "3 3" }), Plot.dot(rows, { x: "predicted", y: "observed", fill: (r) => MM.colour(r.arm), r: (r) => 3 + Math.sqrt(r.patients), fillOpacity: 0.75, stroke: "var(--paper)" })],
    };
  });
  select.addEventListener("change", draw);
};
