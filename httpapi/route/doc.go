// Package route is the frame of the API: what a route is, and what happens to every
// request whatever its route does. It knows no entry, queue or watch; what it needs to
// know of those, rooms tell it as data. It imports package api and nothing of ours above.
//
// A Route is a row that says everything about a route: method, pattern, parameters with
// their limits, shapes of request and answer, error codes, and the function that serves
// it. Every request goes through one place (endpoint.go) that owns the request id,
// the deadline, the span, the metrics, panics and the rendering of errors. What
// is left for a route is to decode, call and encode:
//
//   - A request is decoded strictly. A parameter is refused by name if it is not in
//     the row; a member of a body if it is not in the Members that the route gives the
//     Decoder, which are those that the document shows; and so is one given twice: a
//     typo must not become an empty commit or an entry that never expires. What a known
//     member is read into is said by a switch of the route.
//   - Values are never decoded. They travel as the bytes that came.
//   - An answer is rendered into one buffer and written at once, so that an error
//     found while rendering is still an error and not a torn answer.
//
// An error is a Refusal, which has its code, or has a row among those that rooms
// bring; any other is a bug, answered with 500 and logged.
package route
