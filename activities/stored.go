package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// stored is a result that took a fit. An activity stores it before it tells MLflow about it, so that a retry finds it:
// an outage of MLflow costs no second fit, and a retry logs the same values at the same times.
type stored[T any] struct {
	Input  string          `json:"input"` // digest of the input that led to the result
	Result T               `json:"result"`
	Points []mlflow.Metric `json:"points,omitempty"` // for MLflow
}

// inputDigest identifies an input. A run that is reset may have another one for the same key.
func inputDigest(input any) (string, error) {
	data, err := json.Marshal(input)
	if err != nil {
		return "", fmt.Errorf("encode the input: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// recall reads the result that an earlier attempt has stored. found is false if there is none for this input, or if it
// is damaged: then the caller computes it again.
func recall[T any](ctx context.Context, a *Activities, key string, input any) (s stored[T], found bool, err error) {
	digest, err := inputDigest(input)
	if err != nil {
		return s, false, err
	}
	err = a.o.Store.GetJSON(ctx, a.o.Bucket, key, &s)
	if errors.Is(err, objstore.ErrNotExist) || errors.Is(err, objstore.ErrUnreadable) {
		return s, false, nil
	}
	return s, err == nil && s.Input == digest, err
}

// remember stores a result for recall.
func remember[T any](ctx context.Context, a *Activities, key string, input any, s stored[T]) (stored[T], error) {
	var err error
	if s.Input, err = inputDigest(input); err != nil {
		return s, err
	}
	return s, patiently(ctx, func() error {
		_, err := a.o.Store.PutJSON(ctx, a.o.Bucket, key, s)
		return err
	})
}

const (
	// storePatience is how long the result of a fit waits for an object store that is down. After that, another attempt
	// fits again: this one keeps a slot of the compute queue and the memory of the model.
	storePatience = 10 * time.Minute
	// maxStoreWait is the longest wait between two tries. The store itself tries three times each.
	maxStoreWait = 5 * time.Second
)

// patiently repeats a write while the object store is down.
func patiently(ctx context.Context, put func() error) error {
	start := time.Now()
	for wait := maxStoreWait / 16; ; wait = min(2*wait, maxStoreWait) {
		err := put()
		if !errors.Is(err, objstore.ErrUnavailable) || time.Since(start) > storePatience {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
