package report_test

import (
	"strings"
	"testing"

	"iris/internal/report"
	"iris/model"
)

func TestCard(t *testing.T) {
	spec, err := model.Spec{Algorithm: model.DecisionTree, Seed: 3}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	card := string(report.Card{
		Model: "flowers", Spec: spec, TrainRows: 110, TestRows: 40, Seed: 3,
		SHA256: "abc", Rows: 150, Features: 4, Classes: 3,
		Metrics:  map[string]float64{"log_loss": 0.125, "accuracy": 1},
		Outputs:  []string{"label", "p_a`\n# b"},
		Decision: &model.Decision{PositiveClass: "a`", Threshold: 0.25, Metric: model.F1Threshold, Value: 0.5},
	}.Markdown())
	for _, want := range []string{
		"# flowers\n", "`decision_tree`", "on 110 rows; 40 more", "SHA-256 `abc`: 150 rows, 4 features, 3 classes", "seed 3",
		"| accuracy | 1 |\n| log_loss | 0.125 |\n", "| criterion | gini |\n", "`label`, `p_a' # b`",
		"A row is called `a'` if its probability is 0.25 or more; that threshold was best by f1, 0.5, on training rows",
	} {
		if !strings.Contains(card, want) {
			t.Errorf("no %q in\n%s", want, card)
		}
	}
}
