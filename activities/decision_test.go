package activities_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"iris/activities"
	"iris/internal/registry"
	"iris/model"
)

// churn is a table whose class yes has about a tenth of the rows.
func churn(rows int) []byte {
	random := rand.New(rand.NewPCG(3, 1))
	var b bytes.Buffer
	b.WriteString("calls,minutes,churn\n")
	for range rows {
		class, shift := "no", 0.0
		if random.IntN(10) == 0 {
			class, shift = "yes", 1.2
		}
		fmt.Fprintf(&b, "%.4f,%.4f,%s\n", shift+random.NormFloat64(), random.NormFloat64(), class)
	}
	return b.Bytes()
}

// A training with a threshold_metric stores the decision with the version and shows it, and its labels are better by
// that metric on the held-out rows.
func TestTraining_choosesAThreshold(t *testing.T) {
	l := newLab(t, "decides")
	uri := l.put("given/churn.csv", churn(2000)).URI()
	request := model.DecisionRequest{ThresholdMetric: model.BalancedAccuracyThreshold}
	spec, err := model.Spec{Algorithm: model.LogisticRegression, Seed: 42}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	data := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model, URI: uri, DecisionRequest: request, CrossValidated: true,
	})
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	in := activities.TrainModelInput{Dataset: data, Spec: spec, TestSize: 0.25, Run: run}
	plain := must(l, l.TrainModel, in)
	before := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: plain, Run: run})
	in.Decision = &activities.Decide{
		Request: request, CV: model.CrossValidation{Folds: 5, Repeats: 1, Seed: 42},
	}
	decided := must(l, l.TrainModel, in)
	if plain.Decision != nil || decided.Decision == nil || decided.Decision.PositiveClass != "yes" {
		t.Fatalf("decisions %+v and %+v, want one for yes", plain.Decision, decided.Decision)
	}
	after := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: decided, Run: run})
	if before.Metrics["balanced_accuracy"]+0.1 > after.Metrics["balanced_accuracy"] ||
		before.Metrics["log_loss"] != after.Metrics["log_loss"] || before.Metrics["auc"] != after.Metrics["auc"] {
		t.Errorf("%v with the decision, %v without: want other labels of the same probabilities",
			after.Metrics, before.Metrics)
	}
	if d := decided.Decision; math.Abs(d.Value-after.Metrics["balanced_accuracy"]) > 0.1 {
		t.Errorf("%+v, but %v on the held-out rows", d, after.Metrics["balanced_accuracy"])
	}
	registered := must(l, l.RegisterModel, activities.RegisterModelInput{
		ModelName: l.model, Dataset: data, Spec: spec, Model: decided, Run: run, Metrics: after.Metrics, Report: after.Report,
	})
	l.checkDecision(registered, *decided.Decision)
	in.Decision = nil
	plain = must(l, l.TrainModel, in) // both have the key of their run
	l.checkComparison(data, plain, registered, before, after)
	l.checkBatches(*decided.Decision)
}

// checkBatches checks that batches of the champion follow its decision, or the threshold of their request.
func (l *lab) checkBatches(of model.Decision) {
	l.t.Helper()
	rows := l.put("r/rows.csv", []byte("calls,minutes\n-2,0\n0,0\n0.5,0.1\n1,0\n5,0\n"))
	low := 1e-9
	for name, test := range map[string]struct {
		threshold *float64
		want      model.Decision
	}{
		"of the version": {nil, of},
		"of the request": {&low, model.Decision{PositiveClass: "yes", Threshold: low}},
	} {
		b := l.batch(activities.PlanBatchInput{TaskID: "batch-" + name[7:], Rows: rows, Threshold: test.threshold})
		if d := b.manifest.Decision; d == nil || *d != test.want {
			l.t.Errorf("%s: the manifest has %+v, want %+v", name, d, test.want)
		}
		lines := strings.Split(strings.TrimSpace(b.output), "\n")[1:]
		if len(lines) != 5 {
			l.t.Fatalf("%s: %q, want five labels", name, b.output)
		}
		for _, line := range lines {
			cells := strings.Split(line, ",")
			p, err := strconv.ParseFloat(cells[2], 64)
			if label := cells[0]; err != nil || (label == "yes") != (p >= test.want.Threshold) {
				l.t.Errorf("%s: %s by the threshold %v (%v)", name, line, test.want.Threshold, err)
			}
		}
	}
}

// checkDecision checks where a version shows its decision.
func (l *lab) checkDecision(v activities.RegisteredVersion, want model.Decision) {
	l.t.Helper()
	ctx := l.t.Context()
	version, err := l.registry.Resolve(ctx, l.model, v.Number)
	if err != nil {
		l.t.Fatal(err)
	}
	if version.Recipe == nil || version.Recipe.Decision == nil || *version.Recipe.Decision != want {
		l.t.Errorf("recipe %+v, want the decision %+v", version.Recipe, want)
	}
	m, err := l.registry.Load(ctx, version)
	if err != nil || *m.Decision() != want {
		l.t.Errorf("the stored model has another decision than %+v (%v)", want, err)
	}
	tags, err := l.mlflow.GetVersion(ctx, l.model, v.Number)
	if err != nil {
		l.t.Fatal(err)
	}
	params := want.Params()
	if tags.Tags["iris.positive_class"] != "yes" || tags.Tags["iris.threshold"] != params["threshold"] {
		l.t.Errorf("tags %v, want %v", tags.Tags, params)
	}
	run, err := l.mlflow.GetRun(ctx, version.RunID)
	if err != nil {
		l.t.Fatal(err)
	}
	for name, value := range params {
		if run.Params[name] != value {
			l.t.Errorf("the run has the parameter %s=%q, want %q", name, run.Params[name], value)
		}
	}
	logged, err := l.mlflow.GetLoggedModel(ctx, version.LoggedModelID)
	if err != nil {
		l.t.Fatal(err)
	}
	if card := l.artifact(logged.ArtifactURI, "README.md"); !strings.Contains(card, "A row is called `yes` if its") ||
		!strings.Contains(card, "best by balanced_accuracy") {
		l.t.Errorf("card %s, want the decision", card)
	}
}

// checkComparison checks that the gate compares the labels by the threshold of each model.
func (l *lab) checkComparison(
	data activities.Dataset, candidate activities.TrainedModel, champion activities.RegisteredVersion,
	ofCandidate, ofChampion activities.Evaluation,
) {
	l.t.Helper()
	must(l, l.PromoteVersion, registry.Promotion{
		Model: l.model, Version: champion.Number, Expected: new(string), Actor: "test", At: time.Now(),
	})
	c := must(l, l.CompareWithChampion, activities.CompareInput{
		ModelName: l.model, Dataset: data, Model: candidate, Version: "99",
	})
	if !c.Comparable || c.CandidateAccuracy != ofCandidate.Metrics["accuracy"] ||
		c.ChampionAccuracy != ofChampion.Metrics["accuracy"] || c.CandidateLogLoss != c.ChampionLogLoss ||
		c.OnlyCandidateRight == 0 || c.OnlyChampionRight == 0 {
		l.t.Errorf("comparison %+v, want accuracies %v and %v of the same probabilities",
			c, ofCandidate.Metrics["accuracy"], ofChampion.Metrics["accuracy"])
	}
}

func TestValidateDataset_refusesDecisions(t *testing.T) {
	l := newLab(t, "undecided")
	for name, test := range map[string]struct {
		data    []byte
		request model.DecisionRequest
		words   []string
	}{
		"three classes": {
			irisAs("x"),
			model.DecisionRequest{ThresholdMetric: model.F1Threshold},
			[]string{"/threshold_metric", "is for two classes, and the data has 3", `"virginica"`},
		},
		"no such class": {
			churn(100),
			model.DecisionRequest{PositiveClass: "maybe"},
			[]string{"/positive_class", `"maybe" is not a class of the data: "no", "yes"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := do(l, l.ValidateDataset, activities.ValidateDatasetInput{
				Model: l.model, URI: l.put("given/"+strings.ReplaceAll(name, " ", "-")+".csv", test.data).URI(),
				DecisionRequest: test.request,
			})
			refused(t, err, activities.ErrBadInput, test.words...)
			if keys := l.keys("uploads/"); slices.ContainsFunc(keys, func(key string) bool { return key != "" }) {
				t.Errorf("the copies %v are left", keys)
			}
		})
	}
}
