package wire

import "github.com/buntime/keyval/httpapi/api"

// Codes that reads and writes of the database may be answered with.
var (
	ReadErrors  = []api.Code{api.TooManyRequests, api.Unavailable, api.Timeout}
	WriteErrors = []api.Code{api.TooManyRequests, api.StorageFull, api.Unavailable, api.CommitUnknown, api.Timeout}
)

// MaxValueBody is how much is read of a body that is a value, or little more. The
// limit of the value does not count insignificant white space: indented, a value is
// often three times as long.
func MaxValueBody(maxValueBytes int) int64 { return 4*int64(maxValueBytes) + 64<<10 }
