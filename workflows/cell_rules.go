package workflows

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/dataset"
	"iris/model"
)

// CellRules say what the cells of a dataset mean. CheckCellRules checks them.
type CellRules = activities.CellRules

// TextWords returns the words that CellRules.Text may have, the default first.
func TextWords() []string { return []string{activities.TextIgnore, activities.TextHash} }

// Limits of CellRules.
const (
	maxMissingValues = 100
	maxMissingValue  = 32 // bytes
	minClassRows     = 2
	maxClassRows     = 1_000_000
)

// ColumnWords returns the words that CellRules.Columns may have.
func ColumnWords() []string {
	var words []string
	for _, kind := range dataset.Kinds() {
		words = append(words, string(kind))
	}
	return append(words, dataset.Ignore)
}

// CheckCellRules refuses what no dataset can be read with. The error is a *model.SpecError.
func CheckCellRules(r CellRules) error {
	if len(r.Columns) > dataset.MaxColumns {
		return model.NewSpecError("/columns", "has %d columns, want at most %d", len(r.Columns), dataset.MaxColumns)
	}
	for _, name := range workflow.DeterministicKeys(r.Columns) {
		if err := CheckColumn(name, r.Columns[name]); err != nil {
			return model.NewSpecError("/columns/"+model.PointerToken(clip(name, 100)), "%s", err)
		}
	}
	if len(r.MissingValues) > maxMissingValues {
		return model.NewSpecError("/missing_values", "has %d texts, want at most %d", len(r.MissingValues), maxMissingValues)
	}
	for i, text := range r.MissingValues {
		if len(text) > maxMissingValue || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return model.NewSpecError(fmt.Sprintf("/missing_values/%d", i),
				"want up to %d bytes of UTF-8 without control characters", maxMissingValue)
		}
	}
	if n := r.MinClassRows; n != nil && (*n < minClassRows || *n > maxClassRows) {
		return model.NewSpecError("/min_class_rows", "is %d, want %d to %d", *n, minClassRows, maxClassRows)
	}
	if r.Text != "" && !slices.Contains(TextWords(), r.Text) {
		return model.NewSpecError("/text", "%q is not one of: %s", clip(r.Text, 40), strings.Join(TextWords(), ", "))
	}
	return nil
}

// CheckColumn refuses what cannot be the kind of a column, and what cannot be the name of one.
func CheckColumn(name, kind string) error {
	const longest = 256
	switch {
	case name == "" || len(name) > longest || !utf8.ValidString(name):
		return fmt.Errorf("is not the name of a column")
	case !slices.Contains(ColumnWords(), kind):
		return fmt.Errorf("%q is not one of: %s", clip(kind, 40), strings.Join(ColumnWords(), ", "))
	}
	return nil
}

// checkCellRules refuses rules that contradict other fields.
func (in TrainingInput) checkCellRules() error {
	if err := CheckCellRules(in.CellRules); err != nil {
		return err
	}
	if _, given := in.Columns[in.LabelColumn]; given {
		return model.NewSpecError("/columns/"+model.PointerToken(in.LabelColumn), "is the class column, which has no kind")
	}
	for i, name := range in.Features {
		if in.Columns[name] == dataset.Ignore {
			return model.NewSpecError(fmt.Sprintf("/features/%d", i), "%q is ignored by columns", clip(name, 100))
		}
	}
	return nil
}
