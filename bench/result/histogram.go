package result

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Longest is the longest latency that a Histogram holds; longer ones count as this.
const Longest = 10 * time.Minute

// A Histogram is of latencies in nanoseconds, from 1 µs to Longest, three digits exact. Its
// JSON is HdrHistogram's own compressed form (V2, base64), which its tools read. The zero
// value is empty and must not be recorded into; see NewHistogram.
type Histogram struct {
	*hdrhistogram.Histogram
}

// NewHistogram returns an empty one.
func NewHistogram() Histogram {
	return Histogram{hdrhistogram.New(lowest, int64(Longest), digits)}
}

// Record adds one latency.
func (h Histogram) Record(latency time.Duration) {
	_ = h.RecordValue(min(max(int64(latency), 1), int64(Longest))) // within its bounds
}

// At returns the latency of a percentile, 0 to 100, and 0 if nothing was recorded.
func (h Histogram) At(percentile float64) time.Duration {
	if h.Histogram == nil || h.TotalCount() == 0 {
		return 0
	}
	return time.Duration(h.ValueAtQuantile(percentile))
}

// MarshalJSON is HdrHistogram's compressed form as a string.
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Histogram == nil {
		return []byte(`""`), nil
	}
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(encoded))
}

// UnmarshalJSON is the reverse of MarshalJSON. What is no such histogram, or has another
// range or precision, is an error.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var encoded string
	if err := json.Unmarshal(b, &encoded); err != nil {
		return err
	}
	if encoded == "" {
		*h = Histogram{}
		return nil
	}
	if err := checkGeometry(encoded); err != nil {
		return err
	}
	decoded, err := hdrhistogram.Decode([]byte(encoded))
	if err != nil {
		return fmt.Errorf("a histogram is damaged: %w", err)
	}
	h.Histogram = decoded
	return nil
}

// Add records all that another has recorded, which may be the zero value.
func (h Histogram) Add(other Histogram) {
	if other.Histogram != nil {
		h.Merge(other.Histogram) // drops nothing: all have the same bounds
	}
}

// Count is how many latencies were recorded.
func (h Histogram) Count() int64 {
	if h.Histogram == nil {
		return 0
	}
	return h.TotalCount()
}

// Greatest is the longest latency that was recorded, as exact as the others.
func (h Histogram) Greatest() time.Duration { return h.At(100) }
