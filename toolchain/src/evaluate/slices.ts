/** One way to cut a data set into parts: by device, by lighting, by site. */
export interface Slicing {
  readonly name: string;
  /** Which part each sample belongs to. */
  readonly part: readonly string[];
}

export interface SliceScore {
  readonly samples: number;
  /** Absent where the set has no labels. */
  readonly accuracy?: number;
  /** 95 % interval of the accuracy (Wilson): what a slice of this size can tell. */
  readonly accuracyLow?: number;
  readonly accuracyHigh?: number;
  /** The whole set's accuracy lies above the interval: the slice is worse by more than chance. */
  readonly isWorse?: boolean;
  readonly againstAccuracy?: number;
  readonly agreement?: number;
}

export interface Answers {
  readonly labels?: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
  /** What the other model said, where there is one. */
  readonly other?: ArrayLike<number>;
}

/** Scores of each part, the least accurate first. */
export function scoreSlices(slicing: Slicing, answers: Answers): Record<string, SliceScore> {
  const parts = new Map<string, number[]>();
  slicing.part.forEach((part, i) => {
    const members = parts.get(part) ?? [];
    parts.set(part, members);
    members.push(i);
  });
  const all = slicing.part.map((_, i) => i);
  const { labels, predicted, other } = answers;
  const whole = labels === undefined ? undefined : share(all, predicted, labels);
  const scores = [...parts].map(([part, members]): [string, SliceScore] => {
    const accuracy = labels === undefined ? undefined : share(members, predicted, labels);
    const interval = accuracy === undefined ? undefined : wilson(accuracy, members.length);
    return [
      part,
      {
        samples: members.length,
        ...(accuracy !== undefined &&
          interval !== undefined && {
            accuracy,
            accuracyLow: interval.low,
            accuracyHigh: interval.high,
            isWorse: whole! > interval.high,
          }),
        ...(other !== undefined &&
          labels !== undefined && { againstAccuracy: share(members, other, labels) }),
        ...(other !== undefined && { agreement: share(members, predicted, other) }),
      },
    ];
  });
  const rank = ({ accuracy, agreement }: SliceScore): number => accuracy ?? agreement ?? 0;
  return Object.fromEntries(scores.sort((a, b) => rank(a[1]) - rank(b[1])));
}

function share(members: readonly number[], a: ArrayLike<number>, b: ArrayLike<number>): number {
  return members.filter((i) => a[i] === b[i]).length / members.length;
}

/** Of a normal distribution, 95 % lie within this many standard deviations. */
const Z = 1.96;

/** Wilson's score interval of a share of n (Journal of the American Statistical Association 22, 1927). */
export function wilson(p: number, n: number): { low: number; high: number } {
  const middle = p + Z ** 2 / (2 * n);
  const half = Z * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  const scale = 1 + Z ** 2 / n;
  return { low: Math.max(0, (middle - half) / scale), high: Math.min(1, (middle + half) / scale) };
}
