export {plot, line, areaY, ruleX, ruleY, barX, barY, rectY, dot, text, tickX, link, gridY, tip, pointerX, pointer} from "@observablehq/plot";
