package stack

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Paths is where the programs of the parts are.
type Paths struct {
	Temporal string // the temporal binary
	MinIO    string // the minio binary
	Python   string // the Python of the environment that has MLflow
	Interop  string // the Python of the environment of that part
	Bench    string // the same

	TritonClient, FastAPI, MLServer, BatchPeers string // the same
}

// InstallOptions says what to install and where.
type InstallOptions struct {
	Dir   string    // holds parts/ and logs/; several processes may install into it at once
	Parts []Part    // AllParts when empty
	Log   io.Writer // progress lines for people; discarded when nil

	beat time.Duration // time between two lines about the same step, 10 s when zero
}

// recipe is how one part is found or made. An installed part is a folder named after its pinned version.
type recipe struct {
	part    Part
	name    string // the folder, below Dir/parts
	title   string // for people: "minio v0.0.0-2026…"
	program string // what to run, relative to the folder
	set     func(*Paths, string)
	onPath  func(context.Context) string                               // a fitting program on PATH, or ""
	check   func(context.Context) error                                // whether the tools it takes are there
	build   func(ctx context.Context, dir string, out io.Writer) error // fills an empty folder
}

// Install makes sure that the parts are there and returns where. What Dir has already is used as it is, then a fitting
// program on PATH, and the rest is installed side by side: four to five minutes with nothing cached on two cores.
// A part appears under its name only when it is whole, so an interrupted install is simply begun again.
func Install(ctx context.Context, o InstallOptions) (Paths, error) {
	if o.beat == 0 {
		o.beat = 10 * time.Second
	}
	if len(o.Parts) == 0 {
		o.Parts = AllParts()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return Paths{}, fmt.Errorf("install the stack: %w", err)
	}
	i := &installer{dir: dir, beat: o.beat, log: newProgress(o.Log)}
	recipes := slices.DeleteFunc(recipes(), func(r recipe) bool { return !slices.Contains(o.Parts, r.part) })
	if len(i.missing(ctx, recipes)) == 0 {
		return i.paths, nil
	}
	for _, sub := range []string{"parts", "logs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return Paths{}, fmt.Errorf("install the stack: %w", err)
		}
	}
	lock, err := i.waitForLock(ctx)
	if err != nil {
		return Paths{}, err
	}
	err = i.install(ctx, i.missing(ctx, recipes))
	if closeErr := lock.Close(); err == nil {
		err = closeErr
	}
	return i.paths, err
}

// installer is the state of one call of Install.
type installer struct {
	dir   string
	beat  time.Duration
	log   *progress
	paths Paths
}

// missing fills in the paths of the parts that are there and returns the recipes of the others.
func (i *installer) missing(ctx context.Context, recipes []recipe) []recipe {
	var missing []recipe
	for _, r := range recipes {
		program := filepath.Join(i.dir, "parts", r.name, r.program)
		if _, err := os.Stat(program); err != nil {
			program = r.onPath(ctx)
		}
		if program == "" {
			missing = append(missing, r)
			continue
		}
		r.set(&i.paths, program)
	}
	return missing
}

// waitForLock takes the lock of the folder. While somebody else installs there, it says so every few seconds.
func (i *installer) waitForLock(ctx context.Context) (*os.File, error) {
	file := filepath.Join(i.dir, "install.lock")
	lock, err := tryLock(file)
	if lock != nil || err != nil {
		return lock, err
	}
	i.log.printf("another process installs into %s: waiting for it", i.dir)
	end := i.log.during("waiting for the other install", i.beat)
	defer end()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for lock == nil && err == nil {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the other install: %w", context.Cause(ctx))
		case <-tick.C:
			lock, err = tryLock(file)
		}
	}
	return lock, err
}

// install makes the missing parts side by side. It holds the lock, so whatever has a temporary name is left over from
// an install that was killed.
func (i *installer) install(ctx context.Context, missing []recipe) error {
	leftovers, err := filepath.Glob(filepath.Join(i.dir, "parts", ".tmp-*"))
	if err != nil {
		return fmt.Errorf("install the stack: %w", err)
	}
	for _, dir := range leftovers {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("install the stack: %w", err)
		}
	}
	for _, r := range missing {
		if err := r.check(ctx); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range missing {
		group.Go(func() error { return i.make(ctx, r) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, r := range missing {
		r.set(&i.paths, filepath.Join(i.dir, "parts", r.name, r.program))
	}
	return nil
}

// make builds one part under a temporary name and renames it when it is whole.
func (i *installer) make(ctx context.Context, r recipe) error {
	log, err := createLog(filepath.Join(i.dir, "logs", "install-"+string(r.part)+".log"))
	if err != nil {
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	temporary, err := os.MkdirTemp(filepath.Join(i.dir, "parts"), ".tmp-"+string(r.part)+"-")
	if err != nil {
		_ = log.Close()
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	i.log.printf("installing %s", r.title)
	end := i.log.during("installing "+r.title, i.beat)
	err = r.build(ctx, temporary, log)
	if _, statErr := os.Stat(filepath.Join(temporary, r.program)); err == nil && statErr != nil {
		err = fmt.Errorf("%s was not made", r.program)
	}
	took := end()
	_ = log.Close()
	if err != nil {
		_ = os.RemoveAll(temporary)
		if ctx.Err() != nil {
			return fmt.Errorf("install %s: %w", r.title, context.Cause(ctx))
		}
		return fmt.Errorf("install %s: %w; the end of %s:\n%s", r.title, err, log.path, log.tail())
	}
	// MkdirTemp's folder is for its owner alone; the part is for everybody who can read the project.
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	if err := os.Rename(temporary, filepath.Join(i.dir, "parts", r.name)); err != nil {
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	i.log.printf("installed %s (%s)", r.title, seconds(took))
	return nil
}
