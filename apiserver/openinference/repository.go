package openinference

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/registry"
)

// InferenceIndexEntry is a model in the index of the repository.
type InferenceIndexEntry struct {
	Name    string `json:"name" example:"iris"`
	Version string `json:"version" doc:"the champion, or the newest version of a model without one" example:"3"`
	State   string `json:"state" enum:"READY,UNAVAILABLE"`
	Reason  string `json:"reason" doc:"why it is unavailable"`
}

// States of an InferenceIndexEntry.
const (
	indexReady       = "READY"
	indexUnavailable = "UNAVAILABLE"
)

// repositoryRequest is the body of a request to the repository, which may be empty.
type repositoryRequest struct {
	Ready      bool                       `json:"ready"`
	Parameters map[string]json.RawMessage `json:"parameters"`
}

func readRepositoryRequest(r *http.Request) (in repositoryRequest, err error) {
	body, err := httpio.ReadBody(r, nil, httpio.MaxSmall)
	if err != nil {
		return in, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return in, nil
	}
	if err := json.Unmarshal(body, &in); err != nil || string(bytes.TrimSpace(body)) == "null" {
		return in, problem.New(http.StatusBadRequest, `the body is not JSON such as {"ready":true} or {"parameters":{}}`)
	}
	return in, nil
}

func (a *API) handleIndex(w http.ResponseWriter, r *http.Request) error {
	in, err := readRepositoryRequest(r)
	if err != nil {
		return err
	}
	index, err := a.index(r.Context(), in.Ready)
	if err != nil {
		return err
	}
	return httpio.WriteJSON(w, http.StatusOK, index)
}

// index lists the models, or only the ones that can be asked.
func (a *API) index(ctx context.Context, readyOnly bool) ([]InferenceIndexEntry, error) {
	infos, err := a.models.Known(ctx)
	if err != nil {
		return nil, err
	}
	index := []InferenceIndexEntry{}
	for _, info := range infos {
		entry := InferenceIndexEntry{Name: info.Name, State: indexUnavailable}
		switch served := a.models.Cache.Champion(info.Name); {
		case served != nil:
			entry.Version, entry.State = served.Version.Number, indexReady
		case readyOnly:
			continue
		case info.Champion != "":
			entry.Version, entry.Reason = info.Champion, "the champion is not loaded yet"
		default:
			entry.Version, entry.Reason = info.LatestVersion, "there is no champion"
		}
		index = append(index, entry)
	}
	return index, nil
}

func (a *API) handleLoad(w http.ResponseWriter, r *http.Request) error {
	in, err := readRepositoryRequest(r)
	if err != nil {
		return err
	}
	var parameters []string
	for name := range in.Parameters {
		parameters = append(parameters, name)
	}
	if err := a.load(r.Context(), mux.Vars(r)["model"], parameters); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// load serves the champion that the registry names now. Iris loads champions by itself, but a client that loads one
// does not wait for the next poll.
func (a *API) load(ctx context.Context, name string, parameters []string) error {
	if len(parameters) > 0 {
		slices.Sort(parameters)
		return problem.New(
			http.StatusBadRequest,
			fmt.Sprintf(
				"parameter %q: a model is loaded as it was registered, without a configuration or files of the client",
				problem.Clip(parameters[0]),
			),
		)
	}
	if err := a.models.MustExist(ctx, name); err != nil {
		return err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err := a.models.Cache.Refresh(ctx, name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return problem.New(
			http.StatusBadRequest,
			fmt.Sprintf("model %s has no champion to load: train it, or promote a version", name),
		)
	case errors.Is(err, registry.ErrCorrupt):
		p := problem.New(
			http.StatusBadRequest,
			fmt.Sprintf("the champion of %s cannot be used: it is damaged, or was not registered by Iris", name),
		)
		p.Cause = err
		return p
	case err != nil:
		return fmt.Errorf("load the champion of %s: %w", name, err)
	}
	return nil
}

func (a *API) handleUnload(w http.ResponseWriter, r *http.Request) error {
	if _, err := readRepositoryRequest(r); err != nil {
		return err
	}
	if err := a.unload(r.Context(), mux.Vars(r)["model"]); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// unload makes sure that a model is not served. The registry decides what is served, not a client of one process, so
// unload refuses a model with a champion.
func (a *API) unload(ctx context.Context, name string) error {
	if served := a.models.Cache.Champion(name); served != nil {
		return problem.New(http.StatusBadRequest, fmt.Sprintf(
			"model %s is not unloaded: version %s is its champion, which every process serves until another version is promoted",
			name,
			served.Version.Number,
		))
	}
	return a.models.MustExist(ctx, name)
}
