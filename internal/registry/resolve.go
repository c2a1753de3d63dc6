package registry

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"iris/internal/mlflow"
)

const (
	modelsScheme = "models:/"
	runsScheme   = "runs:/"
	// loggedName is the name of every logged model, and so the path in runs:/<run>/model.
	loggedName = "model"
)

var (
	numberPattern        = regexp.MustCompile(`^[1-9][0-9]{0,8}$`) // MLflow's column is 32 bits wide
	loggedModelIDPattern = regexp.MustCompile(`^m-[0-9a-f]{32}$`)
	runIDPattern         = regexp.MustCompile(`^[0-9a-f]{32}$`)
	aliasPattern         = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
)

// Reference is a parsed reference to a version of a model. Exactly one field is set.
type Reference struct {
	Number        string // "3"
	Alias         string // "champion"
	LoggedModelID string // MLflow's m-…
	RunID         string // MLflow's
}

// ParseReference parses a reference in one of the forms that Resolve documents. Its errors are ErrBadReference, also
// for a bad model name, and ErrWrongModel if the reference names another model than modelName.
func ParseReference(modelName, ref string) (Reference, error) {
	if err := checkName(modelName); err != nil {
		return Reference{}, err
	}
	if ref == "" {
		return Reference{Alias: ChampionAlias}, nil
	}
	if numberPattern.MatchString(ref) {
		return Reference{Number: ref}, nil
	}
	if path, ok := strings.CutPrefix(ref, runsScheme); ok {
		if run, name, _ := strings.Cut(path, "/"); name == loggedName && runIDPattern.MatchString(run) {
			return Reference{RunID: run}, nil
		}
	}
	if path, ok := strings.CutPrefix(ref, modelsScheme); ok {
		if loggedModelIDPattern.MatchString(path) {
			return Reference{LoggedModelID: path}, nil
		}
		if name, number, ok := strings.Cut(path, "/"); ok && name != "" && numberPattern.MatchString(number) {
			return Reference{Number: number}, checkSameModel(modelName, name, ref)
		}
		if name, alias, ok := strings.Cut(path, "@"); ok && name != "" && aliasPattern.MatchString(alias) {
			return Reference{Alias: alias}, checkSameModel(modelName, name, ref)
		}
	}
	return Reference{}, fmt.Errorf(
		"%s: %w; want models:/<model>/<version>, models:/<model>@champion, models:/m-<id>, runs:/<run>/model "+
			"or a version number", quote(ref), ErrBadReference,
	)
}

// checkSameModel returns ErrWrongModel if a reference names another model.
func checkSameModel(modelName, named, ref string) error {
	if named != modelName {
		return fmt.Errorf("%s %w, not to %s", quote(ref), ErrWrongModel, modelName)
	}
	return nil
}

// Resolve finds a version of a model. The reference is "" for the champion, a number ("3"), or one of MLflow's URIs:
// models:/iris/3, models:/iris@champion (or another alias), models:/m-<id>, runs:/<run>/model. Errors are
// ErrBadReference, ErrWrongModel, ErrNotExist, ErrCorrupt and ErrUnavailable.
func (r *Registry) Resolve(ctx context.Context, modelName, ref string) (Version, error) {
	parsed, err := ParseReference(modelName, ref)
	if err != nil {
		return Version{}, err
	}
	switch {
	case parsed.Number != "":
		return r.version(ctx, modelName, parsed.Number)
	case parsed.Alias != "":
		return r.aliased(ctx, modelName, parsed.Alias)
	case parsed.LoggedModelID != "":
		return r.searched(ctx, modelName, ref, "source_path='"+modelsScheme+parsed.LoggedModelID+"'")
	default:
		return r.searched(ctx, modelName, ref, "run_id='"+parsed.RunID+"'")
	}
}

// Champion returns the champion of a model, or ErrNotExist if the model has none.
func (r *Registry) Champion(ctx context.Context, modelName string) (Version, error) {
	return r.Resolve(ctx, modelName, "")
}

func (r *Registry) version(ctx context.Context, modelName, number string) (Version, error) {
	mv, err := r.mlflow.GetVersion(ctx, modelName, number)
	if errors.Is(err, mlflow.ErrNotExist) {
		return Version{}, fmt.Errorf("version %s of model %s %w", number, modelName, ErrNotExist)
	}
	if err != nil {
		return Version{}, fmt.Errorf("look up version %s of model %s: %w", number, modelName, outage(err))
	}
	return r.whole(ctx, mv)
}

// aliased finds a version by an alias. The index knows the champion and the one before it, whether or not MLflow's
// aliases have followed.
func (r *Registry) aliased(ctx context.Context, modelName, alias string) (Version, error) {
	if alias == ChampionAlias || alias == PreviousAlias {
		h, ok, err := r.headOf(ctx, modelName)
		if err != nil {
			return Version{}, err
		}
		if ok && (alias == ChampionAlias || h.From != "") {
			return r.ofHead(ctx, h, alias)
		}
	}
	mv, err := r.mlflow.GetAlias(ctx, modelName, alias)
	if errors.Is(err, mlflow.ErrNotExist) {
		return Version{}, fmt.Errorf("%s of model %s %w", alias, modelName, ErrNotExist)
	}
	if err != nil {
		return Version{}, fmt.Errorf("look up %s of model %s: %w", alias, modelName, outage(err))
	}
	return r.whole(ctx, mv)
}

// ofHead returns the champion of a head, or the version before it.
func (r *Registry) ofHead(ctx context.Context, h head, alias string) (Version, error) {
	number := h.To
	if alias == PreviousAlias {
		number = h.From
	}
	if number == "" {
		return Version{}, fmt.Errorf("%s of model %s %w", alias, h.Model, ErrNotExist)
	}
	v, err := r.version(ctx, h.Model, number)
	if err == nil && alias == ChampionAlias && h.RunID != "" && v.RunID != h.RunID {
		return Version{}, fmt.Errorf("%s of model %s %w: the model was made anew", alias, h.Model, ErrNotExist)
	}
	return v, err
}

// searched finds a version by its logged model or its run. Of several versions, Register has returned the oldest. A
// search does not return aliases, so searched then reads the version by its number.
func (r *Registry) searched(ctx context.Context, modelName, ref, filter string) (Version, error) {
	found, err := r.mlflow.SearchVersions(ctx, filter)
	if err != nil {
		return Version{}, fmt.Errorf("look up %s: %w", quote(ref), outage(err))
	}
	if len(found) == 0 {
		return Version{}, fmt.Errorf("%s %w as a version", quote(ref), ErrNotExist)
	}
	mv, ok := oldest(found, modelName)
	if !ok {
		return Version{}, fmt.Errorf("%s %w (%s), not to %s", quote(ref), ErrWrongModel, found[0].Name, modelName)
	}
	return r.version(ctx, modelName, mv.Version)
}

// oldest returns the first version of a model in the result of SearchVersions, which is sorted by age.
func oldest(found []mlflow.ModelVersion, modelName string) (mlflow.ModelVersion, bool) {
	i := slices.IndexFunc(found, func(mv mlflow.ModelVersion) bool { return mv.Name == modelName })
	if i < 0 {
		return mlflow.ModelVersion{}, false
	}
	return found[i], true
}
