package registry

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/objstore"
)

// Entry is one line in the history of a model: who made which version its champion, when and why.
type Entry struct {
	At     time.Time `json:"at"`
	Model  string    `json:"model"`
	From   string    `json:"from"` // number of the champion before, "" = none
	To     string    `json:"to"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	TaskID string    `json:"task_id"`
}

// historyReaders is how many entries are read at once: a model that is trained every night has some hundreds.
const historyReaders = 8

// Page selects a part of a history.
type Page struct {
	Limit int    // entries at most; 0 is all
	After string // what the page before returned as next; "" begins with the newest
}

// History lists promotions of a model, newest first; none is no error. Next is what begins the page after this one, ""
// on the last. Only the entries of the page are read, and a promotion that comes between two pages changes neither.
func (r *Registry) History(ctx context.Context, modelName string, page Page) (entries []Entry, next string, err error) {
	if err := checkName(modelName); err != nil {
		return nil, "", err
	}
	keys, err := r.historyKeys(ctx, modelName)
	if err != nil {
		return nil, "", err
	}
	if page.After != "" {
		i, _ := slices.BinarySearch(keys, objstore.ModelHistoryPrefix(modelName)+page.After)
		keys = keys[:i] // the older ones
	}
	if page.Limit > 0 && len(keys) > page.Limit {
		keys = keys[len(keys)-page.Limit:]
		next = path.Base(keys[0])
	}
	slices.Reverse(keys)
	entries, err = r.entries(ctx, keys)
	return entries, next, err
}

// entries reads several entries at once.
func (r *Registry) entries(ctx context.Context, keys []string) ([]Entry, error) {
	entries := make([]Entry, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(historyReaders)
	for i, key := range keys {
		group.Go(func() (err error) {
			entries[i], err = r.entry(ctx, key)
			return err
		})
	}
	return entries, group.Wait()
}

// historyKeys lists the keys of the entries, oldest first.
func (r *Registry) historyKeys(ctx context.Context, modelName string) ([]string, error) {
	refs, err := r.store.List(ctx, r.bucket, objstore.ModelHistoryPrefix(modelName))
	if err != nil {
		return nil, fmt.Errorf("list history of %s: %w", modelName, outage(err))
	}
	keys := make([]string, 0, len(refs))
	for _, ref := range refs {
		if _, _, ok := splitKey(ref.Key); ok {
			keys = append(keys, ref.Key)
		}
	}
	return keys, nil
}

func (r *Registry) entry(ctx context.Context, key string) (Entry, error) {
	var e Entry
	if err := r.store.GetJSON(ctx, r.bucket, key, &e); err != nil {
		return Entry{}, fmt.Errorf("read history: %w", outage(err))
	}
	return e, nil
}

// historyTime is RFC 3339 with all its digits, so that keys sort by time.
const historyTime = "2006-01-02T15:04:05.000000000Z"

// key is where the entry lies.
func (e Entry) key() string {
	return objstore.ModelHistoryPrefix(e.Model) + e.At.UTC().Format(historyTime) + taskSuffix(e.TaskID)
}

// taskSuffix is the part of a key behind its time. Task ids come from whoever starts a workflow, so they are escaped.
func taskSuffix(taskID string) string { return "-" + url.PathEscape(taskID) + ".json" }

// splitKey undoes key, but for the model; ok is false for an object that is no entry.
func splitKey(key string) (at time.Time, suffix string, ok bool) {
	name := path.Base(key)
	if len(name) < len(historyTime) {
		return time.Time{}, "", false
	}
	at, err := time.Parse(historyTime, name[:len(historyTime)])
	return at, name[len(historyTime):], err == nil
}

// entryOf finds what an earlier try of a promotion wrote, and where in keys; the index is -1 when there is nothing.
func (r *Registry) entryOf(ctx context.Context, keys []string, p Promotion) (Entry, int, error) {
	for i, key := range slices.Backward(keys) {
		if _, suffix, _ := splitKey(key); suffix != taskSuffix(p.TaskID) {
			continue
		}
		if e, err := r.entry(ctx, key); err != nil || e.To == p.Version {
			return e, i, err
		}
	}
	return Entry{}, -1, nil
}

// after returns at, or the moment after the newest of keys when a clock that runs behind would put at before it: the
// order of the history is the order of the promotions.
func after(keys []string, at time.Time) time.Time {
	if len(keys) == 0 {
		return at
	}
	last, _, _ := splitKey(keys[len(keys)-1])
	if at.After(last) {
		return at
	}
	return last.Add(1)
}
