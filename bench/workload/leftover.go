package workload

import "net/url"

// Leftover are the targets below a server's URL whose DELETE removes what a workload leaves
// where Clean could not.
func Leftover(name string, s Settings) []string {
	path, err := s.Prefix.Path()
	if err != nil {
		return nil // and so it was refused, and has left nothing
	}
	prefix := "?prefix=" + url.QueryEscape(path)
	targets := []string{"/keys" + prefix}
	switch name {
	case "queue":
		messages := "/queue/messages?queue=" + queueName(path)
		targets = append(targets, messages, messages+"&state=processing", "/queue/dlq?queue="+queueName(path))
	case "search":
		targets = append([]string{"/indexes" + prefix}, targets...)
	}
	return targets
}
