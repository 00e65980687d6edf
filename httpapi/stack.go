package httpapi

import "net/http"

// withStack gives a request over HTTP/2 the stack that most need, at once and while there
// is next to nothing on it. Each has a goroutine of its own, which otherwise moves to a
// larger stack three times, each time with all that it has: an eighth of what a set
// through KV Connect costs.
func withStack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			growStack(r.ProtoMajor)
		}
		next.ServeHTTP(w, r)
	})
}

// growStack has a stack with room for so much and more. What it does with that is nothing
// that the compiler could leave out.
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	room[i%len(room)] = 1
	return room[(i+1)%len(room)]
}
