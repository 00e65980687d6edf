package workload

// Heeded is s without what the named workload has no use for: what is worth saying of what
// it has measured.
func Heeded(name string, s Settings) Settings {
	k, err := find(name)
	if err != nil {
		return s
	}
	if !k.uses.keys {
		s.Keys = 0
	}
	if !k.uses.values {
		s.ValueBytes = [2]int{}
	}
	if !k.uses.mix {
		s.Mix = ""
	}
	if !k.uses.watchers {
		s.Watchers = 0
	}
	if !k.uses.limit {
		s.Limit = 0
	}
	if !k.uses.consistency {
		s.Consistency = ""
	}
	return s
}
