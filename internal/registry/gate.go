package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"iris/internal/mlflow"
)

// gateMark begins what RecordGate adds to the description of a version.
const gateMark = "\n\nGate: "

// RecordGate notes on a version what the gate decided and why: as tags, and in words at the end of its description.
// What
// was noted before is replaced, so that noting it twice is noting it once.
func (r *Registry) RecordGate(ctx context.Context, modelName, number, decision, reason string) error {
	if err := checkName(modelName); err != nil {
		return err
	}
	mv, err := r.mlflow.GetVersion(ctx, modelName, number)
	if errors.Is(err, mlflow.ErrNotExist) {
		return fmt.Errorf("version %s of model %s %w", quote(number), modelName, ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("look up version %s of model %s: %w", quote(number), modelName, outage(err))
	}
	about, _, _ := strings.Cut(mv.Description, gateMark)
	words := strings.ReplaceAll(decision, "_", " ")
	if err := r.mlflow.UpdateVersion(ctx, modelName, number, about+gateMark+words+", since "+reason); err != nil {
		return fmt.Errorf("describe version %s of model %s: %w", quote(number), modelName, outage(err))
	}
	for _, tag := range [][2]string{{tagGateReason, reason}, {tagGate, decision}} {
		if err := r.mlflow.SetVersionTag(ctx, modelName, number, tag[0], tag[1]); err != nil {
			return fmt.Errorf("tag version %s of model %s: %w", quote(number), modelName, outage(err))
		}
	}
	return nil
}

// isOurTag reports whether a tag of a version is not one of a request.
func isOurTag(key string) bool {
	return strings.HasPrefix(key, "iris.") || strings.HasPrefix(key, "mlflow.")
}
