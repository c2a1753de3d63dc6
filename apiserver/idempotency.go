package apiserver

import (
	"net/http"
	"strings"

	"iris/apiserver/problem"
)

// idempotencyHeader names a request, so that a client can send it again if the answer was lost.
const idempotencyHeader = "Idempotency-Key"

// idempotencyKey returns the key of a request, "" if it has none. The key may be in quotation marks, as the value of a
// structured header field is.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	const maxLength = 255
	key := values[0]
	if inner, quoted := strings.CutPrefix(key, `"`); quoted && strings.HasSuffix(inner, `"`) {
		key = strings.TrimSuffix(inner, `"`)
	}
	unprintable := func(c rune) bool { return c < ' ' || c > '~' }
	if len(values) > 1 || key == "" || len(key) > maxLength || strings.ContainsFunc(key, unprintable) {
		return "", problem.Invalid(problem.Fault{
			Parameter: idempotencyHeader, Detail: "must be given once, with 1 to 255 printable ASCII characters",
		})
	}
	return key, nil
}
