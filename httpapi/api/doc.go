// Package api is the wire contract in Go: the JSON bodies of every route, the
// keys in their JSON and URL forms, the names of headers, and the error codes
// with their statuses. The server and the Go client share it; it needs only the
// standard library. docs/api.md is the same contract in prose.
//
// Values travel as json.RawMessage, byte for byte. Durations are integer
// milliseconds, times are Unix milliseconds. A zero field of a request is left
// out, which means the route's default, unless its comment says otherwise.
package api
