package datapath_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
)

// Parts of the examples of the protocol's description.
var (
	key   = []byte("\x02a\x00\x02b\x00")
	stamp = []byte("\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00")
	hello = []byte("\xff\x0f\"\x05hello")
	entry = &datapath.KvEntry{Key: key, Value: hello, Encoding: datapath.ValueEncoding_VE_V8, Versionstamp: stamp}
)

func TestMessagesHaveTheBytesOfTheProtocol(t *testing.T) {
	t.Parallel()
	for name, example := range map[string]struct {
		message proto.Message
		digits  string
	}{
		"a get": {
			&datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Start: key, End: append(bytes.Clone(key), 0), Limit: 1}}},
			"0a 13 0a 06 02 61 00 02 62 00 12 07 02 61 00 02 62 00 00 18 01",
		},
		"its answer": {
			&datapath.SnapshotReadOutput{
				Ranges:                   []*datapath.ReadRangeOutput{{Values: []*datapath.KvEntry{entry}}},
				ReadIsStronglyConsistent: true, Status: datapath.SnapshotReadStatus_SR_SUCCESS,
			},
			"0a 23 0a 21 0a 06 02 61 00 02 62 00 12 09 ff 0f 22 05 68 65 6c 6c 6f 18 01 22 0a 00 00 00 00 00 00 00 07 00 00 20 01 40 01",
		},
		"a miss": {
			&datapath.SnapshotReadOutput{
				Ranges: []*datapath.ReadRangeOutput{{}}, ReadIsStronglyConsistent: true, Status: datapath.SnapshotReadStatus_SR_SUCCESS,
			},
			"0a 00 20 01 40 01",
		},
		"a set": {
			&datapath.AtomicWrite{Mutations: []*datapath.Mutation{{
				Key: key, Value: &datapath.KvValue{Data: hello, Encoding: datapath.ValueEncoding_VE_V8}, MutationType: datapath.MutationType_M_SET,
			}}},
			"12 19 0a 06 02 61 00 02 62 00 12 0d 0a 09 ff 0f 22 05 68 65 6c 6c 6f 10 01 18 01",
		},
		"its answer, committed": {
			&datapath.AtomicWriteOutput{Status: datapath.AtomicWriteStatus_AW_SUCCESS, Versionstamp: stamp},
			"08 01 12 0a 00 00 00 00 00 00 00 07 00 00",
		},
		"its answer, a check has failed": {
			&datapath.AtomicWriteOutput{Status: datapath.AtomicWriteStatus_AW_CHECK_FAILURE, FailedChecks: []uint32{0}},
			"08 02 22 01 00",
		},
		"a watch": {
			&datapath.Watch{Keys: []*datapath.WatchKey{{Key: key}}},
			"0a 08 0a 06 02 61 00 02 62 00",
		},
		"its frame": {
			&datapath.WatchOutput{Status: datapath.SnapshotReadStatus_SR_SUCCESS, Keys: []*datapath.WatchKeyOutput{
				{Changed: true, EntryIfChanged: entry}, {Changed: true},
			}},
			"08 01 12 25 08 01 12 21 0a 06 02 61 00 02 62 00 12 09 ff 0f 22 05 68 65 6c 6c 6f 18 01 22 0a 00 00 00 00 00 00 00 07 00 00 12 02 08 01",
		},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(example.digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := proto.MarshalOptions{Deterministic: true}.Marshal(example.message)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v, want %x", name, got, err, want)
		}
	}
}
