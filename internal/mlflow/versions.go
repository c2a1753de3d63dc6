package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ModelVersion is one version of a registered model.
type ModelVersion struct {
	Name        string
	Version     string // a number, counted from 1 for each name
	RunID       string
	ModelID     string // of the logged model; empty for a version that was registered from somewhere else
	Source      string // models:/<ModelID>, or wherever else it came from
	Description string
	Tags        map[string]string
	Aliases     []string // only from GetVersion and GetAlias: MLflow leaves them out of lists
	Created     time.Time
}

// NewVersion is what CreateVersion takes.
type NewVersion struct {
	Name        string // of a registered model
	ModelID     string // of a logged model
	RunID       string
	Description string
	Tags        map[string]string
}

// modelSource is what the source of a version that is a logged model starts with.
const modelSource = "models:/"

type wireVersion struct {
	Name        string   `json:"name"`
	Version     text     `json:"version"`
	RunID       string   `json:"run_id"`
	Source      string   `json:"source"`
	Description string   `json:"description"`
	Tags        []pair   `json:"tags"`
	Aliases     []string `json:"aliases"`
	Created     millis   `json:"creation_timestamp"`
}

func (w wireVersion) version() ModelVersion {
	v := ModelVersion{
		Name: w.Name, Version: string(w.Version), RunID: w.RunID, Source: w.Source, Description: w.Description,
		Tags: fromPairs(w.Tags), Aliases: w.Aliases, Created: w.Created.time(),
	}
	// MLflow takes a model_id and does not give it back.
	if id, found := strings.CutPrefix(w.Source, modelSource); found && strings.HasPrefix(id, "m-") {
		v.ModelID = id
	}
	return v
}

func versions(list []wireVersion) []ModelVersion {
	var all []ModelVersion
	for _, w := range list {
		all = append(all, w.version())
	}
	return all
}

// CreateVersion registers a logged model as the next version of a registered model. Called twice it makes two: a caller
// that may be run again calls SearchVersions by run first.
func (c *Client) CreateVersion(ctx context.Context, n NewVersion) (ModelVersion, error) {
	var answer struct {
		Version wireVersion `json:"model_version"`
	}
	err := c.create(ctx, "create version of model "+n.Name, "mlflow/model-versions/create", struct {
		Name        string `json:"name"`
		Source      string `json:"source"`
		ModelID     string `json:"model_id"` // without it MLflow refuses the source
		RunID       string `json:"run_id"`
		Description string `json:"description"`
		Tags        []pair `json:"tags"`
	}{n.Name, modelSource + n.ModelID, n.ModelID, n.RunID, n.Description, pairs(n.Tags)}, &answer)
	if err != nil {
		return ModelVersion{}, err
	}
	return answer.Version.version(), nil
}

// GetVersion returns a version, or ErrNotExist.
func (c *Client) GetVersion(ctx context.Context, name, version string) (ModelVersion, error) {
	var answer struct {
		Version wireVersion `json:"model_version"`
	}
	err := c.read(ctx, fmt.Sprintf("get version %s of model %s", version, name), "mlflow/model-versions/get",
		url.Values{"name": {name}, "version": {version}}, &answer)
	if err != nil {
		return ModelVersion{}, err
	}
	return answer.Version.version(), nil
}

// SearchVersions returns the versions that a filter of MLflow's selects, such as "run_id = " + a quoted id (see Quote),
// or all for an empty one: by name, then oldest first.
func (c *Client) SearchVersions(ctx context.Context, filter string) ([]ModelVersion, error) {
	var all []ModelVersion
	err := pages(func(token string) (string, error) {
		var answer struct {
			Versions []wireVersion `json:"model_versions"`
			Next     string        `json:"next_page_token"`
		}
		query := url.Values{"filter": {filter}, "max_results": {"1000"}, "page_token": {token}}
		err := c.read(ctx, "search versions", "mlflow/model-versions/search", query, &answer)
		all = append(all, versions(answer.Versions)...)
		return answer.Next, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b ModelVersion) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.number(), b.number()))
	})
	return all, nil
}

func (v ModelVersion) number() int {
	n, _ := strconv.Atoi(v.Version)
	return n
}

// SetVersionTag sets a tag of a version.
func (c *Client) SetVersionTag(ctx context.Context, name, version, key, value string) error {
	return c.set(
		ctx,
		fmt.Sprintf("tag version %s of model %s", version, name),
		http.MethodPost,
		"mlflow/model-versions/set-tag",
		map[string]string{
			"name": name, "version": version, "key": key, "value": value,
		},
	)
}

// UpdateVersion sets the description of a version.
func (c *Client) UpdateVersion(ctx context.Context, name, version, description string) error {
	return c.set(
		ctx,
		fmt.Sprintf("update version %s of model %s", version, name),
		http.MethodPatch,
		"mlflow/model-versions/update",
		map[string]string{
			"name": name, "version": version, "description": description,
		},
	)
}
