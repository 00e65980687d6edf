package main

import (
	"regexp"
	"strings"
)

// credentials are the name and password in a URL.
var credentials = regexp.MustCompile(`://[^/?#\s]*@`)

// redacted is a command line that may be shown and kept: without a token's secret, whether
// or not it is a flag's value, and without what is before the @ of a URL.
func redacted(args []string, secret string) []string {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = credentials.ReplaceAllString(arg, "://REDACTED@")
		if secret != "" {
			shown[i] = strings.ReplaceAll(shown[i], secret, "REDACTED")
		}
		if i > 0 && args[i-1] == "--token" {
			shown[i] = "REDACTED"
		}
		if strings.HasPrefix(arg, "--token=") {
			shown[i] = "--token=REDACTED"
		}
	}
	return shown
}
