package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// buildVersion is set by the linker where the source has no version control:
// -ldflags "-X main.buildVersion=v1.2.3".
var buildVersion string

// version is the module's version as built, or what the build knows of it.
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

type versionCmd struct{}

func (versionCmd) Run(p process) error {
	_, err := fmt.Fprintf(p.stdout, "keyval %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
