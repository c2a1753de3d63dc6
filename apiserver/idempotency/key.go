// Package idempotency makes a request that is sent again one request, as draft-ietf-httpapi-idempotency-key-header
// defines it. A client names the request by a key. A request that starts a task keeps its key in the id of the task and
// its fingerprint in the memo; the answers of the others are objects in the store, until they expire.
package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/problem"
)

// Header names a request, so that a client can send it again if the answer was lost.
const Header = "Idempotency-Key"

// maxKey is in characters.
const maxKey = 255

// Key returns the key of a request, "" if it has none. The key may be in quotation marks, as the value of a structured
// header field is.
func Key(r *http.Request) (string, error) {
	values := r.Header.Values(Header)
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if inner, quoted := strings.CutPrefix(key, `"`); quoted && strings.HasSuffix(inner, `"`) {
		key = strings.TrimSuffix(inner, `"`)
	}
	unprintable := func(c rune) bool { return c < ' ' || c > '~' }
	if len(values) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, unprintable) {
		return "", problem.Invalid(problem.Fault{
			Parameter: Header, Detail: "must be given once, with 1 to 255 printable ASCII characters",
		})
	}
	return key, nil
}

// Fingerprint returns the hash of the parts of a request as JSON: two requests with one key must have the same.
func Fingerprint(parts ...any) (string, error) {
	encoded, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("encode a request for its fingerprint: %w", err)
	}
	return hash(encoded), nil
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// ErrOtherRequest is the 422 for a key that another request has used.
func ErrOtherRequest() *problem.Problem {
	return problem.Invalid(problem.Fault{Parameter: Header, Detail: "was used for another request"})
}

// Parameter describes the header to OpenAPI. kept says for how long the request is one.
func Parameter(kept string) *huma.Param {
	return &huma.Param{
		Name: Header, In: "header",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxKey)},
		Description: "Makes the request one however often it is sent to this path, " + kept +
			". While the first one is under way, the answer is 409; with another body or other parameters, it is 422.",
	}
}

// Described reports whether an operation takes the header.
func Described(op huma.Operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "header" && p.Name == Header })
}
