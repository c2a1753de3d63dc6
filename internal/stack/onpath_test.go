package stack

import (
	"fmt"
	"path/filepath"
	"testing"

	"iris/deploy"
)

func TestInstall_usesAFittingProgramOnPath(t *testing.T) {
	tests := map[string]struct {
		part   Part
		script string
		fits   bool
	}{
		"temporal, the same": {
			Temporal, `echo "temporal version ` + deploy.TemporalVersion()[1:] + ` (Server 1.29.1, UI 2.42.1)"`, true,
		},
		"temporal, later":         {Temporal, `echo "temporal version 1.12.0 (Server 1.40.0)"`, true},
		"temporal, earlier":       {Temporal, `echo "temporal version 1.4.9 (Server 1.28.0)"`, false},
		"temporal, another major": {Temporal, `echo "temporal version 2.0.0 (Server 2.0.0)"`, false},
		"temporal, from source":   {Temporal, `echo "temporal version 0.0.0-DEV (Server 1.29.1)"`, false},
		"temporal, broken":        {Temporal, `exit 1`, false},
		"minio, later":            {MinIO, `echo "minio version RELEASE.2099-01-02T03-04-05Z (commit-id=1)"`, true},
		"minio, earlier":          {MinIO, `echo "minio version RELEASE.2025-09-07T16-13-09Z (commit-id=1)"`, false},
		"minio, from source":      {MinIO, `echo "minio version DEVELOPMENT.GOGET (commit-id=DEVELOPMENT.GOGET)"`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bin := tools(t, map[string]string{"go": fakeGo, string(test.part): test.script})
			dir := t.TempDir()
			paths, err := Install(t.Context(), InstallOptions{Dir: dir, Parts: []Part{test.part}})
			if err != nil {
				t.Fatal(err)
			}
			got := paths.Temporal + paths.MinIO
			if used := got == filepath.Join(bin, string(test.part)); used != test.fits {
				t.Errorf("Install returned %s; used from PATH: %t, want %t", got, used, test.fits)
			}
		})
	}
}

func TestMinIODate(t *testing.T) {
	tests := map[string]string{
		"v0.0.0-20260212201848-7aac2a2c5b7c":                    "20260212201848",
		"minio version RELEASE.2026-03-01T10-20-30Z (commit-id": "20260301102030",
		"(devel)": "",
		"":        "",
		"v1.2.3":  "",
	}
	for version, want := range tests {
		if got := minioDate(version); got != want {
			t.Errorf("minioDate(%q) = %q, want %q", version, got, want)
		}
	}
	if minioDate(deploy.MinIOVersion()) == "" {
		t.Errorf("the pinned version %q has no date", deploy.MinIOVersion())
	}
}

func TestNotOlder(t *testing.T) {
	tests := []struct {
		version, pinned string
		want            bool
	}{
		{"v1.5.1", "v1.5.1", true},
		{"v1.5.10", "v1.5.9", true},
		{"v1.10.0", "v1.9.9", true},
		{"v1.5.0", "v1.5.1", false},
		{"v1.4.9", "v1.5.1", false},
		{"v1.5.1-rc.1", "v1.5.1", false},
		{"(devel)", "v1.5.1", false},
		{"v1.5.1", "(devel)", false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s against %s", test.version, test.pinned), func(t *testing.T) {
			if got := notOlder(temporalVersion, test.version, test.pinned); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// A program from `go install` does not print its version, but its build information contains it.
func TestModuleVersion_ofTheInstalledParts(t *testing.T) {
	paths := installed(t)
	if got, want := moduleVersion(paths.MinIO, "github.com/minio/minio"), deploy.MinIOVersion(); got != want {
		t.Errorf("minio is version %q, want %q", got, want)
	}
	if got := moduleVersion(paths.MinIO, "github.com/temporalio/cli"); got != "" {
		t.Errorf("minio is taken for temporal %q", got)
	}
	if !temporalFits(t.Context(), paths.Temporal) || !minioFits(t.Context(), paths.MinIO) {
		t.Errorf("%s or %s does not fit, but both are the pinned versions", paths.Temporal, paths.MinIO)
	}
}
