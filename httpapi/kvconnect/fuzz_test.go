package kvconnect

import (
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
)

// messages are those that requests have, with their repeated fields.
var messages = []struct {
	make   func() proto.Message
	fields []repeated
}{
	{func() proto.Message { return new(datapath.SnapshotRead) }, readFields},
	{func() proto.Message { return new(datapath.AtomicWrite) }, writeFields},
	{func() proto.Message { return new(datapath.Watch) }, watchFields},
}

// The examples of the protocol's description.
var examples = []string{
	"0a130a0602610002620012070261000262000018 01",
	"12190a060261000262001 20d0a09ff0f220568656c6c6f10011801",
	"0a080a06026100026200",
	"0a0c0a06026100026200120212 34",
	"1a0f0a03ff0f5410 0a 1a0302610022020102",
	"",
}

func FuzzUnmarshal(f *testing.F) {
	for _, digits := range examples {
		body, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	room := &room{limits: newLimits(0)}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range messages {
			message := m.make()
			if err := unmarshal(body, message, m.fields); err != nil {
				continue
			}
			if write, ok := message.(*datapath.AtomicWrite); ok {
				op, _, err := room.operation(&datapath.AtomicWrite{Checks: write.GetChecks(), Mutations: write.GetMutations()}, nil)
				if err == nil && len(op.Mutations) != len(write.GetMutations()) {
					t.Errorf("%x: got %d of %d mutations", body, len(op.Mutations), len(write.GetMutations()))
				}
				for _, e := range write.GetEnqueues() {
					_, _ = room.message(e, 0)
				}
			}
		}
	})
}

func TestAMessageTakesNoMoreThanItsOwnSizeAgain(t *testing.T) {
	const size = 1 << 20
	field := func(number byte) string { return string([]byte{number<<3 | 2, 0}) }
	for name, body := range map[string]string{
		"of empty ranges, checks or keys": strings.Repeat(field(1), size/2),
		"of empty mutations":              strings.Repeat(field(2), size/2),
		"of empty enqueues":               strings.Repeat(field(3), size/2),
		"of unknown fields":               strings.Repeat("\x78\x01", size/2),
		"of one field again and again":    "\x12\x80\x80\x40" + strings.Repeat("\x0a\x00", size/2),
		"of groups in groups":             strings.Repeat("\x7b", size),
		"of an unpacked schedule":         "\x1a\x80\x80\x40" + strings.Repeat("\x20\x01", size/2),
		"of a packed schedule":            "\x1a\x84\x80\x40\x22\x80\x80\x40" + strings.Repeat("\x01", size),
		"of one large value":              "\x12\x88\x80\x40\x12\x84\x80\x40\x0a\x80\x80\x40" + strings.Repeat("x", size),
	} {
		for _, m := range messages {
			var before, after runtime.MemStats
			message := m.make()
			runtime.ReadMemStats(&before)
			_ = unmarshal([]byte(body), message, m.fields)
			runtime.ReadMemStats(&after)
			// The body itself is one copy, made by the conversion here.
			if took := after.TotalAlloc - before.TotalAlloc; took > 2*size+size/8 {
				t.Errorf("%s: %T takes %d bytes of %d", name, message, took, len(body))
			}
		}
	}
}
