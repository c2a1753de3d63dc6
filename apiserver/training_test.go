package apiserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/apiserver/problem"
	"iris/internal/dataset/datasettest"
	"iris/internal/search"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

// inputOf returns the input that a training was started with.
func (a *api) inputOf(t *testing.T, id string) (in workflows.TrainingInput) {
	t.Helper()
	events := a.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	event := must(events.Next()).GetWorkflowExecutionStartedEventAttributes()
	if err := json.Unmarshal(event.GetInput().GetPayloads()[0].GetData(), &in); err != nil {
		t.Fatal(err)
	}
	if memoModel(event.GetMemo()) != in.Model {
		t.Errorf("the memo names %q, the input %q", memoModel(event.GetMemo()), in.Model)
	}
	return in
}

// part is a part of a form.
type part struct{ name, body string }

// form returns a multipart body and its Content-Type header.
func form(parts ...part) (string, string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=\"f\"", p.name)}}
		_, _ = must(w.CreatePart(header)).Write([]byte(p.body))
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func TestTraining_inputsWithoutAFile(t *testing.T) {
	other := testenv.Bucket(t)
	a := newAPI(t, func(o *Options) { o.DataBuckets = []string{other} })
	for bucket, key := range map[string]string{other: "wine.csv", a.Bucket: "datasets/abc.csv"} {
		must(a.store.Put(t.Context(), bucket, key, bytes.NewReader(datasettest.Wine()), -1, "text/csv"))
	}
	uri := "s3://" + other + "/wine.csv"
	defaults := workflows.TrainingInput{
		Model:     "iris",
		Algorithm: search.Auto,
		TestSize:  new(0.25),
		Seed:      new(uint64(42)),
		Promote:   workflows.PromoteAuto,
		CVFolds:   new(5),
		Repeats:   new(1),
	}
	with := func(change func(*workflows.TrainingInput)) workflows.TrainingInput {
		in := defaults
		change(&in)
		return in
	}
	emptyForm, formType := form()
	requestForm, requestType := form(
		part{"request", `{"algorithm":"logistic_regression","seed":7,"hyperparameters":{"l2":0.5}}`},
	)
	for _, test := range []struct {
		name, path, body, header string
		want                     workflows.TrainingInput
	}{
		{name: "nothing", path: "/iris/training", want: defaults},
		{name: "nothing, by default", path: "/training", want: defaults},
		{
			name: "an empty body of some type", path: "/iris/training",
			header: "Content-Type: application/x-www-form-urlencoded", want: defaults,
		},
		{name: "an empty form", path: "/iris/training", body: emptyForm, header: formType, want: defaults},
		{
			name: "parameters",
			path: "/iris/training?algorithm=decision_tree&test_size=0.4&seed=18446744073709551615&label_column=kind" +
				"&allow_schema_change=true",
			want: with(func(in *workflows.TrainingInput) {
				in.CVFolds, in.Repeats = nil, nil
				in.Algorithm, in.TestSize, in.Seed = "decision_tree", new(0.4), new(uint64(1<<64-1))
				in.LabelColumn, in.AllowSchemaChange = "kind", true
			}),
		},
		{
			name: "a policy", path: "/iris/training?promote=manual",
			want: with(func(in *workflows.TrainingInput) { in.Promote = workflows.PromoteManual }),
		},
		{
			name: "a policy as JSON", path: "/iris/training", body: `{"promote":"never"}`,
			header: "Content-Type: application/json",
			want:   with(func(in *workflows.TrainingInput) { in.Promote = workflows.PromoteNever }),
		},
		{
			name:   "a gate and tags",
			path:   "/iris/training",
			body:   `{"gate":{"min":{"accuracy":0.9},"tolerance":0.01},"tags":{"team":"botany"}}`,
			header: "Content-Type: application/json",
			want: with(func(in *workflows.TrainingInput) {
				in.Gate = &workflows.GateRules{Min: map[string]float64{"accuracy": 0.9}, Tolerance: 0.01}
				in.Tags = map[string]string{"team": "botany"}
			}),
		},
		{
			name: "an object", path: "/wine/training?data_path=" + uri,
			want: with(func(in *workflows.TrainingInput) { in.Model, in.DatasetURI = "wine", uri }),
		},
		{
			name: "a dataset of Iris", path: "/newmodel/training?data_path=s3://" + a.Bucket + "/datasets/abc.csv",
			want: with(func(in *workflows.TrainingInput) {
				in.Model, in.DatasetURI = "newmodel", "s3://"+a.Bucket+"/datasets/abc.csv"
			}),
		},
		{
			name: "a form with a request", path: "/iris/training?test_size=0.5", body: requestForm, header: requestType,
			want: with(func(in *workflows.TrainingInput) {
				in.Algorithm, in.CVFolds, in.Repeats = "logistic_regression", nil, nil
				in.Seed, in.TestSize = new(uint64(7)), new(0.5)
			}),
		},
		{name: "auto, by name", path: "/iris/training?algorithm=auto", want: defaults},
		{
			name: "features and weights", path: "/iris/training?features=petal_width,%22a,b%22&class_weight=balanced",
			want: with(func(in *workflows.TrainingInput) {
				in.Features, in.ClassWeight = []string{"petal_width", "a,b"}, &model.ClassWeight{Balanced: true}
			}),
		},
		{
			name:   "features and weights as JSON",
			path:   "/iris/training",
			body:   `{"features":["petal_width"],"class_weight":{"setosa":2}}`,
			header: "Content-Type: application/json",
			want: with(func(in *workflows.TrainingInput) {
				in.Features, in.ClassWeight = []string{"petal_width"}, &model.ClassWeight{Of: map[string]float64{"setosa": 2}}
			}),
		},
		{
			name: "a decision", path: "/iris/training?positive_class=yes&threshold_metric=F1",
			want: with(func(in *workflows.TrainingInput) {
				in.PositiveClass, in.ThresholdMetric = "yes", model.F1Threshold
			}),
		},
		{
			name: "a decision as JSON", path: "/iris/training",
			body:   `{"positive_class":1,"threshold_metric":"cost","costs":{"false_positive":1,"false_negative":5}}`,
			header: "Content-Type: application/json",
			want: with(func(in *workflows.TrainingInput) {
				in.PositiveClass, in.ThresholdMetric = "1", model.CostThreshold
				in.Costs = &model.Costs{FalsePositive: 1, FalseNegative: 5}
			}),
		},
		{
			name: "a threshold", path: "/iris/training?threshold=0.3",
			want: with(func(in *workflows.TrainingInput) { in.Threshold = new(0.3) }),
		},
		{
			name: "features and weights of null", path: "/iris/training", body: `{"features":null,"class_weight":null}`,
			header: "Content-Type: application/json", want: defaults,
		},
		{
			name: "cross-validation", path: "/iris/training?cv_folds=3&repeats=2",
			want: with(func(in *workflows.TrainingInput) { in.CVFolds, in.Repeats = new(3), new(2) }),
		},
		{
			name: "limits of trials", path: "/iris/training?max_trials=3&max_runtime_seconds=60",
			want: with(func(in *workflows.TrainingInput) { in.MaxTrials, in.MaxRuntimeSeconds = new(3), new(60) }),
		},
		{
			name: "limits of trials as JSON", path: "/iris/training", body: `{"max_trials":3,"max_runtime_seconds":60}`,
			header: "Content-Type: application/json",
			want:   with(func(in *workflows.TrainingInput) { in.MaxTrials, in.MaxRuntimeSeconds = new(3), new(60) }),
		},
		{
			name: "JSON", path: "/iris/training", body: `{"model":"iris","seed":3}`,
			header: "Content-Type: application/json",
			want:   with(func(in *workflows.TrainingInput) { in.Seed = new(uint64(3)) }),
		},
		{
			name: "JSON with a dataset_uri", path: "/wine/training", body: `{"dataset_uri":"` + uri + `"}`,
			header: "Content-Type: application/json",
			want:   with(func(in *workflows.TrainingInput) { in.Model, in.DatasetURI = "wine", uri }),
		},
		{
			name: "JSON with an object", path: "/wine/training?seed=4",
			body:   `{"dataset":"` + uri + `","label_column":null}`,
			header: "Content-Type: application/json; charset=utf-8",
			want: with(
				func(in *workflows.TrainingInput) { in.Model, in.DatasetURI, in.Seed = "wine", uri, new(uint64(4)) },
			),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body any
			if test.body != "" {
				body = test.body
			}
			got := a.do(t, "POST", test.path, body, cmp.Or(test.header, "X-None: x"))
			id := a.accepted(t, got)
			if want := "/" + test.want.Model + "/training/" + id; got.header.Get("Location") != want {
				t.Errorf("Location %q, want %q", got.header.Get("Location"), want)
			}
			in := a.inputOf(t, id)
			if len(in.Hyperparameters) == 0 && in.Algorithm != search.Auto {
				t.Error("no hyperparameters: the defaults were not filled in")
			}
			if strings.Contains(test.body, `"l2":0.5`) && !strings.Contains(string(in.Hyperparameters), `"l2":0.5`) {
				t.Errorf("hyperparameters %s, want l2 0.5", in.Hyperparameters)
			}
			in.Hyperparameters = nil
			if !reflect.DeepEqual(in, test.want) {
				t.Errorf("started with %+v, want %+v", in, test.want)
			}
		})
	}
}

func TestTraining_badRequests(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxUpload = 5000 })
	must(
		a.store.Put(
			t.Context(),
			a.Bucket,
			"datasets/large.csv",
			strings.NewReader(strings.Repeat("x", 5001)),
			-1,
			"text/csv",
		),
	)
	const asJSON = "Content-Type: application/json"
	wine := string(datasettest.Wine())
	formOf := func(parts ...part) [2]string { body, header := form(parts...); return [2]string{body, header} }
	parameter := func(name string) *problem.Fault { return &problem.Fault{Parameter: name} }
	pointer := func(p string) *problem.Fault { return &problem.Fault{Pointer: p} }
	for _, test := range []struct {
		name, path string
		send       [2]string // body and header
		status     int
		fault      *problem.Fault
		want       string
	}{
		// The path and the query.
		{name: "an invalid model name", path: "/Tulip/training", status: 422, fault: parameter("model")},
		{name: "a reserved name", path: "/docs/training", status: 422, fault: parameter("model"), want: "reserved"},
		{
			name: "an unknown parameter", path: "/iris/training?epochs=3", status: 422, fault: parameter("epochs"),
			want: "test_size",
		},
		{
			name: "a parameter of JSON", path: "/iris/training?hyperparameters=%7B%7D", status: 422,
			fault: parameter("hyperparameters"),
		},
		{
			name: "a parameter twice", path: "/iris/training?seed=1&seed=2", status: 422, fault: parameter("seed"),
			want: "twice",
		},
		{
			name: "an empty parameter", path: "/iris/training?seed=", status: 422, fault: parameter("seed"),
			want: "empty",
		},
		{name: "a seed that is not a number", path: "/iris/training?seed=-1", status: 422, fault: parameter("seed")},
		{
			name: "a size in words", path: "/iris/training?test_size=half", status: 422, fault: parameter("test_size"),
			want: "half",
		},
		{
			name: "a size out of range", path: "/iris/training?test_size=1", status: 422, fault: parameter("test_size"),
			want: "less than 1",
		},
		{
			name: "a size that is not a number", path: "/iris/training?test_size=NaN", status: 422,
			fault: parameter("test_size"),
		},
		{
			name: "neither true nor false", path: "/iris/training?allow_schema_change=maybe", status: 422,
			fault: parameter("allow_schema_change"),
		},
		{
			name: "an unknown algorithm", path: "/iris/training?algorithm=magic", status: 422,
			fault: parameter("algorithm"), want: "magic",
		},
		{
			name: "an unknown policy", path: "/iris/training?promote=sometimes", status: 422,
			fault: parameter("promote"), want: "sometimes",
		},
		{
			name: "an unknown policy as JSON", path: "/iris/training",
			send: [2]string{`{"promote":"sometimes"}`, asJSON}, status: 422, fault: pointer("/promote"),
		},
		{name: "null", path: "/iris/training", send: [2]string{`null`, asJSON}, status: 422, want: "object"},
		{
			name: "a minimum that cannot be reached", path: "/iris/training",
			send: [2]string{`{"gate":{"min":{"accuracy":2}}}`, asJSON}, status: 422, fault: pointer("/gate/min/accuracy"),
			want: "more than 1",
		},
		{
			name: "a tag with NUL", path: "/iris/training", send: [2]string{`{"tags":{"a":"\u0000"}}`, asJSON},
			status: 422, fault: pointer("/tags/a"), want: "NUL",
		},
		{
			name: "a key with NUL", path: "/iris/training?data_path=s3://iris/%00", status: 422,
			fault: parameter("data_path"), want: "control character",
		},
		{
			name: "weights in the query", path: "/iris/training?class_weight=none", status: 422,
			fault: parameter("class_weight"), want: "JSON",
		},
		{
			name: "weights in words", path: "/iris/training", send: [2]string{`{"class_weight":"none"}`, asJSON},
			status: 422, fault: pointer("/class_weight"),
		},
		{
			name: "a weight of nothing", path: "/iris/training",
			send: [2]string{`{"class_weight":{"setosa":0}}`, asJSON}, status: 422,
			fault: pointer("/class_weight/setosa"),
		},
		{
			name: "weights of knn", path: "/iris/training?algorithm=knn&class_weight=balanced", status: 422,
			fault: parameter("class_weight"), want: "cannot weigh",
		},
		{
			name: "weights twice", path: "/iris/training",
			send: [2]string{
				`{"algorithm":"gbdt","class_weight":"balanced","hyperparameters":{"class_weight":"none"}}`, asJSON,
			},
			status: 422, fault: pointer("/class_weight"), want: "one of them",
		},
		{
			name: "weights and a search for them", path: "/iris/training",
			send: [2]string{
				`{"algorithm":"gbdt","class_weight":"balanced","search":{"method":"grid","space":{"class_weight":["none"]}}}`,
				asJSON,
			},
			status: 422, fault: pointer("/class_weight"), want: "one of them",
		},
		{
			name: "weights of an unknown class", path: "/w1/training",
			send:   formOf(part{"request", `{"class_weight":{"rose":2}}`}, part{"file", string(datasettest.Iris())}),
			status: 422, fault: pointer("/class_weight/rose"),
		},
		{
			name: "a threshold of 1", path: "/iris/training?threshold=1", status: 422, fault: parameter("threshold"),
			want: "is 1, want a number above 0 and below 1",
		},
		{
			name: "a threshold in words", path: "/iris/training?threshold=low", status: 422, fault: parameter("threshold"),
		},
		{
			name: "a threshold and a metric", path: "/iris/training?threshold=0.3",
			send: [2]string{`{"threshold_metric":"f1"}`, asJSON}, status: 422, fault: pointer("/threshold_metric"),
			want: "give one of them",
		},
		{
			name: "an unknown metric of a threshold", path: "/iris/training?threshold_metric=luck", status: 422,
			fault: parameter("threshold_metric"), want: "f1, balanced_accuracy, mcc, cost",
		},
		{
			name: "a cost of 0", path: "/iris/training",
			send:   [2]string{`{"threshold_metric":"cost","costs":{"false_positive":0,"false_negative":5}}`, asJSON},
			status: 422, fault: pointer("/costs/false_positive"), want: "above 0",
		},
		{
			name: "no costs", path: "/iris/training?threshold_metric=cost", status: 422, fault: pointer("/costs"),
		},
		{
			name: "a decision between three classes", path: "/w1/training?threshold_metric=f1",
			send:   formOf(part{"file", string(datasettest.Iris())}),
			status: 422, fault: parameter("threshold_metric"), want: `is for two classes, and the data has 3: "0", "1", "2"`,
		},
		{
			name: "a positive class that is none", path: "/w1/training",
			send:   formOf(part{"request", `{"positive_class":"rose"}`}, part{"file", "x,y\n1,a\n2,a\n3,a\n4,b\n5,b\n6,b\n"}),
			status: 422, fault: pointer("/positive_class"), want: `"rose" is not a class of the data: "a", "b"`,
		},
		{name: "malformed features", path: "/iris/training?features=a,%22", status: 422, fault: parameter("features")},
		{
			name: "no features", path: "/iris/training", send: [2]string{`{"features":[]}`, asJSON}, status: 422,
			fault: pointer("/features"),
		},
		{
			name: "a feature twice", path: "/iris/training?features=a,a", status: 422, fault: parameter("features"),
			want: "twice",
		},
		{
			name: "a feature without a name", path: "/iris/training", send: [2]string{`{"features":["a",""]}`, asJSON},
			status: 422, fault: pointer("/features/1"),
		},
		{
			name: "an unknown feature", path: "/w1/training",
			send:   formOf(part{"request", `{"features":["alcohol","ash","colour"]}`}, part{"file", wine[:4000]}),
			status: 422, fault: pointer("/features/2"), want: "colour",
		},
		{
			name: "an unknown feature in the query", path: "/w1/training?features=colour",
			send: formOf(part{"file", wine[:4000]}), status: 422, fault: parameter("features"), want: "colour",
		},
		{
			name: "fewer features than the model has", path: "/iris/training?features=petal_width",
			send: formOf(part{"file", string(datasettest.Iris())}), status: 422, want: "missing",
		},
		{
			name: "folds in words", path: "/iris/training?cv_folds=five", status: 422, fault: parameter("cv_folds"),
			want: "five",
		},
		{
			name: "too many repeats", path: "/iris/training?repeats=11", status: 422, fault: parameter("repeats"),
			want: "1 to 10",
		},
		{
			name: "no trials", path: "/iris/training?max_trials=0", status: 422, fault: parameter("max_trials"),
			want: "1 to 200",
		},
		{
			name: "too much time", path: "/iris/training", send: [2]string{`{"max_runtime_seconds":86401}`, asJSON},
			status: 422, fault: pointer("/max_runtime_seconds"), want: "1 to 86400",
		},
		{
			name: "a limit without trials", path: "/iris/training?algorithm=gbdt&max_trials=3", status: 422,
			fault: parameter("max_trials"), want: "auto",
		},
		{
			name: "hyperparameters for auto", path: "/iris/training?algorithm=auto",
			send: [2]string{`{"hyperparameters":{"l2":1}}`, asJSON}, status: 422, fault: pointer("/hyperparameters"),
			want: "auto",
		},
		{
			name: "an unknown method", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"method":"bayes","space":{"l2":[1]}}}`, asJSON}, status: 422,
			fault: pointer("/search/method"), want: "halving",
		},
		{
			name: "an empty space", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"method":"grid","space":{}}}`, asJSON}, status: 422,
			fault: pointer("/search/space"),
		},
		{
			name: "an unknown metric", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"method":"grid","space":{"l2":[1]},"metric":"area"}}`, asJSON}, status: 422,
			fault: pointer("/search/metric"), want: "log_loss",
		},
		{
			name: "an unknown hyperparameter of a space", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"method":"grid","space":{"depth":[1]}}}`, asJSON}, status: 422,
			fault: pointer("/search/space/depth"),
		},
		{
			name: "a bad value of a space", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"method":"grid","space":{"l2":[1,"x"]}}}`, asJSON}, status: 422,
			fault: pointer("/search/space/l2/1"),
		},
		{
			name: "a misspelt field of a search", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"search":{"methods":"grid"}}`, asJSON}, status: 422, fault: pointer("/search"),
			want: "methods",
		},
		{name: "a malformed query", path: "/iris/training?seed=%zz", status: 422, want: "malformed"},

		// data_path.
		{
			name: "a local path", path: "/iris/training?data_path=/etc/passwd", status: 422,
			fault: parameter("data_path"), want: "s3://",
		},
		{
			name: "a file URL", path: "/iris/training?data_path=file:///etc/passwd", status: 422,
			fault: parameter("data_path"),
		},
		{
			name: "a bucket that is not open", path: "/iris/training?data_path=s3://mlflow/1/model.json", status: 422,
			fault: parameter("data_path"), want: "mlflow",
		},
		{
			name: "a missing object", path: "/iris/training?data_path=s3://" + a.Bucket + "/none.csv", status: 422,
			fault: parameter("data_path"), want: "none.csv",
		},
		{
			name: "a large object", path: "/iris/training?data_path=s3://" + a.Bucket + "/datasets/large.csv",
			status: 413, fault: parameter("data_path"), want: "5000",
		},
		{name: "no data for another model", path: "/wine/training", status: 422, want: "data_path"},

		// JSON.
		{
			name: "an unknown field", path: "/iris/training", send: [2]string{`{"sed":1}`, asJSON}, status: 422,
			fault: pointer("/sed"),
		},
		{
			name: "a field of the wrong type", path: "/iris/training", send: [2]string{`{"seed":"1"}`, asJSON},
			status: 422, fault: pointer("/seed"),
		},
		{
			name: "a field out of range", path: "/iris/training", send: [2]string{`{"test_size":0}`, asJSON},
			status: 422, fault: pointer("/test_size"),
		},
		{
			name: "a misspelt rule of the gate", path: "/iris/training",
			send: [2]string{`{"gate":{"minimum":{"accuracy":1}}}`, asJSON}, status: 422, fault: pointer("/gate"),
		},
		{
			name: "a gate for an unknown metric", path: "/iris/training",
			send: [2]string{`{"gate":{"min":{"acuracy":1}}}`, asJSON}, status: 422, fault: pointer("/gate/min/acuracy"),
			want: "log_loss",
		},
		{
			name: "a reserved tag", path: "/iris/training",
			send: [2]string{`{"tags":{"iris.gate":"promoted"}}`, asJSON}, status: 422,
			fault: pointer("/tags/iris.gate"),
		},
		{
			name: "a tag that is a number", path: "/iris/training", send: [2]string{`{"tags":{"a":1}}`, asJSON},
			status: 422, fault: pointer("/tags"),
		},
		{
			name: "another model", path: "/iris/training", send: [2]string{`{"model":"wine"}`, asJSON}, status: 422,
			fault: pointer("/model"), want: "wine",
		},
		{
			name: "an unknown hyperparameter", path: "/iris/training?algorithm=logistic_regression",
			send: [2]string{`{"hyperparameters":{"magic":1}}`, asJSON}, status: 422,
			fault: pointer("/hyperparameters/magic"),
		},
		{
			name: "a local path as JSON", path: "/iris/training", send: [2]string{`{"dataset":"iris.csv"}`, asJSON},
			status: 422, fault: pointer("/dataset"),
		},
		{
			name: "a closed bucket as dataset_uri", path: "/iris/training",
			send: [2]string{`{"dataset_uri":"s3://mlflow/x"}`, asJSON}, status: 422, fault: pointer("/dataset_uri"),
		},
		{
			name: "a local path as dataset_uri", path: "/iris/training",
			send: [2]string{`{"dataset_uri":"/etc/passwd"}`, asJSON}, status: 422, fault: pointer("/dataset_uri"),
		},
		{
			name: "both names of a dataset", path: "/iris/training",
			send: [2]string{`{"dataset_uri":"s3://a/b","dataset":"s3://a/b"}`, asJSON}, status: 422,
			fault: pointer("/dataset_uri"), want: "/dataset already",
		},
		{
			name: "a dataset_uri in a form", path: "/iris/training",
			send: formOf(part{"request", `{"dataset_uri":"s3://iris/x"}`}), status: 422, fault: pointer("/dataset_uri"),
			want: "file",
		},
		{
			name: "a closed bucket as JSON", path: "/iris/training",
			send: [2]string{`{"dataset":"s3://mlflow/x"}`, asJSON}, status: 422, fault: pointer("/dataset"),
		},
		{
			name: "a field and a parameter", path: "/iris/training?seed=1", send: [2]string{`{"seed":1}`, asJSON},
			status: 422, fault: pointer("/seed"), want: "already",
		},
		{name: "a list", path: "/iris/training", send: [2]string{`[]`, asJSON}, status: 422, want: "object"},
		{name: "broken JSON", path: "/iris/training", send: [2]string{`{"seed":`, asJSON}, status: 400, want: "byte"},
		{name: "trailing bytes", path: "/iris/training", send: [2]string{`{} {}`, asJSON}, status: 400},
		{name: "empty JSON", path: "/iris/training", send: [2]string{"", asJSON}, status: 400, want: "empty"},
		{
			name: "too much JSON", path: "/iris/training",
			send: [2]string{`"` + strings.Repeat("x", maxRequestPart) + `"`, asJSON}, status: 413,
		},

		// Forms.
		{
			name: "a part after the file", path: "/m1/training",
			send: formOf(part{"file", wine[:4000]}, part{"request", `{}`}), status: 422, want: "line",
		},
		{
			name: "another file", path: "/iris/training",
			send: formOf(part{"file", string(datasettest.Iris())}, part{"file", "x"}), status: 422,
			fault: parameter("file"), want: "last part",
		},
		{
			name: "an unknown part", path: "/iris/training", send: formOf(part{"data", "x"}), status: 422,
			fault: parameter("data"),
		},
		{
			name: "a request twice", path: "/iris/training", send: formOf(part{"request", "{}"}, part{"request", "{}"}),
			status: 422, fault: parameter("request"), want: "twice",
		},
		{
			name: "a request with a dataset", path: "/iris/training",
			send: formOf(part{"request", `{"dataset":"s3://iris/x"}`}), status: 422, fault: pointer("/dataset"),
			want: "file",
		},
		{name: "a malformed request", path: "/iris/training", send: formOf(part{"request", `{`}), status: 400},
		{
			name: "a request that is too large", path: "/iris/training",
			send: formOf(part{"request", strings.Repeat(" ", maxRequestPart+1)}), status: 413,
		},
		{
			name: "a file and a path", path: "/iris/training?data_path=s3://iris/x", send: formOf(part{"file", "x"}),
			status: 422, fault: parameter("data_path"), want: "one of them",
		},
		{
			name: "a file and a bad seed", path: "/iris/training",
			send: formOf(part{"request", `{"test_size":2}`}, part{"file", "x"}), status: 422,
			fault: pointer("/test_size"),
		},
		{
			name: "no boundary", path: "/iris/training", send: [2]string{"x", "Content-Type: multipart/form-data"},
			status: 400, want: "boundary",
		},
		{
			name: "a body that is not a form", path: "/iris/training",
			send: [2]string{"hello", "Content-Type: multipart/form-data; boundary=x"}, status: 400,
		},
		{
			name: "a truncated form", path: "/iris/training",
			send: [2]string{
				"--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{}",
				"Content-Type: multipart/form-data; boundary=x",
			},
			status: 400,
		},
		{
			name: "a truncated file", path: "/iris/training",
			send: [2]string{
				"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + string(datasettest.Iris()),
				"Content-Type: multipart/form-data; boundary=x",
			},
			status: 400, want: "early",
		},

		// Other bodies.
		{
			name: "another type", path: "/iris/training", send: [2]string{"x", "Content-Type: application/pdf"},
			status: 415, want: "text/csv",
		},
		{
			name: "no type", path: "/iris/training", send: [2]string{"x", "X-None: x"}, status: 415,
			want: "multipart/form-data",
		},
		{
			name: "another charset", path: "/iris/training",
			send: [2]string{"x", "Content-Type: text/csv; charset=utf-16"}, status: 415, want: "UTF-8",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(t, "POST", test.path, test.send[0], cmp.Or(test.send[1], "X-None: x"))
			got.refused(t, test.status, test.want, test.fault)
		})
	}
	a.leavesNothing(t, 1) // besides the large dataset
}

func TestTraining_chunkedBodies(t *testing.T) {
	a := newAPI(t)
	// chunked hides the length of a body from net/http.
	chunked := func(s string) any { return struct{ *strings.Reader }{strings.NewReader(s)} }
	a.accepted(t, a.do(t, "POST", "/iris/training", chunked("")))
	a.do(t, "POST", "/iris/training", chunked("x")).problem(t, http.StatusUnsupportedMediaType)
	id := a.accepted(
		t,
		a.do(t, "POST", "/iris/training", chunked(string(datasettest.UCIIris())), "Content-Type: text/csv"),
	)
	if in := a.inputOf(t, id); !strings.HasPrefix(in.DatasetURI, "s3://"+a.Bucket+"/datasets/") {
		t.Errorf("dataset %q, want one of ours", in.DatasetURI)
	}
}
