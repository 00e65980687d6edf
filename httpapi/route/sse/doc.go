// Package sse writes server-sent events.
package sse
