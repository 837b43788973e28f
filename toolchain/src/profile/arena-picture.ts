import type { Plan } from "../plan/problem.js";
import { escapeHtml } from "./escape-html.js";

const WIDTH = 900;
const HEIGHT = 320;
const MARGIN = 60;

/** Steps to the right, arena offsets upwards: one box per buffer, scratch hatched lighter. */
export function arenaPicture(plan: Plan): string {
  const steps = Math.max(1, plan.order.length);
  const x = (step: number): number => MARGIN + (step / steps) * (WIDTH - MARGIN);
  const y = (offset: number): number => HEIGHT - (offset / Math.max(1, plan.arenaBytes)) * HEIGHT;
  const boxes = [...plan.placed.values()].map(({ name, bytes, offset, first, last }) => {
    const isScratch = name.startsWith("scratch:");
    const top = y(offset + bytes);
    return `<rect x="${x(first).toFixed(1)}" y="${top.toFixed(1)}" width="${(x(last + 1) - x(first) - 1).toFixed(1)}" height="${Math.max(1, y(offset) - top - 1).toFixed(1)}" rx="2" fill="var(--bar)" fill-opacity="${isScratch ? 0.25 : 0.6}"><title>${escapeHtml(isScratch ? "scratch" : name)}: ${bytes} B at ${offset}, steps ${first} to ${last}</title></rect>`;
  });
  const verdict = plan.isProvedOptimal ? "proved optimal" : "best found";
  return `<svg viewBox="0 -4 ${WIDTH} ${HEIGHT + 28}" role="img">${boxes.join("")}<text class="soft" x="0" y="10">${plan.arenaBytes} B</text><text class="soft" x="0" y="${HEIGHT}">0</text><text class="soft" x="${MARGIN}" y="${HEIGHT + 18}">${verdict}; most alive at once ${plan.lowerBoundBytes} B; greedy without overlaps ${plan.greedyBytes} B; steps run to the right</text></svg>`;
}
