// Package httpapi serves the REST API. It puts the rooms together (rooms.go), mounts
// their routes, guards them against pages of elsewhere (origin.go, host.go), describes
// them (openapi.go), and has what a node listens with (listen.go, connections.go).
// Nobody imports it but the node.
//
//	httpapi ──▶ keys, queues, watches, operate    a room for each group of routes
//	                │
//	                ├──▶ wire          what rooms have in common of entries
//	                ├──▶ route/sse     the writer of event streams
//	                └──▶ route         what a route is, what happens to every request
//
// Arrows go down, and never from one room to another: arrows_test.go has them. A room
// gives a route.Room, all of its routes with what they bring along, and is registered
// in rooms.go; no other room has a line about it. Everything that is told of routes,
// from the router to the OpenAPI document, metrics and CORS, is made from those rows,
// so that none of it can say something else than the others.
//
// The table is mounted twice, in two dialects: at "/" and, as the original
// JavaScript client expects it, at Config.BasePath.
package httpapi
