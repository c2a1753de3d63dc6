package objstore_test

import (
	"errors"
	"maps"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"iris/internal/objstore"
)

func TestEnsureBucket_severalAtOnce(t *testing.T) {
	store, bucket := realS3(t)
	bucket += "-new"
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = store.EnsureBucket(t.Context(), bucket) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if refs, err := store.List(t.Context(), bucket, ""); err != nil || len(refs) != 0 {
		t.Errorf("List of the new bucket = %v, %v; want nothing", refs, err)
	}
}

func TestEnsureBucket_somebodyWasFaster(t *testing.T) {
	var made atomic.Bool
	store := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			made.Store(true)
			fail(w, http.StatusConflict, "BucketAlreadyOwnedByYou")
		case !made.Load():
			w.WriteHeader(http.StatusNotFound)
		}
	})
	if err := store.EnsureBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("got error %v, want none: the bucket exists", err)
	}
}

func TestEnsureBucket_refused(t *testing.T) {
	store := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			fail(w, http.StatusForbidden, "AccessDenied")
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	err := store.EnsureBucket(t.Context(), "bucket")
	if err == nil || err.Error() != "create bucket bucket: S3 denies access: said the server" {
		t.Errorf("got error %v, want the message of the server", err)
	}
}

// rules returns the days of each prefix in the rules of a bucket.
func rules(t *testing.T, store *objstore.Store, bucket string) map[string]int {
	t.Helper()
	config, err := objstore.Client(store).GetBucketLifecycle(t.Context(), bucket)
	if err != nil {
		return nil // S3 returns an error for a bucket without rules
	}
	got := map[string]int{}
	for _, rule := range config.Rules {
		got[rule.RuleFilter.Prefix] = int(rule.Expiration.Days)
	}
	return got
}

func TestSetExpiry(t *testing.T) {
	direct, bucket := realS3(t)
	var writes atomic.Int32
	store := proxied(t, direct, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			writes.Add(1)
		}
		return true
	})
	for _, test := range []struct {
		name   string
		days   map[string]int
		writes int32
		want   map[string]int
	}{
		{"no rules for a bucket without rules", map[string]int{"uploads/": 0}, 0, nil},
		{"first rules", map[string]int{"uploads/": 1, "batches/": 30}, 1, map[string]int{"uploads/": 1, "batches/": 30}},
		{"the same rules", map[string]int{"batches/": 30, "uploads/": 1}, 0, map[string]int{"uploads/": 1, "batches/": 30}},
		{"other days", map[string]int{"uploads/": 2, "batches/": 30}, 1, map[string]int{"uploads/": 2, "batches/": 30}},
		{"keep the batches", map[string]int{"uploads/": 2, "batches/": 0}, 1, map[string]int{"uploads/": 2}},
		{"keep all", map[string]int{"uploads/": 0, "batches/": 0}, 1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			writes.Store(0)
			if err := store.SetExpiry(t.Context(), bucket, test.days); err != nil {
				t.Fatal(err)
			}
			if got := writes.Load(); got != test.writes {
				t.Errorf("%d writes, want %d", got, test.writes)
			}
			if got := rules(t, direct, bucket); !maps.Equal(got, test.want) {
				t.Errorf("the rules are %v, want %v", got, test.want)
			}
		})
	}
}

// An operator's own rules of the bucket survive, whatever they say, and so does their order.
func TestSetExpiry_keepsTheRulesOfOthers(t *testing.T) {
	store, bucket := realS3(t)
	client := objstore.Client(store)
	foreign := lifecycle.NewConfiguration()
	foreign.Rules = []lifecycle.Rule{
		{
			ID: "backups", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "backups/"},
			Expiration: lifecycle.Expiration{Days: 400},
		},
		{
			ID: "scratch", Status: "Disabled",
			RuleFilter: lifecycle.Filter{And: lifecycle.And{
				Prefix: "scratch/", Tags: []lifecycle.Tag{{Key: "keep", Value: "no"}},
			}},
			Expiration:                  lifecycle.Expiration{Days: 2},
			NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 3},
		},
		{
			ID: "more-batches", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "batches/old/"},
			Expiration: lifecycle.Expiration{Days: 5},
		},
	}
	if err := client.SetBucketLifecycle(t.Context(), bucket, foreign); err != nil {
		t.Fatal(err)
	}
	read := func() (ids []string, all []lifecycle.Rule) {
		t.Helper()
		config, err := client.GetBucketLifecycle(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range config.Rules {
			ids = append(ids, rule.ID)
		}
		return ids, config.Rules
	}
	_, want := read()
	for _, days := range []map[string]int{
		{"uploads/": 1, "batches/": 30},
		{"uploads/": 1, "batches/": 0},
		{"uploads/": 0, "batches/": 0},
	} {
		if err := store.SetExpiry(t.Context(), bucket, days); err != nil {
			t.Fatal(err)
		}
		ids, got := read()
		if len(got) < len(want) || !reflect.DeepEqual(got[:len(want)], want) {
			t.Errorf(
				"after %v the rules are %v, want them to begin with backups, scratch and more-batches, unchanged",
				days,
				ids,
			)
		}
		for prefix, n := range days {
			if set := rules(t, store, bucket)[prefix]; set != n {
				t.Errorf("after %v %s expires after %d days, want %d", days, prefix, set, n)
			}
		}
	}
}

func TestSetExpiry_errors(t *testing.T) {
	store, bucket := realS3(t)
	err := store.SetExpiry(t.Context(), bucket, map[string]int{"uploads/": -1})
	if err == nil {
		t.Fatal("-1 days: got no error")
	}
	wantText(t, err, `-1 days for "uploads/": want 0 or more`)
	err = store.SetExpiry(t.Context(), bucket+"-none", map[string]int{"uploads/": 1})
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
}
