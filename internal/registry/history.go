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

// Entry is one promotion in the history of a model.
type Entry struct {
	At     time.Time `json:"at"`
	Model  string    `json:"model"`
	From   string    `json:"from"` // number of the champion before, "" for none
	To     string    `json:"to"`   // number of the champion after, "" for none
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	TaskID string    `json:"task_id"`
}

func (e Entry) equal(o Entry) bool {
	at := e.At.Equal(o.At)
	e.At = o.At
	return at && e == o
}

// historyReaders is how many entries are read concurrently. A model that is trained every night has some hundreds.
const historyReaders = 8

// Page selects a part of a history.
type Page struct {
	Limit int    // maximum number of entries; 0 means all
	After string // the next value of the page before; "" selects the first page
}

// History lists the promotions of a model, newest first. An empty history is not an error. Next selects the following
// page; it is "" on the last one. History reads only the entries of the page, and a promotion between two calls changes
// neither page.
func (r *Registry) History(ctx context.Context, modelName string, page Page) (entries []Entry, next string, err error) {
	if err := checkName(modelName); err != nil {
		return nil, "", err
	}
	keys, err := r.historyKeys(ctx, modelName)
	if err != nil {
		return nil, "", err
	}
	h, _, err := r.headOf(ctx, modelName)
	if err != nil {
		return nil, "", err
	}
	if !h.Settled && h.TaskID != "" &&
		!slices.Contains(keys, h.Entry.key()) { // its process died before it wrote the entry
		if err := r.record(ctx, h); err != nil {
			return nil, "", err
		}
		keys = append(keys, h.Entry.key())
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

// entries reads entries concurrently.
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

// record writes the entry of a head that is not settled. It may be repeated.
func (r *Registry) record(ctx context.Context, h head) error {
	if h.Settled || h.TaskID == "" { // the second is a model without a head
		return nil
	}
	if _, err := r.store.PutJSON(ctx, r.bucket, h.Entry.key(), h.Entry); err != nil {
		return fmt.Errorf("write history: %w", outage(err))
	}
	return nil
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

// historyTime is RFC 3339 with a fixed number of digits, so that keys sort by time.
const historyTime = "2006-01-02T15:04:05.000000000Z"

// key returns the key of the entry in the object store.
func (e Entry) key() string {
	return objstore.ModelHistoryPrefix(e.Model) + e.At.UTC().Format(historyTime) + taskSuffix(e.TaskID)
}

// taskSuffix returns the part of a key after its time. Whoever starts a workflow chooses its id, so the id is escaped.
func taskSuffix(taskID string) string { return "-" + url.PathEscape(taskID) + ".json" }

// splitKey splits a key into its time and its suffix; ok is false if the object is not an entry.
func splitKey(key string) (at time.Time, suffix string, ok bool) {
	name := path.Base(key)
	if len(name) < len(historyTime) {
		return time.Time{}, "", false
	}
	at, err := time.Parse(historyTime, name[:len(historyTime)])
	return at, name[len(historyTime):], err == nil
}

// entryOf returns the entry that an earlier attempt of a promotion wrote, and its index in keys, or -1 if there is
// none.
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

// notBefore returns at, or the moment after the newest key if a slow clock would put the entry before it: the history
// must be in the order of the promotions.
func notBefore(keys []string, at time.Time) time.Time {
	if len(keys) == 0 {
		return at
	}
	last, _, _ := splitKey(keys[len(keys)-1])
	if at.After(last) {
		return at
	}
	return last.Add(1)
}
