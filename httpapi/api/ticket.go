package api

// Ticket answers POST /ticket: it stands for a token on one request for a stream.
type Ticket struct {
	Ticket    string `json:"ticket"`
	ExpiresAt int64  `json:"expiresAt"` // Unix milliseconds
}
