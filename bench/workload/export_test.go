package workload

// QueueName is the queue of a "queue" with these settings.
func QueueName(s Settings) string {
	path, err := s.Prefix.Path()
	if err != nil {
		return err.Error()
	}
	return queueName(path)
}
