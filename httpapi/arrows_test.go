package httpapi

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/buntime/keyval/"

// arrows are what each room may import of ours, apart from package api, which has the
// words of the contract and nothing that they do.
var arrows = map[string][]string{
	"httpapi/access":             {},
	"httpapi/route":              {"httpapi/access", "internal/strictjson"},
	"httpapi/route/sse":          {"httpapi/access", "httpapi/route"},
	"httpapi/wire":               {"httpapi/access", "httpapi/route", "kv", "kv/filter"},
	"httpapi/keys":               {"httpapi/access", "httpapi/route", "httpapi/wire", "kv", "kv/filter", "queue"},
	"httpapi/queues":             {"httpapi/access", "httpapi/route", "httpapi/route/sse", "httpapi/wire", "kv", "queue"},
	"httpapi/search":             {"httpapi/access", "httpapi/route", "httpapi/wire", "kv", "kv/search", "kv/search/query"},
	"httpapi/watches":            {"httpapi/access", "httpapi/route", "httpapi/route/sse", "httpapi/wire", "kv", "watch"},
	"httpapi/kvconnect":          {"httpapi/access", "httpapi/kvconnect/datapath", "httpapi/route", "httpapi/route/sse", "httpapi/wire", "internal/v8value", "kv", "queue", "watch"},
	"httpapi/kvconnect/datapath": {},
	"httpapi/tickets":            {"httpapi/access", "httpapi/route"},
	"httpapi/operate":            {"httpapi/access", "httpapi/route"},
	"httpapi/api":                {},
	"httpapi/client":             {},
	"httpapi/access/authfile":    {"httpapi/access", "internal/wholefile"},
}

// open are the rooms that others may import, too: who may call the API is nothing that
// only the API knows.
var open = []string{"httpapi/access", "httpapi/access/authfile", "httpapi/client"}

// putsTogether is who may import httpapi, which may import every room.
var putsTogether = []string{"node"}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for pkg, imported := range imports(t) {
		allowed, isRoom := arrows[pkg]
		seen[pkg] = true
		if strings.HasPrefix(pkg, "httpapi/") && !isRoom {
			t.Errorf("%s is not among the arrows: say what it may import", pkg)
		}
		for _, other := range imported {
			switch {
			case other == "httpapi/api":
			case isRoom && !slices.Contains(allowed, other):
				t.Errorf("%s imports %s, which its row does not have", pkg, other)
			case other == "httpapi" && !slices.Contains(putsTogether, pkg):
				t.Errorf("%s imports httpapi, which only %v may", pkg, putsTogether)
			case !isRoom && pkg != "httpapi" && strings.HasPrefix(other, "httpapi/") && !slices.Contains(open, other):
				t.Errorf("%s imports the room %s, which only httpapi may", pkg, other)
			}
		}
	}
	for room := range arrows {
		if !seen[room] {
			t.Errorf("there is no %s", room)
		}
	}
}

// imports are the packages of the module, each with what it imports of it, its tests
// apart.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != ".." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(strings.TrimPrefix(file, ".."+string(filepath.Separator))))
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(all[pkg], own) {
				all[pkg] = append(all[pkg], own)
			}
		}
		if all[pkg] == nil {
			all[pkg] = []string{}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
