"use strict";
/* The utility under other weights: alpha of the first endpoint, the rest of the second; where the better arm flips. */
MM.choice = () => {
  const box = document.getElementById("weights");
  if (!box) return;
  const { weights, horizon, mid } = MM.data.rule;
  const [first, second] = weights.map((weight) => weight.endpoint);
  const chance = (endpoint, arm) => MM.data.probabilities.find((p) => p.endpoint === endpoint && p.arm === arm && p.horizon === horizon)?.probability ?? null;
  const name = (endpoint) => MM.data.endpoints.find((e) => e.key === endpoint)?.name ?? endpoint;
  const known = MM.arms.every((arm) => chance(first, arm) !== null && chance(second, arm) !== null);
  if (!known) return box.replaceChildren(MM.element("p", { class: "missing" }, "The weights cannot be tried: a figure that the utility needs is unknown."));
  const utility = (arm, alpha) => alpha * chance(first, arm) + (1 - alpha) * chance(second, arm);
  const ranked = (alpha) => [...MM.arms].sort((a, b) => utility(b, alpha) - utility(a, alpha));
  const [one, other] = MM.arms.length === 2 ? MM.arms : ranked(weights[0].weight);
  const difference = (alpha) => utility(other, alpha) - utility(one, alpha);
  const refits = (MM.data.choice.refits ?? []).reduce((found, r) => ({ ...found, [`${r.endpoint} ${r.arm}`]: r.probabilities }), {});
  const of = (arm) => [refits[`${first} ${arm}`], refits[`${second} ${arm}`]];
  const contrast = (MM.data.choice.contrasts ?? []).find((c) => c.standard_error && c.lower !== null);
  const z = contrast ? (contrast.delta - contrast.lower) / contrast.standard_error : null;
  const interval = (alpha) => {
    const [a, b] = [of(other), of(one)];
    if (!contrast || [...a, ...b].some((list) => !list)) return null;
    const deltas = a[0].map((_, n) => (([p, q, r, s]) => [p, q, r, s].includes(null) ? null : alpha * (p - r) + (1 - alpha) * (q - s))([a[0][n], a[1][n], b[0][n], b[1][n]])).filter((d) => d !== null);
    const mean = deltas.reduce((sum, d) => sum + d, 0) / deltas.length;
    const error = Math.sqrt(deltas.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (deltas.length - 1));
    return [difference(alpha) - z * error, difference(alpha) + z * error];
  };
  const [low, high] = [difference(0), difference(1)];
  const flip = low * high < 0 ? low / (low - high) : null;
  const better = (alpha) => (difference(alpha) > 0 ? other : one);
  const slider = document.getElementById("alpha"), said = document.getElementById("alpha-said"), result = document.getElementById("utility-said");
  const steps = Array.from({ length: 41 }, (_, n) => n / 40).map((alpha) => ({ alpha, delta: difference(alpha), band: interval(alpha) }));
  let alpha = weights[0].weight;
  const draw = MM.chart(document.getElementById("weights-chart"), (width) => ({
    height: 210, marginLeft: 52, marginRight: 24, marginBottom: 40,
    x: { domain: [0, 1], label: `Weight of ${name(first).toLowerCase()}`, labelArrow: "none", labelAnchor: "center", tickFormat: (d) => `${Math.round(100 * d)} %`, ticks: 5 },
    y: { label: "Difference of utility, points", labelArrow: "none", labelAnchor: "top", grid: true, ticks: 5, tickFormat: (d) => MM.points(d, 0), nice: true, domain: MM.extent(steps.flatMap((s) => [s.delta, ...(s.band ?? [])]).concat(0, mid, -mid)) },
    marks: [
      Plot.rectY([0], { x1: 0, x2: 1, y1: -mid, y2: mid, fill: "var(--faint)" }),
      Plot.areaY(steps.filter((s) => s.band), { x: "alpha", y1: (s) => s.band[0], y2: (s) => s.band[1], fill: "var(--soft)", fillOpacity: 0.18 }),
      Plot.ruleY([0], { stroke: "var(--soft)" }),
      Plot.line(steps, { x: "alpha", y: "delta", z: null, stroke: (s) => MM.colour(s.delta > 0 ? other : one), strokeWidth: 2.4 }),
      flip === null ? null : Plot.dot([{ alpha: flip }], { x: "alpha", y: 0, r: 5, fill: "var(--paper)", stroke: "var(--ink)", strokeWidth: 1.5 }),
      Plot.ruleX([alpha], { stroke: "var(--ink)", strokeDasharray: "4 3" }),
      Plot.dot([{ alpha }], { x: "alpha", y: difference(alpha), r: 5.5, fill: MM.colour(better(alpha)) }),
    ],
  }));
  const show = () => {
    alpha = Number(slider.value) / 100;
    said.textContent = `${MM.percent(alpha)} ${name(first).toLowerCase()}, ${MM.percent(1 - alpha)} ${name(second).toLowerCase()}`;
    slider.setAttribute("aria-valuetext", said.textContent);
    const band = interval(alpha), delta = difference(alpha);
    const parts = MM.arms.map((arm) => `${MM.armName(arm)} ${(100 * utility(arm, alpha)).toFixed(1)}`);
    const sure = band === null ? "" : ` (${MM.percent(contrast.level)} interval ${MM.points(band[0])} to ${MM.points(band[1])})`;
    const small = Math.abs(delta) < mid ? ` That is less than the ${(100 * mid).toFixed(0)} points that matter.` : "";
    const turn = flip === null ? "No weight turns the order of the two." : `The order turns where ${name(first).toLowerCase()} weighs ${MM.percent(flip)}.`;
    result.textContent = `Utility: ${parts.join("; ")}. Difference, ${MM.armName(other)} less ${MM.armName(one)}: ${MM.points(delta)} points${sure}.${small} ${turn}`;
    draw();
  };
  slider.value = String(Math.round(100 * alpha));
  slider.addEventListener("input", show);
  document.getElementById("alpha-reset").addEventListener("click", () => { slider.value = String(Math.round(100 * weights[0].weight)); show(); });
  show();
};

MM.extent = (values) => [Math.min(...values), Math.max(...values)];
