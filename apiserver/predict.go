package apiserver

import (
	"context"
	"fmt"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/jsonrow"
	"iris/model"
)

// handlePredict classifies with the champion. It asks nobody: the model is in memory.
func (s *Server) handlePredict(w http.ResponseWriter, r *http.Request) error {
	name := s.modelName(r)
	served := s.Cache.Champion(name)
	if served == nil {
		return s.noChampion(r.Context(), name)
	}
	return s.predict(w, r, served)
}

// handlePredictVersion classifies with the version that the path names.
func (s *Server) handlePredictVersion(w http.ResponseWriter, r *http.Request) error {
	served, err := s.servedFor(r)
	if err != nil {
		return err
	}
	return s.predict(w, r, served)
}

// predict answers one row, or an array of them, by one version.
func (s *Server) predict(w http.ResponseWriter, r *http.Request, served *champions.Served) error {
	x := w.(*httpio.Exchange)
	p := s.predictors.of(served, x.Route())
	x.SetDuration(p.duration)
	x.SetBrief(true)
	if err := httpio.RequireJSON(r); err != nil {
		return err
	}
	b := scratches.Get().(*scratch)
	defer b.free()
	b.reset(len(p.Model.Schema().Features), len(p.labels))
	release, err := s.readRows(r, b)
	defer release()
	if err != nil {
		return err
	}
	if jsonrow.IsArray(b.body) {
		return s.predictRows(x, r, p, b)
	}
	if err := p.rows.DecodeRow(b.body, b.x); err != nil {
		return err
	}
	best := p.Model.Predict(b.x, b.probabilities)
	var finite bool
	if b.answer, finite = p.appendAnswer(b.answer, best, b.probabilities); !finite {
		return problem.New(http.StatusUnprocessableEntity, notFinite)
	}
	p.setHeader(w)
	_, _ = w.Write(append(b.answer, '\n')) // a client that hung up
	p.predicted.Inc()
	return nil
}

const notFinite = "the values are too large for this model to compute with"

// setHeader says which version answers.
func (p *predictor) setHeader(w http.ResponseWriter) {
	header := w.Header()
	header["Content-Type"], header["Model-Version"] = httpio.JSONType, p.header
}

// noChampion says why there is nothing to predict with: no such model, or none of its versions serves yet.
func (s *Server) noChampion(ctx context.Context, name string) error {
	if err := s.mustExist(ctx, name); err != nil {
		return err
	}
	return problem.Unavailable(fmt.Sprintf("model %s has no champion yet: train it, or promote a version", name), nil)
}

// mustExist returns the 404 of a model that is not known.
func (s *Server) mustExist(ctx context.Context, name string) error {
	if s.Cache.Champion(name) != nil {
		return nil
	}
	if model.CheckName(name) != nil {
		return unknownModel(name)
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	known, err := s.Registry.Models(ctx)
	if err != nil {
		return fmt.Errorf("list the models: %w", err)
	}
	for _, info := range known {
		if info.Name == name {
			return nil
		}
	}
	return unknownModel(name)
}

func unknownModel(name string) error {
	return problem.NotFound("there is no model %q", problem.Clip(name))
}
