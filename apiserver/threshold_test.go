package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/inferencepb"
	"iris/model"
)

// visitTensors are visitJSON as tensors.
const visitTensors = `"inputs":[{"name":"age","datatype":"FP64","shape":[2],"data":[31,40]},` +
	`{"name":"fare","datatype":"FP64","shape":[2],"data":[7.5,null]},` +
	`{"name":"member","datatype":"BOOL","shape":[2],"data":[true,false]},` +
	`{"name":"city","datatype":"BYTES","shape":[2],"data":["Rome","Oslo"]},` +
	`{"name":"zip","datatype":"BYTES","shape":[2],"data":["7.0",null]},` +
	`{"name":"since","datatype":"BYTES","shape":[2],"data":["1970-01-03","1970-01-03 12:00"]}]`

// withThreshold is a request whose labels a threshold decides, "%s" in its query or its body.
type withThreshold struct{ path, body, contentType string }

var thresholdRequests = map[string]withThreshold{
	"predict":            {"/visits/predict?threshold=%s", visitJSON, "application/json"},
	"a version":          {"/visits/versions/1/predict?on_unseen=other&threshold=%s", visitJSON, "application/json"},
	"invocations, query": {"/visits/invocations?threshold=%s", `{"instances":` + visitJSON + `}`, "application/json"},
	"invocations, params": {
		"/visits/invocations",
		`{"params":{"a":[],"threshold":%s},"instances":` + visitJSON + `}`,
		"application/json",
	},
	"invocations of a CSV": {"/visits/invocations?threshold=%s", visitCSV, "text/csv"},
	"KServe V1": {
		"/v1/models/visits:predict",
		`{"instances":` + visitJSON + `,"parameters":{"threshold":%s}}`,
		"application/json",
	},
	"KServe V1, query": {
		"/v1/models/visits:predict?threshold=%s",
		`{"instances":` + visitJSON + `}`,
		"application/json",
	},
	"Open Inference": {
		"/v2/models/visits/infer",
		`{"parameters":{"threshold":%s},` + visitTensors + `}`,
		"application/json",
	},
	"Open Inference, query": {"/v2/models/visits/infer?threshold=%s", `{` + visitTensors + `}`, "application/json"},
}

const visitCSV = "age,fare,member,city,zip,since\n31,7.5,yes,Rome,7.0,1970-01-03\n40,,False,Oslo,NA,1970-01-03T12:00\n"

func (r withThreshold) send(t *testing.T, a *api, threshold string) answer {
	t.Helper()
	path, body := strings.Replace(r.path, "%s", threshold, 1), strings.Replace(r.body, "%s", threshold, 1)
	return a.do(t, "POST", path, body, "Content-Type: "+r.contentType)
}

// labelsIn returns the labels of an answer in any protocol.
func labelsIn(t *testing.T, got answer) (labels []string) {
	t.Helper()
	type labelled struct{ Label string }
	var rows []labelled
	var reply struct {
		Predictions []labelled
		Outputs     []struct {
			Name string
			Data []any
		}
	}
	if json.Unmarshal(got.body, &rows) != nil {
		if err := json.Unmarshal(got.body, &reply); err != nil || got.status != http.StatusOK {
			t.Fatalf("%s: %v", got, err)
		}
		rows = reply.Predictions
	}
	for _, row := range rows {
		labels = append(labels, row.Label)
	}
	for _, output := range reply.Outputs {
		if output.Name == "label" {
			for _, label := range output.Data {
				labels = append(labels, fmt.Sprint(label))
			}
		}
	}
	return labels
}

// A request decides by its own threshold, in every protocol, and changes nothing for the next one.
func TestThreshold_everyProtocol(t *testing.T) {
	a := newAPI(t)
	m := serveVisits(t, a)
	var usual []string
	for _, row := range visitRows {
		usual = append(usual, m.Schema().Classes[m.Predict(row, make([]float64, 2))])
	}
	for name, request := range thresholdRequests {
		t.Run(name, func(t *testing.T) {
			for threshold, want := range map[string]string{"1e-12": "yes", "0.999999999999": "no"} {
				if got := labelsIn(t, request.send(t, a, threshold)); !slices.Equal(got, []string{want, want}) {
					t.Errorf("threshold %s: labels %v, want %s", threshold, got, want)
				}
			}
			plain := request
			plain.path = strings.NewReplacer("&threshold=%s", "", "?threshold=%s", "").Replace(plain.path)
			plain.body = strings.Replace(plain.body, `"threshold":%s`, `"threshold":null`, 1)
			if got := labelsIn(t, plain.send(t, a, "")); !slices.Equal(got, usual) {
				t.Errorf("without a threshold: labels %v, want %v", got, usual)
			}
		})
	}
}

func TestThreshold_refused(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	for name, request := range thresholdRequests {
		t.Run(name, func(t *testing.T) {
			for _, threshold := range []string{"0", "1", "-0.5", "low"} {
				if threshold == "low" && !strings.Contains(request.path, "%s") {
					threshold = `"low"`
				}
				got := request.send(t, a, threshold)
				if got.status/100 != 4 || !strings.Contains(string(got.body), "threshold") {
					t.Errorf("%s: %s, want a 4xx that names the threshold", threshold, got)
				}
			}
		})
	}
	const ofThree = "is for models of two classes, and this one has 3"
	a.do(t, "POST", "/iris/predict?threshold=0.5", setosa, jsonType).problem(t, 422).
		faultAt(t, problem.Fault{Parameter: "threshold", Detail: ofThree})
	for path, body := range map[string]string{
		"/iris/invocations":       `{"params":{"threshold":0.5},"instances":[` + setosa + `]}`,
		"/v1/models/iris:predict": `{"parameters":{"threshold":0.5},"instances":[` + setosa + `]}`,
		"/v2/models/iris/infer": `{"parameters":{"threshold":0.5},"inputs":[{"name":"input","datatype":"FP64",` +
			`"shape":[1,4],"data":[1,2,3,4]}]}`,
	} {
		if got := a.do(t, "POST", path, body, jsonType); got.status != 400 || !strings.Contains(string(got.body), ofThree) {
			t.Errorf("%s: %s, want that it has three classes", path, got)
		}
	}
	got := a.do(t, "POST", "/visits/invocations?threshold=0.2",
		`{"params":{"threshold":0.3},"instances":`+visitJSON+`}`, jsonType)
	if got.status != 400 || !strings.Contains(string(got.body), "already") {
		t.Errorf("%s, want that it is given twice", got)
	}
}

func TestThreshold_grpc(t *testing.T) {
	a := newGRPC(t)
	serveVisits(t, a.api)
	request := &inferencepb.ModelInferRequest{ModelName: visitsModel, Inputs: []*inferInput{
		{Name: "age", Datatype: "FP64", Shape: []int64{1}, Contents: &contents{Fp64Contents: []float64{31}}},
		{Name: "member", Datatype: "BOOL", Shape: []int64{1}, Contents: &contents{BoolContents: []bool{true}}},
		{Name: "city", Datatype: "BYTES", Shape: []int64{1}, Contents: &contents{BytesContents: [][]byte{[]byte("Rome")}}},
	}}
	number := func(v float64) *inferencepb.InferParameter {
		return &inferencepb.InferParameter{ParameterChoice: &inferencepb.InferParameter_DoubleParam{DoubleParam: v}}
	}
	text := func(v string) *inferencepb.InferParameter {
		return &inferencepb.InferParameter{ParameterChoice: &inferencepb.InferParameter_StringParam{StringParam: v}}
	}
	whole := &inferencepb.InferParameter{ParameterChoice: &inferencepb.InferParameter_Int64Param{Int64Param: 1}}
	for name, test := range map[string]struct {
		threshold *inferencepb.InferParameter
		want      string // a label, or what the error says
	}{
		"low":          {number(1e-12), "yes"},
		"high":         {number(0.999999999999), "no"},
		"text":         {text("1e-12"), "yes"},
		"out of range": {number(1), "/parameters/threshold: is 1, want a number above 0 and below 1"},
		"a word":       {text("low"), "/parameters/threshold: is low, want a number"},
		"another type": {whole, "/parameters/threshold"},
	} {
		t.Run(name, func(t *testing.T) {
			request.Parameters = map[string]*inferencepb.InferParameter{serving.ThresholdName: test.threshold}
			reply, err := a.ModelInfer(t.Context(), request)
			got := fmt.Sprint(err)
			if err == nil {
				got = string(reply.GetOutputs()[0].GetContents().GetBytesContents()[0])
			}
			if got != test.want && (err == nil || !strings.Contains(got, test.want)) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestThreshold_batch(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	for path, body := range map[string]string{
		"/visits/predict/batch?threshold=0.25": `{"data":` + visitJSON + `}`,
		"/visits/predict/batch":                `{"threshold":0.25,"data":` + visitJSON + `}`,
	} {
		id, _ := a.startBatch(t, path, body)
		if in, _ := a.batchInput(t, id); in.Threshold == nil || *in.Threshold != 0.25 {
			t.Errorf("%s: the batch has the threshold %v, want 0.25", path, in.Threshold)
		}
		a.wait(t, id)
	}
	b := a.putBatch(t, "batch-visits-decided", batchLayout("csv"), 0, 1)
	b.Decision = &model.Decision{PositiveClass: "yes", Threshold: 0.25}
	a.putManifest(t, b.Manifest)
	var manifest BatchManifest
	a.do(t, "GET", b.location()+"/manifest", nil).json(t, 200, &manifest)
	if manifest.Decision == nil || *manifest.Decision != *b.Decision {
		t.Errorf("the manifest has the decision %+v, want %+v", manifest.Decision, b.Decision)
	}
	for name, test := range map[string]struct {
		path, body string
		fault      problem.Fault
	}{
		"out of range": {"/visits/predict/batch", `{"threshold":1,"data":` + visitJSON + `}`, problem.Fault{
			Pointer: "/threshold", Detail: "is 1, want a number above 0 and below 1",
		}},
		"three classes": {"/iris/predict/batch?threshold=0.5", twoRows, problem.Fault{
			Parameter: "threshold", Detail: "is for models of two classes, and this one has 3",
		}},
		"a word": {"/visits/predict/batch?threshold=low", visitJSON, problem.Fault{
			Parameter: "threshold", Detail: `"low" is not a number`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a.do(t, "POST", test.path, test.body, jsonType).problem(t, 422).faultAt(t, test.fault)
		})
	}
}

// The same request with another threshold is another request.
func TestThreshold_batchWithAKey(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	send := func(threshold string) answer {
		return a.do(t, "POST", "/visits/predict/batch?threshold="+threshold, `{"data":`+visitJSON+`}`, jsonType,
			"Idempotency-Key: by-threshold")
	}
	var first, again Accepted
	send("0.3").json(t, 202, &first)
	send("0.3").json(t, 202, &again)
	if first.TaskID != again.TaskID {
		t.Errorf("tasks %s and %s of the same request", first.TaskID, again.TaskID)
	}
	if got := send("0.4"); got.status/100 != 4 {
		t.Errorf("%s of another threshold with the same key, want a refusal", got)
	}
	a.wait(t, first.TaskID)
}
