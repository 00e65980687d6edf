package nodetest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestPrometheusScrapesAndAnswers(t *testing.T) {
	t.Parallel()
	nowhere := nodetest.MustReserveAddr(t)
	prometheus := nodetest.MustStartPrometheus(t, `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: nobody, static_configs: [{targets: ["`+nowhere+`"]}]}]
`)
	await.That(t, "it has found nobody there", func() bool {
		values, err := prometheus.Query(t.Context(), `up{job="nobody"}`)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(values, []float64{0})
	})
	if _, err := prometheus.Query(t.Context(), "rate("); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a query that is none: got %v, want its words", err)
	}
	for range 2 {
		if err := prometheus.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAConfigurationThatPrometheusRefusesIsQuotedInTheError(t *testing.T) {
	t.Parallel()
	prometheus, err := nodetest.StartPrometheus(t.Context(), "nonsense: here\n")
	if err == nil {
		_ = prometheus.Close()
		t.Fatal("it started")
	}
	nodetest.SkipIfMissing(t, err)
	if !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("the error does not quote the line: %v", err)
	}
}
