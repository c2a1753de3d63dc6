package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// namePattern keeps a model name legal as a URL segment, an object key, a part of a workflow id and an MLflow
// registered model, so that no layer has to escape it.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// reservedNames are the literal first segments of the API's routes, present and planned: a model called "tasks"
// could never be reached under /tasks. Sorted.
var reservedNames = []string{
	"algorithms", "api", "datasets", "docs", "health", "healthz", "invocations", "metrics", "models", "openapi", "ping",
	"predict", "readyz", "schemas", "static", "tasks", "training", "v1", "v2", "version",
}

// CheckName reports why name cannot be the name of a model, nil when it can.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("model name %q: want 1 to 63 of a-z, 0-9 and -, not starting with -", clip(name))
	}
	if slices.Contains(reservedNames, name) {
		return fmt.Errorf("model name %q is reserved", name)
	}
	return nil
}

// ReservedNames returns, sorted, the names that CheckName refuses although they are well formed.
func ReservedNames() []string { return slices.Clone(reservedNames) }

// clip shortens what a client sent to a length that is fit for an error message.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…" // not within a letter
}
