package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// namePattern makes a model name valid as a URL segment, as part of an object key and of a workflow ID, and as the name
// of an MLflow registered model, so that no layer has to escape it.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// reservedNames are the literal first segments of the API's routes, existing and planned, sorted. A model called tasks
// would be out of reach, because /tasks is another route.
var reservedNames = []string{
	"algorithms", "api", "datasets", "docs", "health", "healthz", "invocations", "metrics", "models", "openapi", "ping",
	"predict", "readyz", "schemas", "static", "tasks", "training", "v1", "v2", "version",
}

// CheckName returns why name cannot be the name of a model, or nil if it can.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("model name %q: want 1 to 63 of a-z, 0-9 and -, not starting with -", clip(name))
	}
	if slices.Contains(reservedNames, name) {
		return fmt.Errorf("model name %q is reserved", name)
	}
	return nil
}

// ReservedNames returns the well-formed names that CheckName refuses, sorted.
func ReservedNames() []string { return slices.Clone(reservedNames) }

// clip shortens a string that a client sent for an error message.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…" // do not cut a character in half
}
