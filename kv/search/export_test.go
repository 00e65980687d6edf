package search

// BatchRows has batches take so many entries.
func BatchRows(x *Indexes, n int) { x.batchRows = n }
