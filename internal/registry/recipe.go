package registry

import (
	"encoding/json"
	"fmt"

	"iris/internal/dataset"
	"iris/model"
)

// Recipe is what a version was trained as, for who wants to know and not to predict: the artifact has it too.
type Recipe struct {
	Spec   model.Spec     `json:"spec"` // resolved
	Schema dataset.Schema `json:"schema"`
}

// maxRecipeTag is the longest recipe that is kept as a tag, in bytes: enough for some tens of features. That of a wider
// model is in its artifact alone.
const maxRecipeTag = 2000

// RecipeOf returns the recipe of a model that has been loaded.
func RecipeOf(m *model.Model) *Recipe { return &Recipe{Spec: m.Spec(), Schema: m.Schema()} }

// recipeTag is the value of the tag, "" when it would be too long.
func (c Candidate) recipeTag() (string, error) {
	b, err := json.Marshal(Recipe{Spec: c.Spec, Schema: c.Schema})
	if err != nil {
		return "", fmt.Errorf("encode recipe: %w", err)
	}
	if len(b) > maxRecipeTag {
		return "", nil
	}
	return string(b), nil
}
