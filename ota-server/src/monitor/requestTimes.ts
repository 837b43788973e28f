import type { Metric, Registry } from "prom-client";

/** How long requests of one method and route that came to one status took. */
export class Times {
  /** Requests by the first bound that they kept; the last are those beyond all. */
  readonly counts: number[];
  sumS = 0;
  private readonly boundsS: readonly number[];

  constructor(boundsS: readonly number[]) {
    this.boundsS = boundsS;
    this.counts = Array<number>(boundsS.length + 1).fill(0);
  }

  observe(seconds: number): void {
    const beyondAll = this.boundsS.length;
    let at = 0;
    while (at < beyondAll && seconds > this.boundsS[at]!) at++;
    this.counts[at]!++;
    this.sumS += seconds;
  }
}

interface Series {
  readonly labels: Readonly<Record<"method" | "route" | "status", string>>;
  readonly times: Times;
}

/**
 * A Prometheus histogram that costs a request next to nothing: prom-client's own checks, sorts and joins the labels at
 * every observation, here they are found once and the sums are written out when Prometheus asks.
 */
export class RequestTimes {
  private readonly name: string;
  private readonly help: string;
  private readonly boundsS: readonly number[];
  private readonly series = new Map<string, Series>();

  constructor(name: string, help: string, boundsS: readonly number[]) {
    this.name = name;
    this.help = help;
    this.boundsS = boundsS;
  }

  /** What may be kept and observed by again and again. */
  of(method: string, route: string, status: number): Times {
    const key = `${status} ${method} ${route}`;
    const held = this.series.get(key);
    if (held !== undefined) return held.times;
    const times = new Times(this.boundsS);
    this.series.set(key, { labels: { method, route, status: String(status) }, times });
    return times;
  }

  registerWith(registry: Registry): void {
    const get = async () => ({
      name: this.name,
      help: this.help,
      type: "histogram",
      values: [...this.series.values()].flatMap((each) => this.valuesOf(each)),
    });
    // A registry asks no more of a metric; its type names the four classes of prom-client.
    registry.registerMetric({ name: this.name, get } as unknown as Metric);
  }

  private valuesOf({ labels, times }: Series) {
    const { name, boundsS } = this;
    let count = 0;
    const buckets = times.counts.map((these, at) => {
      count += these;
      return { metricName: `${name}_bucket`, labels: { le: boundsS[at] ?? "+Inf", ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: times.sumS },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
