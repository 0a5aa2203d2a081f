const WIDTHS = [88, 62, 74, 56, 81, 67];

/** A grey bar where a word will be. */
export function Skeleton({ width = "100%" }: { width?: string }) {
  return <span className="skeleton" style={{ "--width": width }} aria-hidden="true" />;
}

/** Rows of the table's exact height, after 150 ms: a fast answer shows no skeleton at all. */
export function SkeletonRows({ rows = 8, columns = 4, label = "Loading" }: { rows?: number; columns?: number; label?: string }) {
  return (
    <output className="skeleton-rows appears-late" aria-label={label}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row}>
          {Array.from({ length: columns }, (_, column) => (
            <Skeleton key={column} width={`${WIDTHS[(row + column * 2) % WIDTHS.length]}%`} />
          ))}
        </div>
      ))}
    </output>
  );
}
