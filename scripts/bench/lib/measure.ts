/** What a figure counts; decides how it is written. */
export type Unit = 'requests/s' | 'requests' | 'ms' | 's' | 'B' | 'MB' | 'MiB' | 'µs CPU';

/** What a figure has to reach. */
export type Goal =
  | { of: 'ratio'; atLeast: number }
  | { of: 'ratio'; atMost: number }
  | { of: 'difference'; atMost: number }
  | { of: 'value'; atMost: number };

/** One thing that was measured: on our side, and beside it on the peer's. */
export interface Row {
  what: string;
  unit: Unit;
  ours: readonly number[];
  /** What ours is compared with. */
  peer?: { name: string; values: readonly number[] };
  goal?: Goal;
}

export interface Verdict {
  ours: number;
  peer?: number;
  /** Ours by the peer's. */
  ratio?: number;
  /** Whether the goal is reached; undefined where none was set. */
  passed?: boolean;
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no values to take the median of');
  return (lower + upper) / 2;
}

/** Smallest and largest value. */
export function spread(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** Compares the medians and holds them against the goal. */
export function judge({ ours: values, peer, goal }: Row): Verdict {
  const ours = median(values);
  if (!peer) return goal?.of === 'value' ? { ours, passed: ours <= goal.atMost } : { ours };
  const other = median(peer.values);
  const verdict = { ours, peer: other, ratio: ours / other };
  return goal ? { ...verdict, passed: reaches(goal, verdict) } : verdict;
}

function reaches(goal: Goal, { ours, peer, ratio }: Required<Omit<Verdict, 'passed'>>): boolean {
  if (goal.of === 'value') return ours <= goal.atMost;
  if (goal.of === 'difference') return ours - peer <= goal.atMost;
  return 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
}
