package apiserver

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/inferencepb"
	"iris/model"
)

const visitsModel = "visits"

// serveVisits makes a model with a feature of each kind the champion of visitsModel.
func serveVisits(t *testing.T, a *api) *model.Model {
	t.Helper()
	if served := a.cache.Champion(visitsModel); served != nil {
		return served.Model
	}
	a.addTable(t, visitsModel, datasettest.VisitsTable(200), model.Spec{})
	a.promote(t, visitsModel, "1")
	return a.cache.Champion(visitsModel).Model
}

// The rows of the tests below: a row of seen values, and one with two missing values and an unseen text.
var (
	visitRows = [][]float64{{31, 7.5, 1, 1, 1, 2}, {40, math.NaN(), 0, 4, math.NaN(), 2.5}}
	visitJSON = `[{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":7,"since":"1970-01-03"},` +
		`{"age":"40","fare":null,"member":"no","city":"Oslo","since":"1970-01-03 12:00"}]`
)

// probabilitiesIn returns the probability of yes in each prediction of MLflow or KServe V1.
func probabilitiesIn(t *testing.T, got answer) (p []float64) {
	t.Helper()
	var reply struct{ Predictions []map[string]any }
	if err := json.Unmarshal(got.body, &reply); err != nil || got.status != 200 {
		t.Fatalf("%s: %v", got, err)
	}
	for _, prediction := range reply.Predictions {
		p = append(p, prediction["p_yes"].(float64))
	}
	return p
}

// The same rows have the same probabilities, and the same counts of gaps, in every protocol.
func TestKinds_everyProtocol(t *testing.T) {
	a := newAPI(t)
	m := serveVisits(t, a)
	var want []float64
	for _, row := range visitRows {
		p := make([]float64, 2)
		m.Predict(row, p)
		want = append(want, p[1])
	}
	check := func(name string, got answer, p []float64) {
		t.Helper()
		if !slices.Equal(p, want) {
			t.Errorf("%s: %v, want %v", name, p, want)
		}
		if got.header.Get(serving.UnseenHeader) != "1" || got.header.Get(serving.MissingHeader) != "2" {
			t.Errorf("%s: headers %v, want 1 unseen and 2 missing values", name, got.header)
		}
	}
	unseen := `iris_unseen_values_total{model="visits",version="1"}`
	missing := `iris_missing_values_total{model="visits",version="1"}`

	got := a.do(t, "POST", "/visits/predict", visitJSON, "Content-Type: application/json")
	var predicted []serving.Prediction
	got.json(t, 200, &predicted)
	var p []float64
	for _, prediction := range predicted {
		p = append(p, prediction.Probabilities["yes"])
	}
	check("predict", got, p)
	if u, m := a.metric(t, unseen), a.metric(t, missing); u != 1 || m != 2 {
		t.Errorf("%v unseen and %v missing values are counted, want 1 and 2", u, m)
	}

	for name, body := range map[string]string{
		"dataframe_records": `{"dataframe_records":` + visitJSON + `}`,
		"instances":         `{"instances":` + visitJSON + `}`,
		"inputs": `{"inputs":{"age":[31,40],"fare":[7.5,NaN],"member":[true,false],"city":["Rome","Oslo"],` +
			`"zip":["7.0",null],"since":["1970-01-03","1970-01-03 12:00"]}}`,
		"dataframe_split": `{"dataframe_split":{"columns":["since","zip","city","member","fare","age"],"data":` +
			`[["1970-01-03",7,"Rome",true,7.5,31],[2.5,null,"Oslo",false,null,40]]}}`,
	} {
		got := a.do(t, "POST", "/visits/invocations", body, "Content-Type: application/json")
		check(name, got, probabilitiesIn(t, got))
	}
	table := "age,fare,member,city,zip,since\n31,7.5,yes,Rome,7.0,1970-01-03\n40,,False,Oslo,NA,1970-01-03T12:00\n"
	got = a.do(t, "POST", "/visits/invocations", table, "Content-Type: text/csv")
	check("CSV", got, probabilitiesIn(t, got))
	for _, rows := range []string{
		visitJSON,
		`[[31,7.5,true,"Rome",7,"1970-01-03"],[40,null,"no","Oslo",null,2.5]]`,
	} {
		got = a.do(t, "POST", "/v1/models/visits:predict", `{"instances":`+rows+`}`)
		check("KServe V1", got, probabilitiesIn(t, got))
	}

	tensor := func(name, datatype, shape, data string) string {
		return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,%s}`, name, datatype, shape, data)
	}
	var zips, dates []byte
	for _, text := range []string{"7.0", ""} {
		zips = append(binary.LittleEndian.AppendUint32(zips, uint32(len(text))), text...)
	}
	for _, v := range []float64{2, 2.5} {
		dates = binary.LittleEndian.AppendUint64(dates, math.Float64bits(v))
	}
	common := strings.Join([]string{
		tensor(
			"city",
			"BYTES",
			"[2,1]",
			`"data":[["Rome"],["Oslo"]]`,
		),
		tensor("member", "BOOL", "[2]", `"data":[true,false]`),
		tensor("age", "INT64", "[2]", `"data":[31,40]`),
		tensor("fare", "FP64", "[2]", `"data":[7.5,null]`),
	}, ",")
	yes := func(got answer) (p []float64) {
		_, _, all := inferReply(t, got)
		for i := 1; i < len(all); i += 2 {
			p = append(p, all[i])
		}
		return p
	}
	got = a.do(t, "POST", "/v2/models/visits/infer", `{"inputs":[`+common+","+
		tensor("zip", "BYTES", "[2]", `"data":["7.0",null]`)+","+
		tensor("since", "BYTES", "[2]", `"data":["1970-01-03","1970-01-03 12:00"]`)+`]}`)
	check("V2", got, yes(got))
	message := `{"parameters":{"binary_data_output":true},"inputs":[` + common + "," +
		tensor("zip", "BYTES", "[2]", `"parameters":{"binary_data_size":11}`) + "," +
		tensor("since", "FP64", "[2]", `"parameters":{"binary_data_size":16}`) + `]}`
	got = a.do(t, "POST", "/v2/models/visits/infer", slices.Concat([]byte(message), zips, dates),
		fmt.Sprintf("%s: %d", inferenceHeader, len(message)))
	check("V2 binary", got, yes(got))
}

func TestKinds_grpc(t *testing.T) {
	a := newGRPC(t)
	m := serveVisits(t, a.api)
	input := func(name, datatype string, c *contents) *inferInput {
		return &inferInput{Name: name, Datatype: datatype, Shape: []int64{2}, Contents: c}
	}
	request := &inferencepb.ModelInferRequest{ModelName: visitsModel, Inputs: []*inferInput{
		input("since", "FP64", &contents{Fp64Contents: []float64{2, 2.5}}),
		input("zip", "BYTES", &contents{BytesContents: [][]byte{[]byte("7.0"), {}}}),
		input("city", "BYTES", &contents{BytesContents: [][]byte{[]byte("Rome"), []byte("Oslo")}}),
		input("member", "BOOL", &contents{BoolContents: []bool{true, false}}),
		input("fare", "FP32", &contents{Fp32Contents: []float32{7.5, float32(math.NaN())}}),
		input("age", "INT32", &contents{IntContents: []int32{31, 40}}),
	}}
	var header metadata.MD
	got, err := a.ModelInfer(t.Context(), request, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, row := range visitRows {
		p := make([]float64, 2)
		m.Predict(row, p)
		want = append(want, p...)
	}
	if p := got.GetOutputs()[1].GetContents().GetFp64Contents(); !slices.Equal(p, want) {
		t.Errorf("%v, want %v", p, want)
	}
	if header.Get(serving.UnseenHeader)[0] != "1" || header.Get(serving.MissingHeader)[0] != "2" {
		t.Errorf("header %v, want 1 unseen and 2 missing values", header)
	}
	request.Parameters = map[string]*inferencepb.InferParameter{
		serving.OnUnseenName: {ParameterChoice: &inferencepb.InferParameter_StringParam{StringParam: "error"}},
	}
	if _, err = a.ModelInfer(t.Context(), request); err == nil || !strings.Contains(err.Error(), `"Oslo" was not seen`) {
		t.Errorf("%v, want that Oslo was not seen", err)
	}
	described, err := a.ModelMetadata(t.Context(), &inferencepb.ModelMetadataRequest{Name: visitsModel})
	if err != nil {
		t.Fatal(err)
	}
	var inputs []string
	for _, in := range described.GetInputs() {
		inputs = append(inputs, fmt.Sprint(in.GetName(), " ", in.GetDatatype(), in.GetShape()))
	}
	if want := []string{
		"age FP64[-1 1]", "fare FP64[-1 1]", "member BOOL[-1 1]", "city BYTES[-1 1]", "zip BYTES[-1 1]", "since BYTES[-1 1]",
	}; !slices.Equal(inputs, want) {
		t.Errorf("inputs %q, want %q", inputs, want)
	}
}

func TestKinds_unseenIsAnError(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	const row = `{"age":40,"member":0,"city":"Oslo"}`
	const unseen = `"Oslo" was not seen in training`
	header := "Content-Type: application/json"
	a.do(t, "POST", "/visits/predict?on_unseen=error", row, header).
		problem(t, 422).faultAt(t, problem.Fault{Pointer: "/city", Detail: unseen})
	a.do(t, "POST", "/visits/predict?on_unseen=error", "["+row+"]", header).
		problem(t, 422).faultAt(t, problem.Fault{Pointer: "/0/city", Detail: unseen})
	for path, body := range map[string]string{
		"/visits/invocations":       `{"dataframe_records":[` + row + `]}`,
		"/v1/models/visits:predict": `{"instances":[` + row + `]}`,
		"/v2/models/visits/infer": `{"inputs":[{"name":"city","datatype":"BYTES","shape":[1],"data":["Oslo"]},` +
			`{"name":"age","datatype":"FP64","shape":[1],"data":[1]},` +
			`{"name":"member","datatype":"BOOL","shape":[1],"data":[true]}]}`,
	} {
		if got := a.do(t, "POST", path, body, header); got.status != 200 {
			t.Errorf("%s: %s", path, got)
		}
		got := a.do(t, "POST", path+"?on_unseen=error", body, header)
		if got.status != 400 || !strings.Contains(string(got.body), "was not seen in training") {
			t.Errorf("%s: %s, want that Oslo was not seen", path, got)
		}
	}
	for _, query := range []string{"?on_unseen=other", ""} {
		if got := a.do(t, "POST", "/visits/predict"+query, row, header); got.status != 200 {
			t.Errorf("%q: %s", query, got)
		}
	}
	a.do(t, "POST", "/visits/predict?on_unseen=ignore", row, header).problem(t, 422).
		faultAt(t, problem.Fault{Parameter: "on_unseen", Detail: `"ignore" is not understood: want other or error`})
	a.do(t, "POST", "/visits/predict", `{"age":null,"member":0,"city":"Rome"}`, header).
		problem(t, 422).faultAt(t, problem.Fault{Pointer: "/age", Detail: "null, want a number"})
	a.do(t, "POST", "/iris/predict?on_unseen=error", setosa, header).json(t, 200, new(serving.Prediction))
}

// MLflow tells values that it cannot read from values that do not fit the model.
func TestKinds_errorsOfMLflow(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	for row, code := range map[string]string{
		`{"age":"old","member":0,"city":"Rome"}`:           "BAD_REQUEST",
		`{"age":1,"member":2,"city":"Rome"}`:               "BAD_REQUEST",
		`{"age":1,"member":0,"city":["Rome"]}`:             "BAD_REQUEST",
		`{"age":1,"member":0,"city":"Rome","since":"now"}`: "BAD_REQUEST",
		`{"age":null,"member":0,"city":"Rome"}`:            "INVALID_PARAMETER_VALUE",
		`{"age":NaN,"member":0,"city":"Rome"}`:             "INVALID_PARAMETER_VALUE",
		`{"age":1,"member":0}`:                             "INVALID_PARAMETER_VALUE",
	} {
		got := a.do(t, "POST", "/visits/invocations", `{"dataframe_records":[`+row+`]}`, "Content-Type: application/json")
		if got.status != 400 || !strings.Contains(string(got.body), `"error_code":"`+code+`"`) {
			t.Errorf("%s: %s, want %s", row, got, code)
		}
	}
}

// The model and its version say what the values of the features are, and so does the OpenAPI document.
func TestKinds_areDescribed(t *testing.T) {
	a := newAPI(t)
	serveVisits(t, a)
	want := []ModelColumn{
		{Name: "age", Kind: dataset.Numeric},
		{Name: "fare", Kind: dataset.Numeric, Missing: true},
		{Name: "member", Kind: dataset.Boolean},
		{Name: "city", Kind: dataset.Categorical, Levels: 4, Top: []string{"Paris", "Rome", "3", "true"}},
		{Name: "zip", Kind: dataset.Categorical, Levels: 3, Top: []string{"01234", "7.0", "1.50"}, Missing: true},
		{Name: "since", Kind: dataset.Datetime, Missing: true},
	}
	same := func(a, b ModelColumn) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Levels == b.Levels && slices.Equal(a.Top, b.Top) &&
			a.Missing == b.Missing
	}
	var version Version
	a.do(t, "GET", "/visits/versions/1", nil).json(t, 200, &version)
	if !slices.EqualFunc(version.Columns, want, same) {
		t.Errorf("version: %+v, want %+v", version.Columns, want)
	}
	var list struct{ Models []Model }
	a.do(t, "GET", "/models", nil).json(t, 200, &list)
	for _, m := range list.Models {
		if m.Model == visitsModel && !slices.EqualFunc(m.Columns, want, same) {
			t.Errorf("model: %+v, want %+v", m.Columns, want)
		}
		if m.Model == dataset.IrisModel && m.Columns != nil {
			t.Errorf("a model of numbers has the columns %+v", m.Columns)
		}
	}
	var document struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Schema struct {
							Required   []string
							Properties map[string]struct {
								Type     any
								Examples []any
							}
						}
						Example map[string]any
					}
				}
			}
		}
	}
	got := a.do(t, "GET", "/openapi.json", nil)
	if err := json.Unmarshal(got.body, &document); err != nil {
		t.Fatal(err)
	}
	body := document.Paths["/visits/predict"].Post.RequestBody.Content["application/json"]
	types := map[string]string{
		"age": "number", "fare": "[number null]", "member": "boolean", "city": "string", "zip": "[string null]",
		"since": "[string null]",
	}
	for name, want := range types {
		if got := fmt.Sprint(body.Schema.Properties[name].Type); got != want {
			t.Errorf("%s is a %s, want %s", name, got, want)
		}
	}
	if want := []string{"age", "member", "city"}; !slices.Equal(body.Schema.Required, want) {
		t.Errorf("required: %v, want %v", body.Schema.Required, want)
	}
	if got := body.Schema.Properties["city"].Examples; fmt.Sprint(got) != "[Paris Rome 3 true]" {
		t.Errorf("examples %v, want the levels", got)
	}
	example := must(json.Marshal(body.Example))
	if got := a.do(t, "POST", "/visits/predict", example, "Content-Type: application/json"); got.status != 200 {
		t.Errorf("the example %s: %s", example, got)
	}
}
