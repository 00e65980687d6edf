//go:build unix && !solaris

package wholefile

import "os"

// syncDirectory makes a rename last.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
