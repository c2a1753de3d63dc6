package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"iris/internal/mlflow"
)

// gateMark begins the text that RecordGate appends to the description of a version.
const gateMark = "\n\nGate: "

// RecordGate records the decision of the gate and its reason, as tags of the version and as a sentence at the end of
// its description. It replaces an earlier decision, so recording twice has the effect of recording once.
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

// isReservedTag reports whether a tag belongs to Iris or to MLflow, and not to a request.
func isReservedTag(key string) bool {
	return strings.HasPrefix(key, "iris.") || strings.HasPrefix(key, "mlflow.")
}
