// Package modelcache keeps artifacts of models on the disk of a process, by their SHA-256, and which versions were
// served last. A process that starts while the registry is down serves from it. It is a copy: everything in it can be
// deleted at any time. It does not know what an artifact is.
package modelcache

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// ErrFull means that the disk has no room.
var ErrFull = errors.New("the disk is full")

// Names of the files. An artifact has its digest as its name, in a folder of its own.
const (
	artifacts    = "artifacts"
	snapshotFile = "served.json"
	temporary    = ".writing-*"
)

// staleTemporary is the age of a file that a process left behind when it was killed.
const staleTemporary = time.Hour

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Dir is a folder of artifacts. Several processes may share it. A nil Dir keeps nothing. It is safe for concurrent use.
type Dir struct {
	path  string
	limit int64 // bytes of all artifacts

	mu     sync.Mutex
	pinned map[string]bool // guarded by mu: artifacts of the snapshot, which go last
	failed error           // guarded by mu: of the last write
}

// New returns the folder at path, which holds at most limit bytes of artifacts. The first write creates it.
func New(path string, limit int64) *Dir { return &Dir{path: path, limit: limit} }

// Get returns the artifact with a SHA-256, and whether it is here and whole. A damaged one is removed.
func (d *Dir) Get(sum string) ([]byte, bool) {
	if d == nil || !digest.MatchString(sum) {
		return nil, false
	}
	name := d.artifact(sum)
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
		_ = os.Remove(name) // if that fails, the next Get tries again
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(name, now, now) // when it was used last; a wrong time only changes what is removed first
	return b, true
}

// Put keeps an artifact, whose SHA-256 the caller has checked, and removes those that were used least recently until
// all fit. An artifact larger than the limit is not kept.
func (d *Dir) Put(sum string, b []byte) error {
	if d == nil || !digest.MatchString(sum) || int64(len(b)) > d.limit {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.makeRoom(int64(len(b)))
	if err == nil {
		err = d.write(d.artifact(sum), b)
	}
	return d.note(err)
}

// Check returns the error of the last write, nil if it succeeded.
func (d *Dir) Check() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// snapshot is what served.json has.
type snapshot struct {
	At      time.Time       `json:"at"`
	Needs   []string        `json:"needs"`
	Content json.RawMessage `json:"content"`
}

// Keep replaces the snapshot. Artifacts that it needs are removed only after all others.
func (d *Dir) Keep(content any, needs []string, at time.Time) error {
	if d == nil {
		return nil
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode the snapshot: %w", err)
	}
	b, err := json.Marshal(snapshot{At: at, Needs: needs, Content: raw})
	if err != nil {
		return fmt.Errorf("encode the snapshot: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pin(needs)
	return d.note(d.write(filepath.Join(d.path, snapshotFile), b))
}

// Restore decodes the last snapshot into content, and returns when it was kept. The error is fs.ErrNotExist if there is
// none.
func (d *Dir) Restore(content any) (at time.Time, err error) {
	if d == nil {
		return at, fs.ErrNotExist
	}
	b, err := os.ReadFile(filepath.Join(d.path, snapshotFile))
	if err != nil {
		return at, err
	}
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return at, fmt.Errorf("%s: %w", snapshotFile, err)
	}
	if err := json.Unmarshal(s.Content, content); err != nil {
		return at, fmt.Errorf("%s: %w", snapshotFile, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pin(s.Needs)
	return s.At, nil
}

func (d *Dir) artifact(sum string) string { return filepath.Join(d.path, artifacts, sum) }

func (d *Dir) pin(needs []string) {
	d.pinned = make(map[string]bool, len(needs))
	for _, sum := range needs {
		d.pinned[sum] = true
	}
}

// note remembers the error of a write for Check.
func (d *Dir) note(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	d.failed = err
	return err
}

// write replaces a file as a whole: whoever reads it, also after a crash, finds the old content or the new.
func (d *Dir) write(name string, b []byte) (err error) {
	folder := filepath.Dir(name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// makeRoom removes artifacts until size more bytes fit: first those that the snapshot does not need, and of them first
// those that were used least recently.
func (d *Dir) makeRoom(size int64) error {
	kept, err := d.list()
	if err != nil {
		return err
	}
	total := size
	for _, f := range kept {
		total += f.size
	}
	for _, f := range kept {
		if total <= d.limit {
			return nil
		}
		if err := os.Remove(filepath.Join(d.path, artifacts, f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= f.size
	}
	return nil
}

// kept is an artifact on the disk.
type kept struct {
	name   string
	size   int64
	used   time.Time
	pinned bool
}

// list returns the artifacts in the order in which they are to be removed. It removes what killed processes left.
func (d *Dir) list() ([]kept, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, artifacts))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []kept
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // another process has removed it
		}
		if !digest.MatchString(e.Name()) {
			if time.Since(info.ModTime()) > staleTemporary {
				_ = os.Remove(filepath.Join(d.path, artifacts, e.Name())) // if that fails, the next Put tries again
			}
			continue
		}
		all = append(all, kept{e.Name(), info.Size(), info.ModTime(), d.pinned[e.Name()]})
	}
	slices.SortFunc(all, func(a, b kept) int {
		if a.pinned != b.pinned {
			if b.pinned {
				return -1
			}
			return 1
		}
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name))
	})
	return all, nil
}
