"use strict";
/* Puts life into what stands in the page. */
MM.theme();
MM.tabs();
document.querySelectorAll('[data-chart="course"]').forEach(MM.course);
document.querySelectorAll('[data-chart="observed"]').forEach(MM.observed);
MM.choice();
MM.detail();
MM.why();
MM.calibration();
MM.viewers();
document.documentElement.dataset.ready = "yes";
