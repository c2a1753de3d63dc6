package stack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris/deploy"
)

const released = "#!/bin/sh\necho the release\n"

// release makes a gzipped tar archive of files.
func release(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var archive bytes.Buffer
	packed := gzip.NewWriter(&archive)
	list := tar.NewWriter(packed)
	for name, content := range files {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := list.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := list.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// pin returns what package deploy would pin for an archive at a URL.
func pin(url string, archive []byte) func(goos, goarch string) (deploy.Archive, bool) {
	sum := sha256.Sum256(archive)
	return func(string, string) (deploy.Archive, bool) {
		return deploy.Archive{URL: url, SHA256: hex.EncodeToString(sum[:])}, true
	}
}

func TestInstall_download(t *testing.T) {
	good := release(t, map[string]string{"LICENSE": "MIT", "temporal": released})
	empty := release(t, map[string]string{"LICENSE": "MIT"})
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) })
	tests := map[string]struct {
		serve    http.HandlerFunc
		pinned   []byte
		compiled string // what the log says of why the part was compiled; empty if the release was installed
	}{
		"right archive": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }, good, "",
		},
		"right archive after a redirect": {
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					_, _ = w.Write(good)
					return
				}
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}, good, "",
		},
		"wrong hash": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) }, []byte("another"), "refused http",
		},
		"no such release": {http.NotFound, good, "404 Not Found"},
		"an archive without the program": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(empty) }, empty, "it does not contain temporal",
		},
		"not an archive": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("sign in")) }, []byte("sign in"), "unpack http",
		},
		"a broken archive": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good[:40]) }, good[:40], "unexpected EOF",
		},
		"a host that answers nothing": {
			func(http.ResponseWriter, *http.Request) { <-silent }, good, "no data in time",
		},
		"a host that stops in between": {
			func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(good[:10])
				_ = http.NewResponseController(w).Flush()
				<-silent
			}, good, "no data in time",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tools(t, map[string]string{"go": fakeGo})
			server := httptest.NewServer(test.serve)
			t.Cleanup(server.CloseClientConnections)
			var log lines
			dir := t.TempDir()
			paths, err := Install(t.Context(), InstallOptions{
				Dir: dir, Parts: []Part{Temporal}, Download: true, Log: &log,
				silence: 500 * time.Millisecond, archive: pin(server.URL+"/temporal.tar.gz", test.pinned),
			})
			if err != nil {
				t.Fatal(err)
			}
			program, err := os.ReadFile(paths.Temporal)
			if err != nil {
				t.Fatal(err)
			}
			said := log.String()
			if test.compiled == "" {
				if string(program) != released || strings.Contains(said, "compiling") {
					t.Errorf("%q is installed, want the release; the log says %q", program, said)
				}
				if info, err := os.Stat(paths.Temporal); err != nil || info.Mode().Perm()&0o111 != 0o111 {
					t.Errorf("the program has mode %v, %v; want it executable", info.Mode(), err)
				}
			} else if !strings.Contains(string(program), "github.com/temporalio/cli") ||
				!strings.Contains(said, test.compiled) || !strings.Contains(said, "compiling temporal v") {
				t.Errorf("%q is installed, want it compiled; the log %q does not say %q", program, said, test.compiled)
			}
			files, err := os.ReadDir(filepath.Dir(paths.Temporal))
			if err != nil || len(files) != 1 {
				t.Errorf("the part holds %v, %v; want the program alone", files, err)
			}
		})
	}
}

// Nothing listens on the address: the machine has no network, and the part is compiled.
func TestInstall_downloadWithoutNetwork(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var log lines
	paths, err := Install(t.Context(), InstallOptions{
		Dir: t.TempDir(), Parts: []Part{Temporal}, Download: true, Log: &log, archive: pin(server.URL, nil),
	})
	if err != nil || !exists(paths.Temporal) {
		t.Fatalf("Install returned %+v, %v; want it compiled", paths, err)
	}
	if said := log.String(); !strings.Contains(said, "connection refused: compiling temporal v") {
		t.Errorf("the log is %q, want it to say why it compiles", said)
	}
}

func TestInstall_downloadsOnlyWhatIsPinnedAndWanted(t *testing.T) {
	tools(t, map[string]string{"go": fakeGo})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request was made")
	}))
	t.Cleanup(server.Close)
	unpinned := func(string, string) (deploy.Archive, bool) { return deploy.Archive{URL: server.URL}, false }
	for name, o := range map[string]InstallOptions{
		"not wanted":                 {Parts: []Part{Temporal}, archive: pin(server.URL, nil)},
		"a platform without a hash":  {Parts: []Part{Temporal}, Download: true, archive: unpinned},
		"a part without any release": {Parts: []Part{MinIO}, Download: true, archive: pin(server.URL, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			o.Dir = t.TempDir()
			if _, err := Install(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
}
