package stack

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/deploy"
)

// Paths tells where the programs of the parts are. A field is empty if its part was not requested.
type Paths struct {
	Temporal string // the temporal binary
	MinIO    string // the minio binary
	Python   string // the Python of the environment with MLflow

	// The Pythons of the environments for tests and benchmarks.
	Interop, Bench, TritonClient, FastAPI, MLServer, BatchPeers, Tables string
}

// InstallOptions says what to install and where.
type InstallOptions struct {
	Dir      string    // holds parts/ and logs/; several processes may install into it at the same time
	Parts    []Part    // AllParts when empty
	Download bool      // whether to try the official release of a part before compiling it
	Log      io.Writer // progress lines for people; discarded when nil

	// For tests; zero values mean the defaults.
	beat    time.Duration // time between two lines about the same step, 10 s by default
	silence time.Duration // downloadSilence by default
	archive func(goos, goarch string) (deploy.Archive, bool)
}

// recipe says how to find or make one part. An installed part is a folder whose name contains the pinned version.
type recipe struct {
	part    Part
	name    string // the folder, below Dir/parts
	title   string // for people: "minio v0.0.0-2026…"
	program string // what to run, relative to the folder
	set     func(*Paths, string)
	onPath  func(context.Context) string                               // a program on PATH that fits, or ""
	check   func(context.Context) error                                // whether the tools to build it are there
	archive func(goos, goarch string) (deploy.Archive, bool)           // its official release; nil if it has none
	build   func(ctx context.Context, dir string, out io.Writer) error // fills an empty folder
}

// Install makes sure that the parts are there and returns where they are. For each part it takes what Dir holds, else a
// program on PATH that fits, else it installs the part. It installs parts side by side: compiling Temporal and MinIO
// takes about nine minutes on two cores with nothing cached. A part gets its name only when it is complete, so the next
// call repeats an install that was interrupted.
func Install(ctx context.Context, o InstallOptions) (Paths, error) {
	i, recipes, err := newInstaller(o)
	if err != nil {
		return Paths{}, fmt.Errorf("install the stack: %w", err)
	}
	if len(i.missing(ctx, recipes)) == 0 {
		return i.paths, nil
	}
	for _, sub := range []string{"parts", "logs"} {
		if err := os.MkdirAll(filepath.Join(i.dir, sub), 0o755); err != nil {
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

// Find returns where the parts are, in dir or on PATH, and installs nothing. The error names every part that is
// missing.
func Find(ctx context.Context, dir string, parts ...Part) (Paths, error) {
	i, recipes, err := newInstaller(InstallOptions{Dir: dir, Parts: parts})
	if err != nil {
		return Paths{}, fmt.Errorf("find the stack: %w", err)
	}
	var titles []string
	for _, r := range i.missing(ctx, recipes) {
		titles = append(titles, r.title)
	}
	if len(titles) > 0 {
		return Paths{}, fmt.Errorf("%s not installed in %s", strings.Join(titles, ", "), i.dir)
	}
	return i.paths, nil
}

// installer is the state of one call of Install or Find.
type installer struct {
	options InstallOptions
	dir     string // absolute
	log     *progress
	paths   Paths
}

// newInstaller fills in the defaults and selects the recipes of the requested parts.
func newInstaller(o InstallOptions) (*installer, []recipe, error) {
	if o.beat == 0 {
		o.beat = 10 * time.Second
	}
	if o.silence == 0 {
		o.silence = downloadSilence
	}
	if len(o.Parts) == 0 {
		o.Parts = AllParts()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	selected := slices.DeleteFunc(recipes(), func(r recipe) bool { return !slices.Contains(o.Parts, r.part) })
	return &installer{options: o, dir: dir, log: newProgress(o.Log)}, selected, nil
}

// missing records the paths of the parts that are there and returns the recipes of the others.
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

// waitForLock takes the lock of the folder. While another process holds it, waitForLock says so every few seconds.
func (i *installer) waitForLock(ctx context.Context) (*os.File, error) {
	file := filepath.Join(i.dir, "install.lock")
	lock, err := tryLock(file)
	if lock != nil || err != nil {
		return lock, err
	}
	i.log.printf("another process installs into %s: waiting for it", i.dir)
	end := i.log.during("waiting for the other install", i.options.beat)
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

// install makes the missing parts side by side. The caller holds the lock, so every folder with a temporary name is
// left over from an install that was killed.
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

// make installs one part under a temporary name and renames it when it is complete.
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
	end := i.log.during("installing "+r.title, i.options.beat)
	if !i.download(ctx, r, temporary) {
		err = r.build(ctx, temporary, log)
	}
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
	// Only the owner can read a folder of MkdirTemp. The part is for every user who can read the project.
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	if err := os.Rename(temporary, filepath.Join(i.dir, "parts", r.name)); err != nil {
		return fmt.Errorf("install %s: %w", r.part, err)
	}
	i.log.printf("installed %s (%s)", r.title, seconds(took))
	return nil
}

// download tries the official release of a part and reports whether it has put the program into dir. If it has not, it
// tells why, because compiling takes minutes.
func (i *installer) download(ctx context.Context, r recipe, dir string) bool {
	find := r.archive
	if find == nil || !i.options.Download {
		return false
	}
	if i.options.archive != nil {
		find = i.options.archive
	}
	archive, ok := find(runtime.GOOS, runtime.GOARCH)
	if !ok {
		i.log.printf("no hash of a release of %s is pinned for %s/%s: compiling it", r.title, runtime.GOOS, runtime.GOARCH)
		return false
	}
	i.log.printf("fetching %s", archive.URL)
	err := download(ctx, archive, r.program, dir, i.options.silence)
	if err != nil && ctx.Err() == nil {
		i.log.printf("%s: compiling %s instead", err, r.title)
	}
	return err == nil
}
