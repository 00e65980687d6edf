package kvconnect

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/kv"
)

func TestEntriesAreEncodedAsTheirMessagesAre(t *testing.T) {
	t.Parallel()
	entry := func(key kv.Key, value string) kv.Entry {
		return kv.Entry{Key: key, Value: []byte(value), Versionstamp: "00000000000000070000"}
	}
	long := `"` + strings.Repeat("x", 1<<20) + `"`
	for _, entries := range [][]kv.Entry{
		nil,
		{entry("\x02a\x00", `"hello"`)},
		{entry("\x00", `{"__type":"u64","value":"7"}`), entry("\xff", `{"__type":"bytes","value":"AA=="}`)},
		{entry("\x02a\x00", long), entry("\x02b\x00", `[1,2]`), entry("\x02c\x00", long)},
	} {
		var want datapath.SnapshotReadOutput
		got := appendOutput([]byte("before"), [][]kv.Entry{entries, nil, entries}, true)
		if err := proto.Unmarshal(got[len("before"):], &want); err != nil {
			t.Fatal(err)
		}
		canonical, err := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
		if err != nil || !bytes.Equal(got[len("before"):], canonical) {
			t.Errorf("%d entries: got %.100x, want %.100x, %v", len(entries), got, canonical, err)
		}
		if len(want.GetRanges()) != 3 || len(want.GetRanges()[2].GetValues()) != len(entries) || !want.GetReadIsStronglyConsistent() || want.GetStatus() != datapath.SnapshotReadStatus_SR_SUCCESS {
			t.Errorf("got %.1000s", want.String())
		}
	}
}
