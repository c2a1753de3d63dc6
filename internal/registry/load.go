package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/model"
)

// Files in the artifact folder of a version.
const (
	artifactFile = "model.json" // model.Encode's bytes
	splitFile    = "split.json" // a dataset.Split too long for a tag
)

// maxArtifact is the most bytes of a file that are read, so that a file that somebody replaced fills no memory.
const maxArtifact = 256 << 20

// Load downloads a version and decodes it. The bytes are those that were registered, by their SHA-256, or the error is
// ErrCorrupt.
func (r *Registry) Load(ctx context.Context, v Version) (*model.Model, error) {
	m, _, err := r.LoadSized(ctx, v)
	return m, err
}

// LoadSized is Load and also returns the length of the artifact in bytes.
func (r *Registry) LoadSized(ctx context.Context, v Version) (m *model.Model, size int, err error) {
	if v.ArtifactSHA256 == "" || v.ModelID == "" {
		return nil, 0, fmt.Errorf("load %s: %w", v.URI(), ErrForeign)
	}
	b, err := r.file(ctx, v.ModelID, artifactFile, v.ArtifactSHA256)
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", v.URI(), err)
	}
	if m, err = model.Decode(b); err != nil {
		return nil, 0, fmt.Errorf("load %s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	return m, len(b), nil
}

// whole reads a version with its split, also where that lies in a file.
func (r *Registry) whole(ctx context.Context, mv mlflow.ModelVersion) (Version, error) {
	v, err := fromMLflow(mv)
	if err != nil {
		return Version{}, err
	}
	sum := mv.Tags[tagSplitSHA256]
	if sum == "" {
		return v, nil
	}
	b, err := r.file(ctx, v.ModelID, splitFile, sum)
	if err != nil {
		return Version{}, fmt.Errorf("split of %s: %w", v.URI(), err)
	}
	v.Split = dataset.Split{}
	if err := json.Unmarshal(b, &v.Split); err != nil {
		return Version{}, fmt.Errorf("split of %s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	return v, nil
}

// file downloads a file of a logged model whole and checks its SHA-256. One that is gone is corruption: the version
// that it belongs to is still there.
func (r *Registry) file(ctx context.Context, modelID, name, sum string) ([]byte, error) {
	b, err := r.download(ctx, modelID, name)
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
		return nil, fmt.Errorf("%w: %s has SHA-256 %.12s…, registered was %.12s…", ErrCorrupt, name, got, sum)
	}
	return b, nil
}

// download reads a file, and stops one byte past maxArtifact.
func (r *Registry) download(ctx context.Context, modelID, name string) ([]byte, error) {
	logged, err := r.mlflow.GetLoggedModel(ctx, modelID)
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
