package mlflow

import (
	"cmp"
	"context"
	"errors"
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
	Name          string
	Version       string // a number, counted from 1 for each name
	RunID         string
	LoggedModelID string // empty for a version from another source
	Source        string // models:/<LoggedModelID>, or another source
	Description   string
	Tags          map[string]string
	Aliases       []string // set by GetVersion and GetAlias only: MLflow's lists do not contain them
	Created       time.Time
}

// NewVersion is the input of CreateVersion.
type NewVersion struct {
	Name          string // of a registered model
	LoggedModelID string
	RunID         string
	Description   string
	Tags          map[string]string
}

// modelSource starts the source of a version of a logged model.
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

func (w wireVersion) value() ModelVersion {
	v := ModelVersion{
		Name: w.Name, Version: string(w.Version), RunID: w.RunID, Source: w.Source, Description: w.Description,
		Tags: fromPairs(w.Tags), Aliases: w.Aliases, Created: w.Created.time(),
	}
	// MLflow accepts a model_id, but does not return it.
	if id, found := strings.CutPrefix(w.Source, modelSource); found && strings.HasPrefix(id, "m-") {
		v.LoggedModelID = id
	}
	return v
}

func versions(list []wireVersion) []ModelVersion {
	var all []ModelVersion
	for _, w := range list {
		all = append(all, w.value())
	}
	return all
}

// CreateVersion registers a logged model as the next version of a registered model. Each call creates another version,
// so a caller that may run again uses Once.
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
	}{n.Name, modelSource + n.LoggedModelID, n.LoggedModelID, n.RunID, n.Description, pairs(n.Tags)}, &answer)
	return result(answer.Version, err)
}

// GetVersion returns a version, or ErrNotExist.
func (c *Client) GetVersion(ctx context.Context, name, version string) (ModelVersion, error) {
	var answer struct {
		Version wireVersion `json:"model_version"`
	}
	err := c.read(ctx, fmt.Sprintf("get version %s of model %s", version, name), "mlflow/model-versions/get",
		url.Values{"name": {name}, "version": {version}}, &answer)
	return result(answer.Version, err)
}

// SearchVersions returns the versions that match a filter in MLflow's syntax, such as "run_id = " and a quoted id (see
// Quote), sorted by name and number. An empty filter matches all versions.
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
	slices.SortStableFunc(all, byNameAndNumber)
	return all, nil
}

// RecentVersions returns the versions of all models that were created since a time, sorted by name and number.
func (c *Client) RecentVersions(ctx context.Context, since time.Time) ([]ModelVersion, error) {
	var recent []ModelVersion
	err := pages(func(token string) (string, error) {
		var answer struct {
			Versions []wireVersion `json:"model_versions"`
			Next     string        `json:"next_page_token"`
		}
		query := url.Values{"order_by": {"creation_timestamp DESC"}, "max_results": {"1000"}, "page_token": {token}}
		err := c.read(ctx, "list recent versions", "mlflow/model-versions/search", query, &answer)
		for _, v := range versions(answer.Versions) {
			if v.Created.Before(since) {
				return "", err
			}
			recent = append(recent, v)
		}
		return answer.Next, err
	})
	slices.SortStableFunc(recent, byNameAndNumber)
	return recent, err
}

func byNameAndNumber(a, b ModelVersion) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.number(), b.number()))
}

func (v ModelVersion) number() int {
	n, _ := strconv.Atoi(v.Version)
	return n
}

// SetVersionTag sets a tag of a version.
func (c *Client) SetVersionTag(ctx context.Context, name, version, key, value string) error {
	doing := fmt.Sprintf("tag version %s of model %s", version, name)
	body := map[string]string{"name": name, "version": version, "key": key, "value": value}
	return c.set(ctx, doing, http.MethodPost, "mlflow/model-versions/set-tag", body)
}

// UpdateVersion sets the description of a version.
func (c *Client) UpdateVersion(ctx context.Context, name, version, description string) error {
	doing := fmt.Sprintf("update version %s of model %s", version, name)
	body := map[string]string{"name": name, "version": version, "description": description}
	return c.set(ctx, doing, http.MethodPatch, "mlflow/model-versions/update", body)
}

// DeleteVersion deletes a version and the aliases that point at it. MLflow does not use its number again. A missing
// version is not an error.
func (c *Client) DeleteVersion(ctx context.Context, name, version string) error {
	doing := fmt.Sprintf("delete version %s of model %s", version, name)
	body := map[string]string{"name": name, "version": version}
	err := c.set(ctx, doing, http.MethodDelete, "mlflow/model-versions/delete", body)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}
