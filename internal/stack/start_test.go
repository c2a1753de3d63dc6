package stack

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// startFake starts a shell script as MinIO.
func startFake(t *testing.T, body string, o Options) (*Stack, error) {
	t.Helper()
	o.MinIO = script(t, t.TempDir(), "minio", body)
	if o.DataDir == "" {
		o.DataDir = t.TempDir()
	}
	o.Parts = []Part{MinIO}
	return Start(t.Context(), o)
}

func TestStart_partThatEndsImmediately(t *testing.T) {
	data := t.TempDir()
	for range 2 { // the second start shows that the first released the lock
		_, err := startFake(t, `echo "disk is broken"; exit 3`, Options{DataDir: data})
		wantError(t, err, "minio stopped (exit status 3)", filepath.Join(data, "logs", "minio.log"), "disk is broken")
	}
}

func TestStart_triesOtherFreePorts(t *testing.T) {
	const taken = `echo x >>"$2-starts"; echo "bind: address already in use"; exit 1`
	tests := map[string]struct {
		ports Ports
		want  int
	}{
		"free ports":   {Ports{}, portAttempts},
		"a fixed port": {Ports{S3: mustFreePort(t)}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			_, err := startFake(t, taken, Options{DataDir: data, Ports: test.ports})
			wantError(t, err, "minio stopped", "already in use")
			starts, err := os.ReadFile(filepath.Join(data, "minio-starts"))
			if got := strings.Count(string(starts), "x"); err != nil || got != test.want {
				t.Errorf("started %d times, %v; want %d", got, err, test.want)
			}
		})
	}
}

func TestStart_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{when: map[string]func(){"waiting for minio (": cancel}}
	dir := t.TempDir()
	var err error
	r := startFamily(t, func(fifo string) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			program := script(t, dir, "minio", `set -- "`+fifo+`"`+"\n"+family)
			_, err = Start(ctx, Options{
				Paths: Paths{MinIO: program}, DataDir: dir, Parts: []Part{MinIO}, Log: log, beat: 500 * time.Millisecond,
			})
		}()
		t.Cleanup(func() {
			<-done
			wantError(t, err, "wait for minio: context canceled", "connection refused", "minio.log")
		})
	})
	wantGone(t, r)
}

func TestStart_withoutAProgram(t *testing.T) {
	_, err := Start(t.Context(), Options{DataDir: t.TempDir(), Parts: []Part{Temporal}})
	wantError(t, err, "start temporal: exec: no command")
}

func TestStart_badFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := t.TempDir()
	lock, err := tryLock(filepath.Join(locked, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	blocked := t.TempDir()
	broken := t.TempDir()
	for _, dir := range []string{filepath.Join(blocked, "lock"), filepath.Join(broken, "minio-certs")} {
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(blocked, "lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "minio-certs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		options Options
		want    string
	}{
		"no data folder":       {Options{}, "Options.DataDir is empty"},
		"a file instead":       {Options{DataDir: file}, "not a directory"},
		"logs in a file":       {Options{DataDir: t.TempDir(), LogDir: file}, "not a directory"},
		"in use":               {Options{DataDir: locked}, locked + " is in use by another process"},
		"a folder as the lock": {Options{DataDir: blocked}, "is a directory"},
		"a file as a folder":   {Options{DataDir: broken, Parts: []Part{MinIO}}, "start minio: mkdir"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), test.options)
			wantError(t, err, "start ", test.want)
		})
	}
}

func TestLoadCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	first, err := loadCredentials(file)
	if err != nil {
		t.Fatal(err)
	}
	if first.AccessKey == "" || len(first.SecretKey) < 16 {
		t.Errorf("generated %+v, want keys that nobody can guess", first)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the keys has mode %v, %v; want it private", info.Mode(), err)
	}
	if again, err := loadCredentials(file); err != nil || again != first {
		t.Errorf("the second call returned %+v, %v; want %+v", again, err, first)
	}
	other, err := loadCredentials(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil || other.SecretKey == first.SecretKey {
		t.Errorf("another folder has the secret %s, %v; want another one", other.SecretKey, err)
	}
	for _, text := range []string{"", "{}", `{"access_key":"iris"}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadCredentials(file)
		wantError(t, err, file, "delete the file")
	}
	_, err = loadCredentials(filepath.Dir(file))
	wantError(t, err, "is a directory")
	_, err = Start(t.Context(), Options{DataDir: brokenKeys(t)})
	wantError(t, err, credentialsFile)
}

// brokenKeys returns a data folder whose file of keys is not valid.
func brokenKeys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, credentialsFile), []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_PROFILE", "work")
	t.Setenv("IRIS_TEST_KEPT", "kept")
	got := environment([]string{"AWS_"}, "AWS_ACCESS_KEY_ID=iris")
	if !slices.Contains(got, "IRIS_TEST_KEPT=kept") || !slices.Contains(got, "AWS_ACCESS_KEY_ID=iris") ||
		slices.Contains(got, "AWS_PROFILE=work") {
		t.Errorf("the environment is %q; want it with the new AWS setting and without the inherited one", got)
	}
}

func TestProgress_beats(t *testing.T) {
	var end func() time.Duration
	beaten := make(chan struct{})
	log := &lines{when: map[string]func(){"waiting for mlflow (": func() { close(beaten) }}}
	end = newProgress(log).during("waiting for mlflow", time.Millisecond)
	<-beaten
	took := end()
	said := log.String()
	if !strings.HasPrefix(said, "waiting for mlflow (0 s)\n") || took <= 0 {
		t.Errorf("it printed %q in %s", said, took)
	}
}

func mustFreePort(t *testing.T) int {
	t.Helper()
	n, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0 s", 12 * time.Second: "12 s", 95 * time.Second: "95 s",
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%s) = %q, want %q", d, got, want)
		}
	}
}
