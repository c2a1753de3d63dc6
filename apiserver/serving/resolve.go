package serving

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/registry"
	"iris/model"
)

// Name returns the model that a request is about: the one in the path, or the default.
func (m *Models) Name(r *http.Request) string {
	if name := mux.Vars(r)["model"]; name != "" {
		return name
	}
	return m.DefaultModel
}

// Requested returns the version that answers a request: the one that its path names, else the champion of the model.
func (m *Models) Requested(r *http.Request) (*champions.Served, error) {
	return m.Version(r.Context(), m.Name(r), mux.Vars(r)["version"])
}

// Version returns a version of a model by its number or alias, and the champion for "". The champion is in memory.
// Another version is loaded unless it was requested recently.
func (m *Models) Version(ctx context.Context, name, version string) (*champions.Served, error) {
	champion := m.Cache.Champion(name)
	switch {
	case version == "" || version == registry.ChampionAlias:
		if champion == nil {
			return nil, m.NoChampion(ctx, name)
		}
		return champion, nil
	case champion != nil && champion.Version.Number == version:
		return champion, nil
	case model.CheckName(name) != nil:
		return nil, unknownModel(name)
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	served, err := m.Cache.Version(ctx, name, VersionReference(name, version))
	switch {
	case err == nil:
		return served, nil
	case errors.Is(err, registry.ErrBadReference), errors.Is(err, registry.ErrWrongModel):
		return nil, problem.NotFound(
			"there is no version %q of model %s: want a number or an alias", problem.Clip(version), name)
	case errors.Is(err, registry.ErrNotExist):
		if err := m.MustExist(ctx, name); err != nil {
			return nil, err
		}
	}
	return nil, VersionProblem(err, name, version, problem.Fault{Parameter: "version"})
}

// Load returns a version of a model by any form that registry.Resolve takes, ready to predict. The fault at says where
// the request has it.
func (m *Models) Load(ctx context.Context, name, ref string, at problem.Fault) (*champions.Served, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	served, err := m.Cache.Version(ctx, name, ref)
	if err != nil {
		return nil, VersionProblem(err, name, ref, at)
	}
	return served, nil
}

// NoChampion returns why a model has nothing to predict with: it is unknown, or none of its versions is served yet.
func (m *Models) NoChampion(ctx context.Context, name string) error {
	if err := m.MustExist(ctx, name); err != nil {
		return err
	}
	return problem.Unavailable(
		fmt.Sprintf("model %s has no champion yet: train it, or promote a version", name), nil)
}

// Ready returns nil if requests for predictions may be sent to this process: it is not about to stop, and the champion
// of the default model is loaded.
func (m *Models) Ready() error {
	if m.Draining() {
		return problem.Unavailable("this server is about to stop", nil)
	}
	if m.Cache.Champion(m.DefaultModel) == nil {
		return problem.Unavailable(fmt.Sprintf("model %s has no champion yet", m.DefaultModel), nil)
	}
	return nil
}

// MustExist returns the 404 of a model that is unknown.
func (m *Models) MustExist(ctx context.Context, name string) error {
	if m.Cache.Champion(name) != nil {
		return nil
	}
	if model.CheckName(name) != nil {
		return unknownModel(name)
	}
	known, err := m.Known(ctx)
	if err != nil {
		return err
	}
	for _, info := range known {
		if info.Name == name {
			return nil
		}
	}
	return unknownModel(name)
}

// Known lists the models of the registry.
func (m *Models) Known(ctx context.Context) ([]registry.Info, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	infos, err := m.Registry.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	return infos, nil
}

func unknownModel(name string) error {
	return problem.NotFound("there is no model %q", problem.Clip(name))
}

// VersionReference turns the version in a path, a number or an alias with or without its @, into a reference that
// registry.Resolve takes.
func VersionReference(modelName, version string) string {
	if plain, err := url.PathUnescape(version); err == nil {
		version = plain
	}
	alias := strings.TrimPrefix(version, "@")
	if alias == version && (version == "" || strings.Contains(version, ":") || strings.Trim(version, "0123456789") == "") {
		return version
	}
	return "models:/" + modelName + "@" + alias
}

// VersionProblem returns the problem of a reference to a version that could not be resolved or loaded. The fault at
// says where the request has it.
func VersionProblem(err error, name, ref string, at problem.Fault) error {
	shown := problem.Clip(ref)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		at.Detail = fmt.Sprintf("there is no version %q of model %s", shown, name)
		return problem.New(http.StatusNotFound, at.Detail, at)
	case errors.Is(err, registry.ErrWrongModel):
		at.Detail = fmt.Sprintf("%q is a version of another model, not of %s", shown, name)
		return problem.Invalid(at)
	case errors.Is(err, registry.ErrBadReference):
		at.Detail = fmt.Sprintf("%q is not a version: want 3, models:/%[2]s/3, models:/%[2]s@champion, "+
			"models:/m-ID or runs:/ID/model", shown, name)
		return problem.Invalid(at)
	case errors.Is(err, registry.ErrCorrupt):
		at.Detail = fmt.Sprintf("version %q of %s cannot be used: it is damaged, or was not registered by Iris", shown, name)
		p := problem.Invalid(at)
		p.Cause = err
		return p
	}
	return fmt.Errorf("load version %q of %s: %w", shown, name, err)
}
