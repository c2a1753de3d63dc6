package modelcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"time"
)

// artifactOf returns an artifact of size bytes and its digest.
func artifactOf(fill byte, size int) (sum string, b []byte) {
	b = bytes.Repeat([]byte{fill}, size)
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:]), b
}

func put(t *testing.T, d *Dir, fill byte, size int) (sum string) {
	t.Helper()
	sum, b := artifactOf(fill, size)
	if err := d.Put(sum, b); err != nil {
		t.Fatal(err)
	}
	return sum
}

// use sets when an artifact was used last.
func use(t *testing.T, d *Dir, sum string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago)
	if err := os.Chtimes(d.artifact(sum), at, at); err != nil {
		t.Fatal(err)
	}
}

func has(d *Dir, sums ...string) (found []bool) {
	for _, sum := range sums {
		_, err := os.Stat(d.artifact(sum))
		found = append(found, err == nil)
	}
	return found
}

func TestDir_keepsArtifacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "yet", "there")
	sum := put(t, New(path, 1000), 'a', 100)
	d := New(path, 1000) // another process
	b, ok := d.Get(sum)
	if !ok || len(b) != 100 {
		t.Errorf("%d bytes, %v", len(b), ok)
	}
	other, _ := artifactOf('b', 100)
	for _, name := range []string{other, "", "../served.json", "abc"} {
		if _, ok := d.Get(name); ok {
			t.Errorf("Get(%q) found something", name)
		}
	}
}

func TestDir_removesADamagedArtifact(t *testing.T) {
	d := New(t.TempDir(), 1000)
	for name, damage := range map[string]func([]byte) []byte{
		"a changed byte": func(b []byte) []byte { b[50] ^= 1; return b },
		"cut":            func(b []byte) []byte { return b[:99] },
		"empty":          func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			sum := put(t, d, 'a', 100)
			b, err := os.ReadFile(d.artifact(sum))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.artifact(sum), damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, ok := d.Get(sum); ok {
				t.Error("a damaged artifact was returned")
			}
			if has(d, sum)[0] {
				t.Error("a damaged artifact stays")
			}
		})
	}
}

func TestDir_isBounded(t *testing.T) {
	d := New(t.TempDir(), 300)
	first, second, third := put(t, d, '1', 100), put(t, d, '2', 100), put(t, d, '3', 100)
	use(t, d, first, 3*time.Minute)
	use(t, d, second, 2*time.Minute)
	use(t, d, third, time.Minute)
	if _, ok := d.Get(first); !ok { // now the most recent one
		t.Fatal("the first one is missing")
	}
	fourth := put(t, d, '4', 150)
	if got := has(d, first, second, third, fourth); !reflect.DeepEqual(got, []bool{true, false, false, true}) {
		t.Errorf("kept %v, want the first and the fourth", got)
	}
	if err := d.Keep("champions", []string{first}, time.Now()); err != nil {
		t.Fatal(err)
	}
	use(t, d, first, time.Hour)
	fifth := put(t, d, '5', 200)
	if got := has(d, first, fourth, fifth); !reflect.DeepEqual(got, []bool{true, false, true}) {
		t.Errorf("kept %v, want the one that the snapshot needs and the new one", got)
	}
	if large := put(t, d, '6', 301); has(d, large)[0] {
		t.Error("an artifact larger than the limit is kept")
	}
}

func TestDir_snapshot(t *testing.T) {
	path := t.TempDir()
	d := New(path, 1000)
	var got []string
	if _, err := d.Restore(&got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a snapshot: %v", err)
	}
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, content := range [][]string{{"a/1"}, {"a/2", "b/1"}} {
		if err := d.Keep(content, nil, at); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := New(path, 1000).Restore(&got)
	if err != nil || !kept.Equal(at) || !reflect.DeepEqual(got, []string{"a/2", "b/1"}) {
		t.Errorf("restored %v of %s (%v)", got, kept, err)
	}
	if err := os.WriteFile(filepath.Join(path, snapshotFile), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Restore(&got); err == nil {
		t.Error("a damaged snapshot was restored")
	}
}

func TestDir_saysThatItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := New(path, 1000) // a file, where a folder should be
	sum, b := artifactOf('a', 10)
	if err := d.Put(sum, b); err == nil || d.Check() == nil {
		t.Errorf("Put: %v, Check: %v, want errors", err, d.Check())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, d, 'a', 10)
	if err := d.Check(); err != nil {
		t.Errorf("after a write that succeeded: %v", err)
	}
	full := d.note(&fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC})
	if !errors.Is(full, ErrFull) || !errors.Is(d.Check(), ErrFull) {
		t.Errorf("a full disk is %v", full)
	}
}

func TestDir_removesWhatKilledProcessesLeft(t *testing.T) {
	d := New(t.TempDir(), 1000)
	put(t, d, 'a', 10)
	for name, age := range map[string]time.Duration{".writing-old": 2 * time.Hour, ".writing-new": 0} {
		if err := os.WriteFile(d.artifact(name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		use(t, d, name, age)
	}
	put(t, d, 'b', 10)
	if got := has(d, ".writing-old", ".writing-new"); !reflect.DeepEqual(got, []bool{false, true}) {
		t.Errorf("kept %v, want only the file that may still be written", got)
	}
}

func TestDir_concurrentUse(t *testing.T) {
	path := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		d := New(path, 250) // as many processes
		all.Go(func() {
			for i := range 50 {
				sum, b := artifactOf(byte(i%5), 100)
				if err := d.Put(sum, b); err != nil {
					t.Error(err)
				}
				if got, ok := d.Get(sum); ok && !bytes.Equal(got, b) {
					t.Error("other bytes than were put")
				}
			}
		})
	}
	all.Wait()
}

func TestDir_nil(t *testing.T) {
	var d *Dir
	sum, b := artifactOf('a', 1)
	if err := errors.Join(d.Put(sum, b), d.Keep(1, nil, time.Now()), d.Check()); err != nil {
		t.Error(err)
	}
	if _, ok := d.Get(sum); ok {
		t.Error("a nil Dir has an artifact")
	}
	if _, err := d.Restore(new(int)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
