//go:build !unix || solaris

package wholefile

// syncDirectory has nothing to do: directories cannot be synced here.
func syncDirectory(string) error { return nil }
