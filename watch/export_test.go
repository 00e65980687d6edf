package watch

import "time"

// Park has the tailer park as soon as nobody watches.
func (h *Hub) Park() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = time.Now().Add(-2 * parkAfter)
	h.ring()
}

// Parked tells whether the tailer has parked.
func (h *Hub) Parked() bool { return h.tailPosition() == "" }

// MaxSlow is maxSlow.
const MaxSlow = maxSlow
