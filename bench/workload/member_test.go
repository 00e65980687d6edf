package workload

import "testing"

func TestTheFirstMemberOfANameIsFound(t *testing.T) {
	body := []byte(`{"message":{"xid":"0","value":{"id":7,"text":"id"},"id":"1","receipt":"a-B"},"id":"2"}`)
	for name, want := range map[string]string{"id": "1", "receipt": "a-B", "queue": ""} {
		if got := string(member(body, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
