// Package httpapi serves the REST API.
//
// One table of routes (Route) says everything about a route: method, pattern,
// parameters with their limits, shapes of request and answer, error codes, and
// the function that serves it. The router, the refusal of parameters and members
// that a route does not know, metrics labels and the OpenAPI document all come
// from that table, so none of them can say something else than the others.
//
// Every request goes through one place (endpoint.go) that owns the request id,
// the deadline, the span, the metrics, panics and the rendering of errors. What
// is left for a route is to decode, call and encode:
//
//   - A request is decoded strictly. A parameter or a body member that the route
//     does not know is refused by name, and so is one given twice: a typo must
//     not become an empty commit or an entry that never expires.
//   - Values are never decoded. They travel as the bytes that ParseValue checked.
//   - An answer is rendered into one buffer and written at once, so that an error
//     found while rendering is still an error and not a torn answer.
//
// The table is mounted twice, in two dialects: at "/" and, as the original
// JavaScript client expects it, at Config.BasePath.
//
// The package does not listen; NewServer makes the http.Server that a node runs.
package httpapi
