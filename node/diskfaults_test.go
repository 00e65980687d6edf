package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// onASmallDisk runs a test on a node whose database has a disk of its own: embedded, and
// a primary.
func onASmallDisk(t *testing.T, test func(t *testing.T, disk *nodetest.Disk, n *nodetest.NodeProcess)) {
	t.Parallel()
	start := func(t *testing.T, url string) *nodetest.NodeProcess {
		t.Helper()
		n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
			Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: url, Flags: []string{"--cleanup-interval", "1s"}})
		(&deployment{nodes: []*nodetest.NodeProcess{n}}).awaitWhole(t) // a leader needs room to begin
		return n
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		disk := nodetest.MustMountDisk(t, 64<<20)
		test(t, disk, start(t, "file:"+filepath.Join(disk.Dir(), "keyval.db")))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		disk := nodetest.MustMountDisk(t, 64<<20)
		primary := nodetest.MustStartPrimaryIn(t, filepath.Join(disk.Dir(), "sqld"))
		test(t, disk, start(t, primary.HTTPURL()))
	})
}

// refusedOrDone sends what a full disk may refuse. It tells whether it was done, and of how
// many deleted entries.
func refusedOrDone(t *testing.T, n *nodetest.NodeProcess, r request) (done bool, deleted int64) {
	t.Helper()
	status, _, body := r.send(t, n.URL())
	if status != 200 && (status != 507 || !strings.Contains(body, `"code":"storage_full"`)) {
		t.Fatalf("%s %s: got %d %s, want 200 or 507 storage_full", r.method, r.path, status, body)
	}
	var answer struct{ DeletedCount int64 }
	nodetest.Check(t, json.Unmarshal([]byte(body), &answer))
	return status == 200, answer.DeletedCount
}

// squeeze sends a request with ever more room on the disk, until it is done, and leaves the
// disk full. refused is called after each time when there was too little.
func squeeze(t *testing.T, disk *nodetest.Disk, n *nodetest.NodeProcess, r request, refused func(deleted int64)) (deleted int64) {
	t.Helper()
	for room := int64(0); ; room += 64 << 10 {
		nodetest.Check(t, disk.Fill(room))
		done, deleted := refusedOrDone(t, n, r)
		if done {
			nodetest.Check(t, disk.Fill(0))
			return deleted
		}
		refused(deleted)
		nodetest.Check(t, disk.Free())
	}
}

func mustBeDone(t *testing.T, n *nodetest.NodeProcess, r request) {
	t.Helper()
	if done, _ := refusedOrDone(t, n, r); !done {
		t.Fatalf("%s %s: there is no room", r.method, r.path)
	}
}

func TestAnIndexThatFindsNoRoomIsBuiltOnWhenThereIsSome(t *testing.T) {
	onASmallDisk(t, func(t *testing.T, disk *nodetest.Disk, n *nodetest.NodeProcess) {
		fillWithDocuments(t, n.Client, 3000)
		mustBeDone(t, n, request{"POST", "/indexes", `{"prefix":["other"],"fields":["t"]}`})
		mustBeDone(t, n, request{"PUT", "/keys/other/0", `{"t":"large"}`})

		squeeze(t, disk, n, request{"POST", "/indexes", `{"prefix":["docs"],"fields":["t"]}`}, func(int64) {
			if all, err := n.Client.Indexes(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("the indexes are %+v, %v; want nothing of one for which there was no room", all, err)
			}
		})
		await.That(t, "building has found no room", func() bool {
			return strings.Contains(n.Logs(), `job="build full-text indexes" error="the disk of the database is full`)
		})
		if x := documentIndex(t, n.Client); x.State != api.StateBuilding || x.Indexed < 500 {
			t.Errorf("without room the index is %s and has %d entries, want it building with what there was room for", x.State, x.Indexed)
		}
		wantServedWithoutRoom(t, n)

		nodetest.Check(t, disk.Free())
		awaitDocumentIndex(t, n.Client)
		mustBeDone(t, n, request{"PUT", "/keys/docs/0", `{"t":"edited0"}`})
		wantExact(t, n.Client)
	})
}

// wantServedWithoutRoom changes and searches entries on a full disk.
func wantServedWithoutRoom(t *testing.T, n *nodetest.NodeProcess) {
	t.Helper()
	there := 1
	for i := 1; i <= 10; i++ {
		text := strings.Repeat("large ", i*10000)
		refusedOrDone(t, n, request{"PUT", fmt.Sprintf("/keys/docs/%d", 3*i), `{"t":"edited1"}`})
		refusedOrDone(t, n, request{"DELETE", fmt.Sprintf("/keys/docs/%d", 3*i+1), ""})
		if done, _ := refusedOrDone(t, n, request{"PUT", fmt.Sprintf("/keys/other/%d", i), `{"t":"` + text + `"}`}); done {
			there++
		}
		found, err := n.Client.Search(t.Context(), api.SearchRequest{Prefix: api.Key{"other"}, Query: "large"})
		if err != nil || len(found) != there {
			t.Errorf("without room, a search finds %d entries, %v; want %d", len(found), err, there)
		}
		if _, err := n.Client.Search(t.Context(), api.SearchRequest{Prefix: documents, Query: "first1"}); !errors.Is(err, api.IndexBuilding) {
			t.Errorf("a search in what is being built: %v, want %v", err, api.IndexBuilding)
		}
	}
}

func TestADeleteByFilterThatFindsNoRoomSaysHowFarItCame(t *testing.T) {
	onASmallDisk(t, func(t *testing.T, disk *nodetest.Disk, n *nodetest.NodeProcess) {
		mustIndexDocuments(t, n.Client)
		fillWithDocuments(t, n.Client, manyDocuments)
		var told, parts int64
		told += squeeze(t, disk, n, request{"DELETE", "/keys/docs", `{"where":{"gone":true}}`}, func(deleted int64) {
			told += deleted
			parts += min(deleted, 1)
		})
		nodetest.Check(t, disk.Free())
		if told != documentsToGo(manyDocuments) || parts == 0 {
			t.Errorf("%d entries are said to have been deleted, some of them %d times before there was no room; want %d, once at least", told, parts, documentsToGo(manyDocuments))
		}
		if left, err := n.Client.Count(t.Context(), api.CountRequest{Prefix: documents}); err != nil || left != manyDocuments-documentsToGo(manyDocuments) {
			t.Errorf("%d entries are left, %v; want %d", left, err, manyDocuments-documentsToGo(manyDocuments))
		}
		wantExact(t, n.Client)
	})
}
