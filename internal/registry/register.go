package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/partition"
	"iris/model"
)

// Candidate is a fitted model that is to become a version.
type Candidate struct {
	Model        string // name
	ExperimentID string // of the run, in MLflow
	RunID        string // the identity: one run becomes one version
	TaskID       string
	Description  string // shown on MLflow's pages
	GitCommit    string // of the code that trained the model; may be empty

	Artifact      []byte // from model.Encode
	Spec          model.Spec
	Schema        dataset.Schema
	Decision      *model.Decision // nil if labels are the most probable classes
	Split         partition.Split
	DatasetSHA256 string
	Metrics       map[string]float64 // on the held-out rows
	Tags          map[string]string  // of the request; the prefixes iris. and mlflow. are reserved
	Files         map[string][]byte  // more files of the artifact folder, for people, by name; may be nil
	// FileFailed decides about the error of one of Files, after the model was uploaded: if it returns nil, the version
	// goes without the file. A nil FileFailed returns the error.
	FileFailed func(name string, err error) error
	Portable   *mlflow.ONNXModel // the model in a form for other programs; may be nil
}

// check refuses a candidate that Register could not find again or that Load would refuse.
func (c Candidate) check() error {
	if err := checkName(c.Model); err != nil {
		return err
	}
	if !runIDPattern.MatchString(c.RunID) {
		return fmt.Errorf("run %s: %w", quote(c.RunID), ErrBadReference)
	}
	if len(c.Artifact) == 0 {
		return fmt.Errorf("register %s: artifact of 0 bytes", c.Model)
	}
	if err := CheckSize(len(c.Artifact)); err != nil {
		return fmt.Errorf("register %s: %w", c.Model, err)
	}
	for key := range c.Tags {
		if isReservedTag(key) {
			return fmt.Errorf("register %s: the tag %s is reserved", c.Model, quote(key))
		}
	}
	for _, name := range []string{artifactFile, splitFile} {
		if _, taken := c.Files[name]; taken {
			return fmt.Errorf("register %s: the registry itself writes the file %s", c.Model, name)
		}
	}
	return nil
}

// Register makes a candidate the next version of its model. A run becomes one logged model and one version, wherever
// and however often Register is interrupted: each step first looks for the result of an earlier attempt, and looks
// again after it. Reconcile looks once more, at the end of the task. The first version of a model sets the schema of
// the model.
func (r *Registry) Register(ctx context.Context, c Candidate) (Version, error) {
	if err := c.check(); err != nil {
		return Version{}, err
	}
	once := r.versionOnce(c.Model, c.RunID)
	once.Create = func(ctx context.Context) (mlflow.ModelVersion, error) { return r.create(ctx, c) }
	mv, err := once.Ensure(ctx)
	if err != nil {
		return Version{}, err
	}
	v, err := r.version(ctx, c.Model, mv.Version)
	if err != nil {
		return Version{}, err
	}
	return v, r.firstSchema(ctx, v, c.Schema)
}

// create makes every step from the logged model to the version.
func (r *Registry) create(ctx context.Context, c Candidate) (mlflow.ModelVersion, error) {
	tags, split, err := c.tags()
	if err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("register %s: %w", c.Model, err)
	}
	logged, err := r.logModel(ctx, c)
	if err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("log the model of run %s: %w", c.RunID, outage(err))
	}
	if err := r.upload(ctx, logged, c, split); err != nil {
		return mlflow.ModelVersion{}, err
	}
	err = r.mlflow.FinishLoggedModel(ctx, logged.ID, mlflow.LoggedModelReady)
	if errors.Is(err, mlflow.ErrNotExist) {
		// Another attempt has registered the run and deleted this logged model. The next one finds the version.
		return mlflow.ModelVersion{}, fmt.Errorf("%w: logged model %s was deleted meanwhile", ErrUnavailable, logged.ID)
	}
	if err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("finish logged model %s: %w", logged.ID, outage(err))
	}
	if err := r.mlflow.LogModelOutput(ctx, c.RunID, logged.ID); err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("log the output of run %s: %w", c.RunID, outage(err))
	}
	if err := r.mlflow.EnsureRegisteredModel(ctx, c.Model, "Trained, versioned and served by iris.", nil); err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("create model %s: %w", c.Model, outage(err))
	}
	// The uploads took their time, and a frozen process may have slept here: another attempt may have made the version.
	if made, err := r.versionOnce(c.Model, c.RunID).Find(ctx); err != nil || len(made) > 0 {
		return append(made, mlflow.ModelVersion{})[0], err
	}
	mv, err := r.mlflow.CreateVersion(ctx, mlflow.NewVersion{
		Name: c.Model, LoggedModelID: logged.ID, RunID: c.RunID, Description: c.Description, Tags: tags,
	})
	if err != nil {
		return mlflow.ModelVersion{}, fmt.Errorf("create a version of %s: %w", c.Model, outage(err))
	}
	return mv, nil
}

// logModel finds or creates the logged model of a run.
func (r *Registry) logModel(ctx context.Context, c Candidate) (mlflow.LoggedModel, error) {
	params := c.Spec.Params()
	maps.Copy(params, c.Decision.Params())
	return r.mlflow.EnsureLoggedModel(ctx, mlflow.NewLoggedModel{
		ExperimentID: c.ExperimentID, Name: loggedName, Type: string(c.Spec.Algorithm), RunID: c.RunID,
		Params: params, Tags: map[string]string{tagDataset: c.DatasetSHA256, tagTask: c.TaskID},
	})
}

// maxUploads is how many files of a version are uploaded concurrently. They are small, and MLflow spends most of the
// time passing each on to its store.
const maxUploads = 4

// filesPatience bounds the upload of the files for people. It is also at most half of the time that is left.
const filesPatience = 20 * time.Second

// upload writes the files of a version, the model first, and overwrites those of an earlier attempt.
func (r *Registry) upload(ctx context.Context, logged mlflow.LoggedModel, c Candidate, split []byte) error {
	files := make(map[string][]byte)
	if c.Portable != nil {
		maps.Copy(files, c.Portable.Files(logged))
	}
	files[artifactFile] = c.Artifact
	if split != nil {
		files[splitFile] = split
	}
	failed := r.put(ctx, logged, c.RunID, files)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		return failed[name]
	}
	patience := filesPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	hurried, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	failed = r.put(hurried, logged, c.RunID, c.Files)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		err := failed[name]
		if hurried.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: the files were not uploaded within %s: %w", ErrUnavailable, patience, err)
		}
		if c.FileFailed != nil {
			err = c.FileFailed(name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes files in any order, and returns the errors of those that failed.
func (r *Registry) put(
	ctx context.Context, logged mlflow.LoggedModel, runID string, files map[string][]byte,
) map[string]error {
	failed := map[string]error{}
	var mu sync.Mutex
	group := new(errgroup.Group)
	group.SetLimit(maxUploads)
	for name, b := range files {
		group.Go(func() error {
			contentType := mime.TypeByExtension(path.Ext(name))
			if contentType == "" {
				contentType = "application/octet-stream"
			}
			err := r.mlflow.PutArtifact(ctx, logged.ArtifactURI, name, bytes.NewReader(b), int64(len(b)), contentType)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[name] = fmt.Errorf("upload %s of run %s: %w", name, runID, outage(err))
			}
			return nil
		})
	}
	_ = group.Wait() // failed has the errors
	return failed
}
