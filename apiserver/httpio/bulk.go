package httpio

import (
	"fmt"
	"net/http"

	"iris/apiserver/problem"
)

// MaxBulk is how many large bodies are in memory at the same time.
const MaxBulk = 8

// Bulk has a place for each large body that is in memory. At most MaxBulk large bodies are buffered at once, so the
// memory of the process is bounded, whatever its clients do together.
type Bulk chan struct{}

// NewBulk returns a Bulk whose places are free.
func NewBulk() Bulk { return make(Bulk, MaxBulk) }

// Take takes a place until release is called. It does not wait for one.
func (b Bulk) Take() (release func(), err error) {
	select {
	case b <- struct{}{}:
		return func() { <-b }, nil
	default:
		return func() {}, problem.Unavailable(
			fmt.Sprintf("the server is already working on %d large bodies; try again", cap(b)), nil)
	}
}

// Read reads a body of at most limit bytes, and takes a place for one of more than MaxSmall bytes. The caller calls
// release when it is done with the body, also after an error.
func (b Bulk) Read(r *http.Request, limit int64) (body []byte, release func(), err error) {
	release = func() {}
	if r.ContentLength > limit {
		return nil, release, &http.MaxBytesError{Limit: limit}
	}
	body, more, err := ReadUpTo(r.Body, nil, min(limit, MaxSmall))
	if more && limit > MaxSmall {
		if release, err = b.Take(); err != nil {
			return nil, release, err
		}
		body, more, err = ReadUpTo(r.Body, body, limit)
	}
	if more {
		err = &http.MaxBytesError{Limit: limit}
	}
	return body, release, err
}
