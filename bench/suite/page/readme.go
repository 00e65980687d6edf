package page

import (
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/systems"
	"github.com/buntime/keyval/bench/suite/turns"
)

// Readme is what README.md says of speed: medians alone.
func Readme(f result.File) Content {
	runs := turns.Runs(f.Runs)
	of := []column{{systems.Put, "PUT", ""}, {systems.Get, "GET", ""}, {systems.Sum, "sum of one key", ""}, {systems.Queue, "enqueue, dequeue, ack", ""}}
	header := []string{""}
	for _, c := range of {
		header = append(header, c.title)
	}
	var rows [][]string
	for _, name := range []string{systems.Embedded, systems.OnSqld, systems.NameDeno, systems.NameEtcd, systems.NameNATS, systems.NameRedis} {
		row := []string{name}
		for _, c := range of {
			row = append(row, median(runs.Of(name, c.measure).Rate()))
		}
		rows = append(rows, row)
	}
	return Content{Sections: []Section{{"speed", table(header, rows)}}}
}

// median is empty where nothing was measured.
func median(f turns.Figure) string {
	if f.Of == 0 {
		return ""
	}
	return digits(f.Median)
}
