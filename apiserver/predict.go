package apiserver

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"iris/model"
)

// modelName is the model a request is about: the one in the path, or the default.
func (s *Server) modelName(r *http.Request) string {
	if name := mux.Vars(r)["model"]; name != "" {
		return name
	}
	return s.DefaultModel
}

// handlePredict classifies one row with the champion. It asks nobody: the model is in memory.
func (s *Server) handlePredict(w http.ResponseWriter, r *http.Request) error {
	name := s.modelName(r)
	served := s.Cache.Champion(name)
	if served == nil {
		return s.noChampion(r.Context(), name)
	}
	if err := wantJSON(r); err != nil {
		return err
	}
	if x, ok := w.(*exchange); ok {
		x.brief = true
	}
	p := s.predictors.of(name, served)
	b := scratches.Get().(*scratch)
	defer b.free()
	b.reset(len(p.Model.Schema().Features), len(p.labels))
	var err error
	if b.body, err = readBody(r, b.body, maxRow); err != nil {
		return err
	}
	if err := p.rows.DecodeRow(b.body, b.x); err != nil {
		return err
	}
	best := p.Model.Predict(b.x, b.probabilities)
	var finite bool
	if b.answer, finite = p.appendAnswer(b.answer, best, b.probabilities); !finite {
		return newProblem(http.StatusUnprocessableEntity, "the values are too large for this model to compute with")
	}
	header := w.Header()
	header["Content-Type"], header["Model-Version"] = jsonType, p.header
	_, _ = w.Write(b.answer) // a client that hung up
	return nil
}

var jsonType = []string{"application/json"}

// noChampion says why there is nothing to predict with: no such model, or none of its versions serves yet.
func (s *Server) noChampion(ctx context.Context, name string) error {
	if err := s.mustExist(ctx, name); err != nil {
		return err
	}
	return unavailable(fmt.Sprintf("model %s has no champion yet: train it, or promote a version", name), retryAfter, nil)
}

// mustExist returns the 404 of a model that is not known.
func (s *Server) mustExist(ctx context.Context, name string) error {
	if s.Cache.Champion(name) != nil {
		return nil
	}
	if model.CheckName(name) != nil {
		return unknownModel(name)
	}
	ctx, cancel := withDeadline(ctx)
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

func unknownModel(name string) error { return notFound("there is no model %q", clip(name)) }
