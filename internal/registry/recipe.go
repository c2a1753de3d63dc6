package registry

import (
	"encoding/json"
	"fmt"

	"iris/internal/dataset"
	"iris/model"
)

// Recipe is how a version was trained. The artifact contains the same, but takes longer to read.
type Recipe struct {
	Spec   model.Spec     `json:"spec"` // resolved
	Schema dataset.Schema `json:"schema"`

	Decision *model.Decision `json:"decision,omitempty"` // nil if labels are the most probable classes
}

// maxRecipeTag limits a recipe in a tag, in bytes. It is enough for some tens of features; the recipe of a wider model
// is only in its artifact.
const maxRecipeTag = 2000

// RecipeOf returns the recipe of a loaded model.
func RecipeOf(m *model.Model) *Recipe {
	return &Recipe{Spec: m.Spec(), Schema: m.Schema(), Decision: m.Decision()}
}

// recipeTag returns the value of the tag, or "" if it would be too long.
func (c Candidate) recipeTag() (string, error) {
	b, err := json.Marshal(Recipe{Spec: c.Spec, Schema: c.Schema, Decision: c.Decision})
	if err != nil {
		return "", fmt.Errorf("encode recipe: %w", err)
	}
	if len(b) > maxRecipeTag {
		return "", nil
	}
	return string(b), nil
}
