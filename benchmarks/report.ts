/**
 * How figures are printed.
 *
 * @module
 */
import type { Summary } from "./statistics.ts";

/** Three digits, and no exponent. */
export function formatFigure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A share of one, as a column of a table. */
export function percentColumn(share: number): string {
  return `${Math.round(share * 100)} %`.padStart(8);
}

/** A ratio, how far to trust it, and what is wanted. */
export function describeRatio(
  { of, to, ratio, atMost }: {
    of: string;
    to: string;
    ratio: Summary;
    atMost: number | undefined;
  },
): string {
  return `  ${of} / ${to}: ${formatFigure(ratio.median)}, ` +
    `95 % within ${formatFigure(ratio.low)} .. ${formatFigure(ratio.high)}, ` +
    `all within ${formatFigure(ratio.min)} .. ${formatFigure(ratio.max)}` +
    (atMost === undefined ? "" : `; wanted: at most ${atMost}`);
}
