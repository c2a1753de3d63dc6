package workflows

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// Limits of the tags of a request. Every answer of MLflow about the version contains them.
const (
	maxTags     = 20
	maxTagKey   = 100 // bytes
	maxTagValue = 500 // bytes
)

// reservedTags are the keys, and the prefixes of keys, that Iris, Temporal and MLflow write themselves.
var reservedTags = []string{"iris.", "mlflow.", "temporal.", "dataset.", "gate", "reason"}

// checkTags rejects tags that MLflow would reject, or that would hide a reserved one. The error is a *model.SpecError.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return model.NewSpecError("/tags", "has %d tags, at most %d are kept", len(tags), maxTags)
	}
	for _, key := range workflow.DeterministicKeys(tags) {
		value, reason := tags[key], ""
		switch {
		case !isTagKey(key):
			reason = fmt.Sprintf("a key has 1 to %d letters, digits and _ . -, and begins with a letter or digit", maxTagKey)
		case slices.ContainsFunc(reservedTags, func(reserved string) bool {
			return key == reserved || strings.HasSuffix(reserved, ".") && strings.HasPrefix(key, reserved)
		}):
			reason = "the key is reserved"
		case value == "" || len(value) > maxTagValue || !utf8.ValidString(value):
			reason = fmt.Sprintf("a value has 1 to %d bytes of UTF-8", maxTagValue)
		}
		if reason != "" {
			return &model.SpecError{Pointer: "/tags/" + model.PointerToken(key), Reason: reason}
		}
	}
	return nil
}

func isTagKey(key string) bool {
	if key == "" || len(key) > maxTagKey {
		return false
	}
	for i, c := range []byte(key) {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("_.-", rune(c))) {
			return false
		}
	}
	return true
}
