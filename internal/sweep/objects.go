package sweep

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// pageSize is how many objects one request lists. S3 returns no more.
const pageSize = 1000

// list calls each with the objects under a prefix, in the order of their keys. It begins after Report.After, which each
// moves on when it has finished an object.
func (s *Sweeper) list(ctx context.Context, prefix string, each func(objstore.Object) error) error {
	for after := s.report.After; ; {
		page, err := s.o.Store.ListObjects(ctx, s.o.Bucket, prefix, after, pageSize)
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := each(o); err != nil {
				return err
			}
			after = o.Key
		}
		s.o.Beat(s.report)
		if len(page) < pageSize {
			return nil
		}
	}
}

// Uploads aborts the uploads in parts that nobody completes.
func (s *Sweeper) Uploads(ctx context.Context) (Report, error) {
	uploads, err := s.o.Store.Uploads(ctx, s.o.Bucket)
	if err != nil {
		return s.report, err
	}
	for _, u := range uploads {
		age := s.now.Sub(u.Begun)
		if !objstore.IsOwnKey(u.Ref.Key) || age < s.o.Uploads {
			continue
		}
		s.check()
		s.act(ctx, "upload of "+u.Ref.Key+" is aborted", fmt.Sprintf("it began %s ago", age.Round(time.Second)),
			func() error { return s.o.Store.AbortUpload(ctx, u) })
	}
	return s.report, nil
}

// folder is the objects of one training or batch.
type folder struct {
	segment  string // of the keys: a run of MLflow or a task, escaped
	keys     []string
	modified time.Time // of the newest object
}

// folders calls each with all objects of each folder under a prefix. Report.After moves on by whole folders only: each
// must never see a part of one.
func (s *Sweeper) folders(ctx context.Context, prefix string, each func(folder) error) (Report, error) {
	var open folder
	finish := func() error {
		if open.segment == "" {
			return nil
		}
		if err := each(open); err != nil {
			return err
		}
		s.report.After = open.keys[len(open.keys)-1]
		return nil
	}
	err := s.list(ctx, prefix, func(o objstore.Object) error {
		segment, _, _ := strings.Cut(strings.TrimPrefix(o.Key, prefix), "/")
		if segment != open.segment {
			if err := finish(); err != nil {
				return err
			}
			open = folder{segment: segment}
		}
		open.keys = append(open.keys, o.Key)
		if o.Modified.After(open.modified) {
			open.modified = o.Modified
		}
		return nil
	})
	if err != nil {
		return s.report, err
	}
	return s.report, finish()
}

// Trainings deletes the objects of trainings that ended long ago. MLflow has the artifacts of their versions.
func (s *Sweeper) Trainings(ctx context.Context) (Report, error) {
	return s.folders(ctx, objstore.TrainingsPrefix, func(f folder) error {
		if s.now.Sub(f.modified) < s.o.Leftovers {
			return nil
		}
		s.check()
		var of *mlflow.Run
		var task fate
		run, err := s.o.MLflow.GetRun(ctx, f.segment)
		switch {
		case err == nil:
			of = &run
			if id := run.Tags[TagWorkflow]; id != "" {
				if task, err = s.fateOf(ctx, id); err != nil {
					return err
				}
			}
		case !errors.Is(err, mlflow.ErrNotExist):
			return err
		}
		if trainingIsOver(of, task, f.modified, s.now, s.o.Leftovers) {
			s.act(ctx, fmt.Sprintf("%d objects of training run %s are deleted", len(f.keys), f.segment),
				"it ended long ago", func() error { return s.remove(ctx, f.keys) })
		}
		return nil
	})
}

// Batches deletes the rows and parts of batches that ended long ago without results.
func (s *Sweeper) Batches(ctx context.Context) (Report, error) {
	return s.folders(ctx, objstore.BatchesPrefix, func(f folder) error {
		if s.now.Sub(f.modified) < s.o.Leftovers {
			return nil
		}
		s.check()
		hasManifest := false
		for _, key := range f.keys {
			hasManifest = hasManifest || path.Base(key) == objstore.ManifestName
		}
		if hasManifest {
			return nil
		}
		stored, err := s.storedStatus(ctx, objstore.TaskKeyOf(f.segment))
		if err != nil || stored == nil {
			return err
		}
		task, err := s.fateOf(ctx, stored.TaskID)
		if err != nil {
			return err
		}
		if batchIsOver(stored, task, hasManifest, f.modified, s.now, s.o.Leftovers) {
			s.act(ctx, fmt.Sprintf("%d objects of batch %s are deleted", len(f.keys), stored.TaskID),
				"it ended long ago without results", func() error { return s.remove(ctx, f.keys) })
		}
		return nil
	})
}
