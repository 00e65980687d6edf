package profiles

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// ask takes a profile and returns the status of the answer.
func ask(h http.Handler, target string) int {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
	return answer.Code
}

func TestWhatWaitsIsNotedOnlyWhileOneLooks(t *testing.T) {
	t.Parallel()
	noting, times := false, 0
	begun, end := make(chan struct{}), make(chan struct{})
	p := &waits{
		note: func(on bool) { noting, times = on, times+1 },
		profile: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if !noting {
				t.Error("nothing is noted while the profile is taken")
			}
			begun <- struct{}{}
			<-end
		}),
	}
	if got := ask(p, "/block"); got != http.StatusBadRequest || times != 0 {
		t.Errorf("without seconds: got %d, and noting was changed %d times", got, times)
	}
	first := make(chan int)
	go func() { first <- ask(p, "/block?seconds=1") }()
	<-begun
	if got := ask(p, "/block?seconds=1"); got != http.StatusConflict || !noting {
		t.Errorf("a second one at a time: got %d, noting %t", got, noting)
	}
	end <- struct{}{}
	if got := <-first; got != http.StatusOK || noting {
		t.Errorf("the first one: got %d, noting %t", got, noting)
	}
}
