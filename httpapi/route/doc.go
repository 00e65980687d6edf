// Package route is the frame of the HTTP API.
package route
