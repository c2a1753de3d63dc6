package apiserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/registry"
	"iris/model"
)

// modelName is the model a request is about: the one in the path, or the default.
func (s *Server) modelName(r *http.Request) string {
	if name := mux.Vars(r)["model"]; name != "" {
		return name
	}
	return s.DefaultModel
}

// servedFor returns what answers a request: the version that its path names, else the champion of the model.
func (s *Server) servedFor(r *http.Request) (*champions.Served, error) {
	return s.servedVersion(r.Context(), s.modelName(r), mux.Vars(r)["version"])
}

// servedVersion is a version of a model by its number or alias, the champion by "". The champion is in memory; another
// version is loaded when nobody asked for it lately.
func (s *Server) servedVersion(ctx context.Context, name, version string) (*champions.Served, error) {
	champion := s.Cache.Champion(name)
	switch {
	case version == "" || version == registry.ChampionAlias:
		if champion == nil {
			return nil, s.noChampion(ctx, name)
		}
		return champion, nil
	case champion != nil && champion.Version.Number == version:
		return champion, nil
	case model.CheckName(name) != nil:
		return nil, unknownModel(name)
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	served, err := s.Cache.Version(ctx, name, versionReference(name, version))
	switch {
	case err == nil:
		return served, nil
	case errors.Is(err, registry.ErrBadReference), errors.Is(err, registry.ErrWrongModel):
		return nil, problem.NotFound(
			"there is no version %q of model %s: want a number or an alias",
			problem.Clip(version),
			name,
		)
	}
	if errors.Is(err, registry.ErrNotExist) {
		if err := s.mustExist(ctx, name); err != nil {
			return nil, err
		}
	}
	return nil, versionProblem(err, name, version, problem.Fault{Parameter: "version"})
}
