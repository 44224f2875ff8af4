import type { RouteLocationRaw } from 'vue-router';

/** One bar, column or slice. */
export interface ChartItem {
  key: string;
  label: string;
  count: number;
  /** Where it leads: the table of just these genes. */
  to?: RouteLocationRaw;
  /** Which of the chart colours, 1 to 5, where colours have a meaning. */
  tone?: number;
}
