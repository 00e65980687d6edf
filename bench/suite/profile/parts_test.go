package profile

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// recorded is a profile of stacks, the innermost function first, of a millisecond each.
func recorded(t *testing.T, stacks ...[]string) *bytes.Buffer {
	t.Helper()
	p := &profile.Profile{
		SampleType:    []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		DurationNanos: int64(time.Second),
	}
	for _, stack := range stacks {
		s := &profile.Sample{Value: []int64{1, int64(time.Millisecond)}}
		for _, name := range stack {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			s.Location = append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestTheInnermostFunctionThatBelongsToAPartDecides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want  string
		stack []string
	}{
		{parts[0].name, []string{"runtime.memclrNoHeapPointers", "runtime.mallocgc", "modernc.org/libc.Xmalloc", "database/sql.(*Rows).Next"}},
		{parts[1].name, []string{"runtime.futex", "runtime.findRunnable", "runtime.schedule", "runtime.mcall"}},
		{parts[2].name, []string{"syscall.write", "internal/poll.(*FD).Write", "net.(*conn).Write", "net/http.(*conn).serve"}},
		{parts[3].name, []string{"modernc.org/sqlite/lib._sqlite3Step", "database/sql.(*Rows).Next", "github.com/buntime/keyval/internal/sqldb.readRows"}},
		{parts[4].name, []string{"database/sql.(*Rows).Next", "github.com/buntime/keyval/internal/sqldb.readRows"}},
		{parts[5].name, []string{"sync.(*Mutex).Lock", "github.com/buntime/keyval/kv.(*Store).Get", "github.com/buntime/keyval/httpapi/keys.(*room).getKey"}},
		{parts[6].name, []string{"context.WithTimeout", "github.com/buntime/keyval/httpapi/route.(*Call).context", "net/http.(*conn).serve"}},
		{parts[7].name, []string{"bufio.(*Reader).Peek", "net/http.(*conn).readRequest"}},
		{rest, []string{"main.main"}},
	} {
		p, err := Read(recorded(t, test.stack))
		if err != nil {
			t.Fatal(err)
		}
		if p.Parts[test.want] != time.Millisecond || p.Lasted != time.Second {
			t.Errorf("%v: got %v, want all in %q", test.stack, p.Parts, test.want)
		}
	}
}

func TestWhatIsNoProfileOfProcessorTimeIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Read(bytes.NewBufferString("no profile")); err == nil {
		t.Error("text: no error")
	}
	var b bytes.Buffer
	if err := (&profile.Profile{SampleType: []*profile.ValueType{{Type: "space", Unit: "bytes"}}}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&b); err == nil {
		t.Error("a profile of memory: no error")
	}
}
