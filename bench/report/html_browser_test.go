package report_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/node/nodetest"
)

// site serves a report and notes what is asked for besides.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // guarded by mu
}

func mustServe(t *testing.T, f result.File) *site {
	t.Helper()
	page, s := html(t, f), new(site)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(page))
		case "/frame":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><body style="margin:0"><iframe id=report src="/" style="border:0;width:%spx;height:3000px"></iframe>`, r.FormValue("width"))
		default:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = append(s.asked, r.URL.Path)
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// seen is what a page looks like, in pixels.
type seen struct {
	Title string
	// Cards and Plots are how many are visible; Paths and Texts, the least of any plot.
	Cards, Plots, Paths, Texts int
	// Outside are texts that leave their plot.
	Outside []string
	// Width is the window's, Content how wide the page is.
	Width, Content int
	Narrowest      int
	Colour, Ground string
}

const look = `(document => {
	const visible = element => { const box = element.getBoundingClientRect(); return box.width > 50 && box.height > 50 }
	const plots = [...document.querySelectorAll("figure svg")].filter(visible)
	const least = of => Math.min(...plots.map(of))
	const outside = svg => {
		const frame = svg.getBoundingClientRect()
		return [...svg.querySelectorAll("text")].filter(text => {
			const box = text.getBoundingClientRect()
			return box.width < 1 || box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom
		}).map(text => text.textContent)
	}
	const style = document.defaultView.getComputedStyle(document.querySelector(".rate strong"))
	return {
		title: document.title,
		cards: [...document.querySelectorAll("article")].filter(visible).length,
		plots: plots.length,
		paths: least(svg => svg.querySelectorAll("path").length),
		texts: least(svg => svg.querySelectorAll("text").length),
		outside: plots.flatMap(outside),
		width: document.documentElement.clientWidth,
		content: document.documentElement.scrollWidth,
		narrowest: Math.round(least(svg => svg.getBoundingClientRect().width)),
		colour: style.color,
		ground: document.defaultView.getComputedStyle(document.body).backgroundColor,
	}
})`

func mustLook(t *testing.T, page *nodetest.Page, document string) seen {
	t.Helper()
	var s seen
	nodetest.Check(t, page.Eval(t.Context(), look+"("+document+")", &s))
	return s
}

func TestABrowserShowsTheReportWholeAndAsksForNothingElse(t *testing.T) {
	s := mustServe(t, measured())
	page, err := nodetest.MustStartBrowser(t).Open(t.Context(), s.URL)
	nodetest.Check(t, err)
	got := mustLook(t, page, "document")
	// Three loads: three cards, two plots of each, and one against load for get and for put.
	if got.Cards != 3 || got.Plots != 8 || got.Paths < 10 || got.Texts < 8 {
		t.Errorf("%+v", got)
	}
	if len(got.Outside) > 0 {
		t.Errorf("texts that leave their plot: %q", got.Outside)
	}
	if got.Colour != "rgb(0, 114, 178)" || got.Ground != "rgb(244, 245, 247)" {
		t.Errorf("the style is not applied: %s on %s", got.Colour, got.Ground)
	}
	if got.Content > got.Width {
		t.Errorf("the page is %d wide in a window of %d", got.Content, got.Width)
	}
	if console := page.Console(); console != "" {
		t.Errorf("the console says:\n%s", console)
	}
	for _, path := range s.requests() {
		if path != "/favicon.ico" { // any page's
			t.Errorf("it asks for %s", path)
		}
	}
}

func TestAReportFitsAPhone(t *testing.T) {
	s := mustServe(t, measured())
	page, err := nodetest.MustStartBrowser(t).Open(t.Context(), s.URL+"/frame?width=400")
	nodetest.Check(t, err)
	got := mustLook(t, page, "report.contentDocument")
	if got.Width < 380 || got.Width > 400 || got.Content > got.Width {
		t.Errorf("%d wide in a window of %d", got.Content, got.Width)
	}
	if got.Narrowest < 300 || len(got.Outside) > 0 || got.Plots != 8 {
		t.Errorf("%+v", got)
	}
}

func TestABrowserRunsNothingThatAFileBringsAlong(t *testing.T) {
	s := mustServe(t, hostile())
	page, err := nodetest.MustStartBrowser(t).Open(t.Context(), s.URL)
	nodetest.Check(t, err)
	var title string
	nodetest.Check(t, page.Eval(t.Context(), "document.title", &title))
	if title == "owned" || len(s.requests()) > 0 && s.requests()[0] != "/favicon.ico" {
		t.Errorf("title %q, requests %v", title, s.requests())
	}
	if got := mustLook(t, page, "document"); got.Plots != 8 || len(got.Outside) > 0 {
		t.Errorf("%+v", got)
	}
}
