package apiserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"iris/apiserver/problem"
)

// idempotencyHeader names a request, so that it can be sent again when its answer was lost.
const idempotencyHeader = "Idempotency-Key"

// memoFingerprint is the memo key of what a request with an idempotency key asked for.
const memoFingerprint = "fingerprint"

// idempotencyKey is the key of a request, "" when it has none. It may stand in quotation marks, as the header of a
// structured
// field does.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	const longest = 255
	key := values[0]
	if inner, quoted := strings.CutPrefix(key, `"`); quoted && strings.HasSuffix(inner, `"`) {
		key = strings.TrimSuffix(inner, `"`)
	}
	unprintable := func(c rune) bool { return c < ' ' || c > '~' }
	if len(values) > 1 || key == "" || len(key) > longest || strings.ContainsFunc(key, unprintable) {
		return "", problem.Invalid(
			problem.Fault{Parameter: idempotencyHeader, Detail: "is to be given once, with 1 to 255 printable ASCII characters"},
		)
	}
	return key, nil
}

// fingerprint is the hash of what a batch was asked for: the options as they were given, and the rows.
func (b *batchRequest) fingerprint() (string, error) {
	in := b.in
	in.ModelID = b.askedFor // not what it is pinned to: a champion may have changed since
	rows := in.Rows.SHA256
	if b.dataPath != "" {
		rows = b.dataPath
	}
	in.Rows.Bucket, in.Rows.Key, in.Rows.Size, in.Rows.SHA256, in.Rows.ETag = "", "", 0, rows, ""
	encoded, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("encode a batch: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

// startedBefore reports whether an error of a start means that the same request came before. That another one came with
// the
// same key is a problem.
func (s *Server) startedBefore(ctx context.Context, id, fingerprint string, err error) (bool, error) {
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if fingerprint == "" || !errors.As(err, &already) {
		return false, err
	}
	described, err := s.describe(ctx, id)
	if err != nil {
		return false, fmt.Errorf("describe %s: %w", id, err)
	}
	var before string
	if payload := described.GetWorkflowExecutionInfo().GetMemo().GetFields()[memoFingerprint]; payload != nil {
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &before); err != nil {
			return false, fmt.Errorf("read the memo of %s: %w", id, err)
		}
	}
	if before != fingerprint {
		return false, problem.Invalid(problem.Fault{Parameter: idempotencyHeader, Detail: "was used for another batch"})
	}
	return true, nil
}
