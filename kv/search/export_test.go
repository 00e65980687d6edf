package search

import "time"

// BatchRows has batches take so many entries.
func BatchRows(x *Indexes, n int) { x.batchRows = n }

// Rest has what was dropped rest for so long.
func Rest(x *Indexes, d time.Duration) { x.rest = d }
