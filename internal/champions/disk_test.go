package champions_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/mlflow"
	"iris/internal/modelcache"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

// process starts a cache that keeps its champions in dir, as another process would, and waits until it serves or has
// failed to.
func (w *world) process(dir string, patience time.Duration) (c *champions.Cache, stop func()) {
	w.t.Helper()
	a := testenv.All(w.t)
	store, err := objstore.New(objstore.Options{
		Endpoint: w.S3Proxy.URL, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	disk := modelcache.New(dir, 64<<20)
	reg, err := registry.New(registry.Options{
		MLflow: mlflow.New(mlflow.Options{URL: w.LabProxy.URL}), Store: store, Bucket: w.Bucket, Disk: disk,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	c, err = champions.New(champions.Options{
		Registry: reg, Disk: disk, Interval: 10 * time.Millisecond, MaxInterval: 20 * time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	waiting, done := context.WithTimeout(ctx, patience)
	defer done()
	_ = c.AwaitAll(waiting) // the caller looks at what is served
	return c, stop
}

const longPatience = 30 * time.Second

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(longPatience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %s for %s", longPatience, what)
		}
	}
}

func TestCache_startsFromItsDisk(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 0)
	c, stop := w.process(dir, longPatience)
	if c.Champion(w.Model) == nil || c.FromDisk() {
		t.Fatal("AwaitAll returned before the champion was loaded")
	}
	before := time.Now()
	eventually(t, "the champions to be on the disk", func() bool {
		_, err := modelcache.New(dir, 0).Restore(new([]registry.Version))
		return err == nil
	})
	stop()

	w.LabProxy.All(testenv.Refuse)
	w.S3Proxy.All(testenv.Refuse)
	c, stop = w.process(dir, longPatience)
	served := c.Champion(w.Model)
	if served == nil || served.Version.Number != "1" || served.Version.RunID == "" {
		t.Fatalf("served %+v during the outage, want version 1", served)
	}
	probabilities := make([]float64, 3)
	if class := served.Model.Predict([]float64{5.1, 3.5, 1.4, 0.2}, probabilities); class != 0 {
		t.Errorf("class %d, want 0", class)
	}
	if !c.FromDisk() || c.KeptAt().After(before.Add(time.Minute)) || c.KeptAt().IsZero() || c.Check() == nil {
		t.Errorf("from the disk: %v, kept at %s, check %v", c.FromDisk(), c.KeptAt(), c.Check())
	}

	w.LabProxy.All(testenv.Pass)
	w.S3Proxy.All(testenv.Pass)
	w.MustPromote("2", 1)
	eventually(t, "version 2", func() bool { return c.Champion(w.Model).Version.Number == "2" })
	eventually(t, "the end of the outage to be noticed", func() bool { return !c.FromDisk() && c.KeptAt().IsZero() })
	stop()

	// The snapshot has moved on as well.
	w.LabProxy.All(testenv.Refuse)
	w.S3Proxy.All(testenv.Refuse)
	c, _ = w.process(dir, longPatience)
	if served := c.Champion(w.Model); served == nil || served.Version.Number != "2" {
		t.Errorf("served %+v in the second outage, want version 2", served)
	}
}

// The index of the champions is in the object store. While MLflow alone is down, the disk has their versions.
func TestCache_startsFromItsDiskWithoutMLflow(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.MustRegister(1)
	w.MustPromote("1", 0)
	_, stop := w.process(dir, longPatience)
	eventually(t, "the champions to be on the disk", func() bool {
		_, err := modelcache.New(dir, 0).Restore(new([]registry.Version))
		return err == nil
	})
	stop()
	w.LabProxy.All(testenv.Refuse)
	for range 2 { // the first process must not have overwritten the snapshot
		c, stop := w.process(dir, longPatience)
		if served := c.Champion(w.Model); served == nil || served.Version.Number != "1" {
			t.Fatalf("served %+v, want version 1", served)
		}
		stop()
	}
}

func TestCache_doesNotTrustItsDisk(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	v := w.MustRegister(1)
	w.MustPromote("1", 0)
	_, stop := w.process(dir, longPatience)
	eventually(t, "the champions to be on the disk", func() bool {
		_, err := modelcache.New(dir, 0).Restore(new([]registry.Version))
		return err == nil
	})
	stop()
	kept := filepath.Join(dir, "artifacts", v.ArtifactSHA256)
	b, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(kept, b, 0o600); err != nil {
		t.Fatal(err)
	}
	w.LabProxy.All(testenv.Refuse)
	w.S3Proxy.All(testenv.Refuse)
	c, _ := w.process(dir, time.Second)
	if c.Champion(w.Model) != nil || c.FromDisk() {
		t.Error("a damaged artifact is served")
	}
	w.LabProxy.All(testenv.Pass)
	w.S3Proxy.All(testenv.Pass)
	eventually(t, "the champion from the registry", func() bool { return c.Champion(w.Model) != nil })
	eventually(t, "the disk to be whole again", func() bool {
		_, ok := modelcache.New(dir, 0).Get(v.ArtifactSHA256)
		return ok
	})
}
