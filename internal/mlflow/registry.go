package mlflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RegisteredModel is a named model in the registry, with versions and aliases.
type RegisteredModel struct {
	Name           string
	Description    string
	Tags           map[string]string
	Aliases        map[string]string // alias to version
	LatestVersions []ModelVersion    // the newest version; more only if a user sets MLflow's old stages
	Created        time.Time
}

type wireRegisteredModel struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Tags        []pair `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version text   `json:"version"`
	} `json:"aliases"`
	Latest  []wireVersion `json:"latest_versions"`
	Created millis        `json:"creation_timestamp"`
}

func (w wireRegisteredModel) value() RegisteredModel {
	m := RegisteredModel{
		Name: w.Name, Description: w.Description, Tags: fromPairs(w.Tags),
		Aliases: make(map[string]string, len(w.Aliases)), LatestVersions: versions(w.Latest), Created: w.Created.time(),
	}
	for _, a := range w.Aliases {
		m.Aliases[a.Alias] = string(a.Version)
	}
	return m
}

// EnsureRegisteredModel creates a registered model unless it exists. It does not change the description and tags of an
// existing one. Several processes may call it at the same time.
func (c *Client) EnsureRegisteredModel(ctx context.Context, name, description string, tags map[string]string) error {
	if _, err := c.GetRegisteredModel(ctx, name); !errors.Is(err, ErrNotExist) {
		return err
	}
	err := c.create(ctx, "create registered model "+name, "mlflow/registered-models/create", map[string]any{
		"name": name, "description": description, "tags": pairs(tags),
	}, nil)
	if errors.Is(err, ErrExists) { // another process was faster
		return nil
	}
	return err
}

// GetRegisteredModel returns a registered model, or ErrNotExist.
func (c *Client) GetRegisteredModel(ctx context.Context, name string) (RegisteredModel, error) {
	var answer struct {
		Model wireRegisteredModel `json:"registered_model"`
	}
	query := url.Values{"name": {name}}
	err := c.read(ctx, "get registered model "+name, "mlflow/registered-models/get", query, &answer)
	return result(answer.Model, err)
}

// modelsAtOnce is how many models a page lists. MLflow takes milliseconds for each model with a version, and a page
// must come within readTimeout, also from a busy server.
const modelsAtOnce = "100"

// RegisteredModels returns all registered models, sorted by name. It takes a request for each hundred of them.
func (c *Client) RegisteredModels(ctx context.Context) ([]RegisteredModel, error) {
	var models []RegisteredModel
	err := pages(func(token string) (string, error) {
		var answer struct {
			Models []wireRegisteredModel `json:"registered_models"`
			Next   string                `json:"next_page_token"`
		}
		query := url.Values{"max_results": {modelsAtOnce}, "order_by": {"name ASC"}, "page_token": {token}}
		err := c.read(ctx, "list registered models", "mlflow/registered-models/search", query, &answer)
		for _, w := range answer.Models {
			models = append(models, w.value())
		}
		return answer.Next, err
	})
	if err != nil {
		return nil, err
	}
	return models, nil
}

// SetAlias points an alias of a registered model at a version, and creates the alias if needed.
func (c *Client) SetAlias(ctx context.Context, name, alias, version string) error {
	return c.set(ctx, aliasOf("set", name, alias), http.MethodPost, "mlflow/registered-models/alias", map[string]string{
		"name": name, "alias": alias, "version": version,
	})
}

// DeleteAlias removes an alias. A missing alias is not an error.
func (c *Client) DeleteAlias(ctx context.Context, name, alias string) error {
	body := map[string]string{"name": name, "alias": alias}
	return c.set(ctx, aliasOf("delete", name, alias), http.MethodDelete, "mlflow/registered-models/alias", body)
}

// GetAlias returns the version that an alias points at, or ErrNotExist.
func (c *Client) GetAlias(ctx context.Context, name, alias string) (ModelVersion, error) {
	doing := aliasOf("get", name, alias)
	var answer struct {
		Version wireVersion `json:"model_version"`
	}
	err := c.read(ctx, doing, "mlflow/registered-models/alias", url.Values{"name": {name}, "alias": {alias}}, &answer)
	var refusal *Error
	if errors.As(err, &refusal) && refusal.Code == codeInvalid && strings.Contains(refusal.Message, "not found") {
		err = fmt.Errorf("%s: %w", doing, ErrNotExist) // MLflow answers 400 instead of 404
	}
	return result(answer.Version, err)
}

func aliasOf(verb, name, alias string) string {
	return fmt.Sprintf("%s alias %s of model %s", verb, alias, name)
}
