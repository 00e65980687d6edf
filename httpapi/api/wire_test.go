package api

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestRequestsLeaveOutWhatIsNotSaid(t *testing.T) {
	for _, tc := range []struct {
		request any
		want    string
	}{
		{ListRequest{}, `{}`},
		{ListRequest{Prefix: Key{}}, `{"prefix":[]}`},
		{PaginateRequest{ListRequest: ListRequest{Prefix: Key{"a"}, Limit: 5}, Cursor: "c"}, `{"prefix":["a"],"limit":5,"cursor":"c"}`},
		{DeleteKeyRequest{Exact: new(bool)}, `{"exact":false}`},
		{AtomicRequest{}, `{}`},
		{Check{Key: Key{"a"}}, `{"key":["a"],"versionstamp":null}`},
		{Mutation{Type: MutationDelete, Key: Key{"a"}}, `{"type":"delete","key":["a"]}`},
		{
			Mutation{Type: MutationSet, Key: Key{"a"}, Value: json.RawMessage(`null`), ExpireIn: 5},
			`{"type":"set","key":["a"],"value":null,"expireIn":5}`,
		},
		{TransactionRequest{Reads: []Read{{Key: Key{"a"}}, {Prefix: Key{}}}}, `{"reads":[{"key":["a"]},{"prefix":[]}]}`},
		{EnqueueRequest{Value: json.RawMessage(`1`)}, `{"value":1}`},
		{
			EnqueueRequest{Value: json.RawMessage(`1`), Options: EnqueueOptions{BackoffSchedule: []int64{}}},
			`{"value":1,"options":{"backoffSchedule":[]}}`,
		},
		{NackRequest{Delay: new(int64)}, `{"delay":0}`},
	} {
		got, err := json.Marshal(tc.request)
		if err != nil || string(got) != tc.want {
			t.Errorf("Marshal(%#v) = %s, %v, want %s", tc.request, got, err, tc.want)
		}
	}
}

func TestAnswersSurviveTheWire(t *testing.T) {
	cursor := "c"
	entry := Entry{Key: Key{"a", 1.0}, Value: json.RawMessage(`1.50`), Versionstamp: "00000000000000000001", ExpiresAt: 5}
	missing := Entry{Key: Key{"b"}, Value: json.RawMessage(`null`)}
	for _, tc := range []struct {
		answer any
		want   string
	}{
		{&entry, `{"key":["a",1],"value":1.50,"versionstamp":"00000000000000000001","expiresAt":5}`},
		{&missing, `{"key":["b"],"value":null,"versionstamp":null}`},
		{&Page{Entries: []Entry{}}, `{"entries":[],"cursor":null,"hasMore":false}`},
		{&Page{Entries: []Entry{missing}, Cursor: &cursor, HasMore: true},
			`{"entries":[{"key":["b"],"value":null,"versionstamp":null}],"cursor":"c","hasMore":true}`},
		{&AtomicResult{Conflicts: []Conflict{{Key: Key{"b"}}}}, `{"ok":false,"conflicts":[{"key":["b"],"versionstamp":null}]}`},
		{&TransactionResult{OK: true, Versionstamp: "v", Reads: []ReadResult{{Entry: &missing}, {Entries: []Entry{missing}}, {Entries: []Entry{}}}},
			`{"ok":true,"versionstamp":"v","reads":[{"key":["b"],"value":null,"versionstamp":null},[{"key":["b"],"value":null,"versionstamp":null}],[]]}`},
		{&TransactionResult{Error: TransactionSnapshotTooOld}, `{"ok":false,"error":"snapshot_too_old"}`},
		{&DequeueResult{}, `{"message":null}`},
		{&QueueStats{QueueCounts: QueueCounts{Pending: 1, Total: 1}, Queues: map[string]QueueCounts{}},
			`{"pending":1,"delayed":0,"processing":0,"dlq":0,"total":1,"queues":{}}`},
		{&WatchPollResult{Entries: []Entry{}, Versionstamps: []string{""}}, `{"entries":[],"versionstamps":[""]}`},
	} {
		got, err := json.Marshal(tc.answer)
		if err != nil || string(got) != tc.want {
			t.Errorf("Marshal(%#v) = %s, %v, want %s", tc.answer, got, err, tc.want)
		}
		again := reflect.New(reflect.TypeOf(tc.answer).Elem())
		if err := json.Unmarshal(got, again.Interface()); err != nil || !reflect.DeepEqual(again.Interface(), tc.answer) {
			t.Errorf("Unmarshal(%s) = %#v, %v", got, again.Elem(), err)
		}
	}
}
