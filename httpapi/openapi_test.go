package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// validators are those of the documents that were served, which are few: to make one
// takes a second.
var validators struct {
	mu   sync.Mutex
	made map[string]validator.Validator
}

func mustValidator(t *testing.T, document string) validator.Validator {
	t.Helper()
	validators.mu.Lock()
	defer validators.mu.Unlock()
	if v := validators.made[document]; v != nil {
		return v
	}
	doc, err := libopenapi.NewDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		t.Fatal(err)
	}
	if validators.made == nil {
		validators.made = map[string]validator.Validator{}
	}
	validators.made[document] = v
	return v
}

func TestTheDocumentIsValidOpenAPI31(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	v := mustValidator(t, f.must("GET", "/openapi.json", "").body)
	if ok, errs := v.ValidateDocument(); !ok {
		for _, err := range errs {
			t.Errorf("%s: %s", err.Message, err.Reason)
			for _, s := range err.SchemaValidationErrors {
				t.Errorf("  %s at %s", s.Reason, s.KeywordLocation)
			}
		}
	}
}

func TestRequestsAndAnswersAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	v := mustValidator(t, f.must("GET", "/openapi.json", "").body)
	f.must("PUT", "/keys/a", `{"x":1}`)
	f.must("PUT", "/keys/b?expireIn=60000", `"text"`)
	f.must("PUT", "/keys/n", `1`)
	for _, c := range []struct{ method, target, body string }{
		{"GET", "/keys/a", ""},
		{"HEAD", "/keys/a", ""},
		{"GET", "/keys/b?consistency=strong", ""},
		{"GET", "/keys/missing", ""},
		{"GET", "/keys/~n:x", ""},
		{"PUT", "/keys/c?expireIn=1000", `[1,2]`},
		{"PUT", "/keys/c", `{`},
		{"DELETE", "/keys/c?exact=true", ""},
		{"DELETE", "/keys/c", `{"exact":false}`},
		{"GET", "/keys?limit=2&reverse=true", ""},
		{"POST", "/keys/list", `{"prefix":[],"limit":2}`},
		{"POST", "/keys/batch", `{"keys":[["a"],["missing",1,true,{"__type":"bigint","value":"12"},{"__type":"bytes","value":"AA"}]]}`},
		{"PUT", "/keys/~k:AgH_", `1`},
		{"GET", "/keys/~k:AgH_", ""},
		{"POST", "/keys/list", `{"start":{"__type":"key","value":"AgH/"},"end":["z"]}`},
		{"POST", "/keys/batch", `{"keys":[{"__type":"key","value":"AgH_"}]}`},
		{"POST", "/atomic", `{"mutations":[{"type":"set","key":{"__type":"key","value":"AgH/"},"value":1}]}`},
		{"GET", "/keys/paginate?limit=1", ""},
		{"POST", "/keys/paginate", `{"limit":1000,"cursor":null}`},
		{"GET", "/keys/count", ""},
		{"POST", "/keys/count", `{"prefix":["a"]}`},
		{"POST", "/atomic", `{"checks":[{"key":["z"],"versionstamp":null}],"mutations":[{"type":"sum","key":["n"],"value":"2"},{"type":"set","key":["log",{"__type":"commitVersionstamp"}],"value":1}]}`},
		{"POST", "/atomic", `{"checks":[{"key":["a"],"versionstamp":null}]}`},
		{"POST", "/transaction", `{"reads":[{"key":["a"]},{"key":["none"]},{"prefix":[]}]}`},
		{"POST", "/transaction", `{"reads":[{"key":["a"]}],"snapshot":"00010000000000000000"}`},
		{"POST", "/transaction", `{"snapshot":"00000000000000000000"}`},
		{"DELETE", "/keys?prefix=none", ""},
		{"POST", "/keys/delete-batch", `{"keys":[["none"]],"exact":true}`},
		{"POST", "/keys/list", `{"where":{"x":1}}`},
		{"POST", "/keys/list", `{"where":{"x":{"$gt":0,"$ne":null},"$or":[{"a.b":"c"},{"$not":{"t":{"$in":[1,"a",true]}}}]}}`},
		{"POST", "/keys/count", `{"where":{"n":{"$between":[{"__type":"bigint","value":"1"},9]},"at":{"$lt":{"$now":true,"offset":-1}},"s":{"$containsi":"a","$empty":false},"e":null}}`},
		{"DELETE", "/keys/none", `{"where":{"a":{"$regex":"b"}}}`},
		{"DELETE", "/keys/none", `{"where":{"a":{"$startsWith":"b"}},"exact":true}`},
		{"DELETE", "/keys", `{"where":{"none":1}}`},
		{"GET", "/", ""},
		{"GET", "/healthz", ""},
		{"GET", "/readyz", ""},
		{"GET", "/metrics", ""},
		{"GET", "/cluster", ""},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			validate(t, f, v, c.method, c.target, c.body)
		})
	}
}

// validate sends a request and holds the answer against the document; and the
// request, too, if it was not refused.
func validate(t *testing.T, f *fixture, v validator.Validator, method, target, body string) {
	t.Helper()
	newRequest := func() *http.Request {
		req, err := http.NewRequest(method, f.URL+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		return req
	}
	answer, err := f.Client().Do(newRequest())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode < 300 {
		if ok, errs := v.ValidateHttpRequest(newRequest()); !ok {
			for _, e := range errs {
				t.Errorf("request: %s: %s %v", e.Message, e.Reason, e.SchemaValidationErrors)
			}
		}
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if ok, errs := v.ValidateHttpResponse(newRequest(), answer); !ok {
		for _, e := range errs {
			t.Errorf("answer %d %s: %s: %s %v", answer.StatusCode, text, e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
}
