package sse

// AppendEvent renders an event.
var AppendEvent = appendEvent
