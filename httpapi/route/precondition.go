package route

// Preconditions are the headers that a request must not have where they would be
// ignored: a route that honours one has it among its headers. RFC 9110 has a server
// that knows no dates of modification ignore the others.
var Preconditions = [...]string{"If-Match", "If-None-Match"}

// checkPreconditions refuses those that the route does not honour.
func (c *Call) checkPreconditions() error {
	for _, name := range Preconditions {
		if c.Request.Header[name] != nil && !c.Route.TakesHeader(name) {
			return InvalidArgument("%s %s does not honour %s; send the request without it", c.Route.Method, c.Route.Name(), name)
		}
	}
	return nil
}
