package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"iris/apiserver/problem"
	"iris/internal/objstore"
)

// Replayed is the header of an answer that was given before.
const Replayed = "Idempotency-Replayed"

// lease is how long a request that is under way blocks its key after its process has died. A living process renews it.
const lease = 10 * time.Second

// Answers are the answers to requests with a key, in the object store.
type Answers struct {
	store  *objstore.Store
	bucket string
	lease  time.Duration
}

// New returns the answers in a bucket.
func New(store *objstore.Store, bucket string) *Answers {
	return &Answers{store: store, bucket: bucket, lease: lease}
}

// entry is what the store has of a key.
type entry struct {
	Request     string    `json:"request"`               // method and path, for people
	Fingerprint string    `json:"fingerprint,omitempty"` // empty if the key may be used by any request
	Claim       string    `json:"claim"`                 // random; tells who has written the entry
	Until       time.Time `json:"until,omitzero"`        // the end of the lease of a request that is under way
	Answer      *answer   `json:"answer,omitempty"`      // nil while it is under way
}

// answer is an answer to a request.
type answer struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body"`
}

// Once runs an operation, or sends the answer that the same request had before. A request without a key just runs. If
// the operation returns an error, or answers with another status than 2xx, the key is free again: what it has changed
// by then, it must find when it runs again (see ID). After a 2xx the answer is kept before it is sent.
//
// While the operation is under way, the same request is a 409. If the process dies, it is one for ten seconds more.
func (a *Answers) Once(
	w http.ResponseWriter, r *http.Request, fingerprint string, run func(http.ResponseWriter, *http.Request) error,
) error {
	key, err := Key(r)
	if err != nil {
		return err
	}
	if key == "" {
		return run(w, r)
	}
	request := r.Method + " " + r.URL.EscapedPath()
	id := hash([]byte(request + "\n" + key))
	c, stored, err := a.claim(r.Context(), id, entry{Request: request, Fingerprint: fingerprint})
	switch {
	case err != nil:
		return err
	case stored != nil:
		stored.send(w)
		return nil
	}
	ctx := c.renew(context.WithValue(r.Context(), idKey{}, hash([]byte(id+fingerprint))))
	defer c.stop() // also if the operation panics; then the key is blocked for a lease
	recorded := record(w)
	err = run(recorded, r.WithContext(ctx))
	c.stop()
	if err != nil || !recorded.succeeded() {
		c.end(r.Context(), nil)
	} else {
		c.end(r.Context(), recorded.answer())
	}
	if err == nil {
		recorded.send()
	}
	return err
}

type idKey struct{}

// ID identifies a request that runs in Once: it is the same each time the request is sent. It is empty for a request
// without a key.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// claim writes the entry of a request that is under way, or returns the answer that it had before.
func (a *Answers) claim(ctx context.Context, id string, mine entry) (*claim, *answer, error) {
	c := &claim{answers: a, key: objstore.IdempotencyKey(id), entry: mine}
	c.entry.Claim = rand.Text()
	const attempts = 5 // more than one only if others claim the key at the same time
	for range attempts {
		c.entry.Until = time.Now().UTC().Add(a.lease)
		found, err := c.put(ctx)
		switch {
		case err == nil:
			return c, nil, nil
		case !errors.Is(err, errLost):
			return nil, nil, err
		case found.Fingerprint != "" && found.Fingerprint != mine.Fingerprint:
			return nil, nil, ErrOtherRequest()
		case found.Answer != nil:
			return nil, found.Answer, nil
		case time.Now().Before(found.Until):
			return nil, nil, underWay()
		}
	}
	return nil, nil, underWay()
}

// underWay is the 409 for a request that was sent again too early.
func underWay() error {
	p := problem.New(http.StatusConflict, "a request with this "+Header+" is under way; try again")
	p.Header = http.Header{"Retry-After": {"1"}}
	return p
}

// send sends an answer again.
func (an *answer) send(w http.ResponseWriter) {
	for name, values := range an.Header {
		w.Header()[name] = values
	}
	w.Header().Set(Replayed, "true")
	w.WriteHeader(an.Status)
	_, _ = w.Write([]byte(an.Body)) // fails only for a client that hung up
}
