package stack

import (
	"context"
	"debug/buildinfo"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"iris/deploy"
)

// Install uses a program on PATH if it is at least as new as the pinned version. A program from `go install` does not
// print its version, but its build information contains it. A released one prints it.

// versionTimeout bounds how long a program may take to print its version.
const versionTimeout = 20 * time.Second

var (
	temporalVersion = regexp.MustCompile(`^(?:temporal version )?v?1\.(\d+)\.(\d+)(?:\s|$)`)
	minioRelease    = regexp.MustCompile(`^minio version RELEASE\.(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)Z`)
	pseudoVersion   = regexp.MustCompile(`^v0\.0\.0-(\d{14})-[0-9a-f]{12}$`)
)

// temporalFits accepts every later 1.x version: they keep the flags of `server start-dev`.
func temporalFits(ctx context.Context, program string) bool {
	version := moduleVersion(program, "github.com/temporalio/cli")
	if !temporalVersion.MatchString(version) {
		version = versionLine(ctx, program)
	}
	return notOlder(temporalVersion, version, deploy.TemporalVersion())
}

// minioFits accepts releases and builds from source that are not older than the pinned commit.
func minioFits(ctx context.Context, program string) bool {
	pinned := minioDate(deploy.MinIOVersion())
	date := minioDate(moduleVersion(program, "github.com/minio/minio"))
	if date == "" {
		date = minioDate(versionLine(ctx, program))
	}
	return date != "" && date >= pinned
}

// minioDate returns the UTC time in a pseudo-version or in the version line of a release, as 20060102150405. It returns
// "" for any other text.
func minioDate(version string) string {
	if m := pseudoVersion.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	date := ""
	if m := minioRelease.FindStringSubmatch(version); m != nil {
		for _, digits := range m[1:] {
			date += digits
		}
	}
	return date
}

// notOlder reports whether version is at least pinned. It compares the numbers that the pattern finds in both.
func notOlder(pattern *regexp.Regexp, version, pinned string) bool {
	have, want := pattern.FindStringSubmatch(version), pattern.FindStringSubmatch(pinned)
	if have == nil || want == nil {
		return false
	}
	for i := 1; i < len(want); i++ {
		h, _ := strconv.Atoi(have[i]) // never fails: the pattern matches digits only
		w, _ := strconv.Atoi(want[i])
		if h != w {
			return h > w
		}
	}
	return true
}

// moduleVersion returns the version of the module from which a Go program was built, or "" for a program of another
// module.
func moduleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil || info.Main.Path != module {
		return ""
	}
	return info.Main.Version
}

// versionLine returns what a program prints for --version.
func versionLine(ctx context.Context, program string) string {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return ""
	}
	return string(out)
}
