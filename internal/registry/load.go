package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"iris/internal/mlflow"
	"iris/internal/partition"
	"iris/model"
)

// Files in the artifact folder of a version.
const (
	artifactFile = "model.json" // model.Encode's bytes
	splitFile    = "split.json" // a partition.Split too long for a tag
)

// maxArtifact limits a version, and the bytes that are read of a file, so that a replaced file cannot fill the memory.
const maxArtifact = 256 << 20

// CheckSize returns ErrTooLarge for an encoded model that Register would refuse.
func CheckSize(bytes int) error {
	if bytes > maxArtifact {
		return fmt.Errorf("%w: it has %d bytes, want at most %d; train on fewer rows or with smaller hyperparameters",
			ErrTooLarge, bytes, maxArtifact)
	}
	return nil
}

// Load downloads and decodes a version. It returns ErrCorrupt if the SHA-256 of the artifact is not the registered one.
func (r *Registry) Load(ctx context.Context, v Version) (*model.Model, error) {
	m, _, err := r.LoadSized(ctx, v)
	return m, err
}

// LoadSized is like Load and also returns the length of the artifact in bytes.
func (r *Registry) LoadSized(ctx context.Context, v Version) (m *model.Model, size int, err error) {
	if v.ArtifactSHA256 == "" || v.LoggedModelID == "" {
		return nil, 0, fmt.Errorf("load %s: %w", v.URI(), ErrForeign)
	}
	b, err := r.file(ctx, v.LoggedModelID, artifactFile, v.ArtifactSHA256)
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", v.URI(), err)
	}
	if m, err = model.Decode(b); err != nil {
		return nil, 0, fmt.Errorf("load %s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	return m, len(b), nil
}

// whole returns a version with its split, which may be in a file of its own.
func (r *Registry) whole(ctx context.Context, mv mlflow.ModelVersion) (Version, error) {
	v, err := fromMLflow(mv)
	if err != nil {
		return Version{}, err
	}
	sum := mv.Tags[tagSplitSHA256]
	if sum == "" {
		return v, nil
	}
	b, err := r.file(ctx, v.LoggedModelID, splitFile, sum)
	if err != nil {
		return Version{}, fmt.Errorf("split of %s: %w", v.URI(), err)
	}
	v.Split = partition.Split{}
	if err := json.Unmarshal(b, &v.Split); err != nil {
		return Version{}, fmt.Errorf("split of %s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	return v, nil
}

// file downloads a file of a logged model and checks its SHA-256, or finds it on the disk. A missing file is
// corruption, because its version exists.
func (r *Registry) file(ctx context.Context, loggedModelID, name, sum string) ([]byte, error) {
	if b, ok := r.disk.Get(sum); ok {
		return b, nil
	}
	b, err := r.download(ctx, loggedModelID, name)
	if errors.Is(err, mlflow.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is gone", ErrCorrupt, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, outage(err))
	}
	if len(b) > maxArtifact {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrCorrupt, name, maxArtifact)
	}
	if got := hexSHA256(b); got != sum {
		return nil, fmt.Errorf("%w: %s has SHA-256 %.12s…, want %.12s…", ErrCorrupt, name, got, sum)
	}
	_ = r.disk.Put(sum, b) // the disk remembers the error, for /readyz; the file is here anyway
	return b, nil
}

// download reads a file, at most one byte more than maxArtifact.
func (r *Registry) download(ctx context.Context, loggedModelID, name string) ([]byte, error) {
	logged, err := r.mlflow.GetLoggedModel(ctx, loggedModelID)
	if err != nil {
		return nil, err
	}
	body, err := r.mlflow.GetArtifact(ctx, logged.ArtifactURI, name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, maxArtifact+1))
	return b, errors.Join(err, body.Close())
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
