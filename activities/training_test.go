package activities_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"iris/activities"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/report"
	"iris/model"
)

func TestStartRun_opensOneRun(t *testing.T) {
	l := newLab(t, "opens-one-run")
	data, _, run, _ := l.trained(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	got, err := l.mlflow.GetRun(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{
		"temporal.workflow_id": "default-test-workflow-id", "temporal.run_id": "default-test-run-id",
		"dataset.sha256": data.SHA256, "mlflow.source.git.commit": "abc123",
	} {
		if got.Tags[tag] != want {
			t.Errorf("tag %s is %q, want %q", tag, got.Tags[tag], want)
		}
	}
	if got.Params["algorithm"] != "logistic_regression" || got.Params["test_size"] != "0.25" ||
		got.Params["seed"] != "42" {
		t.Errorf("params %v, want algorithm, test_size and seed", got.Params)
	}
	if got.Status != "RUNNING" || got.Metrics["loss"] == 0 {
		t.Errorf("status %s, metrics %v; want a running one with a loss", got.Status, got.Metrics)
	}
}

func TestTrainModel_sameInputSameBytes(t *testing.T) {
	for _, algorithm := range []model.Algorithm{model.LogisticRegression, model.DecisionTree} {
		t.Run(string(algorithm), func(t *testing.T) {
			l := newLab(t, "same-bytes-"+strings.ReplaceAll(string(algorithm), "_", "-"))
			uri := l.put("given/iris.csv", irisAs("x")).URI()
			_, _, run, first := l.trained(uri, algorithm)
			if err := l.store.Delete(t.Context(), l.bucket, objstore.TrainingKey(run.ID, "trained.json")); err != nil {
				t.Fatal(err)
			}
			_, _, _, second := l.trained(uri, algorithm)
			if first.Artifact.SHA256 != second.Artifact.SHA256 || first.Artifact.SHA256 == "" {
				t.Errorf("two fits gave %s and %s, want the same bytes", first.Artifact.SHA256, second.Artifact.SHA256)
			}
			if first.TrainRows+first.TestRows != 150 || first.TestRows < 25 || first.TestRows > 50 {
				t.Errorf(
					"%d rows for training and %d held out of 150, want about a quarter held out",
					first.TrainRows,
					first.TestRows,
				)
			}
		})
	}
}

func TestEvaluateModel_logsMetrics(t *testing.T) {
	l := newLab(t, "evaluates")
	data, _, run, fitted := l.trained(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	e := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	if e.Metrics["accuracy"] < 0.85 || e.Metrics["log_loss"] > 0.5 {
		t.Errorf("metrics %v, want those of a model that has learned iris", e.Metrics)
	}
	logged, err := l.mlflow.GetRun(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"accuracy", "ece", "log_loss", "macro_f1", "precision/setosa", "recall/virginica", "fit_seconds",
	} {
		if _, ok := logged.Metrics[key]; !ok {
			t.Errorf("MLflow has no metric %s: %v", key, logged.Metrics)
		}
	}
	if e.Report.Size == 0 {
		t.Errorf("no report: %+v", e)
	}
}

// artifact returns the content of a file of a run or a logged model.
func (l *lab) artifact(uri, name string) string {
	l.t.Helper()
	body, err := l.mlflow.GetArtifact(l.t.Context(), uri, name)
	if err != nil {
		l.t.Fatal(err)
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		l.t.Fatal(err)
	}
	return string(content)
}

func TestEvaluateModel_noticesAChangedArtifact(t *testing.T) {
	l := newLab(t, "changed-artifact")
	data, _, run, fitted := l.trained(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	l.put(fitted.Artifact.Key, []byte(`{"another":"model"}`))
	_, err := do(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	refused(t, err, activities.ErrCorruptModel, "not the model that was written")
}

func TestRegisterModel_twiceIsOneVersion(t *testing.T) {
	l := newLab(t, "twice-is-one")
	data, fitted, v := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	versions, err := l.registry.Versions(t.Context(), l.model)
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 1 || v.Number != "1" || v.URI != "models:/twice-is-one/1" {
		t.Fatalf("%d versions, the last %+v; want one", len(versions), v)
	}
	got := versions[0]
	if got.DatasetSHA256 != data.SHA256 || got.ArtifactSHA256 != fitted.Artifact.SHA256 ||
		got.TaskID != "default-test-workflow-id" ||
		got.Split.Seed != 42 {
		t.Errorf("version %+v, want its lineage: dataset, artifact, task, split", got)
	}
	if !strings.Contains(got.Description, "accuracy") {
		t.Errorf("description %q, want the algorithm and the metrics", got.Description)
	}
}

// MLflow's Python packages load and serve the version by these files; make test-interop does it.
func TestRegisterModel_writesPortableFiles(t *testing.T) {
	l := newLab(t, "everybody")
	_, _, v := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.DecisionTree)
	version, err := l.registry.Resolve(t.Context(), l.model, v.Number)
	if err != nil {
		t.Fatal(err)
	}
	logged, err := l.mlflow.GetLoggedModel(t.Context(), version.LoggedModelID)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.registry.Load(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"model.onnx":         string(encoded),
		"MLmodel":            `{\"type\":\"double\",\"name\":\"p_` + m.Schema().Classes[2] + `\"`,
		"input_example.json": `"data":[[5.84`,
		"README.md":          "# everybody\n",
		"metrics.json":       `"confusion"`,
		"data_report.json":   `"label_column": "x"`,
	} {
		if got := l.artifact(logged.ArtifactURI, name); !strings.Contains(got, want) {
			t.Errorf("%s holds %.2000q, want %.200q in it", name, got, want)
		}
	}
	for _, name := range []string{
		"confusion_matrix.png", "roc.png", "precision_recall.png", "calibration.png", "importance.png",
	} {
		image, err := png.Decode(strings.NewReader(l.artifact(logged.ArtifactURI, name)))
		if err != nil || image.Bounds().Dx() < 200 || image.Bounds().Dy() < 200 {
			t.Errorf("%s: %v, want a picture of at least 200 pixels", name, err)
		}
	}
	lines := strings.Split(l.artifact(logged.ArtifactURI, "importance.csv"), "\n")
	if len(lines) != 6 || lines[0] != "feature,log_loss_increase,accuracy_decrease" ||
		!strings.HasPrefix(lines[1], "petal_") {
		t.Errorf("importance %q, want the four features, a petal's first", lines)
	}
}

// A row that occurs many times is on one side of the split, which the fit and the folder of the version tell.
func TestTrainModel_warnsOfAShift(t *testing.T) {
	l := newLab(t, "shift")
	csv := bytes.NewBufferString("size,noise,class\n")
	for i := range 150 {
		fmt.Fprintf(csv, "%d,%d,%c\n", i, i*i%97, 'a'+rune(i%2))
	}
	csv.WriteString(strings.Repeat("900,50,a\n", 150))
	data, _, run, fitted := l.trained(l.put("given/shift.csv", csv.Bytes()).URI(), model.LogisticRegression)
	if len(fitted.Shift) == 0 || fitted.Shift[0].Column != "size" {
		t.Fatalf("shift %+v, want size", fitted.Shift)
	}
	e := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	var files report.Files
	if err := l.store.GetJSON(t.Context(), e.Report.Bucket, e.Report.Key, &files); err != nil {
		t.Fatal(err)
	}
	if got := string(files["data_report.json"]); !strings.Contains(got, `"code": "shift"`) {
		t.Errorf("data_report.json %s, want the shift in it", got)
	}
	if _, _, _, fitted := l.trained(l.iris().URI, model.LogisticRegression); fitted.Shift != nil {
		t.Errorf("shift %+v of iris, want none", fitted.Shift)
	}
}

// ONNX cannot hash text, so the version of such a model has no file for MLflow, and says so.
func TestRegisterModel_textHasNoONNX(t *testing.T) {
	l := newLab(t, "free-text")
	spec, err := model.Spec{Algorithm: model.LogisticRegression, Seed: 42}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	data := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model, URI: l.put("given/reviews.csv", datasettest.ReviewsCSV(300)).URI(),
		CellRules: activities.CellRules{Text: activities.TextHash},
	})
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	fitted := must(l, l.TrainModel, activities.TrainModelInput{Dataset: data, Spec: spec, TestSize: 0.25, Run: run})
	evaluation := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	if evaluation.Metrics["accuracy"] < 0.9 {
		t.Errorf("accuracy %v on held-out rows, want 0.9", evaluation.Metrics["accuracy"])
	}
	registered := must(l, l.RegisterModel, activities.RegisterModelInput{
		ModelName: l.model, Dataset: data, Spec: spec, Model: fitted, Run: run,
		Metrics: evaluation.Metrics, Report: evaluation.Report,
	})
	if len(registered.Warnings) != 1 || !strings.Contains(registered.Warnings[0], "ONNX cannot hash text") {
		t.Errorf("warnings %q, want that there is no ONNX file", registered.Warnings)
	}
	version, err := l.registry.Resolve(t.Context(), l.model, registered.Number)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.registry.Load(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	if schema := m.Schema(); schema.Column(1).Kind != dataset.Text {
		t.Errorf("columns %+v, want a text", schema.Columns)
	}
	logged, err := l.mlflow.GetLoggedModel(t.Context(), version.LoggedModelID)
	if err != nil {
		t.Fatal(err)
	}
	if card := l.artifact(logged.ArtifactURI, "README.md"); !strings.Contains(card, "There is no `model.onnx`") {
		t.Errorf("the card does not say that there is no ONNX file:\n%s", card)
	}
}

func TestRegisterModel_refusesASchemaThatChangedMeanwhile(t *testing.T) {
	l := newLab(t, "changed-meanwhile")
	data, spec, run, fitted := l.trained(l.put("given/a.csv", irisAs("x")).URI(), model.LogisticRegression)
	if err := l.mlflow.EnsureRegisteredModel(t.Context(), l.model, "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.store.PutJSON(t.Context(), l.bucket, "models/changed-meanwhile/schema.json", map[string]any{
		"features": []string{"one"}, "label": "l", "classes": []string{"a", "b"},
	}); err != nil {
		t.Fatal(err)
	}
	_, err := do(
		l,
		l.RegisterModel,
		activities.RegisterModelInput{ModelName: l.model, Dataset: data, Spec: spec, Model: fitted, Run: run},
	)
	refused(t, err, activities.ErrBadInput, "other features by now")
}

func TestCompareWithChampion(t *testing.T) {
	l := newLab(t, "compares")
	data, fitted, first := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	in := activities.CompareInput{ModelName: l.model, Dataset: data, Model: fitted, Version: "99"}

	if c := must(l, l.CompareWithChampion, in); c != (activities.Comparison{}) {
		t.Errorf("without a champion: %+v, want nothing to compare", c)
	}
	promoted := must(
		l,
		l.PromoteVersion,
		registry.Promotion{
			Model:    l.model,
			Version:  first.Number,
			Expected: new(string),
			Actor:    "test",
			At:       time.Now(),
		},
	)
	if !promoted.Promoted || promoted.From != "" {
		t.Errorf("first promotion: %+v, want it done, from none", promoted)
	}
	c := must(l, l.CompareWithChampion, in)
	if !c.Comparable || c.Champion != "1" || c.Rows != fitted.TestRows || c.CandidateAccuracy != c.ChampionAccuracy ||
		c.CandidateECE != c.ChampionECE ||
		c.CandidateECE == 0 {
		t.Errorf("against itself under another number: %+v, want a draw on all %d held-out rows", c, fitted.TestRows)
	}
	if c.PValue != 1 || c.OnlyCandidateRight+c.OnlyChampionRight != 0 {
		t.Errorf("against itself: %+v, want no row that one of them alone got right", c)
	}
	in.Version = first.Number
	if c := must(l, l.CompareWithChampion, in); !c.Comparable || c.Champion != "1" {
		t.Errorf("the champion against itself: %+v, want it to pass", c)
	}
	other := must(l, l.ValidateDataset, activities.ValidateDatasetInput{
		Model: l.model,
		URI: l.put("given/other.csv", bytes.Replace(irisAs("x"), []byte("petal_width"), []byte("colour"), 1)).
			URI(),
		AllowSchemaChange: true,
	})
	spec, err := model.Spec{Seed: 42}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: other, Spec: spec, TestSize: 0.25})
	changed := must(l, l.TrainModel, activities.TrainModelInput{Dataset: other, Spec: spec, TestSize: 0.25, Run: run})
	in = activities.CompareInput{ModelName: l.model, Dataset: other, Model: changed, Version: "2"}
	if c := must(l, l.CompareWithChampion, in); c.Comparable || !strings.Contains(c.Why, "features") {
		t.Errorf("another schema: %+v, want it not comparable for its features", c)
	}
}

func TestPromoteVersion_expectsAChampion(t *testing.T) {
	l := newLab(t, "expects")
	_, _, v := l.version(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	expected := "7"
	got, err := do(
		l,
		l.PromoteVersion,
		registry.Promotion{Model: l.model, Version: v.Number, Expected: &expected, Actor: "test", At: time.Now()},
	)
	if err != nil || got.Promoted {
		t.Errorf("got %+v, %v; want nothing moved", got, err)
	}
	if _, err := l.registry.Champion(t.Context(), l.model); err == nil {
		t.Error("the alias was moved although the champion was not the expected one")
	}
	_, err = do(
		l,
		l.PromoteVersion,
		registry.Promotion{Model: l.model, Version: "42", Actor: "test", At: time.Now()},
	)
	refused(t, err, activities.ErrModelNotFound, "42")
}

func TestFinishRun(t *testing.T) {
	l := newLab(t, "finishes")
	_, _, run, _ := l.trained(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	finish := func(in activities.FinishRunInput) mlflow.Run {
		t.Helper()
		for range 2 {
			if _, err := l.env.ExecuteActivity(l.FinishRun, in); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.mlflow.GetRun(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := finish(
		activities.FinishRunInput{
			Model:  l.model,
			Run:    run,
			Status: mlflow.RunFinished,
			Gate:   "promoted",
			Reason: "better",
		},
	)
	if got.Status != "FINISHED" || got.Tags["gate"] != "promoted" || got.Tags["reason"] != "better" {
		t.Errorf("run %+v, want it finished with the gate's decision", got)
	}
	in := activities.FinishRunInput{Model: l.model, Run: run, Status: mlflow.RunFinished, Gate: "kept", Version: "9"}
	if _, err := l.env.ExecuteActivity(l.FinishRun, in); err == nil {
		t.Error("a decision was recorded for a version that does not exist")
	}
	if got := finish(activities.FinishRunInput{Model: l.model, Status: mlflow.RunKilled}); got.Status != "KILLED" {
		t.Errorf("status %s of a run whose StartRun never answered, want it found and killed", got.Status)
	}
	in = activities.FinishRunInput{Model: "finishes-nothing", Status: mlflow.RunKilled}
	if _, err := l.env.ExecuteActivity(l.FinishRun, in); err != nil {
		t.Errorf("no run at all: %v, want nothing to do", err)
	}
}

func TestRecordGate_andTagsOfTheRequest(t *testing.T) {
	l := newLab(t, "notes-the-gate")
	tags := map[string]string{"team": "botany"}
	data, spec, run, fitted := l.trained(l.put("given/iris.csv", irisAs("x")).URI(), model.LogisticRegression)
	evaluation := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	v := must(l, l.RegisterModel, activities.RegisterModelInput{
		ModelName: l.model, Dataset: data, Spec: spec, Model: fitted, Run: run, Report: evaluation.Report, Tags: tags,
	})
	for _, gate := range []string{"waiting_for_approval", "rejected"} {
		in := activities.RecordGateInput{Model: l.model, Version: v.Number, Gate: gate, Reason: "because of " + gate}
		for range 2 {
			if _, err := l.env.ExecuteActivity(l.RecordGate, in); err != nil {
				t.Fatal(err)
			}
		}
	}
	versions, err := l.registry.Versions(t.Context(), l.model)
	if err != nil || len(versions) != 1 {
		t.Fatalf("%d versions (%v), want one", len(versions), err)
	}
	if got := versions[0]; got.Gate != "rejected" || got.GateReason != "because of rejected" ||
		got.Tags["team"] != "botany" {
		t.Errorf("version %+v, want the last decision and the tags", got)
	}
	if _, err := l.env.ExecuteActivity(l.FinishRun, activities.FinishRunInput{
		Model: l.model, Run: run, Status: mlflow.RunFinished, Gate: "promoted", Reason: "better", Version: v.Number,
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.registry.Resolve(t.Context(), l.model, v.Number); err != nil || got.Gate != "promoted" {
		t.Errorf("version %+v (%v), want the final decision", got, err)
	}
	_, err = l.env.ExecuteActivity(l.RecordGate, activities.RecordGateInput{Model: l.model, Version: "9", Gate: "kept"})
	refused(t, err, activities.ErrModelNotFound, "9")
	tagged := must(
		l,
		l.StartRun,
		activities.StartRunInput{Model: l.model + "-2", Dataset: data, Spec: spec, TestSize: 0.25, Tags: tags},
	)
	got, err := l.mlflow.GetRun(t.Context(), tagged.ID)
	if err != nil || got.Tags["team"] != "botany" || got.Tags["dataset.sha256"] == "" {
		t.Errorf("run %+v (%v), want the tags of the request beside those of Iris", got.Tags, err)
	}
}

func TestSaveTask(t *testing.T) {
	l := newLab(t, "saves")
	for range 2 {
		in := activities.SaveTaskInput{TaskID: "a/b c", Status: []byte(`{"state":"SUCCESS"}`)}
		if _, err := l.env.ExecuteActivity(l.SaveTask, in); err != nil {
			t.Fatal(err)
		}
	}
	var got struct {
		State string `json:"state"`
	}
	err := l.store.GetJSON(t.Context(), l.bucket, objstore.TaskKey("a/b c"), &got)
	if err != nil || got.State != "SUCCESS" {
		t.Errorf("kept %+v (%v), want the unchanged status", got, err)
	}
}

// readAll returns a whole object as text.
func (l *lab) readAll(ref objstore.Ref) string {
	l.t.Helper()
	body, err := l.store.Get(l.t.Context(), ref)
	if err != nil {
		l.t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}
