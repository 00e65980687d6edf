package main

import (
	"encoding/hex"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// withBytes gathers metrics whose exemplars name their trace by bytes: the bridge to
// OpenTelemetry takes a label's text for the id as it is, and in Prometheus it is
// hexadecimal. Receivers refuse everything that is sent with an id of another length.
func withBytes(from prometheus.Gatherer) ([]*dto.MetricFamily, error) {
	families, err := from.Gather()
	for _, family := range families {
		for _, metric := range family.Metric {
			for _, bucket := range metric.GetHistogram().GetBucket() {
				bucket.Exemplar = named(bucket.Exemplar)
			}
			if counter := metric.GetCounter(); counter != nil {
				counter.Exemplar = named(counter.Exemplar)
			}
		}
	}
	return families, err
}

// named is a copy of an exemplar, which the metric keeps, with the bytes of its ids.
func named(e *dto.Exemplar) *dto.Exemplar {
	if e == nil {
		return nil
	}
	copied := &dto.Exemplar{Value: e.Value, Timestamp: e.Timestamp}
	for _, label := range e.Label {
		value := label.GetValue()
		if id, err := hex.DecodeString(value); err == nil {
			value = string(id)
		}
		copied.Label = append(copied.Label, &dto.LabelPair{Name: label.Name, Value: &value})
	}
	return copied
}
