package httpapi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// connectOnEachDatabase runs a test of everything on an embedded database and on a real
// sqld primary with a replica.
func connectOnEachDatabase(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	onEachDatabaseServed(t, func(t *testing.T, db *sqldb.DB) *fixture { return mustServeEverythingOn(t, db) }, test)
}

// A connection is a client of KV Connect that has exchanged the metadata.
type connection struct {
	f        *fixture
	metadata connectMetadata
	headers  []string
}

// connectMetadata has all members that a client may see.
type connectMetadata struct {
	Version    int    `json:"version"`
	DatabaseID string `json:"databaseId"`
	Endpoints  []struct {
		URL         string `json:"url"`
		Consistency string `json:"consistency"`
	} `json:"endpoints"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// exchange asks for the metadata as Deno does.
func (f *fixture) exchange(path string, b bearer) (connectMetadata, reply) {
	f.t.Helper()
	got := f.do("POST", path, `{"supportedVersions":[1,2,3]}`, "Authorization: Bearer "+b.secret, "Content-Type: application/json")
	var m connectMetadata
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields() // npm's client does
	if got.status == 200 {
		if err := decoder.Decode(&m); err != nil {
			f.t.Fatalf("%s: %v", got.body, err)
		}
	}
	return m, got
}

func (f *fixture) mustConnect(b bearer) *connection {
	f.t.Helper()
	m, got := f.exchange("/", b)
	if got.status != 200 {
		f.t.Fatalf("metadata: got %d %s", got.status, got.body)
	}
	return &connection{f, m, []string{
		"Authorization: Bearer " + m.Token, "X-Denokv-Version: 3", "X-Denokv-Database-Id: " + m.DatabaseID,
	}}
}

// send sends a message and decodes the answer, if it is one.
func (c *connection) send(path string, m, answer proto.Message) reply {
	c.f.t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		c.f.t.Fatal(err)
	}
	got := c.f.do("POST", path, string(body), c.headers...)
	if got.status == 200 {
		if err := proto.Unmarshal([]byte(got.body), answer); err != nil {
			c.f.t.Fatalf("%s: %v", path, err)
		}
	}
	return got
}

// read answers with the entries of each range.
func (c *connection) read(ranges ...*datapath.ReadRange) ([][]*datapath.KvEntry, reply) {
	c.f.t.Helper()
	var out datapath.SnapshotReadOutput
	got := c.send("/v2/snapshot_read", &datapath.SnapshotRead{Ranges: ranges}, &out)
	if got.status == 200 && (out.GetStatus() != datapath.SnapshotReadStatus_SR_SUCCESS || !out.GetReadIsStronglyConsistent() || len(out.GetRanges()) != len(ranges)) {
		c.f.t.Errorf("got %v for %d ranges", &out, len(ranges))
	}
	var all [][]*datapath.KvEntry
	for _, r := range out.GetRanges() {
		all = append(all, r.GetValues())
	}
	return all, got
}

// get is one entry, nil for none.
func (c *connection) get(key kv.Key) *datapath.KvEntry {
	c.f.t.Helper()
	found, got := c.read(just(key))
	if got.status != 200 {
		c.f.t.Fatalf("get %s: %d %s", key, got.status, got.body)
	}
	if len(found[0]) == 0 {
		return nil
	}
	return found[0][0]
}

// just is the range of one key, as Deno asks for it.
func just(key kv.Key) *datapath.ReadRange {
	return &datapath.ReadRange{Start: []byte(key), End: []byte(key + "\x00"), Limit: 1}
}

func (c *connection) write(w *datapath.AtomicWrite) (*datapath.AtomicWriteOutput, reply) {
	c.f.t.Helper()
	out := new(datapath.AtomicWriteOutput)
	got := c.send("/v2/atomic_write", w, out)
	return out, got
}

// mustWrite commits mutations and returns the versionstamp.
func (c *connection) mustWrite(mutations ...*datapath.Mutation) []byte {
	c.f.t.Helper()
	out, got := c.write(&datapath.AtomicWrite{Mutations: mutations})
	if got.status != 200 || out.GetStatus() != datapath.AtomicWriteStatus_AW_SUCCESS || len(out.GetVersionstamp()) != 10 {
		c.f.t.Fatalf("got %d %s %v", got.status, got.body, out)
	}
	return out.GetVersionstamp()
}

func set(key kv.Key, v *datapath.KvValue) *datapath.Mutation {
	return &datapath.Mutation{Key: []byte(key), Value: v, MutationType: datapath.MutationType_M_SET}
}

// v8 is a value in hex, behind the version.
func v8(digits string) *datapath.KvValue {
	data, err := hex.DecodeString("ff0f" + strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return &datapath.KvValue{Data: data, Encoding: datapath.ValueEncoding_VE_V8}
}

func u64(n uint64) *datapath.KvValue {
	data := make([]byte, 8)
	for i := range data {
		data[i] = byte(n >> (8 * i))
	}
	return &datapath.KvValue{Data: data, Encoding: datapath.ValueEncoding_VE_LE64}
}

func rawBytes(data string) *datapath.KvValue {
	return &datapath.KvValue{Data: []byte(data), Encoding: datapath.ValueEncoding_VE_BYTES}
}

// keyOf is a key of its JSON form.
func keyOf(t *testing.T, text string) kv.Key {
	t.Helper()
	key, err := kv.ParseKeyJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTheMetadataIsWhatBothClientsTake(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	m, got := f.exchange("/", bearer{secret: "anything"})
	if got.header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type is %q, which npm's client does not take", got.header.Get("Content-Type"))
	}
	if m.Version != 3 || m.Token == "" || !strings.Contains(got.body, `Z"`) {
		t.Errorf("got %s", got.body)
	}
	if left := time.Until(m.ExpiresAt); left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("the token lasts for %v, want a day", left)
	}
	for i, want := range []string{"strong", "eventual"} {
		if e := m.Endpoints[i]; e.Consistency != want || strings.HasSuffix(e.URL, "/") {
			t.Errorf("endpoint %d: got %+v, want one that is %s", i, e, want)
		}
	}
	if again, _ := f.exchange("/", bearer{}); again.DatabaseID != m.DatabaseID {
		t.Errorf("the database's id is %s and then %s", m.DatabaseID, again.DatabaseID)
	}
}

func TestTheBestVersionThatBothKnowIsSpoken(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	for body, want := range map[string]int{
		`{"supportedVersions":[1,2,3,4]}`: 3, `{"supportedVersions":[2]}`: 2, `{"supportedVersions":[2,3],"more":1}`: 3,
		`{"supportedVersions":[1]}`: 0, `{"supportedVersions":[4]}`: 0, `{}`: 0, ``: 0, `[]`: 0, `x`: 0,
	} {
		got := f.do("POST", "/", body)
		var m connectMetadata
		_ = json.Unmarshal([]byte(got.body), &m)
		if m.Version != want || (want == 0) != (got.status == 400) {
			t.Errorf("%s: got %d %s, want version %d", body, got.status, got.body, want)
		}
	}
}

func TestEndpointsLeadToTheDataByEveryPath(t *testing.T) {
	t.Parallel()
	behind := func(path string) func(*httpapi.Config) {
		return func(c *httpapi.Config) { c.PublicURL = "http://kv.example" + path }
	}
	for name, c := range map[string]struct {
		configure func(*httpapi.Config)
		opened    string
		want      string // path of the strong endpoint
	}{
		"where nothing is configured":       {func(*httpapi.Config) {}, "/", "/v2"},
		"in the original client's dialect":  {func(*httpapi.Config) {}, basePath + "/", basePath + "/v2"},
		"by a public URL":                   {behind(""), "/", "/v2"},
		"by a public URL with a path":       {behind("/db"), "/db", "/db/v2"},
		"by a public URL with a path and /": {behind("/db"), "/db/", "/db/v2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mustServeEverything(t, c.configure)
			m, got := f.exchange(c.opened, bearer{})
			if got.status != 200 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			opened, _ := url.Parse("http://kv.example" + c.opened)
			endpoint, err := opened.Parse(m.Endpoints[0].URL) // as clients resolve it
			if err != nil || endpoint.String() != "http://kv.example"+c.want {
				t.Fatalf("got %v %v, want the path %s", endpoint, err, c.want)
			}
			conn := f.mustConnect(bearer{})
			if got := conn.send(endpoint.Path+"/snapshot_read", &datapath.SnapshotRead{}, new(datapath.SnapshotReadOutput)); got.status != 200 {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestAPublicURLHidesNoRouteOfTheAPI(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.PublicURL = "http://kv.example/atomic" })
	f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["n"],"value":1}]}`)
	if _, got := f.exchange("/atomic/", bearer{}); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestARequestOfAnotherVersionOrDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	good := c.headers
	for _, path := range []string{"/v2/snapshot_read", "/v2/atomic_write", "/v2/watch"} {
		for _, bad := range []string{"X-Denokv-Version: 1", "X-Denokv-Version: 4", "X-Denokv-Version: x", "X-Denokv-Database-Id: 00000000-0000-0000-0000-000000000000"} {
			name, _, _ := strings.Cut(bad, ":")
			c.headers = []string{bad}
			for _, h := range good {
				if !strings.HasPrefix(h, name) {
					c.headers = append(c.headers, h)
				}
			}
			if got := c.send(path, &datapath.Watch{}, new(datapath.WatchOutput)); got.status != 400 || !strings.Contains(got.body, name) {
				t.Errorf("%s with %s: got %d %s, want 400", path, bad, got.status, got.body)
			}
		}
	}
}

func TestADataTokenReachesWhatItsTokenDoes(t *testing.T) {
	t.Parallel()
	all := newBearer("all", access.Scopes)
	bound := newBearer("bound", access.Scopes, boundTo("mine"))
	reader := newBearer("reader", []access.Scope{access.Read})
	f, authority := mustServeTo(t, all, bound, reader)
	f.must("PUT", "/keys/a", `"a secret"`, all.header())
	if _, got := f.exchange("/", bearer{secret: "guessed"}); got.status != 401 {
		t.Errorf("a token that nobody has: got %d, want 401", got.status)
	}
	mine, other := keyOf(t, `["mine",1]`), keyOf(t, `["a"]`)
	c := f.mustConnect(bound)
	c.mustWrite(set(mine, v8("54")))
	if got := c.get(mine); got == nil {
		t.Error("its own key is not there")
	}
	c.mustWrite(set(keyOf(t, `["mine",3]`), v8("54")))
	for from, want := range map[string]string{`["mine",1]`: `["mine",1]`, `["mine",2]`: `["mine",3]`, `["mine",4]`: ""} {
		found, got := c.read(&datapath.ReadRange{Start: []byte(keyOf(t, from)), End: []byte{0xff}, Limit: 1}) // npm's get
		if got.status != 200 || want == "" && len(found[0]) > 0 || want != "" && !bytes.Equal(found[0][0].GetKey(), []byte(keyOf(t, want))) {
			t.Errorf("npm's get of %s: got %d %s %v, want %q", from, got.status, got.body, found, want)
		}
	}
	for name, got := range map[string]reply{
		"npm's get":   c.send("/v2/snapshot_read", &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Start: []byte(other), End: []byte{0xff}, Limit: 1}}}, new(datapath.SnapshotReadOutput)),
		"get":         c.send("/v2/snapshot_read", &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{just(other)}}, new(datapath.SnapshotReadOutput)),
		"list":        c.send("/v2/eventual/snapshot_read", &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Start: []byte(mine), End: []byte{0xff}, Limit: 2}}}, new(datapath.SnapshotReadOutput)),
		"lists":       c.send("/v2/snapshot_read", &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{just(mine), {End: []byte{0xff}, Limit: 9}}}, new(datapath.SnapshotReadOutput)),
		"set":         c.send("/v2/atomic_write", &datapath.AtomicWrite{Mutations: []*datapath.Mutation{set(other, v8("54"))}}, new(datapath.AtomicWriteOutput)),
		"check":       c.send("/v2/atomic_write", &datapath.AtomicWrite{Checks: []*datapath.Check{{Key: []byte(other)}}}, new(datapath.AtomicWriteOutput)),
		"undelivered": c.send("/v2/atomic_write", &datapath.AtomicWrite{Enqueues: []*datapath.Enqueue{{Payload: v8("54").GetData(), KeysIfUndelivered: [][]byte{[]byte(other)}}}}, new(datapath.AtomicWriteOutput)),
		"watch":       c.send("/v2/watch", &datapath.Watch{Keys: []*datapath.WatchKey{{Key: []byte(other)}}}, new(datapath.WatchOutput)),
		"eventual":    c.send("/v2/eventual/watch", &datapath.Watch{Keys: []*datapath.WatchKey{{Key: []byte(mine)}, {Key: []byte(other)}}}, new(datapath.WatchOutput)),
	} {
		if got.status != 403 || strings.Contains(got.body, "secret") {
			t.Errorf("%s: got %d %q, want 403", name, got.status, got.body)
		}
	}
	readers := f.mustConnect(reader)
	if got := readers.get(other); got == nil {
		t.Error("what may be read is not there")
	}
	if _, got := readers.write(&datapath.AtomicWrite{}); got.status != 403 {
		t.Errorf("a reader that writes: got %d, want 403", got.status)
	}
	admit(authority, all) // and the others are revoked
	if _, got := readers.read(just(other)); got.status != 401 {
		t.Errorf("a revoked token's: got %d %s, want 401", got.status, got.body)
	}
}

func TestADataTokenEndsAndIsNoTicket(t *testing.T) {
	t.Parallel()
	b := newBearer("b", access.Scopes)
	authority := new(access.Authority)
	admit(authority, b)
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Authority, c.DataTokenLife = authority, time.Nanosecond })
	c := f.mustConnect(b)
	if _, got := c.read(); got.status != 401 || !strings.Contains(got.body, "expired") {
		t.Errorf("a token that has ended: got %d %s, want 401", got.status, got.body)
	}
	ticket := decode[api.Ticket](t, f.must("POST", "/ticket", "", b.header())).Ticket
	c.headers[0] = "Authorization: Bearer " + ticket
	if _, got := c.read(); got.status != 401 {
		t.Errorf("a ticket: got %d %s, want 401", got.status, got.body)
	}
	c.headers[0] = b.header()
	if _, got := c.read(); got.status != 200 {
		t.Errorf("the token itself: got %d %s, want 200", got.status, got.body)
	}
}
