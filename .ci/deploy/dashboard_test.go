package deploy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Neither Debian nor npm has a Grafana to load the file into. The types that Grafana makes
// of its own schema read it instead, and what a reader would see at once is looked at here;
// that every query has a result is shown in docs, by Prometheus.

// readDashboard reads a dashboard strictly. What it objects to is the error.
func readDashboard(text string) (d dashboard.Dashboard, err error) {
	plugins.RegisterDefaultPlugins()
	// It returns an empty list of errors as one that is not nil.
	if err = d.UnmarshalJSONStrict([]byte(text)); err != nil && err.Error() == "" {
		err = nil
	}
	return d, err
}

func TestTheDashboardIsWhatGrafanasSchemaAllows(t *testing.T) {
	d, err := readDashboard(string(mustRead(t, "dashboard.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	if d.SchemaVersion < 36 {
		t.Errorf("schema version %d is older than panels with a datasource of their own", d.SchemaVersion)
	}
}

func TestWhatGrafanaDoesNotKnowInAPanelIsFound(t *testing.T) {
	spoilt := strings.ReplaceAll(string(mustRead(t, "dashboard.json")), `"fieldConfig"`, `"fieldConfiguration"`)
	if _, err := readDashboard(spoilt); err == nil || !strings.Contains(err.Error(), "fieldConfiguration") {
		t.Errorf("got %v, want an error that names the member", err)
	}
}

// A panel as far as its reader sees it.
type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		RefID, LegendFormat string
		Datasource          struct{ Type, UID string }
	}
}

func panels(t *testing.T) []panel {
	t.Helper()
	var d struct{ Panels []panel }
	if err := json.Unmarshal(mustRead(t, "dashboard.json"), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 30 {
		t.Fatalf("only %d panels were found", len(d.Panels))
	}
	return d.Panels
}

func TestPanelsDoNotOverlapAndEachHasAPlaceAndAnIdOfItsOwn(t *testing.T) {
	ids, taken := make(map[int]string), make(map[[2]int]string)
	for _, p := range panels(t) {
		if other, there := ids[p.ID]; there || p.ID == 0 {
			t.Errorf("%s has the id %d, as has %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s is at %+v, outside of the 24 columns", p.Title, g)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, there := taken[[2]int{x, y}]; there {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestEveryPanelSaysWhatItShowsAndInWhichUnitAndAsksTheChosenPrometheus(t *testing.T) {
	units := map[string]bool{"short": true, "s": true, "bytes": true, "ops": true, "reqps": true, "percentunit": true}
	for _, p := range panels(t) {
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || !units[p.FieldConfig.Defaults.Unit] {
			t.Errorf("panel %d: title %q, description %q, unit %q", p.ID, p.Title, p.Description, p.FieldConfig.Defaults.Unit)
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s asks nothing", p.Title)
		}
		asks := []struct{ Type, UID string }{p.Datasource}
		for i, target := range p.Targets {
			asks = append(asks, target.Datasource)
			if want := string(rune('A' + i)); target.RefID != want {
				t.Errorf("%s: query %d is %s, want %s", p.Title, i, target.RefID, want)
			}
		}
		for _, source := range asks {
			if got := fmt.Sprint(source.Type, " ", source.UID); got != "prometheus ${datasource}" {
				t.Errorf("%s asks %s", p.Title, got)
			}
		}
	}
}
