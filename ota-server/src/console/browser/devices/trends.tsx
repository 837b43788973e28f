import type { TrendPoint } from "@mote/protocol";
import { microjoules, micros, percent } from "../format.js";
import { Time } from "../parts/clock.js";
import { HEIGHT, lineOf, WIDTH } from "./trend.js";

interface Metric {
  readonly name: string;
  readonly value: (point: TrendPoint) => number | null;
  readonly words: (value: number) => string;
}

const METRICS: readonly Metric[] = [
  { name: "Confidence", value: (point) => point.meanConfidence, words: percent },
  { name: "Accuracy on labelled probes", value: (point) => point.probeAccuracy, words: percent },
  { name: "Errors", value: (point) => point.errorRate, words: (value) => percent(value, 2) },
  { name: "Latency", value: (point) => point.meanLatencyUs, words: micros },
  { name: "Energy per inference", value: (point) => point.energyUj, words: microjoules },
  { name: "Left to people (abstained)", value: (point) => point.abstainedRate, words: percent },
];

/** What the device has measured, and where its release changed. */
export function Trends({
  points,
  versionOf,
}: {
  points: readonly TrendPoint[];
  versionOf: (sequence: number) => string;
}) {
  return (
    <section class="card" aria-labelledby="trends">
      <h2 id="trends">What it measures</h2>
      {points.length === 0 ? (
        <p class="soft">No telemetry yet.</p>
      ) : (
        <>
          <Changes points={points} versionOf={versionOf} />
          <div class="trends">
            {METRICS.map((metric) => (
              <Trend key={metric.name} metric={metric} points={points} versionOf={versionOf} />
            ))}
          </div>
        </>
      )}
    </section>
  );
}

/** What the dashed lines stand for. */
function Changes({
  points,
  versionOf,
}: {
  points: readonly TrendPoint[];
  versionOf: (sequence: number) => string;
}) {
  const changes = points.filter(
    (point, i) => i > 0 && points[i - 1]!.releaseSequence !== point.releaseSequence,
  );
  if (changes.length === 0) return null;
  return (
    <p class="small soft">
      Dashed: the release changed, to{" "}
      {changes.map((point, i) => (
        <span key={point.atMs}>
          {i > 0 ? ", " : ""}
          {versionOf(point.releaseSequence)} at <Time ms={point.atMs} />
        </span>
      ))}
    </p>
  );
}

function Trend({
  metric,
  points,
  versionOf,
}: {
  metric: Metric;
  points: readonly TrendPoint[];
  versionOf: (sequence: number) => string;
}) {
  const line = lineOf(points, metric.value);
  if (line === null) return null;
  const { path, dots, marks, least, most, last } = line;
  const words = `${metric.name}: last ${metric.words(last)}, between ${metric.words(least)} and ${metric.words(most)}`;
  const changes = marks.map(({ sequence }) => versionOf(sequence)).join(", ");
  return (
    <figure class="trend">
      <figcaption>
        <span>{metric.name}</span>
        <b class="number">{metric.words(last)}</b>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${words}${changes === "" ? "" : `; release changed to ${changes}`}`}
      >
        {marks.map(({ x, sequence }) => (
          <line key={x} x1={x} x2={x} y1={0} y2={HEIGHT}>
            <title>{versionOf(sequence)}</title>
          </line>
        ))}
        <path d={path} />
        {dots.map(({ x, y }) => (
          <circle key={x} cx={x} cy={y} r={4} />
        ))}
      </svg>
      <div class="ends">
        <Time ms={points[0]!.atMs} />
        <span>
          {metric.words(least)} – {metric.words(most)}
        </span>
        <Time ms={points.at(-1)!.atMs} />
      </div>
    </figure>
  );
}
