// The targets of the benchmark, and the Markdown table that judges them.

/** Ratios to the `cdk` CLI (at least), and limits (at most). */
export const TARGETS = {
  plan: { S: 5, M: 10, L: 10 },
  deploy: 3,
  fast: 3,
  cold: { S: 3, M: 8, L: 8 },
  memory_mb: 600,
  own_percent: 10,
  version_ms: 10,
};

const mark = (good) => (good ? "✓" : "✗");
const seconds = (s) => `${s < 10 ? s.toFixed(2) : s.toFixed(1)} s`;

function cells(row) {
  if (row.theirs_s !== undefined) {
    const ratio = row.theirs_s / row.ours_s;
    return [row.size, row.what, seconds(row.ours_s), seconds(row.theirs_s), `${ratio.toFixed(1)}×`, `≥ ${row.target}×`, mark(ratio >= row.target)];
  }
  const value = `${row.value < 10 ? row.value.toFixed(1) : Math.round(row.value)} ${row.unit}`;
  return row.limit === undefined ? [row.size, row.what, value, "", "", "", ""] : [row.size, row.what, value, "", "", `< ${row.limit} ${row.unit}`, mark(row.value < row.limit)];
}

export function table(rows) {
  const head = ["size", "what", "offshoot", "cdk", "ratio", "target", ""];
  const line = (columns) => `| ${columns.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at > 1 && at < 6 ? "--:" : "---"))), ...rows.map((row) => line(cells(row)))].join("\n");
}
