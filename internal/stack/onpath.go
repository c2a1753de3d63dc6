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

// A program on PATH is used when it is at least as new as the pinned version. Programs that `go install` made do not
// know their own version, but their build information does; released ones print it.

// versionTimeout bounds asking a program for its version.
const versionTimeout = 20 * time.Second

var (
	temporalVersion = regexp.MustCompile(`^(?:temporal version )?v?1\.(\d+)\.(\d+)(?:\s|$)`)
	minioRelease    = regexp.MustCompile(`^minio version RELEASE\.(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)Z`)
	pseudoVersion   = regexp.MustCompile(`^v0\.0\.0-(\d{14})-[0-9a-f]{12}$`)
)

// temporalFits accepts every later 1.x release: they keep the flags of `server start-dev`.
func temporalFits(ctx context.Context, program string) bool {
	version := moduleVersion(program, "github.com/temporalio/cli")
	if !temporalVersion.MatchString(version) {
		version = versionLine(ctx, program)
	}
	return notOlder(temporalVersion, version, deploy.TemporalVersion())
}

// minioFits accepts releases and builds from source whose date is not before the pinned commit's.
func minioFits(ctx context.Context, program string) bool {
	pinned := minioDate(deploy.MinIOVersion())
	date := minioDate(moduleVersion(program, "github.com/minio/minio"))
	if date == "" {
		date = minioDate(versionLine(ctx, program))
	}
	return date != "" && date >= pinned
}

// minioDate is the UTC time, as 20060102150405, that a pseudo-version or a release's version line holds; "" for others.
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

// notOlder compares the numbers that the pattern finds in two versions, most significant first.
func notOlder(pattern *regexp.Regexp, version, pinned string) bool {
	have, want := pattern.FindStringSubmatch(version), pattern.FindStringSubmatch(pinned)
	if have == nil || want == nil {
		return false
	}
	for i := 1; i < len(want); i++ {
		h, _ := strconv.Atoi(have[i]) // the pattern takes digits only
		w, _ := strconv.Atoi(want[i])
		if h != w {
			return h > w
		}
	}
	return true
}

// moduleVersion is the version of the module that a Go program was built from, or "" when it is another module's.
func moduleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil || info.Main.Path != module {
		return ""
	}
	return info.Main.Version
}

// versionLine is what the program prints when asked for its version.
func versionLine(ctx context.Context, program string) string {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return ""
	}
	return string(out)
}
