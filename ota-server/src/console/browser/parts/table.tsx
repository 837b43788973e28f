import type { ComponentChildren } from "preact";

export interface Column {
  readonly head: string;
  readonly isNumber?: boolean;
}

export interface Row {
  readonly key: string;
  /** The first one names the row. */
  readonly cells: readonly ComponentChildren[];
}

/** A table that becomes a list of cards on a phone. */
export function Table({
  caption,
  columns,
  rows,
}: {
  caption: string;
  columns: readonly Column[];
  rows: readonly Row[];
}) {
  return (
    <table class="is-folding">
      <caption class="sr">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ head, isNumber }) => (
            <th key={head} scope="col" class={isNumber === true ? "number" : ""}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells }) => (
          <tr key={key}>
            {cells.map((cell, i) =>
              i === 0 ? (
                <th key="name" scope="row">
                  {cell}
                </th>
              ) : (
                <td
                  key={columns[i]!.head}
                  data-head={columns[i]!.head}
                  class={columns[i]!.isNumber === true ? "number" : ""}
                >
                  {cell}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
