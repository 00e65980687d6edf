package httpapi

import "fmt"

// EntityTags is how a header of these lines compares weakly, as a text, and whether
// it is one.
func EntityTags(lines ...string) (string, bool) {
	versions, err := parseEntityTags("If-Match", lines, true)
	if err != nil {
		return "", false
	}
	return fmt.Sprint(*versions), true
}
