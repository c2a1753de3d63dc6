package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"path"

	"golang.org/x/sync/errgroup"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/model"
)

// Candidate is a fitted model on its way to be a version, with all that the version is to tell.
type Candidate struct {
	Model        string // name
	ExperimentID string // MLflow's, of the run
	RunID        string // the identity: one run is one version
	TaskID       string
	Description  string // for people, in MLflow's pages
	GitCommit    string // of the code that trained it; may be empty

	Artifact      []byte // model.Encode's
	Spec          model.Spec
	Schema        dataset.Schema
	Split         dataset.Split
	DatasetSHA256 string
	Metrics       map[string]float64 // on the held-out rows
	Tags          map[string]string  // of the request; none begins with iris. or mlflow.
	Files         map[string][]byte  // further files of the artifact folder by name; may be nil
	Portable      *mlflow.ONNXModel  // the model for every other program; nil = only for Iris
}

// check refuses a candidate that could not be found or loaded again.
func (c Candidate) check() error {
	if err := checkName(c.Model); err != nil {
		return err
	}
	if !runIDPattern.MatchString(c.RunID) {
		return fmt.Errorf("run %s: %w", quote(c.RunID), ErrBadReference)
	}
	if len(c.Artifact) == 0 || len(c.Artifact) > maxArtifact {
		return fmt.Errorf("register %s: artifact of %d bytes, want 1 to %d", c.Model, len(c.Artifact), maxArtifact)
	}
	for key := range c.Tags {
		if isOurTag(key) {
			return fmt.Errorf("register %s: the tag %s is the registry's", c.Model, quote(key))
		}
	}
	for _, name := range []string{artifactFile, splitFile} {
		if _, taken := c.Files[name]; taken {
			return fmt.Errorf("register %s: file %s is written by the registry", c.Model, name)
		}
	}
	return nil
}

// Register makes a candidate the next version of its model. MLflow would create everything twice on a blind retry, so
// each step looks for what an earlier try left: however often and wherever it was cut off, a run ends as one logged
// model and one version. The first version of a model gives it its schema.
func (r *Registry) Register(ctx context.Context, c Candidate) (Version, error) {
	if err := c.check(); err != nil {
		return Version{}, err
	}
	v, err := r.versionOf(ctx, c)
	if errors.Is(err, ErrNotExist) {
		v, err = r.create(ctx, c)
	}
	if err != nil {
		return Version{}, err
	}
	return v, r.firstSchema(ctx, c.Model, c.Schema)
}

// versionOf finds the version that the run has become. Its existence means that every step before it is done.
func (r *Registry) versionOf(ctx context.Context, c Candidate) (Version, error) {
	found, err := r.mlflow.SearchVersions(ctx, "run_id='"+c.RunID+"' and name='"+c.Model+"'")
	if err != nil {
		return Version{}, fmt.Errorf("look for the version of run %s: %w", c.RunID, outage(err))
	}
	mv, ok := firstOf(found, c.Model)
	if !ok {
		return Version{}, fmt.Errorf("version of run %s %w", c.RunID, ErrNotExist)
	}
	return r.version(ctx, c.Model, mv.Version)
}

// create takes every step from the logged model to the version.
func (r *Registry) create(ctx context.Context, c Candidate) (Version, error) {
	tags, split, err := c.tags()
	if err != nil {
		return Version{}, fmt.Errorf("register %s: %w", c.Model, err)
	}
	logged, err := r.logModel(ctx, c)
	if err != nil {
		return Version{}, fmt.Errorf("log the model of run %s: %w", c.RunID, outage(err))
	}
	if err := r.upload(ctx, logged, c, split); err != nil {
		return Version{}, err
	}
	if err := r.mlflow.FinishLoggedModel(ctx, logged.ID, mlflow.LoggedModelReady); err != nil {
		return Version{}, fmt.Errorf("finish logged model %s: %w", logged.ID, outage(err))
	}
	if err := r.mlflow.LogModelOutput(ctx, c.RunID, logged.ID); err != nil {
		return Version{}, fmt.Errorf("log the output of run %s: %w", c.RunID, outage(err))
	}
	if err := r.mlflow.EnsureRegisteredModel(ctx, c.Model, "Trained, versioned and served by iris.", nil); err != nil {
		return Version{}, fmt.Errorf("create model %s: %w", c.Model, outage(err))
	}
	mv, err := r.mlflow.CreateVersion(ctx, mlflow.NewVersion{
		Name: c.Model, LoggedModelID: logged.ID, RunID: c.RunID, Description: c.Description, Tags: tags,
	})
	if err != nil {
		return Version{}, fmt.Errorf("create a version of %s: %w", c.Model, outage(err))
	}
	v, err := fromMLflow(mv)
	v.Split = c.Split // the tag may leave out its moved rows
	return v, err
}

// logModel finds or creates the logged model of the run.
func (r *Registry) logModel(ctx context.Context, c Candidate) (mlflow.LoggedModel, error) {
	logged, err := r.mlflow.FindLoggedModel(ctx, c.ExperimentID, c.RunID)
	if !errors.Is(err, mlflow.ErrNotExist) {
		return logged, err
	}
	return r.mlflow.CreateLoggedModel(ctx, mlflow.NewLoggedModel{
		ExperimentID: c.ExperimentID, Name: loggedName, Type: string(c.Spec.Algorithm), RunID: c.RunID,
		Params: c.Spec.Params(), Tags: map[string]string{tagDataset: c.DatasetSHA256, tagTask: c.TaskID},
	})
}

// uploadsAtOnce is how many files of a version are sent side by side: they are small, and MLflow takes most of its time
// to
// pass each on to its store.
const uploadsAtOnce = 4

// upload writes the files of the version, in any order. What an earlier try wrote is overwritten.
func (r *Registry) upload(ctx context.Context, logged mlflow.LoggedModel, c Candidate, split []byte) error {
	files := make(map[string][]byte)
	maps.Copy(files, c.Files)
	if c.Portable != nil {
		maps.Copy(files, c.Portable.Files(logged))
	}
	files[artifactFile] = c.Artifact
	if split != nil {
		files[splitFile] = split
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploadsAtOnce)
	for name, b := range files {
		group.Go(func() error {
			contentType := mime.TypeByExtension(path.Ext(name))
			if contentType == "" {
				contentType = "application/octet-stream"
			}
			if err := r.mlflow.PutArtifact(
				ctx,
				logged.ArtifactURI,
				name,
				bytes.NewReader(b),
				int64(len(b)),
				contentType,
			); err != nil {
				return fmt.Errorf("upload %s of run %s: %w", name, c.RunID, outage(err))
			}
			return nil
		})
	}
	return group.Wait()
}
