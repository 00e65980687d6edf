package result

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// ThisMachine describes where this process runs; keyval is its own version. What the system
// does not tell is left out.
func ThisMachine(keyval string) Machine {
	return Machine{
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		CPU:         procField("/proc/cpuinfo", "model name"),
		Cores:       runtime.NumCPU(),
		MemoryBytes: memory(procField("/proc/meminfo", "MemTotal")),
		Go:          runtime.Version(),
		Keyval:      keyval,
	}
}

// memory reads Linux's "16384 kB".
func memory(text string) int64 {
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// procField is the first value of a name in one of Linux's files of "name: value" lines.
func procField(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if found, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(found) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
