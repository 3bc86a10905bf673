"use strict";
const MM = {};
MM.data = JSON.parse(document.getElementById("report-data").textContent);
MM.colour = (arm) => `var(--arm-${MM.data.arms.findIndex((a) => a.key === arm) % 4})`;

MM.redraw = [];
MM.chart = (box, options) => {
  const draw = () => {
    const width = Math.max(260, box.clientWidth || 480);
    box.replaceChildren(Plot.plot({ width, style: { background: "transparent", fontFamily: "inherit", fontSize: "13px" }, ...options(width) }));
  };
  MM.redraw.push(draw);
  draw();
};

MM.course = (box) => {
  const endpoint = box.dataset.endpoint;
  const curves = MM.data.curves.filter((c) => c.endpoint === endpoint && c.years.length);
  const rows = curves.flatMap((c) => c.years.map((year, i) => ({ year, free: c.free[i], lower: c.lower[i], upper: c.upper[i], arm: c.arm })));
  const bands = rows.filter((r) => r.lower !== undefined);
  MM.chart(box, (width) => ({
    height: Math.round(Math.min(320, width * 0.62)),
    x: { label: "Years", labelArrow: "none", ticks: 6 },
    y: { domain: [0, 1], percent: true, label: null, grid: true, ticks: 5 },
    marks: [
      Plot.areaY(bands, { x: "year", y1: "lower", y2: "upper", z: "arm", fill: (r) => MM.colour(r.arm), fillOpacity: 0.16 }),
      Plot.line(rows.filter((r) => curves.find((c) => c.arm === r.arm).connected), { x: "year", y: "free", z: "arm", stroke: (r) => MM.colour(r.arm), strokeWidth: 2.2 }),
      Plot.dot(rows.filter((r) => !curves.find((c) => c.arm === r.arm).connected), { x: "year", y: "free", fill: (r) => MM.colour(r.arm), r: 4 }),
    ],
  }));
};

MM.start = () => {
  document.querySelectorAll('[data-chart="course"]').forEach(MM.course);
};
MM.start();
